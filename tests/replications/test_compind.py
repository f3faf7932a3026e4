"""AMPI, MPI, benefit of the doubt and plain means on real inputs, against the independent implementation.

The engine builds the catalogue's editions from the raw bytes, read as its sources say; the other side reads the same
files with the csv module. Its benefit of the doubt is the dual linear program, solved by HiGHS.
Not here: indices with published scores (test_published); trees of several levels (test_asem).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.index.build import EditionResult, build_edition
from pipelines.sources.read import read_snapshot
from tests.replications.independent import ranks_of, score_once
from tests.replications.independent_steps import (
    NAN,
    Array,
    Panel,
    Step,
    Tree,
    doubt_score,
    doubt_score_by_shares,
    share_bounds,
)
from warehouse.catalogue.load import Catalogue, load
from warehouse.catalogue.source import Bundled

FOLDER = Path(__file__).parent / "compind"
PAGE = FOLDER.parents[2] / "docs" / "replications.md"
NEAR = 1e-9

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Data:
    """One file: which columns name area and period (or the period of all rows), and column -> leaf."""

    file: str
    area: str
    period: str
    leaves: Mapping[str, str]
    base_period: str = ""

    @property
    def rows(self) -> list[dict[str, str]]:
        with (FOLDER / "raw" / self.file).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


HAPPINESS = Data(
    "ampi_hpi_input.csv", "ISO", "year",
    {"Life_Expectancy": "life_expectancy", "Ladder_of_life": "ladder_of_life",
     "Ecological_Footprint": "ecological_footprint"}, "2017",
)  # fmt: skip
EUROPE = Data(
    "ampi_eu2020_input.csv", "geo", "time",
    {"employ": "employment_rate", "finalenergy": "final_energy_consumption"}, "2010",
)  # fmt: skip
BETTER_LIFE = Data(
    "input_bli_2017.csv", "country", "2017",
    {"housing": "housing", "income": "income_and_wealth", "jobs": "jobs_and_earnings", "community": "community",
     "education": "education", "environment": "environmental_quality", "civic": "civic_engagement", "health": "health",
     "satisfaction": "life_satisfaction", "safety": "safety", "worklife": "work_life_balance"},
)  # fmt: skip
TRANSPORT = Data("input_eu_nuts1.csv", "NUTS_CODE", "2012", {"roads": "road_density", "trains": "railway_lines"})

LESS_IS_BETTER = {"ecological_footprint": -1}
AMPI, MPI = {"method": "ampi"}, {"method": "z_score", "mean": 100, "sd": 10, "scope": "period"}
DOUBT = {"method": "benefit_of_the_doubt"}


def given(**values: object) -> dict[str, Step]:
    """AMPI with a step of its own for each leaf."""
    return {leaf: AMPI | {"reference": {"value": value}} for leaf, value in values.items()}


def ranged(**ranges: tuple[float, float]) -> dict[str, Step]:
    return {
        leaf: AMPI | {"scope": {"over": "given", "values": {"min": low, "max": high}}}
        for leaf, (low, high) in ranges.items()
    }


@dataclass(frozen=True)
class Case:
    """What an edition of the catalogue is, said a second time."""

    index: str
    edition: str
    data: Data
    normalisation: Any
    aggregation: Any
    directions: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.index}-{self.edition}"


def happiness(index: str, edition: str, normalisation: Any, aggregation: Any) -> Case:
    return Case(index, edition, HAPPINESS, normalisation, aggregation, LESS_IS_BETTER)


PERIOD_2017_2018 = {"over": "reference", "periods": ["2017", "2018"]}
SOME = {"health": (0.2, 0.4), "income_and_wealth": (0.0, 0.1)}
EU28 = AMPI | {"reference": {"area": "EU (28 countries)", "period": "2010"}}
CASES = [
    happiness("happiness_ampi", "latest", AMPI, "ampi"),
    happiness("happiness_ampi", "penalty_plus", AMPI, {"method": "ampi", "penalty": "plus"}),
    happiness("happiness_ampi", "sample_variance", AMPI, {"method": "ampi", "ddof": 1}),
    happiness("happiness_ampi", "reference_area", AMPI | {"reference": {"area": "CRI", "period": "2018"}}, "ampi"),
    happiness("happiness_ampi", "reference_values",
              given(life_expectancy=70, ladder_of_life=5, ecological_footprint=2.5), "ampi"),
    happiness("happiness_ampi", "frozen_range", AMPI | {"scope": PERIOD_2017_2018}, "ampi"),
    happiness("happiness_ampi", "given_range",
              ranged(life_expectancy=(50, 90), ladder_of_life=(2, 8), ecological_footprint=(0.5, 15)), "ampi"),
    happiness("happiness_mpi", "latest", MPI, "mpi"),
    happiness("happiness_mpi", "penalty_plus", MPI, {"method": "mpi", "penalty": "plus"}),
    happiness("happiness_mpi", "population_variance", MPI, {"method": "mpi", "ddof": 0}),
    happiness("happiness_mpi", "arithmetic", MPI, "arithmetic"),
    happiness("happiness_mpi", "geometric", MPI, "geometric"),
    happiness("happiness_mpi", "percentile_ranks", "percentile_rank", "arithmetic"),
    happiness("happiness_mpi", "borda", "borda", "arithmetic"),
    happiness("happiness_mpi", "topsis", {"method": "min_max", "upper": 1}, "topsis"),
    happiness("happiness_mpi", "copeland", MPI, "copeland"),
    Case("europe_2020_ampi", "latest", EUROPE, given(employment_rate=50, final_energy_consumption=100),
         {"method": "ampi", "penalty": "plus"}),
    Case("europe_2020_ampi", "mixed_polarity", EUROPE, EU28, "ampi", {"final_energy_consumption": -1}),
    Case("europe_2020_ampi", "mpi", EUROPE, MPI, "mpi", {"final_energy_consumption": -1}),
    Case("better_life", "latest", BETTER_LIFE, "none", DOUBT),
    Case("better_life", "shares_bounded", BETTER_LIFE, "none", DOUBT | {"low": 0.05, "high": 0.2}),
    Case("better_life", "shares_of_some", BETTER_LIFE, "none", DOUBT | {"high": 0.3, "bounds": SOME}),
    Case("better_life", "arithmetic", BETTER_LIFE, "min_max", "arithmetic"),
    Case("better_life", "geometric", BETTER_LIFE, {"method": "min_max", "lower": 1}, "geometric"),
    Case("better_life", "harmonic", BETTER_LIFE, "none", "harmonic"),
    Case("better_life", "power_mean", BETTER_LIFE, "none", {"method": "power_mean", "p": 0.5}),
    Case("better_life", "median", BETTER_LIFE, "z_score", "median"),
    Case("better_life", "worst_topic", BETTER_LIFE, "z_score", "min"),
    Case("transport", "latest", TRANSPORT, "none", DOUBT),
    Case("transport", "shares_bounded", TRANSPORT, "none", DOUBT | {"bounds": {"railway_lines": (0.3, 0.5)}}),
    Case("transport", "min_max", TRANSPORT, {"method": "min_max", "upper": 1}, DOUBT),
    Case("transport", "standardised", TRANSPORT, {"method": "z_score", "mean": 100, "sd": 10},
         DOUBT | {"low": 0.4, "high": 0.6}),
]  # fmt: skip


def panel_of(data: Data) -> Panel:
    rows = data.rows
    areas = sorted({row[data.area] for row in rows})
    periods = sorted({row.get(data.period, data.period) for row in rows})
    values = {leaf: np.full((len(periods), len(areas)), NAN) for leaf in data.leaves.values()}
    for row in rows:
        for column, leaf in data.leaves.items():
            values[leaf][periods.index(row.get(data.period, data.period)), areas.index(row[data.area])] = float(
                row[column]
            )
    return Panel(periods, areas, values, base_period=data.base_period)


@cache
def expected(number: int) -> dict[str, Array]:
    case = CASES[number]
    tree = Tree(case.index, dict.fromkeys(case.data.leaves.values(), case.index), {}, case.directions)
    return score_once(panel_of(case.data), tree, case.normalisation, case.aggregation)


@cache
def catalogue() -> Catalogue:
    return load((FOLDER,))


@cache
def observations() -> pl.DataFrame:
    """Every value of every file, read as its source says, in the columns of the table `observation`."""
    parts = []
    for source_id, source in catalogue().sources.items():
        assert isinstance(source.fetch, Bundled)
        (name,) = source.fetch.files
        read = read_snapshot((FOLDER / name).read_bytes(), Path(name).name, source, catalogue())
        assert not read.rejections and not read.warnings
        parts.append(
            read.readings.filter(pl.col("outcome") == "value").with_columns(
                source_id=pl.lit(source_id), snapshot_id=pl.lit(source_id)
            )
        )
    return pl.concat(parts)


@cache
def built(index_id: str, edition_id: str) -> EditionResult:
    index = catalogue().indices[index_id]
    (edition,) = [each for each in (*index.editions, *index.variants) if each.id == edition_id]
    return build_edition(index_id, index, edition, observations(), catalogue().indicators, catalogue().areas)


@cache
def ids() -> dict[str, str]:
    """Id of an area by its names, spellings and the id itself."""
    areas = catalogue().areas
    return {text: area_id for area_id, area in areas.items() for text in (area_id, area.name_en, *area.spellings)}


def computed(case: Case, value: str) -> dict[str, Array]:
    """Node -> (periods, areas) of one column of the scores, in the order of the file's own names."""
    panel = panel_of(case.data)
    place = {ids()[area]: position for position, area in enumerate(panel.areas)}
    frame = built(case.index, case.edition).index_score.select("node_id", "time_period", "ref_area", value)
    result: dict[str, Array] = {}
    for node, period, area, number in frame.iter_rows():
        cells = result.setdefault(node, np.full((len(panel.periods), len(panel.areas)), NAN))
        cells[panel.periods.index(period), place[area]] = NAN if number is None else number
    return result


