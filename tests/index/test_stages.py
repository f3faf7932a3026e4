"""The stages of an index together: their order, what is shared, screening, what a node of the tree is scored from.

Not here: a single stage on arrays (test_screen, test_impute, test_treat, test_normalise), whole editions (test_build).
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.index import stages as stages_module
from pipelines.index.build import EditionResult, build_edition
from pipelines.index.robust import Model, model_of
from pipelines.index.stages import STAGES, inputs_of, run_scores, steps_of
from pipelines.index.tree import tree_of
from tests.index.conftest import AREAS, INDICATORS, NODES, PERIODS, frame, full, index
from warehouse.catalogue.index import Index
from warehouse.errors import IndexhouseError

NAN = float("nan")


def model(which: Index, values: dict[tuple[str, str, str], float]) -> Model:
    tree = tree_of("test", which)
    return model_of(tree, which, inputs_of(tree, which, frame(values), INDICATORS, AREAS, PERIODS[-1]), INDICATORS)


def build(values: dict[tuple[str, str, str], float], **changes: Any) -> EditionResult:
    which = index(**changes)
    return build_edition("test", which, which.editions[0], frame(values), INDICATORS, AREAS)


MIXED = {
    "one": {"impute": "linear", "treat": {"method": "winsorise", "winmax": 1, "skew": 0.1, "kurtosis": -9}},
    "two": {"impute": {"method": "cross_section"}, "normalise": "z_score"},
    "bad": {"denominate": {"by": "size", "lag": 1}, "normalise": "percentile_rank"},
}


@pytest.mark.parametrize("seed", range(3))
def test_steps_of_single_indicators_give_what_each_would_have_alone(seed):
    values = full(seed, gaps=0.2)
    whole = model(index(nodes=NODES | {leaf: NODES[leaf] | own for leaf, own in MIXED.items()}), values)
    for leaf in ("one", "two", "bad", "four"):
        alone = model(index(nodes={leaf: MIXED.get(leaf, {})}), values)
        for stage in STAGES:
            mine = whole.stages.data[stage][:, :, whole.tree.leaves.index(leaf)]
            np.testing.assert_array_equal(mine, alone.stages.data[stage][:, :, 0])


@pytest.mark.parametrize("block", [1, 30, 10**9])
def test_scores_alone_are_those_of_the_stages_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(stages_module, "BLOCK_CELLS", block)
    values = full(4, gaps=0.2)
    which = index(nodes=NODES | {leaf: NODES[leaf] | own for leaf, own in MIXED.items()})
    whole = model(which, values)
    scores, observed = run_scores(whole.inputs, steps_of(whole.tree, which, INDICATORS), which.method.order)
    np.testing.assert_array_equal(scores, whole.stages.scores)
    np.testing.assert_array_equal(observed, whole.stages.observed)


def test_a_stage_that_is_left_out_shows_the_values_before_it():
    which = index(method={"order": ["treat"], "treat": {"method": "log_ct", "when": "always"}})
    data = model(which, full(2, gaps=0.2)).stages.data
    np.testing.assert_array_equal(data["impute"], data["raw"])
    np.testing.assert_array_equal(data["normalise"], data["treat"])
    assert not np.array_equal(data["treat"], data["raw"], equal_nan=True)


def test_row_means_look_at_all_siblings_also_those_with_other_steps():
    values = full(2)
    del values["one", "A", "2011"]
    which = index(nodes=NODES | {"one": NODES["one"] | {"impute": "row_mean"}})
    done = model(which, values)
    one, two = (done.tree.leaves.index(leaf) for leaf in ("one", "two"))
    filled, raw = done.stages.data["impute"], done.stages.data["raw"]
    low, high = np.nanmin(raw, axis=(0, 1)), np.nanmax(raw, axis=(0, 1))
    share = (raw[1, 0, two] - low[two]) / (high[two] - low[two])
    assert filled[1, 0, one] == pytest.approx(low[one] + share * (high[one] - low[one]), rel=1e-12)


# Screening


def gappy() -> dict[tuple[str, str, str], float]:
    """Area B has two of four indicators in every period."""
    return {key: value for key, value in full(6).items() if not (key[1] == "B" and key[0] in ("one", "bad"))}


def test_an_area_that_is_screened_out_has_no_score_and_is_listed_with_its_shares():
    result = build(gappy(), method={"screen": {"availability": 0.6}})
    scores = result.index_score.filter(ref_area="B")
    assert scores["score"].null_count() == scores.height
    assert result.index_score.filter(node_id="test", ref_area="A")["areas_ranked"].unique().to_list() == [3]
    assert result.screened_out == ("B: 50 % of the indicators have a value, 100 % of those are not zero",)
    shares = result.index_parameter.filter(node_id="test", parameter="availability B")["parameter_value"]
    assert shares.to_list() == [0.5]
    notes = result.index_input.filter(pl.col("ref_area") == "B", pl.col("raw").is_not_null())["input_note"]
    assert set(notes) == {"its area is screened out"}
    assert result.warnings == ()


def test_an_area_that_is_screened_out_takes_no_part_in_the_parameters():
    values = gappy() | {("four", "B", "2010"): 1e6}
    with_b = build(values, method={"screen": {"availability": 0.6}})
    without = build({key: value for key, value in values.items() if key[1] != "B"})
    assert (
        with_b.index_score.filter(pl.col("ref_area") != "B")
        .select("score")
        .equals(without.index_score.filter(pl.col("ref_area") != "B").select("score"))
    )


@pytest.mark.parametrize("fill", [{"method": "cross_section"}, {"method": "constant", "value": 3}, "row_mean"])
def test_an_area_that_is_screened_out_is_not_filled_again(fill):
    result = build(gappy(), method={"screen": {"availability": 0.6}, "impute": fill})
    cells = result.index_input.filter(ref_area="B")
    assert cells["imputed"].null_count() == cells.height
    assert not cells["is_imputed"].any() and cells["imputed_from"].null_count() == cells.height
    assert set(cells["input_note"]) <= {"missing", "its area is screened out"}


def test_areas_may_be_forced_in_and_out():
    kept = build(gappy(), method={"screen": {"availability": 0.6, "keep": ["B"], "drop": ["C"]}})
    assert [line.partition(":")[0] for line in kept.screened_out] == ["C"]
    assert kept.index_score.filter(node_id="test", ref_area="B")["score"].null_count() == 0


def test_screening_after_imputation_sees_what_was_filled():
    order = ["denominate", "impute", "screen", "treat", "normalise"]
    fill = {"method": "cross_section"}
    before = build(gappy(), method={"screen": {"availability": 0.6}, "impute": fill})
    after = build(gappy(), method={"order": order, "screen": {"availability": 0.6}, "impute": fill})
    assert before.screened_out and not after.screened_out


# Weights from the data, rebase and splice


def test_weights_from_the_data_stand_in_the_tables():
    result = build(full(5), method={"weighting": "entropy"})
    nodes = {row["node_id"]: row for row in result.index_node.iter_rows(named=True)}
    weights = result.index_parameter.filter(parameter="weight")
    for node_id, value in weights.select("node_id", "parameter_value").iter_rows():
        assert nodes[node_id]["weight"] is None
        assert nodes[node_id]["weight_in_parent"] == pytest.approx(value, rel=1e-11)
    assert weights.filter(pl.col("node_id").is_in(["one", "two"]))["parameter_value"].sum() == pytest.approx(1)
    leaves = result.index_node.filter(node_kind="indicator")["weight_effective"]
    assert leaves.sum() == pytest.approx(1)


def test_weights_of_each_period_leave_the_share_open():
    result = build(full(5), method={"weighting": {"method": "entropy", "scope": "period"}})
    assert result.index_node.filter(node_kind="indicator")["weight_in_parent"].null_count() == 4
    periods = result.index_parameter.filter(parameter="weight", node_id="one")["time_period"]
    assert periods.to_list() == list(PERIODS)


def test_weights_chosen_by_each_area_leave_the_share_open_and_sum_to_the_score():
    result = build(full(5), method={"normalise": "distance_to_max", "aggregate": "benefit_of_the_doubt"})
    assert result.index_node.filter(node_kind="indicator")["weight_effective"].null_count() == 4
    cells = result.index_input.with_columns(part=pl.col("normalised") * pl.col("weight_effective"))
    sums = cells.group_by("ref_area", "time_period").agg(pl.col("part").sum())
    root = result.index_score.filter(node_id="test").join(sums, on=["ref_area", "time_period"])
    np.testing.assert_allclose(root["part"], root["score"], rtol=1e-9)
    contributed = (
        result.index_contribution.filter(node_kind="indicator")
        .group_by("ref_area", "time_period")
        .agg(pl.col("contribution").sum())
    )
    both = result.index_contribution.filter(node_id="test").join(contributed, on=["ref_area", "time_period"])
    np.testing.assert_allclose(both["contribution"], both["contribution_right"], atol=1e-9)


def test_a_rebased_index_has_its_value_in_the_period_and_its_contributions_on_that_scale():
    plain, rebased = build(full(5)), build(full(5), rebase={"period": 2011, "value": 50})
    at = rebased.index_score.filter(node_id="test", time_period="2011")["score"]
    np.testing.assert_allclose(at, 50, rtol=1e-11)
    scores = rebased.index_score.filter(node_id="test", ref_area="A")["score"].to_numpy()
    old = plain.index_score.filter(node_id="test", ref_area="A")["score"].to_numpy()
    np.testing.assert_allclose(scores / old, 50 / old[1], rtol=1e-11)
    parts = (
        rebased.index_contribution.filter(node_kind="indicator", ref_area="A")
        .group_by("time_period")
        .agg(pl.col("contribution").sum())
    )
    np.testing.assert_allclose(parts.sort("time_period")["contribution"], np.diff(scores), atol=1e-9)


def test_an_index_is_spliced_onto_an_earlier_one():
    earlier = build(full(5))
    which = index(splice={"index": "old", "periods": [2011]}, method={"aggregate": {"method": "geometric", "floor": 1}})
    alone = index(method={"aggregate": {"method": "geometric", "floor": 1}})
    new = build_edition("test", alone, alone.editions[0], frame(full(9)), INDICATORS, AREAS)
    done = build_edition(
        "test", which, which.editions[0], frame(full(9)), INDICATORS, AREAS, continued=earlier.index_score
    )
    for area in AREAS:
        old, own, found = (
            each.index_score.filter(node_id="test", ref_area=area)["score"].to_numpy() for each in (earlier, new, done)
        )
        np.testing.assert_allclose(found[0], old[0], rtol=1e-11)
        np.testing.assert_allclose(found[1:], own[1:] * old[1] / own[1], rtol=1e-11)
    assert "2011" not in set(done.index_contribution["time_period"])
    parts = done.index_contribution.filter(node_kind="indicator", ref_area="A", time_period="2013")["contribution"]
    scores = done.index_score.filter(node_id="test", ref_area="A")["score"]
    assert parts.sum() == pytest.approx(scores[3] - scores[2], abs=1e-9)


def test_a_spliced_index_is_rebased_as_a_whole():
    earlier = build(full(5)).index_score
    spliced = index(splice={"index": "old", "periods": 2011})
    both = index(splice={"index": "old", "periods": 2011}, rebase={"period": 2010, "value": 100})
    plain, done = (
        build_edition("test", which, which.editions[0], frame(full(9)), INDICATORS, AREAS, continued=earlier)
        for which in (spliced, both)
    )
    for area in AREAS:
        one, other = (
            each.index_score.filter(node_id="test", ref_area=area)["score"].to_numpy() for each in (plain, done)
        )
        np.testing.assert_allclose(other, 100 * one / one[0], rtol=1e-10)
    parts = done.index_contribution.filter(node_kind="indicator", ref_area="A", time_period="2013")["contribution"]
    scores = done.index_score.filter(node_id="test", ref_area="A")["score"]
    assert parts.sum() == pytest.approx(scores[3] - scores[2], abs=1e-9)


# Index numbers over time


def test_a_chain_of_growth_rates_starts_at_the_base_value_and_its_contributions_sum():
    method = {"normalise": "none", "aggregate": {"method": "chain_symmetric", "value": 100}}
    result = build(full(5, gaps=0.1), method=method)
    root = result.index_score.filter(node_id="test")
    np.testing.assert_allclose(root.filter(time_period="2010")["score"], 100, rtol=1e-12)
    parts = (
        result.index_contribution.filter(node_kind="indicator")
        .group_by("ref_area", "time_period")
        .agg(pl.col("contribution").sum())
    )
    both = result.index_contribution.filter(node_id="test").join(parts, on=["ref_area", "time_period"])
    np.testing.assert_allclose(both["contribution"], both["contribution_right"], atol=1e-9)


def test_a_chain_turns_an_indicator_on_its_natural_scale_and_a_normalised_score_no_second_time():
    values = {("bad", area, period): 10.0 * 2**i for area in AREAS for i, period in enumerate(PERIODS)}
    chain = {"method": "chain_geometric", "value": 100}
    for normalise in ("none", {"method": "base_ratio", "value": 1}):
        result = build(values, nodes={"bad": {}}, base_period=2010, method={"normalise": normalise, "aggregate": chain})
        found = result.index_score.filter(node_id="test", ref_area="A").sort("time_period")["score"]
        np.testing.assert_allclose(found, [100, 50, 25, 12.5], rtol=1e-11)


def test_a_price_index_takes_its_quantities_from_their_indicators():
    nodes = {"one": {"quantity": "two"}, "four": {"quantity": "size"}}
    values = full(5)
    method = {"normalise": "none", "aggregate": {"method": "laspeyres", "base_period": "2010"}}
    result = build(values, nodes=nodes, method=method)
    for area in AREAS:
        p = {n: [values[n, area, t] for t in PERIODS] for n in nodes}
        q = {"one": values["two", area, "2010"], "four": values["size", area, "2010"]}
        wanted = [100 * sum(p[n][t] * q[n] for n in nodes) / sum(p[n][0] * q[n] for n in nodes) for t in range(4)]
        found = result.index_score.filter(node_id="test", ref_area=area)["score"]
        np.testing.assert_allclose(found, wanted, rtol=1e-11)


# Bad input


def errors(values: dict[tuple[str, str, str], float], **changes: Any) -> str:
    with pytest.raises(IndexhouseError) as caught:
        build(values, **changes)
    return str(caught.value)


def test_an_inconsistent_comparison_of_weights_is_refused_with_its_ratio():
    pairs = {"one": {"two": 9, "bad": 0.2}, "two": {"bad": 5}}
    nodes = {"one": {}, "two": {}, "bad": {}}
    text = errors(full(1), nodes=nodes, method={"weighting": {"method": "ahp", "pairs": pairs}})
    assert text.startswith("index test, edition latest: ") and "consistency ratio" in text and "0.1" in text


def test_a_negative_loading_is_an_error_that_names_the_indicator():
    values = {}
    for name, sign in (("one", 1), ("two", 1), ("four", -1)):
        for i, (area, period) in enumerate((a, p) for a in AREAS for p in PERIODS):
            values[name, area, period] = 50 + sign * i + random.Random(f"{name}{i}").uniform(0, 1)
    nodes = {"one": {}, "two": {}, "four": {}}
    text = errors(values, nodes=nodes, method={"weighting": "pca"})
    assert "'four'" in text and "negative: zero" in text
    taken = build(values, nodes=nodes, method={"weighting": {"method": "pca", "negative": "zero"}})
    assert taken.index_node.filter(node_id="four")["weight_in_parent"].item() == 0


def test_an_uncapped_target_beyond_the_worst_value_names_the_indicator():
    method = {"normalise": {"method": "distance_to_target", "target": -5, "cap": False}}
    text = errors(full(1), nodes={"one": {}}, method=method)
    assert text.startswith("index test, edition latest: one: ") and "target" in text


@pytest.mark.parametrize(
    ("changes", "node", "words"),
    [
        ({"method": {"normalise": "z_score"}, "areas": ["A"], "periods": {"from": 2010, "to": 2010}}, "one", "too few"),
        ({"method": {"normalise": "base_ratio"}, "base_period": 2012}, "one", "base period 2012"),
        ({"method": {"normalise": "none", "aggregate": "geometric"}}, "left", "not above 0"),
        ({"method": {"normalise": {"method": "goalposts", "low": 1, "high": 2, "log": True}}}, "one", "logarithm"),
        ({"method": {"treat": {"method": "sqrt", "when": "always"}}}, "one", "square root of a negative value"),
    ],
)
def test_values_that_cannot_be_scored_are_counted_by_node_and_area(changes, node, words):
    values = full(3) | {("one", area, "2012"): -1.0 for area in AREAS}
    if changes.get("base_period"):
        values = {key: value for key, value in values.items() if key[::2] != ("one", "2012")}
    found = [warning for warning in build(values, **changes).warnings if warning.node_id == node]
    assert found and any(words in warning.text and "cells" in warning.text for warning in found)


def test_a_single_area_can_be_ranked_and_has_rank_one():
    result = build(full(3), areas=["A"])
    assert result.index_score.filter(node_id="test")["score_rank"].unique().to_list() == [1]


def test_more_points_to_move_than_there_are_is_no_trouble():
    treat = {"method": "winsorise", "winmax": 1000, "skew": 0, "kurtosis": -99}
    result = build(full(3), method={"treat": treat})
    assert any("still an outlier" in (note or "") for note in result.index_input["input_note"])
    assert result.index_score.filter(node_id="test")["score"].null_count() == 0
