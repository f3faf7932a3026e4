"""Inside one process: a piece of work of the method engine, and the same work written by hand, taking turns.

`python -m benchmarks.method_cases CASE ROUNDS` prints one JSON line. Before the clock starts both have to give the same
numbers; the first call of the engine is told apart from those after it. Imports and the making of inputs are not
counted.
Not here: the references (hand_written), which cases there are and their targets (method).
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import yaml

from benchmarks import hand_written
from benchmarks.hand_written import Draws, Floats, Level, Places
from benchmarks.intake import Clock
from pipelines.index.build import build_edition
from pipelines.index.doubt import benefit_of_the_doubt
from pipelines.index.draw import Choices, Stream, draw_choices, draw_weights, uniforms, weight_columns
from pipelines.index.growth_span import growth_span
from pipelines.index.panel import Panel
from pipelines.index.robust import Model, model_of, plan_of
from pipelines.index.scope import Cells
from pipelines.index.score import NodeScores, methods_of, score_tree
from pipelines.index.simulate import Plan, run_choices, simulate
from pipelines.index.sobol import chosen, samples, sensitivity
from pipelines.index.stages import Inputs, Stages, run_scores, run_stages, steps_of
from pipelines.index.tree import Tree, tree_of
from warehouse.catalogue.index import Index, area_groups
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.catalogue.method.aggregate import BenefitOfTheDoubt

NEAR = 1e-9
SEED = 20_260
FIRST_YEAR = 1990
ASEM = Path(__file__).resolve().parent.parent / "tests" / "replications" / "asem"
TREAT = {"method": "winsorise", "winmax": 5, "then": "log_ct"}
FILLS: dict[str, Mapping[str, str]] = {
    "": {"method": "none"},
    "linear": {"method": "linear", "ends": "hold"},
    "carry": {"method": "carry", "direction": "forward"},
}
VARIED: dict[str, Any] = {
    "treat": (TREAT, {"method": "none"}),
    "normalise": (
        {"method": "min_max", "lower": 1, "upper": 100},
        {"method": "z_score", "mean": 100, "sd": 10},
    ),
    "aggregate": ("arithmetic", "geometric"),
    "weights": {"share": 0.25},
}


class Work(NamedTuple):
    """What the engine does and the same by hand (None: no script does it), how far apart their results are, and how
    many times the work by hand that of the engine is."""

    own: Callable[[], Any]
    reference: Callable[[], Any] | None = None
    apart: Callable[[Any, Any], float] = lambda mine, theirs: 0.0
    times: int = 1


# Inputs


def made_index(areas: int, indicators: int, years: int, method: Mapping[str, Any]) -> tuple[Tree, Index]:
    """An index with three levels above its indicators: pillars of ten, halves, the index."""
    named = {"name_en": "Made up", "name_zh": "虚构"}
    pillars = max(2, indicators // 10)
    nodes: dict[str, Any] = {f"half_{n}": dict(named) for n in range(2)}
    nodes |= {f"pillar_{n:03d}": named | {"parent": f"half_{n % 2}", "weight": 1 + n % 3} for n in range(pillars)}
    nodes |= {
        f"indicator_{n:04d}": {
            "parent": f"pillar_{n % pillars:03d}", "weight": 1 + n % 2, "direction": -1 if n % 4 == 0 else 1
        }
        for n in range(indicators)
    }  # fmt: skip
    index = Index.model_validate(
        {
            **named,
            "areas": [f"A{n:05d}" for n in range(areas)],
            "periods": {"from": FIRST_YEAR, "to": FIRST_YEAR + years - 1},
            "method": {"treat": TREAT, **method},
            "nodes": nodes,
        }
    )
    return tree_of("made_up", index), index


def made_values(areas: int, indicators: int, years: int, gaps: float) -> Floats:
    """Values above 0 (years, areas, indicators), NaN for a share of gaps, the same for the same numbers.

    Of eight indicators one is skewed for good and one has three outliers; the rest pass the test of the treatment.
    """
    rng = np.random.default_rng(SEED)
    values = np.empty((years, areas, indicators))
    for year in values:
        rng.standard_normal(out=year)
        year *= 0.1
    level = rng.standard_normal((areas, indicators)) * np.where(np.arange(indicators) % 8 == 0, 1.2, 0.2)
    values += level
    np.exp(values, out=values)
    for i in range(4, indicators, 8):
        values.reshape(-1, indicators)[rng.integers(0, years * areas, 3), i] = 50 + rng.random(3)
    if gaps:
        values[rng.random(values.shape) < gaps] = np.nan
    return values


def inputs_from(tree: Tree, index: Index, values: Floats) -> Inputs:
    """Inputs without a frame of observations behind them."""
    first = int(index.periods.first)
    periods = tuple(str(first + n) for n in range(len(values)))
    areas = index.area_ids({})
    row = np.broadcast_to(np.int64(-1), values.shape)
    panel = Panel(periods, areas, tree.leaves, values, row, pl.DataFrame())
    return Inputs(panel, Cells(periods, areas), {}, {})


def levels_of(tree: Tree, shares: Mapping[str, Floats] | None = None) -> list[Level]:
    """A tree whose leaves all have one depth, as hand-written code wants it; weights as given unless `shares` has
    them."""
    below = list(tree.leaves)
    levels: list[Level] = []
    while below != [tree.root]:
        place = {node: n for n, node in enumerate(below)}
        nodes = [node for node in tree.upwards if tree.children[node][0] in place]
        levels.append(
            [
                (
                    np.array([place[child] for child in tree.children[node]]),
                    np.array([tree.weight[child] for child in tree.children[node]])
                    if shares is None
                    else shares[node].reshape(-1),
                )
                for node in nodes
            ]
        )
        below = nodes
    return levels


class Asem(NamedTuple):
    """The connectivity index of 51 countries and 49 indicators, computed, and what an analysis of it starts from."""

    declared: Index
    model: Model
    prepared: list[Floats]
    levels: list[Level]

    def plan(self) -> Plan:
        """A plan that has not prepared anything yet."""
        return plan_of(self.declared, self.model, self.model.scores)


def asem(uncertainty: Mapping[str, Any]) -> Asem:
    """The published data set as its catalogue in the tests has it, with choices that vary."""

    def read(name: str) -> Any:
        return yaml.safe_load((ASEM / name).read_text("utf-8"))

    method = {"normalise": VARIED["normalise"][0]}
    index = Index.model_validate(read("indices/asem.yml") | {"variants": (), "uncertainty": uncertainty})
    index = index.with_changes({"method": method})
    indicators = {name: Indicator.model_validate(each) for name, each in read("indicators.yml").items()}
    areas = {name: Area.model_validate(each) for name, each in read("areas.yml").items()}
    tree = tree_of("asem", index)
    with (ASEM / "raw" / "asem_idata.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["uCode"]: {name.lower(): text for name, text in row.items()} for row in csv.DictReader(file)}
    area_ids = index.area_ids(areas)
    columns = {
        each["indicator"]: np.array([[float(rows[area][each["header"].strip("^$")] or "nan") for area in area_ids]])
        for each in read("sources/asem_2018.yml")["layout"]["columns"]
    }
    values = np.stack([columns[leaf] for leaf in tree.leaves], axis=-1)
    row = np.broadcast_to(np.int64(-1), values.shape)
    periods = (str(index.periods.first),)
    divided = [node.denominate for node in index.nodes.values() if node.denominate]
    inputs = Inputs(
        Panel(periods, area_ids, tree.leaves, values, row, pl.DataFrame()),
        Cells(periods, area_ids, None, area_groups(index, area_ids, areas)),
        {(each.by, each.lag): columns[each.by] for each in divided},
        {},
    )
    model = model_of(tree, index, inputs, indicators)
    directions = np.array([step.direction for step in model.steps])
    filled = model.stages.data["screen"]
    treated = (hand_written.treat(filled), filled)
    prepared = [
        scores[0]
        for each in treated
        for scores in (
            hand_written.min_max(each, directions, 1.0, 100.0),
            hand_written.z_scores(each, directions, 100.0, 10.0),
        )
    ]
    return Asem(index, model, prepared, levels_of(tree))


def draws_of(data: Asem, plan: Plan, choices: Choices) -> Draws:
    """What runs choose, as the hand-written loop wants it."""
    uncertainty = data.declared.uncertainty
    assert uncertainty is not None
    weights = draw_weights(uncertainty.weights, plan.shares, choices.u)
    _, treat, normalise, aggregate, _ = choices.position.T
    tree = data.model.tree
    levels: list[list[Floats]] = []
    below = set(tree.leaves)
    while below != {tree.root}:
        nodes = [node for node in tree.upwards if tree.children[node][0] in below]
        levels.append([weights[node][:, 0, 0, :] for node in nodes])
        below = set(nodes)
    prepared = 2 * np.maximum(treat, 0) + np.maximum(normalise, 0)
    return Draws(prepared, np.maximum(aggregate, 0), levels)


# The work


def panel(areas: int = 300, indicators: int = 100, years: int = 20, fill: str = "", gaps: float = 0.0) -> Work:
    """A panel through all stages and up its tree."""
    tree, index = made_index(areas, indicators, years, {"impute": FILLS[fill]})
    inputs = inputs_from(tree, index, made_values(areas, indicators, years, gaps))
    directions = np.array([step.direction for step in steps_of(tree, index, {})])
    levels = levels_of(tree)

    def own() -> tuple[Stages, NodeScores]:
        steps = steps_of(tree, index, {})
        stages = run_stages(inputs, steps, index.method.order, index.method.screen)
        methods = methods_of(tree, index, steps, {}, inputs.cells)
        return stages, score_tree(tree, stages.scores, stages.observed, methods)

    def reference() -> list[Floats]:
        return hand_written.score_panel(inputs.panel.values, directions, levels, fill)

    return Work(own, reference, lambda mine, theirs: _apart(mine[1].score[tree.root], theirs[-1][..., 0]))


def frames(areas: int = 300, indicators: int = 100, years: int = 20) -> Work:
    """The same panel from a frame of observations to all frames of an edition."""
    tree, index = made_index(areas, indicators, years, {})
    values = made_values(areas, indicators, years, 0.0)
    names = index.area_ids({})
    observations = pl.DataFrame(
        {
            "indicator_id": pl.Series(tree.leaves).gather(np.tile(np.arange(indicators), years * areas)),
            "ref_area": pl.Series(names).gather(np.tile(np.repeat(np.arange(areas), indicators), years)),
            "time_period": pl.Series([str(FIRST_YEAR + n) for n in range(years)]).gather(
                np.repeat(np.arange(years), areas * indicators)
            ),
            "obs_value": values.reshape(-1),
        }
    ).with_columns(
        pl.lit("A").alias("freq"),
        pl.lit("made_up").alias("source_id"),
        pl.lit("0" * 16).alias("snapshot_id"),
        pl.lit("sheet!A1").alias("locator"),
        pl.lit(date(2020, 1, 1)).alias("vintage"),
    )
    indicators_by_id = {leaf: Indicator(name_en=leaf, unit="one") for leaf in tree.leaves}
    areas_by_id = {name: Area(name_en=name) for name in names}
    return Work(lambda: build_edition("made_up", index, index.editions[0], observations, indicators_by_id, areas_by_id))


def monte_carlo(runs: int, node: str = "asem", reference_runs: int | None = None) -> Work:
    """Runs of the connectivity index, all of it varying; preparing the alternatives counts for the engine only."""
    data = asem(VARIED | {"seed": SEED, "runs": runs})
    uncertainty = data.declared.uncertainty
    assert uncertainty is not None
    nodes = None if node == "all" else (node,)
    looped = min(runs, reference_runs or runs)
    shown = data.plan()
    choices = draw_choices(uncertainty, shown.shares, shown.leaves, 0, looped)
    draws = draws_of(data, shown, choices)

    def apart(mine: Any, theirs: Any) -> float:
        """Of the scores of every run, and where both had the same runs of their quantiles."""
        plan, scores = data.plan(), np.empty((looped, len(data.prepared[0])))

        def write(rows: Places, at: int, found: Mapping[str, Floats]) -> None:
            scores[rows] = found[plan.root][:, 0]

        with ThreadPoolExecutor(1) as pool:
            run_choices(uncertainty.weights, plan, choices, write, pool)
        far = _apart(scores, hand_written.run_all(data.prepared, data.levels, draws))
        if looped < runs:
            return far
        at = 0 if nodes else list(plan.base).index(plan.root)
        own = [np.stack([each.p05, each.p50, each.p95])[:, at, 0] for each in (mine["score"], mine["rank"])]
        return max(far, *map(_apart, own, theirs))

    return Work(
        lambda: simulate(uncertainty, data.plan(), nodes),
        lambda: hand_written.monte_carlo(data.prepared, data.levels, draws),
        apart,
        runs // looped,
    )


def sobol(n: int = 100) -> Work:
    """Sobol indices of three choices: normalisation, aggregation, weights."""
    varied = {key: VARIED[key] for key in ("normalise", "aggregate", "weights")}
    data = asem(varied | {"seed": SEED, "sensitivity": {"samples": n}})
    uncertainty = data.declared.uncertainty
    assert uncertainty is not None and uncertainty.sensitivity is not None
    drawn = uncertainty.sensitivity
    factors = len(uncertainty.factors())
    plan = data.plan()
    position, at = chosen(uncertainty, plan, samples(uncertainty.seed, factors, n))
    sets = uniforms(
        uncertainty.seed, 0, drawn.weight_sets, weight_columns(uncertainty, plan.shares), Stream.WEIGHT_SETS
    )
    draws = draws_of(data, plan, Choices(position, sets[at]))
    base = plan.base[plan.root][0]

    def reference() -> tuple[Floats, Floats, Floats]:
        rng = np.random.default_rng(SEED)
        return hand_written.sobol(data.prepared, data.levels, draws, base, factors, drawn.bootstrap, rng)

    def apart(mine: Any, theirs: Any) -> float:
        indices = mine.indices["mean_abs_rank_change"]
        return max(_apart(indices.first_order[:, 0], theirs[0]), _apart(indices.total_order[:, 0], theirs[1]))

    return Work(lambda: sensitivity(uncertainty, data.plan()), reference, apart)


def doubt(areas: int, children: int, low: float, high: float) -> Work:
    """Benefit of the doubt with bounds on every share."""
    rows = np.random.default_rng(SEED).uniform(1.0, 10.0, (areas, children))
    step = BenefitOfTheDoubt(method="benefit_of_the_doubt", low=low, high=high)
    names = [f"child_{n:02d}" for n in range(children)]

    def own() -> Floats:
        return benefit_of_the_doubt(rows[None], step, names).scores[0]

    def reference() -> Floats:
        return hand_written.benefit_of_the_doubt(rows, low, high)

    return Work(own, reference, _apart)


def growth(areas: int = 51, indicators: int = 49, years: int = 5) -> Work:
    """Compound rate and trends of every series of a panel."""
    values = made_values(areas, indicators, years, 0.0)
    n = areas * indicators
    names = [f"A{k // indicators:05d}" for k in range(n)]
    ids = [f"indicator_{k % indicators:04d}" for k in range(n)]
    frame = pl.DataFrame(
        {
            "series_kind": pl.repeat("indicator", n * years, eager=True),
            "series_id": pl.Series(ids).gather(np.repeat(np.arange(n), years)),
            "edition_id": pl.repeat("", n * years, eager=True),
            "node_id": pl.repeat("", n * years, eager=True),
            "ref_area": pl.Series(names).gather(np.repeat(np.arange(n), years)),
            "time_period": pl.Series([str(FIRST_YEAR + k) for k in range(years)]).gather(np.tile(np.arange(years), n)),
            "obs_value": values.reshape(years, n).T.reshape(-1),
        }
    )
    time_axis = np.arange(FIRST_YEAR, FIRST_YEAR + years, dtype=np.float64)
    series = {
        f"{i} {a}": (time_axis, values.reshape(years, n)[:, k]) for k, (i, a) in enumerate(zip(ids, names, strict=True))
    }

    def apart(mine: pl.DataFrame, theirs: Mapping[str, tuple[float, float]]) -> float:
        rows = mine.select("series_id", "ref_area", "cagr_pct", "trend_pct").iter_rows()
        found = {f"{i} {a}": numbers for i, a, *numbers in rows}
        return _apart(np.array([found[name] for name in theirs]), np.array(list(theirs.values())))

    return Work(lambda: growth_span(frame), lambda: hand_written.growth(series), apart)


def large(years: int, areas: int, indicators: int, is_looped: bool) -> dict[str, Any]:
    """Scores of all nodes and nothing else, of a panel of any size; one call, without a warm-up of that size."""
    panel(20, 20, 3)
    tree, index = made_index(areas, indicators, years, {})
    values = made_values(areas, indicators, years, 0.0)
    inputs = inputs_from(tree, index, values)
    steps = steps_of(tree, index, {})
    methods = methods_of(tree, index, steps, {}, inputs.cells)
    clock = Clock()
    with clock.stage("own"):
        scores, observed = run_scores(inputs, steps, index.method.order)
        found = score_tree(tree, scores, observed, methods, {}).score[tree.root]
    result: dict[str, Any] = {"cells": values.size, "array_mib": values.nbytes / 2**20, **clock.stages["own"]}
    if is_looped:
        del scores, observed
        directions = np.array([step.direction for step in steps])
        with clock.stage("reference"):
            theirs = hand_written.score_panel(values, directions, levels_of(tree))[-1][..., 0]
        _must_agree(_apart(found, theirs))
        result["reference"] = clock.stages["reference"]
    return result


CASES: dict[str, Callable[[], Work]] = {
    "panel": panel,
    "panel_linear": lambda: panel(fill="linear", gaps=0.15),
    "panel_carry": lambda: panel(fill="carry", gaps=0.15),
    "frames": frames,
    "monte_carlo": lambda: monte_carlo(1000),
    "monte_carlo_all": lambda: monte_carlo(1000, "all"),
    "million": lambda: monte_carlo(1_000_000, reference_runs=1000),
    "sobol": sobol,
    "doubt": lambda: doubt(35, 11, 0.03, 0.25),
    "doubt_large": lambda: doubt(300, 20, 0.01, 0.2),
    "growth": growth,
}


# The clock


def _apart(mine: Floats, theirs: Floats) -> float:
    """The largest relative difference; NaN where one side has a number and the other none."""
    if (np.isnan(mine) != np.isnan(theirs)).any():
        return float("nan")
    both = ~np.isnan(mine)
    size = np.maximum(np.abs(theirs[both]), 1.0)
    return float((np.abs(mine[both] - theirs[both]) / size).max(initial=0.0))


def _must_agree(apart: float) -> None:
    if not apart <= NEAR:
        sys.exit(f"engine and hand-written code differ by {apart:.3g}; nothing was timed")


def measure(work: Work, rounds: int) -> dict[str, Any]:
    """The first call, whether both agree, then medians over rounds in which both take turns (without rounds: of the
    first calls)."""
    clock = Clock()

    def once(name: str) -> Any:
        call = work.own if name == "own" else work.reference
        with clock.stage(name):
            found = call() if call else None
        taken[name].append(clock.stages[name])
        return found

    taken: dict[str, list[dict[str, float]]] = {"own": [], "reference": []}
    apart = work.apart(once("own"), once("reference"))
    _must_agree(apart)
    first = taken["own"][0]["wall"]
    for number in range(rounds):
        if number == 0:
            taken = {"own": [], "reference": []}
        once("own")
        once("reference")
    result: dict[str, Any] = {"first": first, "apart": apart, "own": _middle(taken["own"])}
    if work.reference:
        by_hand = _middle(taken["reference"])
        result["reference"] = by_hand | {name: work.times * by_hand[name] for name in ("wall", "cpu", "best")}
    return result


def _middle(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: median(row[key] for row in rows) for key in rows[0]} | {"best": min(row["wall"] for row in rows)}


def main() -> None:
    """Run one case: `CASE ROUNDS`, or `large YEARS AREAS INDICATORS LOOPED`."""
    name, *numbers = sys.argv[1:]
    if name == "large":
        years, areas, indicators, looped = map(int, numbers)
        print(json.dumps(large(years, areas, indicators, bool(looped))))
    else:
        print(json.dumps(measure(CASES[name](), int(numbers[0]))))


if __name__ == "__main__":
    main()