def test_every_edition_is_held_against_the_other_side() -> None:
    declared = [
        (index_id, each.id)
        for index_id, index in catalogue().indices.items()
        for each in (*index.editions, *index.variants)
    ]
    assert sorted(declared) == sorted((case.index, case.edition) for case in CASES)
    scores = sum(built(*key).index_score.height for key in declared)
    row = f"| {len(CASES)} | {2 * scores:,} | 5e-12 |".replace(",", " ")
    assert f"| AMPI, MPI, benefit of the doubt, means | scores and ranks {row}\n" in PAGE.read_text("utf-8")


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(case) for case in CASES])
def test_every_score_and_rank_agrees(number: int) -> None:
    case, mine = CASES[number], expected(number)
    engine = computed(case, "score")
    assert set(engine) == set(mine)
    for node, other in mine.items():
        assert not np.isnan(other).any()
        np.testing.assert_allclose(engine[node], other, rtol=NEAR, atol=1e-12, err_msg=node)
    ranks = computed(case, "score_rank")
    for node, other in mine.items():
        np.testing.assert_array_equal(ranks[node], ranks_of(other), err_msg=node)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.05, 0.2)])
def test_two_linear_programs_agree_on_the_better_life(low: float, high: float) -> None:
    """Prices of areas, and shares of topics: neither has the weights that the engine looks for."""
    rows = np.stack(list(panel_of(BETTER_LIFE).values.values()), axis=-1)[0]
    children = rows.shape[1]
    for area in range(len(rows)):
        prices = doubt_score(rows, area, [low] * children, [high] * children)
        shares = doubt_score_by_shares(rows, area, [low] * children, [high] * children)
        assert math.isclose(prices, shares, rel_tol=1e-9)


