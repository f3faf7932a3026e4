"""A release with an index for every method, on a few areas and years that have gaps, an outlier, a zero; and ways to
explain every cell of a release.

Not here: the formulas (upward).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import progress
from pipelines.explaining.opened import Opened, open_release
from pipelines.explaining.tree import Explained, explain
from pipelines.settings import Settings

AREAS = ("CN-BJ", "CN-GD", "CN-SH", "CN-TJ")
INDICATORS = ("ahead", "behind", "crowd", "dust", "extra")
VALUES: dict[str, dict[str, list[float | None]]] = {
    # four areas over five years; behind: less is better
    "ahead": {
        "CN-BJ": [10, 12.5, 13, 15.25, 20], "CN-GD": [5, 5.5, 7, 8, 9.1],
        "CN-SH": [8, None, 9.5, 11, 12], "CN-TJ": [3, 4, 4, None, None],
    },
    "behind": {
        "CN-BJ": [4, 3.5, 3, 2.5, 2.25], "CN-GD": [9, 8, 7, 6, 5],
        "CN-SH": [None, 5, 4.5, 4, 4], "CN-TJ": [6, 6, 5, 5, 4],
    },
    "crowd": {
        "CN-BJ": [1, 2, 3, 4, 5], "CN-GD": [2, 3, 4, 5, 600],
        "CN-SH": [3, 4, 5, 6, 7], "CN-TJ": [4, None, 6, 7, 8],
    },
    "dust": {
        "CN-BJ": [100, 110, 121, 130, 140], "CN-GD": [50, 40, 44, 46, 48],
        "CN-SH": [70, 71, None, 75, 77], "CN-TJ": [30, 0, 35, 36, 38],
    },
    "extra": {
        "CN-BJ": [7, 7, 8, 9, 9], "CN-GD": [3, 4, 5, 5, 6],
        "CN-SH": [5, 6, 6, 7, 8], "CN-TJ": [2, 2, 3, 3, None],
    },
}  # fmt: skip
MEANS = (
    "arithmetic", {"method": "geometric", "floor": 1}, "geometric", "harmonic", {"method": "power_mean", "p": 2},
    {"method": "power_mean", "p": -1.5}, "median", "min", "mpi", {"method": "ampi", "penalty": "plus"}, "copeland",
    "topsis", {"method": "topsis", "over": "period"}, "benefit_of_the_doubt",
    {"method": "benefit_of_the_doubt", "low": 0.1, "high": 0.6, "over": "all"},
)  # fmt: skip
SCALES = (
    "none", "min_max", {"method": "min_max", "lower": 1, "upper": 7, "scope": "period"},
    {"method": "min_max", "scope": {"over": "given", "values": {"min": 0, "max": 900}}}, "z_score", "rank", "borda",
    {"method": "percentile_rank", "over": "all"}, {"method": "goalposts", "low": 2, "high": 100},
    {"method": "goalposts", "low": 2, "high": 100, "log": True, "cap": False, "scale": 1},
    {"method": "distance_to_target", "target": 20}, {"method": "distance_to_reference", "area": "CN-SH"},
    "fraction_of_max", {"method": "base_ratio", "period": 2015}, {"method": "ampi", "reference": {"period": 2014}},
    {"method": "min_max", "scope": {"over": "reference", "periods": [2014, 2015], "areas": ["CN-BJ", "CN-GD"]}},
)  # fmt: skip
FILLS = (
    ["linear", {"method": "carry", "max_age": 1}], {"method": "carry", "direction": "both"},
    {"method": "linear", "ends": "hold"}, {"method": "cross_section", "statistic": "median"},
    [{"method": "cross_section", "within": "group"}, {"method": "constant", "value": 3}], "row_mean",
    [{"method": "carry", "max_age": 1}, "row_mean"],
)  # fmt: skip
TREATMENTS = (
    "winsorise", {"method": "winsorise", "winmax": 0, "then": "log_ct"},
    {"method": "winsorise", "winmax": 1, "then": "log_ct_orig", "then_on": "winsorised", "kurtosis": -3, "skew": 0.2},
    {"method": "log_ct_plus", "when": "always"}, {"method": "log_gii", "when": "always"},
    {"method": "boxcox", "boxcox_lambda": 0.5, "when": "always", "over": "period"}, {"method": "sqrt"},
    {"method": "sd_limits", "k": 1.5, "clip": True},
)  # fmt: skip
WEIGHTS = (
    "entropy", "critic", {"method": "pca", "negative": "zero"}, {"method": "entropy", "scope": "period"},
    {"method": "ahp", "pairs": {"ahead": {"behind": 3, "crowd": 5}, "behind": {"crowd": 2}}, "max_ratio": 1},
)  # fmt: skip
CHAINS = (
    "chain_symmetric", {"method": "chain_geometric", "gaps": "bridge", "base_period": 2016, "value": 50},
    {"method": "chain_symmetric", "gaps": "bridge", "base_period": 2018},
)  # fmt: skip
PRICES = (
    "laspeyres", "paasche", {"method": "fisher", "base_period": 2015}, "tornqvist",
    {"method": "tornqvist", "chained": True, "base_period": 2016}, {"method": "laspeyres", "chained": True},
)  # fmt: skip


def indices() -> dict[str, dict[str, Any]]:
    """An index for every tree, with a variant for every choice of every stage."""

    def index(name: str, nodes: dict[str, Any], variants: dict[str, dict[str, Any]], **further: Any) -> dict[str, Any]:
        return {
            "name_en": name, "areas": list(AREAS), "periods": {"from": 2014, "to": 2018}, "base_period": 2014,
            "groups": {"north": ["CN-BJ", "CN-TJ"], "south": ["CN-GD"]}, "nodes": nodes,
            "variants": [{"id": each, "changes": changes} for each, changes in variants.items()],
        } | further  # fmt: skip

    def each(name: str, key: str, steps: tuple[Any, ...], **beside: Any) -> dict[str, dict[str, Any]]:
        return {f"{name}_{number}": {"method": {key: step, **beside}} for number, step in enumerate(steps)}

    west_and_east = {
        **each("mean", "aggregate", MEANS, normalise={"method": "min_max", "lower": 1}),
        **each("scale", "normalise", SCALES),
        **each("fill", "impute", FILLS),
        **each("treat", "treat", TREATMENTS),
        **each("chain", "aggregate", CHAINS, normalise="none"),
        "covered": {"method": {"coverage": 0.7, "impute": "linear"}, "nodes": {"extra": {"coverage": 0.5}}},
        "screened": {"method": {"screen": {"availability": 0.95, "keep": ["CN-TJ"]}, "impute": "linear"}},
    }
    prices = {"dust": {"quantity": "crowd"}, "ahead": {"quantity": "extra"}, "extra": {"quantity": "ahead"}}
    filled_first = {"order": ["impute", "denominate", "treat", "normalise"], "impute": "linear"}
    rebased = {"period": 2015}
    return {
        "west_and_east": index("West and east", TREE, west_and_east),
        "weighed": index("Weighed", {name: {} for name in INDICATORS[:3]}, each("weigh", "weighting", WEIGHTS)),
        "priced": index(
            "Priced", prices, each("price", "aggregate", PRICES), method={"normalise": "none", "aggregate": "laspeyres"}
        ),
        "denominated": index("Denominated", DENOMINATED, {"filled_first": {"method": filled_first}}),
        "computed": index(
            "Computed", {"ratio": {}, "mixed": {"direction": -1}, "ahead": {"weight": 3}}, {},
            method={"normalise": "base_ratio"},
        ),
        "rebased": index(
            "Rebased", TREE, {}, rebase={"period": 2016, "value": 200},
            method={"normalise": {"method": "min_max", "lower": 5}},
        ),
        "spliced": index(
            "Spliced", TREE, {"spliced_rebased": {"rebase": rebased, "method": {"normalise": "z_score"}}},
            splice={"index": "rebased", "periods": [2016, 2017]},
        ),
    }  # fmt: skip


TREE: dict[str, Any] = {
    "west": {"name_en": "West", "name_zh": "西", "weight": 2}, "east": {"name_en": "East", "weight": 3},
    "ahead": {"parent": "west", "weight": 2}, "behind": {"parent": "west"}, "crowd": {"parent": "east"},
    "dust": {"parent": "east", "weight": 0.5}, "extra": {"parent": "east"},
}  # fmt: skip
DENOMINATED: dict[str, Any] = {
    "ahead": {"denominate": {"by": "dust", "scale": 10}}, "behind": {},
    "extra": {"denominate": {"by": "dust", "lag": 1}},
}  # fmt: skip


@pytest.fixture(scope="session")
def every_method(make_small: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a release with all indices above."""
    small = make_small(tmp_path_factory.mktemp("every_method"))
    rows = ["area,year," + ",".join(INDICATORS)]
    for area in AREAS:
        for year in range(5):
            cells = (VALUES[name][area][year] for name in INDICATORS)
            rows.append(f"{area},{2014 + year}," + ",".join("" if x is None else str(x) for x in cells))
    small.put("raw/panel.csv", "\n".join(rows) + "\n")
    small.put("sources/panel.yml", yaml.safe_dump(SOURCE, allow_unicode=True))
    small.edit("indicators.yml", lambda declared: declared.update(DECLARED))
    (small.catalogue / "indices" / "strength.yml").unlink()
    for name, index in indices().items():
        small.put(f"indices/{name}.yml", json.dumps(index))  # JSON is YAML, and has no aliases
    from pipelines.run import run as run_once

    progress.be_quiet()
    run_once(Settings(small.home, (small.catalogue,)), offline=True)
    return Path(small.home)


