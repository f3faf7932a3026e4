"""docs/method.md against the engine: every worked example is computed again, every method of the vocabulary has one.

An example is a YAML block under `<!-- example: name -->`: a step as an index file has it, what goes in, and what comes
out, compared at the decimals that are printed (a number without any is exact). `values` are of one indicator {area:
number or list over periods}, or of several {indicator: {area: ...}}; steps on the same values stand under `cases`.

Not here: the key tables of catalogue.md (test_catalogue_doc), shown commands (test_commands).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
import yaml
from pydantic import TypeAdapter

from pipelines.index.aggregate import aggregate
from pipelines.index.build import build_edition
from pipelines.index.cohere import cronbach_alpha, kendall, spearman
from pipelines.index.denominate import denominate
from pipelines.index.doubt import benefit_of_the_doubt
from pipelines.index.draw import choice, vary_share
from pipelines.index.growth import growth
from pipelines.index.growth_span import growth_span
from pipelines.index.impute import impute
from pipelines.index.index_number import link
from pipelines.index.normalise import normalise
from pipelines.index.principal import correlation
from pipelines.index.rebase import rebase, splice
from pipelines.index.scope import Cells
from pipelines.index.screen import screen
from pipelines.index.simulate import quantiles
from pipelines.index.sobol import estimate
from pipelines.index.treat import treat
from pipelines.index.weigh import weigh
from warehouse.catalogue.base import Model
from warehouse.catalogue.index import Index
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.catalogue.method import Method
from warehouse.catalogue.method.aggregate import Aggregate, BenefitOfTheDoubt, Chain, PriceIndex
from warehouse.catalogue.method.normalise import Normalise
from warehouse.catalogue.method.prepare import Denominate, Impute, Treat
from warehouse.catalogue.method.scope import Scope
from warehouse.catalogue.method.weight import Weighting

TEXT = (Path(__file__).parents[2] / "docs" / "method.md").read_text("utf-8")
EXAMPLES = re.findall(r"<!-- example: (\S+) -->\n```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
STAGES = {
    "impute": Impute,
    "treat": Treat,
    "normalise": Normalise,
    "weighting": Weighting,
    "aggregate": Aggregate,
}
NAN = float("nan")


class Data:
    """What goes into an example: a panel (periods, areas, indicators) and what its axes are."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        values = given["values"]
        if not isinstance(next(iter(values.values())), Mapping):
            values = {"x": values}
        self.names = list(values)
        self.areas = list(next(iter(values.values())))
        columns = [[_series(values[name][area]) for area in self.areas] for name in self.names]
        self.values = np.array(columns, dtype=float).transpose(2, 1, 0)
        first = int(given.get("first", 2010))
        self.periods = [str(first + t) for t in range(len(self.values))]
        base = given.get("base_period")
        groups = given.get("groups")
        numbers = None
        if groups:
            member = {area: n for n, areas in enumerate(groups.values()) for area in areas}
            numbers = [member.get(area, -1) for area in self.areas]
        self.cells = Cells(self.periods, self.areas, str(base) if base else None, numbers)
        direction = given.get("direction", 1)
        one = direction if isinstance(direction, Mapping) else dict.fromkeys(self.names, direction)
        self.directions = np.array([one.get(name, 1) for name in self.names])
        weights = given.get("weights", {})
        self.weights = np.array([float(weights.get(name, 1)) for name in self.names])

    def by_area(self, array: np.ndarray) -> dict[str, Any]:
        """(periods, areas) as an example has it."""
        return {area: array[:, place] for place, area in enumerate(self.areas)}

    def by_name(self, array: np.ndarray) -> dict[str, Any]:
        """(periods, areas, indicators) as an example has it; without the name where there is one only."""
        found = {name: self.by_area(array[:, :, place]) for place, name in enumerate(self.names)}
        return found["x"] if self.names == ["x"] else found


def _series(value: Any) -> list[float]:
    cells = value if isinstance(value, list) else [value]
    return [NAN if cell is None else float(cell) for cell in cells]