def test_a_doubt_with_bounds_is_never_larger_and_somebody_reaches_one() -> None:
    number = {str(case): position for position, case in enumerate(CASES)}
    for index in ("better_life", "transport"):
        free, bounded = (expected(number[f"{index}-{edition}"])[index] for edition in ("latest", "shares_bounded"))
        assert (bounded <= free + 1e-12).all() and (bounded < free - 1e-6).any()
        assert free.max() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "number", [n for n, case in enumerate(CASES) if "benefit_of_the_doubt" in str(case.aggregation)]
)
def test_the_weights_of_each_area_give_its_score_within_their_bounds(number: int) -> None:
    case = CASES[number]
    wide = (
        built(case.index, case.edition)
        .index_input.sort("node_id", "ref_area")
        .select("node_id", "ref_area", "normalised", "weight_effective")
    )
    leaves = sorted(case.data.leaves.values())
    values, weights = (
        np.stack([wide.filter(node_id=leaf)[column].to_numpy() for leaf in leaves], axis=-1)
        for column in ("normalised", "weight_effective")
    )
    score = built(case.index, case.edition).index_score.filter(node_id=case.index).sort("ref_area")["score"].to_numpy()
    parts = weights * values
    np.testing.assert_allclose(parts.sum(axis=1), score, rtol=NEAR)
    assert (weights >= 0).all()
    # Row i, column k: what area k would have with the weights of area i.
    assert (weights[:, None, :] * values[None, :, :]).sum(axis=2).max() <= 1 + NEAR
    low, high = share_bounds(leaves, case.aggregation)
    share = parts / score[:, None]
    assert (share >= np.array(low) - NEAR).all() and (share <= np.array(high) + NEAR).all()