SOURCE: dict[str, Any] = {
    "name_en": "Panel", "provider": "Test", "licence": "CC0", "priority": 10, "cadence": "once",
    "fetch": {"kind": "bundled", "files": ["raw/panel.csv"], "retrieved": "2020-06-01"},
    "vintage": {"declared": "2020-06-01"}, "read": {"format": "csv"},
    "layout": {
        "header": {"row": 1}, "area": {"column": "area"}, "period": {"column": "year"},
        "columns": [{"indicator": name, "header": name, "unit": "points"} for name in INDICATORS],
    },
}  # fmt: skip
DECLARED: dict[str, Any] = {
    name: {"name_en": name.title(), "unit": "points", "direction": -1 if name == "behind" else 1} for name in INDICATORS
} | {
    "ratio": {"name_en": "Ratio", "unit": "one", "kind": "ratio", "formula": "ahead / lag(dust, 1)"},
    "mixed": {"name_en": "Mixed", "unit": "pct", "kind": "ratio",
              "formula": "(ahead + extra) / (2 * at(dust, 'CN-BJ')) - ratio"},
}  # fmt: skip


@pytest.fixture
def opened(builtin: Any) -> Iterator[Opened]:
    """The built-in release, opened for explaining."""
    with open_release(Settings(builtin.home, ())) as found:
        yield found


@pytest.fixture
def opened_methods(every_method: Path) -> Iterator[Opened]:
    """The release with an index for every method, opened for explaining."""
    with open_release(Settings(every_method, ())) as found:
        yield found


@pytest.fixture(scope="session")
def every_cell() -> Callable[[Opened], Iterator[dict[str, Any]]]:
    """Explain every area and period of every edition of a release: every_cell(opened)."""
    return _every_cell


@pytest.fixture
def told(opened: Opened) -> Callable[..., dict[str, Any]]:
    """Explain one score of the built-in release."""
    return lambda *asked, **further: explain(opened, *asked, **further)


def _every_cell(opened: Opened) -> Iterator[dict[str, Any]]:
    """The explanation of every area and period of every edition of a release."""
    for row in opened.rows("select index_id, edition_id from index_edition order by all"):
        explained = Explained(opened, row["index_id"], row["edition_id"])
        for area in explained.areas:
            for period in explained.periods:
                yield explained.explain(area, period)