def step(stage: str, given: Any) -> Any:
    found = getattr(Method.model_validate({stage: given}), stage)
    return found[0] if isinstance(found, tuple) else found


def same(found: Any, printed: Any, place: str) -> None:
    """Compare results with what the page prints: text of a number, nested in lists and mappings."""
    if isinstance(printed, Mapping):
        assert set(printed) <= set(found), f"{place}: {sorted(found)}"
        for key, each in printed.items():
            same(found[key], each, f"{place}.{key}")
        return
    if isinstance(printed, list):
        assert len(found) == len(printed), f"{place}: {found}"
        for n, each in enumerate(printed):
            same(found[n], each, f"{place}[{n}]")
        return
    if isinstance(found, np.ndarray) and found.ndim:
        assert found.shape == (1,), f"{place}: {found}"
        found = found[0]
    if printed in ("null", ""):
        assert np.isnan(found), f"{place}: {found}"
    elif isinstance(found, str):
        assert found == printed, place
    else:
        digits = len(printed.partition(".")[2])
        tolerance = 0.5 * 10**-digits + 1e-12 if digits else 1e-9
        assert abs(float(found) - float(printed)) <= tolerance, f"{place}: {found} is not {printed}"


def run(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine makes of an example, by the keys that an example may print."""
    kind = next(key for key in RUNS if key in given)
    return RUNS[kind](given)


def run_screen(given: Mapping[str, Any]) -> dict[str, Any]:
    data = Data(given)
    found = screen(data.values, step("screen", given["screen"]), data.cells)
    kept = [area for area, stays in zip(data.areas, found.kept[0], strict=True) if stays]
    return {"kept": kept, "availability": data.by_area(found.availability), "non_zero": data.by_area(found.non_zero)}


def run_denominate(given: Mapping[str, Any]) -> dict[str, Any]:
    how = Denominate.model_validate(given["denominate"])
    found, _ = denominate(np.array([float(given["value"])]), np.array([float(given["divisor"])]), how.scale)
    return {"denominated": found}


def run_impute(given: Mapping[str, Any]) -> dict[str, Any]:
    data = Data(given)
    found = impute(
        data.values, step("impute", given["impute"]), data.cells, data.directions, np.zeros(len(data.names), dtype=int)
    )
    return {"imputed": data.by_name(found.values)}


def run_treat(given: Mapping[str, Any]) -> dict[str, Any]:
    data = Data(given)
    found = treat(data.values, step("treat", given["treat"]), data.cells, data.directions)
    parameters = {name: numbers[0, 0] for name, numbers in found.parameters.items()}
    out = np.zeros(len(data.areas), dtype=bool) if found.excluded is None else found.excluded[0, :, 0]
    excluded = [area for area, is_out in zip(data.areas, out, strict=True) if is_out]
    return {"treated": data.by_name(found.values), "excluded": excluded} | parameters


def run_normalise(given: Mapping[str, Any]) -> dict[str, Any]:
    data = Data(given)
    found = normalise(data.values, data.directions, step("normalise", given["normalise"]), data.cells)
    return {"scores": data.by_name(found.scores)}


def run_weighting(given: Mapping[str, Any]) -> dict[str, Any]:
    how = step("weighting", given["weighting"])
    if "values" in given:
        data = Data(given)
        names, values, cells, weights = data.names, data.values, data.cells, data.weights
    else:
        names = list(given["weights"])
        values, cells, weights = np.zeros((1, 1, len(names))), Cells(["2010"], ["A"]), np.ones(len(names))
    found = weigh(values, how, cells, names, weights)
    parameters = {
        name: dict(zip(names, numbers[0], strict=True)) if len(numbers[0]) == len(names) else numbers[0, 0]
        for name, numbers in found.parameters.items()
    }
    return {"shares": dict(zip(names, found.weights[0, 0], strict=True))} | parameters


def run_aggregate(given: Mapping[str, Any]) -> dict[str, Any]:
    data, how = Data(given), step("aggregate", given["aggregate"])
    if isinstance(how, BenefitOfTheDoubt):
        own = benefit_of_the_doubt(data.values, how, data.names)
        used = {
            area: dict(zip(data.names, own.weights[0, place], strict=True)) for place, area in enumerate(data.areas)
        }
        return {"score": data.by_area(own.scores), "own_weights": used}
    if isinstance(how, (Chain, PriceIndex)):
        quantities = Data({"values": given["quantities"]}).values if "quantities" in given else None
        return {
            "score": data.by_area(link(data.values, data.weights, how, data.directions, data.cells, quantities).scores)
        }
    return {"score": data.by_area(aggregate(data.values, data.weights, how))}


def run_rebase(given: Mapping[str, Any]) -> dict[str, Any]:
    data = Data(given)
    how = given["rebase"]
    found = rebase(data.values[:, :, 0], data.periods.index(str(how["period"])), float(how.get("value", 100)))
    return {"rebased": data.by_area(found.scores)}


def run_splice(given: Mapping[str, Any]) -> dict[str, Any]:
    data, old = Data(given), Data({"values": given["earlier"]})
    places = [data.periods.index(str(period)) for period in given["splice"]["periods"]]
    found = splice(data.values[:, :, 0], old.values[:, :, 0], places)
    return {"spliced": data.by_area(found.scores), "factor": dict(zip(data.areas, found.factor, strict=True))}


def run_draw(given: Mapping[str, Any]) -> dict[str, Any]:
    u = np.array([float(each) for each in given["u"]])
    drawn = [given["draw"][place] for place in choice(u, len(given["draw"]))]
    return {"drawn": drawn, "factor": vary_share(u, float(given["share"]))}


def run_quantiles(given: Mapping[str, Any]) -> dict[str, Any]:
    p05, p50, p95 = quantiles(np.array([[float(each) for each in given["runs"]]]))[:, 0]
    return {"p05": p05, "p50": p50, "p95": p95}


def run_sobol(given: Mapping[str, Any]) -> dict[str, Any]:
    runs = given["sobol"]
    first, total = estimate(np.array([runs["A"], runs["B"], *runs["AB"].values()], dtype=float))
    return {
        "first_order": dict(zip(runs["AB"], first, strict=True)),
        "total_order": dict(zip(runs["AB"], total, strict=True)),
    }


def run_coherence(given: Mapping[str, Any]) -> dict[str, Any]:
    columns = np.array([[float(each) for each in series] for series in given["coherence"].values()]).T
    one, other = columns[:, :1], columns[:, 1:2]
    return {
        "pearson": correlation(columns)[0, 1],
        "spearman": spearman(one, other)[0],
        "kendall": kendall(one, other)[0],
        "cronbach_alpha": cronbach_alpha(columns),
    }


def run_index(given: Mapping[str, Any]) -> dict[str, Any]:
    """A whole index: what its tables hold, by period and area or node."""
    data = Data(given)
    index = Index.model_validate(given["index"])
    indicators = {name: Indicator(name_en=name, unit="one") for name in data.names}
    areas = {area: Area(name_en=area) for area in data.areas}
    rows = [
        (name, area, "A", period, float(data.values[t, a, i]), "s", "s", "A1", None)
        for i, name in enumerate(data.names)
        for a, area in enumerate(data.areas)
        for t, period in enumerate(data.periods)
        if not np.isnan(data.values[t, a, i])
    ]
    observations = pl.DataFrame(rows, schema=OBSERVED, orient="row")
    found = build_edition("example", index, index.editions[0], observations, indicators, areas)
    scores = found.index_score.filter(pl.col("time_period") == data.periods[-1])
    parts = found.index_contribution.filter(pl.col("time_period") == data.periods[-1])
    return {
        key: nested(frame, column)
        for key, frame, column in (
            ("scores", scores, "score"),
            ("ranks", scores, "score_rank"),
            ("coverage", scores, "coverage"),
            ("contributions", parts, "contribution"),
        )
    }


def run_growth(given: Mapping[str, Any]) -> dict[str, Any]:
    rows = [("indicator", "x", "", "", "A", str(period), float(value)) for period, value in given["growth"].items()]
    names = ["series_kind", "series_id", "edition_id", "node_id", "ref_area", "time_period", "obs_value"]
    series = pl.DataFrame(rows, schema=names, orient="row")
    steps = growth(series)
    whole = growth_span(series).filter(pl.col("from_period") == rows[0][-2]).sort("n_years").row(-1, named=True)
    changes = {
        name: dict(zip(steps["time_period"], steps[name].fill_null(NAN), strict=True))
        for name in ("change_abs", "change_pct")
    }
    return whole | changes


OBSERVED = {
    "indicator_id": pl.String, "ref_area": pl.String, "freq": pl.String, "time_period": pl.String,
    "obs_value": pl.Float64, "source_id": pl.String, "snapshot_id": pl.String, "locator": pl.String,
    "vintage": pl.Date,
}  # fmt: skip


def nested(frame: pl.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    """node -> area -> value."""
    found: dict[str, dict[str, Any]] = {}
    for node, area, value in frame.select("node_id", "ref_area", column).iter_rows():
        found.setdefault(node, {})[area] = NAN if value is None else value
    return found


RUNS = {
    "screen": run_screen,
    "denominate": run_denominate,
    "impute": run_impute,
    "treat": run_treat,
    "normalise": run_normalise,
    "weighting": run_weighting,
    "aggregate": run_aggregate,
    "rebase": run_rebase,
    "splice": run_splice,
    "draw": run_draw,
    "runs": run_quantiles,
    "sobol": run_sobol,
    "coherence": run_coherence,
    "index": run_index,
    "growth": run_growth,
}


def cases(text: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each case of an example twice: its values, and everything as printed."""
    given, printed = yaml.safe_load(text), yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it builds text only
    several = given.pop("cases", [{}])
    for n, case in enumerate(several):
        yield {**given, **case}, {**printed, **(printed["cases"][n] if "cases" in printed else {})}


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_comes_out_as_printed(name: str, text: str) -> None:
    for given, printed in cases(text):
        found = run(given)
        shown = [key for key in found if key in printed and key not in {"values", "weights"}]
        assert shown, f"{name}: nothing is printed of {sorted(found)}"
        for key in shown:
            same(found[key], printed[key], f"{name}: {key}")


def test_the_names_of_examples_are_unique() -> None:
    names = [name for name, _ in EXAMPLES]
    assert len(set(names)) == len(names) > 25
    assert TEXT.count("<!-- example:") == len(names), "a mark without a block"


def methods_of(union: Any) -> set[str]:
    """The names of all methods of a discriminated union."""
    if isinstance(union, type) and issubclass(union, Model):
        key = "method" if "method" in union.model_fields else "over"
        return set(get_args(union.model_fields[key].annotation))
    return {name for part in get_args(union) for name in methods_of(part)}


def shown_methods(stage: str) -> set[str]:
    shown = set()
    for _, text in EXAMPLES:
        for given, _ in cases(text):
            if stage in given:
                shown.add(TypeAdapter(STAGES[stage]).validate_python(given[stage]).method)
    return shown


@pytest.mark.parametrize("stage", STAGES)
def test_every_method_has_a_worked_example(stage: str) -> None:
    assert methods_of(STAGES[stage]) - {"none"} <= shown_methods(stage)


def test_every_scope_has_a_worked_example() -> None:
    shown = {
        getattr(getattr(step("normalise", given["normalise"]), "scope", None), "over", None)
        for _, text in EXAMPLES
        for given, _ in cases(text)
        if "normalise" in given
    }
    assert methods_of(Scope) <= shown


@pytest.mark.parametrize("stage", STAGES)
def test_every_method_is_explained_in_a_table(stage: str) -> None:
    for method in sorted(methods_of(STAGES[stage])):
        assert re.search(rf"^\| `[^|]*\b{method}\b[^|]*` ?\|", TEXT, re.MULTILINE), method


def headings() -> Sequence[str]:
    return re.findall(r"^## (.*)$", TEXT, re.MULTILINE)


def test_sections_that_others_link_to_are_there() -> None:
    assert {"Growth", "Contributions", "Comparisons", "Reading printed statements", "Bad input"} <= set(headings())
