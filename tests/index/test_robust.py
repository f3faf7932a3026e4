"""The index under other choices: every run replayed as an index of its own, and the rows of the robustness tables.

Not here: draws, quantiles and Sobol estimators on functions with known answers (test_draw, test_simulate, test_sobol).
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.index.build import build_edition
from pipelines.index.draw import AS_IS, draw_choices, draw_weights
from pipelines.index.robust import Model, Variations, model_of, plan_of
from pipelines.index.simulate import run_choices
from pipelines.index.stages import inputs_of
from pipelines.index.tree import tree_of
from tests.index.conftest import AREAS, INDICATORS, PERIODS, frame, full, index

UNCERTAINTY: dict[str, Any] = {
    "seed": 7,
    "runs": 60,
    "weights": {"share": 0.25},
    "impute": ["none", {"method": "carry"}],
    "treat": ["none", {"method": "winsorise", "winmax": 1, "skew": 0.3, "kurtosis": -9}],
    "normalise": ["min_max", {"method": "z_score", "mean": 50, "sd": 10}],
    "aggregate": ["arithmetic", {"method": "geometric", "floor": 1}, "median"],
    "leave_out": True,
}
# a leaf with a step of its own keeps it, whatever is drawn
OWN = {"four": {"parent": "right", "normalise": {"method": "goalposts", "low": 0, "high": 100}}}


def made(**changes: Any) -> Any:
    base = index(uncertainty=UNCERTAINTY)
    return base.with_changes({"nodes": OWN, **changes})


def model(which: Any, values: dict[tuple[str, str, str], float]) -> Model:
    tree = tree_of("test", which)
    return model_of(tree, which, inputs_of(tree, which, frame(values), INDICATORS, AREAS, PERIODS[-1]), INDICATORS)


def replayed(which: Any, position: list[int], weights: dict[str, np.ndarray], values: Any) -> Model:
    """The index that a run stands for, written down and computed like any other."""
    drawn = which.uncertainty
    keys = ("impute", "treat", "normalise", "aggregate")
    method = {
        key: step.model_dump() if not isinstance(step, tuple) else [each.model_dump() for each in step]
        for key, place in zip(keys, position, strict=False)
        if place != AS_IS
        for step in [getattr(drawn, key)[place]]
    }
    tree = tree_of("test", which)
    nodes = {
        child: {"weight": float(share)}
        for node, shares in weights.items()
        for child, share in zip(tree.children[node], shares.reshape(-1), strict=True)
    }
    if position[4] != AS_IS:
        nodes[tree.leaves[position[4]]] = {"weight": 0.0}
    return model(which.with_changes({"method": method, "nodes": nodes}), values)


@pytest.mark.parametrize("threshold", [0.0, 0.6])
@pytest.mark.parametrize("weighting", ["given", "equal", "entropy"])
def test_every_run_is_the_index_with_those_choices_written_down(weighting, threshold):
    values = full(5, gaps=0.15)
    which = made(method={"weighting": weighting, "coverage": threshold})
    base = model(which, values)
    plan = plan_of(which, base, base.scores)
    choices = draw_choices(which.uncertainty, plan.shares, plan.leaves, 0, 60)
    found: dict[int, dict[str, np.ndarray]] = {}

    def keep(rows: np.ndarray, at: int, scores: Any) -> None:
        for i, row in enumerate(rows):
            found[int(row)] = {
                node: series[i if series.ndim == 3 and len(series) > 1 else ...] for node, series in scores.items()
            }

    with ThreadPoolExecutor(2) as pool:
        run_choices(which.uncertainty.weights, plan, choices, keep, pool)
    assert sorted(found) == list(range(60))
    assert len({tuple(each) for each in choices.position.tolist()}) > 40
    given = which.with_changes({"method": {"weighting": "given"}})
    for run in range(60):
        weights = draw_weights(which.uncertainty.weights, plan.shares, choices.u[run : run + 1])
        again = replayed(given, choices.position[run].tolist(), weights, values)
        for node in base.tree.children:
            series = np.squeeze(found[run][node])
            np.testing.assert_allclose(series, again.scores.score[node], rtol=1e-10, atol=1e-10)


def test_leaving_out_an_indicator_spreads_its_weight_and_costs_no_coverage():
    values = full(3)
    which = made(method={"coverage": 0.9})
    base = model(which, values)
    run = Variations(which, base).score((AS_IS, AS_IS, AS_IS), {}, AS_IS, base.tree.leaves.index("one"))
    np.testing.assert_allclose(run["left"], base.scores.score["two"], rtol=1e-14)
    assert not np.isnan(run["test"]).any()


def test_leaving_out_an_only_child_leaves_out_its_parent():
    nodes = {
        "left": {},
        "right": {},
        "one": {"parent": "left"},
        "two": {"parent": "right"},
        "four": {"parent": "right"},
    }
    which = index(nodes=nodes, method={"coverage": 0.9})
    base = model(which, full(3))
    run = Variations(which, base).score((AS_IS, AS_IS, AS_IS), {}, AS_IS, base.tree.leaves.index("one"))
    np.testing.assert_allclose(run["test"], base.scores.score["right"], rtol=1e-14)


def built(**changes: Any) -> Any:
    which = made(**changes)
    return build_edition("test", which, which.editions[0], frame(full(5, gaps=0.1)), INDICATORS, AREAS)


def test_intervals_of_scores_ranks_and_changes_stand_for_every_inner_node():
    result = built()
    rows = result.rank_interval
    assert set(rows["node_id"]) == {"test", "left", "right"}
    assert set(rows["measure"]) == {"score", "rank", "change"}
    assert rows["n_runs"].unique().to_list() == [60] and rows["seed"].unique().to_list() == [7]
    scores = rows.filter(measure="score").join(
        result.index_score, on=["node_id", "ref_area", "time_period"], how="left", suffix="_published"
    )
    assert (scores["point"] == scores["score"]).all()
    both = rows.drop_nulls(["p05", "p50", "p95"])
    assert both.filter((pl.col("p05") > pl.col("p50")) | (pl.col("p50") > pl.col("p95"))).is_empty()
    ranks = rows.filter(measure="rank").drop_nulls("p50")
    assert ranks["p05"].min() >= 1 and ranks["p95"].max() <= len(AREAS)
    change = rows.filter((pl.col("measure") == "change") & pl.col("point").is_not_null())
    half = (change["p95"] - change["p05"]) / 2
    np.testing.assert_allclose(change["signal_to_noise"], change["point"].abs() / half, rtol=1e-9)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    first, again = built(), built()
    other = built(uncertainty=UNCERTAINTY | {"seed": 8})
    assert first.rank_interval.equals(again.rank_interval)
    assert not first.rank_interval["p50"].equals(other.rank_interval["p50"])


def test_an_index_of_one_area_has_intervals_of_scores_and_changes_and_no_ranks():
    result = built(areas=["A"])
    assert set(result.rank_interval["measure"]) == {"score", "change"}
    assert set(result.sensitivity["measure"]) == {"mean_abs_score_change"}


def test_without_uncertainty_there_are_no_intervals_and_each_indicator_is_left_out():
    which = index()
    result = build_edition("test", which, which.editions[0], frame(full(5)), INDICATORS, AREAS)
    assert result.rank_interval.is_empty()
    assert set(result.sensitivity["factor"]) == {"one", "two", "bad", "four"}
    assert result.sensitivity["first_order"].null_count() == result.sensitivity.height
    assert set(result.sensitivity["seed"]) == {None}


def test_sobol_indices_stand_beside_the_indicators_left_out():
    result = built(uncertainty=UNCERTAINTY | {"sensitivity": {"samples": 32, "bootstrap": 20, "area": "B"}})
    rows = result.sensitivity.filter(pl.col("first_order").is_not_null())
    assert set(rows["factor"]) == {"impute", "treat", "normalise", "aggregate", "weights", "leave_out"}
    assert set(rows["measure"]) == {"mean_abs_rank_change", "abs_score_change B"}
    assert rows["n_runs"].unique().to_list() == [32 * 8]
    assert (rows["total_order"] >= 0).all()
    assert (rows["first_order_low"] <= rows["first_order_high"]).all()


def test_weights_from_the_data_are_varied_around_what_they_are():
    which = index(method={"weighting": "entropy"}, uncertainty={"seed": 1, "runs": 20, "weights": {"share": 0.1}})
    result = build_edition("test", which, which.editions[0], frame(full(5)), INDICATORS, AREAS)
    rows = result.rank_interval.filter(measure="score").drop_nulls("p50")
    spread = (rows["p95"] - rows["p05"]) / rows["point"].abs()
    assert 0 < spread.max() < 0.2
    assert (rows["point"].is_between(rows["p05"] - 1e-9, rows["p95"] + 1e-9)).mean() > 0.8


def test_a_rebased_index_is_varied_after_its_rebase():
    result = built(rebase={"period": "2010", "value": 50})
    base = result.rank_interval.filter(measure="score", time_period="2010").drop_nulls("point")
    for column in ("point", "p05", "p50", "p95"):
        np.testing.assert_allclose(base[column], 50, rtol=1e-11)


def test_coherence_is_taken_over_all_cells_of_few_areas_and_the_last_period_of_many():
    few = built().coherence
    names = [f"X{number}" for number in range(8)]
    source = random.Random(1)
    values = {(name, area, period): source.uniform(1, 9) for name in INDICATORS for area in names for period in PERIODS}
    from warehouse.catalogue.indicator import Area

    areas = {name: Area(name_en=name, kind="province") for name in names}
    which = index()
    many = build_edition("test", which, which.editions[0], frame(values), INDICATORS, areas)
    last = many.index_score.filter(time_period=PERIODS[-1])
    one, test = (last.filter(node_id=node).sort("ref_area")["score"].to_numpy() for node in ("left", "test"))
    r = many.coherence.filter(node_id="left", other_node_id="test", measure="pearson")["measure_value"].item()
    assert r == pytest.approx(np.corrcoef(one, test)[0, 1], rel=1e-9)
    assert few.height == many.coherence.height
