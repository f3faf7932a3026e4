"""ASEM connectivity, one year and a panel: every stage of every cell against the independent implementation.

The engine runs the catalogue from raw bytes to its release; the other side reads the same files with the csv module and
takes its tree from the package's own metadata. Not here: indices with published scores (test_published).
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from tests.replications.independent import Stages, run_stages
from tests.replications.independent_steps import NAN, Array, Panel, Tree

FOLDER = Path(__file__).parent / "asem"
PAGE = FOLDER.parents[2] / "docs" / "replications.md"
NEAR = 1e-9

# Pillars by the codes of the metadata; the indicators' codes are the columns that the catalogue reads.
PILLARS = {
    "Conn": "connectivity", "Sust": "sustainability", "Physical": "physical", "ConEcFin": "economic_links",
    "Political": "political", "Instit": "institutional", "P2P": "people_to_people", "Environ": "environmental",
    "Social": "social", "SusEcFin": "economic_sustainability",
}  # fmt: skip
FILES = {"asem": "asem_idata.csv", "asem_panel": "asem_panel_idata.csv"}
CHAIN: dict[str, Any] = {
    "order": ["denominate", "impute", "screen", "treat", "normalise"],
    "imputation": [{"method": "cross_section", "statistic": "mean", "within": "group"}],
    "screening": {"availability": 0.9},
    "treatment": {"method": "winsorise", "winmax": 5, "then": "log_ct"},
    "normalisation": {"method": "min_max", "lower": 0, "upper": 100},
    "aggregation": "arithmetic",
}
# What each edition changes, said a second time and in the words of the independent implementation.
CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("asem", "latest"): {},
    ("asem", "screened_first"): {"order": ["screen", "denominate", "impute", "treat", "normalise"]},
    ("asem", "untreated"): {"treatment": "none"},
    ("asem", "winsorised_then_log"): {"treatment": CHAIN["treatment"] | {"winmax": 2, "then_on": "winsorised"}},
    ("asem", "geometric"): {
        "normalisation": {"method": "min_max", "lower": 1, "upper": 100},
        "aggregation": "geometric",
    },
    ("asem", "ranks_copeland"): {"normalisation": "percentile_rank", "aggregation": "copeland"},
    ("asem", "z_scores"): {"normalisation": "z_score"},
    ("asem_panel", "latest"): {},
    ("asem_panel", "each_year"): {
        "treatment": CHAIN["treatment"] | {"over": "period"},
        "normalisation": CHAIN["normalisation"] | {"scope": "period"},
    },
    ("asem_panel", "frozen_2018"): {
        "normalisation": CHAIN["normalisation"] | {"scope": {"over": "reference", "periods": ["2018"]}}
    },
}
STAGES = ("denominated", "imputed", "treated", "normalised")

pytestmark = pytest.mark.slow


@cache
def rows_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / "raw" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def names_of_codes() -> dict[str, str]:
    """Code of the package -> id in the catalogue."""
    source = yaml.safe_load((FOLDER / "sources" / "asem_2018.yml").read_text("utf-8"))
    columns = {each["header"].strip("^$"): each["indicator"] for each in source["layout"]["columns"]}
    codes = [row["iCode"] for row in rows_of("asem_imeta.csv") if row["Type"] in ("Indicator", "Denominator")]
    return {code: columns[code.lower()] for code in codes} | PILLARS


def tree_of(index_id: str, weights: dict[str, float]) -> Tree:
    """The tree of the metadata; `weights` replaces those of single nodes."""
    names = names_of_codes() | {"Index": index_id}
    nodes = [row for row in rows_of("asem_imeta.csv") if row["Parent"]]
    return Tree(
        index_id,
        {names[row["iCode"]]: names[row["Parent"]] for row in nodes},
        {names[row["iCode"]]: float(row["Weight"]) for row in nodes} | weights,
        {names[row["iCode"]]: int(row["Direction"]) for row in nodes if row["Type"] == "Indicator"},
    )


def column(index_id: str, code: str) -> Array:
    """(periods, areas) of one column of the file, in the order of `axes`."""
    periods, areas = axes(index_id)
    result = np.full((len(periods), len(areas)), NAN)
    for row in rows_of(FILES[index_id]):
        if row[code]:
            result[periods.index(row["Time"]), areas.index(row["uCode"])] = float(row[code])
    return result


@cache
def axes(index_id: str) -> tuple[list[str], list[str]]:
    rows = rows_of(FILES[index_id])
    return sorted({row["Time"] for row in rows}), sorted({row["uCode"] for row in rows})


@cache
def expected(index_id: str, edition_id: str) -> Stages:
    """Every data set of an edition by the independent implementation."""
    meta = [row for row in rows_of("asem_imeta.csv") if row["Type"] == "Indicator"]
    names = names_of_codes()
    panel = Panel(
        *axes(index_id),
        {names[row["iCode"]]: column(index_id, row["iCode"]) for row in meta},
        {row["uCode"]: row["EurAsia_group"] for row in rows_of(FILES[index_id])},
    )
    denominators = {names[row["iCode"]]: column(index_id, row["Denominator"]) for row in meta if row["Denominator"]}
    weights = {"connectivity": 3.0, "sustainability": 2.0} if edition_id == "z_scores" else {}
    steps = CHAIN | CHANGES[index_id, edition_id]
    return run_stages(panel, tree_of(index_id, weights), denominators=denominators, **steps)


def computed(frame: pl.DataFrame, index_id: str, value: str) -> dict[str, Array]:
    """Node -> (periods, areas) of one column of the release."""
    periods, areas = axes(index_id)
    result: dict[str, Array] = {}
    for node, period, area, number in frame.select("node_id", "time_period", "ref_area", value).iter_rows():
        cells = result.setdefault(node, np.full((len(periods), len(areas)), NAN))
        cells[periods.index(period), areas.index(area)] = NAN if number is None else number
    return result


def far(engine: Array, other: Array) -> float:
    """Largest relative difference; a value of less than a millionth of the largest one counts as that much.

    Infinite where one side has a value and the other has none.
    """
    if (np.isnan(engine) != np.isnan(other)).any():
        return math.inf
    there = ~np.isnan(other)
    if not there.any():
        return 0.0
    scale = np.maximum(np.abs(other[there]), 1e-6 * np.abs(other[there]).max())
    apart = np.abs(engine[there] - other[there])
    return float(np.max(np.divide(apart, scale, out=np.zeros_like(apart), where=apart > 0)))


def worst(engine: dict[str, Array], other: dict[str, Array]) -> tuple[float, str]:
    """The node that differs most, and by how much."""
    assert set(engine) == set(other)
    return max((far(engine[node], other[node]), node) for node in other)


@pytest.fixture(scope="module")
def inputs(replica: Callable[..., Any]) -> dict[tuple[str, str], pl.DataFrame]:
    frame = replica("asem").frame("select * from index_input")
    return {(key[0], key[1]): part for key, part in frame.partition_by("index_id", "edition_id", as_dict=True).items()}


@pytest.fixture(scope="module")
def outputs(replica: Callable[..., Any]) -> dict[tuple[str, str], pl.DataFrame]:
    frame = replica("asem").frame("select * from index_score")
    return {(key[0], key[1]): part for key, part in frame.partition_by("index_id", "edition_id", as_dict=True).items()}


def test_every_edition_is_held_against_the_other_side(
    inputs: dict[tuple[str, str], pl.DataFrame], outputs: dict[tuple[str, str], pl.DataFrame]
) -> None:
    assert set(inputs) == set(outputs) == set(CHANGES)
    for index_id, title in (("asem", "ASEM connectivity 2018"), ("asem_panel", "ASEM connectivity, panel 2018-2022")):
        mine = [key for key in CHANGES if key[0] == index_id]
        cells = 51 * len(axes(index_id)[0])
        assert {inputs[key].height for key in mine} == {49 * cells}
        assert {outputs[key].height for key in mine} == {60 * cells}
        shown = re.search(rf"^\| {title} \|.*\| (\d+) \| ([\d ]+) \| 5e-12 \|$", PAGE.read_text("utf-8"), re.MULTILINE)
        assert shown is not None
        assert int(shown[1]) == len(mine)
        assert int(shown[2].replace(" ", "")) == len(mine) * cells * (49 * len(STAGES) + 60 * 3)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("index_id", "edition_id"), CHANGES)
def test_every_stage_of_every_cell_agrees(
    index_id: str, edition_id: str, stage: str, inputs: dict[tuple[str, str], pl.DataFrame]
) -> None:
    mine: dict[str, Array] = getattr(expected(index_id, edition_id), stage)
    difference, node = worst(computed(inputs[index_id, edition_id], index_id, stage), mine)
    assert difference <= NEAR, node


@pytest.mark.parametrize(("index_id", "edition_id"), CHANGES)
def test_every_score_rank_and_coverage_agrees(
    index_id: str, edition_id: str, outputs: dict[tuple[str, str], pl.DataFrame]
) -> None:
    mine, frame = expected(index_id, edition_id), outputs[index_id, edition_id]
    for column_name, other in (("score", mine.scores), ("coverage", mine.coverage)):
        difference, node = worst(computed(frame, index_id, column_name), other)
        assert difference <= NEAR, (column_name, node)
    ranks = computed(frame, index_id, "score_rank")
    for node, other in mine.ranks.items():
        np.testing.assert_array_equal(ranks[node], other, err_msg=node)


def test_the_package_prints_the_same_numbers(outputs: dict[tuple[str, str], pl.DataFrame]) -> None:
    """Seven countries, eleven nodes, two decimals; of the index the rank too."""
    names, areas = PILLARS | {"Index": "asem"}, axes("asem")[1]
    frame = outputs["asem", "latest"]
    scores, ranks = computed(frame, "asem", "score"), computed(frame, "asem", "score_rank")
    printed = rows_of("coinr_results.csv")
    assert len(printed) == 7
    for row in printed:
        area = areas.index(row["uCode"])
        assert ranks["asem"][0, area] == int(row["Rank"])
        for code, node in names.items():
            assert f"{scores[node][0, area]:.2f}" == row[code], (row["uCode"], node)


@pytest.mark.parametrize("edition_id", ["latest", "winsorised_then_log"])
def test_what_was_filled_and_treated_is_flagged(edition_id: str, inputs: dict[tuple[str, str], pl.DataFrame]) -> None:
    mine, frame = expected("asem", edition_id), inputs["asem", edition_id]
    for flag, before, after in (
        ("is_imputed", mine.denominated, mine.imputed),
        ("is_treated", mine.imputed, mine.treated),
    ):
        for node, found in computed(frame.with_columns(pl.col(flag).cast(float)), "asem", flag).items():
            same = (before[node] == after[node]) | (np.isnan(before[node]) & np.isnan(after[node]))
            np.testing.assert_array_equal(found.astype(bool), ~same, err_msg=f"{flag} {node}")


def test_the_data_need_both_treatments() -> None:
    """Otherwise agreement would say little: points are moved in one year, whole indicators transformed in the panel."""
    for index_id, edition_id, moved, transformed in (
        ("asem", "latest", 15, 0), ("asem", "winsorised_then_log", 7, 8), ("asem_panel", "latest", 3, 18),
    ):  # fmt: skip
        mine = expected(index_id, edition_id)
        changed = [int((mine.imputed[node] != mine.treated[node]).sum()) for node in mine.treated]
        cells = mine.kept.size
        assert (sum(0 < each <= 6 for each in changed), changed.count(cells)) == (moved, transformed)


def test_an_area_short_of_values_is_screened_out_before_filling_and_stays_after(
    outputs: dict[tuple[str, str], pl.DataFrame],
) -> None:
    short = {"BGD", "BRN", "KHM", "LAO", "MMR"}
    for edition_id, gone in (("screened_first", short), ("latest", set[str]())):
        frame = outputs["asem", edition_id].filter(pl.col("node_id") == "asem", pl.col("score").is_null())
        assert set(frame["ref_area"]) == gone


def test_a_frozen_scale_gives_2018_the_scores_of_that_year_alone(
    outputs: dict[tuple[str, str], pl.DataFrame],
) -> None:
    """Treatment over all years moves other points, so that only what is not treated at all can be equal."""
    panel, single = expected("asem_panel", "frozen_2018"), expected("asem", "latest")
    untreated = [
        leaf
        for leaf in single.treated
        if (panel.imputed[leaf] == panel.treated[leaf]).all() and (single.imputed[leaf] == single.treated[leaf]).all()
    ]
    assert len(untreated) > 20
    both = {
        index_id: computed(outputs[index_id, edition_id], index_id, "score")
        for index_id, edition_id in (("asem", "latest"), ("asem_panel", "frozen_2018"))
    }
    for leaf in untreated:
        np.testing.assert_allclose(both["asem_panel"][leaf][0], both["asem"][leaf][0], rtol=NEAR, err_msg=leaf)
