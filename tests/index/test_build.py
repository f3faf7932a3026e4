"""A whole edition: against a plain loop, its frames, flags and warnings, and properties that must hold.

Not here: single stages (test_steps), contributions (test_contribute).
"""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.build import EditionResult, build_edition
from pipelines.index.robust import model_of
from pipelines.index.stages import inputs_of
from pipelines.index.tree import tree_of
from tests.index.conftest import AREAS, INDICATORS, NODES, PERIODS, frame, full, index
from warehouse.catalogue.base import IndexhouseError


def build(values: dict[tuple[str, str, str], float], edition: int = 0, **changes: object) -> EditionResult:
    made = index(**changes)
    return build_edition("test", made, made.editions[edition], frame(values), INDICATORS, AREAS)


def score(result: EditionResult, node: str, area: str, period: str) -> float | None:
    rows = result.index_score.filter(node_id=node, ref_area=area, time_period=period)
    return rows["score"].item()


# Against a plain loop


def loop_scores(values, nodes, how, periods=PERIODS, reference=PERIODS):
    """The same index in plain Python: min-max 0-100 on reference periods, missing children left out."""
    children: dict[str, list[str]] = {}
    for node, spec in nodes.items():
        children.setdefault(spec.get("parent", "test"), []).append(node)
    result = {}

    def value(node, area, period):
        if node not in children:
            known = [v for (name, _, when), v in values.items() if name == node and when in reference]
            x = values.get((node, area, period))
            if x is None or not known or max(known) == min(known):
                return None
            share = (x - min(known)) / (max(known) - min(known))
            return 100 * (1 - share if INDICATORS[node].direction < 0 else share)
        found = [(value(child, area, period), nodes[child].get("weight", 1)) for child in children[node]]
        found = [(y, w) for y, w in found if y is not None]
        total = sum(w for _, w in found)
        if not found:
            return None
        if how == "arithmetic":
            return sum(w * y for y, w in found) / total
        return math.exp(sum(w * math.log(max(y, 5.0)) for y, w in found) / total)

    for node in ("test", *nodes):
        for area in AREAS:
            for period in periods:
                result[node, area, period] = value(node, area, period)
    return result


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("how", "step"), [("arithmetic", "arithmetic"), ("geometric", {"method": "geometric", "floor": 5})]
)
def test_scores_agree_with_a_plain_loop(seed, how, step):
    values = full(seed, gaps=0.3)
    result = build(values, method={"aggregate": step})
    found = {
        (r["node_id"], r["ref_area"], r["time_period"]): r["score"] for r in result.index_score.iter_rows(named=True)
    }
    wanted = loop_scores(values, NODES, how)
    assert set(found) == set(wanted)
    for key, number in wanted.items():
        assert found[key] == (None if number is None else pytest.approx(number, rel=6e-12, abs=1e-12)), key


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("how", "step"), [("arithmetic", "arithmetic"), ("geometric", {"method": "geometric", "floor": 5})]
)
def test_scores_before_rounding_agree_with_a_plain_loop_to_the_last_digits(seed, how, step):
    values = full(seed, gaps=0.3)
    made = index(method={"aggregate": step})
    tree = tree_of("test", made)
    model = model_of(tree, made, inputs_of(tree, made, frame(values), INDICATORS, AREAS, "2013"), INDICATORS)
    found = model.scores.score
    for (node, area, period), number in loop_scores(values, NODES, how).items():
        mine = found[node][PERIODS.index(period), list(AREAS).index(area)]
        assert mine == pytest.approx(math.nan if number is None else number, rel=1e-12, abs=1e-12, nan_ok=True)


def test_ranks_agree_with_a_plain_loop():
    result = build(full(3, gaps=0.3))
    for row in result.index_score.iter_rows(named=True):
        group = result.index_score.filter(node_id=row["node_id"], time_period=row["time_period"])["score"].drop_nulls()
        assert row["areas_ranked"] == len(group)
        assert row["score_rank"] == (None if row["score"] is None else 1 + sum(group > row["score"]))


# Frames


def test_frames_have_the_columns_of_the_release_in_order():
    result = build(full())
    assert result.index_edition.columns == [
        "index_id",
        "edition_id",
        "name_en",
        "name_zh",
        "variant_of",
        "as_of",
        "first_period",
        "last_period",
        "base_period",
        "method_version",
        "method_en",
        "method_zh",
    ]
    assert result.index_node.columns == [
        "index_id",
        "edition_id",
        "node_id",
        "parent_id",
        "node_level",
        "node_kind",
        "indicator_id",
        "name_en",
        "name_zh",
        "direction",
        "weight",
        "weight_in_parent",
        "weight_effective",
        "normalisation",
        "aggregation",
        "coverage_threshold",
        "ordinal",
    ]
    assert result.index_input.columns == [
        "index_id",
        "edition_id",
        "node_id",
        "ref_area",
        "time_period",
        "period_start",
        "period_year",
        "raw",
        "denominated",
        "imputed",
        "treated",
        "normalised",
        "weight_effective",
        "is_imputed",
        "imputed_from",
        "is_treated",
        "input_note",
        "unit_id",
        "source_id",
        "snapshot_id",
        "locator",
        "vintage",
    ]
    assert result.index_parameter.columns == [
        "index_id",
        "edition_id",
        "node_id",
        "time_period",
        "parameter",
        "parameter_value",
    ]
    assert result.index_score.columns == [
        "index_id",
        "edition_id",
        "node_id",
        "ref_area",
        "time_period",
        "period_start",
        "period_year",
        "node_level",
        "node_kind",
        "score",
        "score_rank",
        "areas_ranked",
        "coverage",
        "method_version",
    ]
    assert result.index_contribution.columns == [
        "index_id",
        "edition_id",
        "node_id",
        "ref_area",
        "time_period",
        "node_kind",
        "previous_period",
        "contribution",
        "contribution_share",
    ]


def test_the_tree_is_described_node_by_node():
    nodes = {row["node_id"]: row for row in build(full()).index_node.iter_rows(named=True)}
    assert [nodes[n]["node_kind"] for n in ("test", "left", "one")] == ["index", "pillar", "indicator"]
    assert [nodes[n]["node_level"] for n in ("test", "left", "one")] == [0, 1, 2]
    assert (nodes["two"]["weight"], nodes["two"]["weight_in_parent"], nodes["two"]["weight_effective"]) == (
        3,
        0.75,
        0.5,
    )
    assert (nodes["bad"]["direction"], nodes["bad"]["name_en"], nodes["left"]["name_en"]) == (
        -1,
        "Bad",
        "Left",
    )
    assert (nodes["test"]["parent_id"], nodes["test"]["aggregation"], nodes["one"]["normalisation"]) == (
        None,
        "arithmetic",
        "min_max",
    )
    assert sum(row["weight_effective"] for row in nodes.values() if row["node_kind"] == "indicator") == pytest.approx(1)


def test_a_cell_keeps_its_place_in_the_file():
    values = full()
    del values["one", "A", "2011"]
    inputs = build(values, method={"impute": "linear"}).index_input
    seen = inputs.filter(node_id="one", ref_area="A", time_period="2012").row(0, named=True)
    assert (seen["source_id"], seen["locator"], seen["raw"]) == (
        "yearbook",
        "Sheet!A",
        pytest.approx(values["one", "A", "2012"]),
    )
    assert (seen["is_imputed"], seen["imputed_from"], seen["input_note"]) == (False, None, None)
    filled = inputs.filter(node_id="one", ref_area="A", time_period="2011").row(0, named=True)
    assert (filled["raw"], filled["source_id"], filled["is_imputed"]) == (None, None, True)
    assert filled["imputed_from"] == "2010 2012"
    assert filled["input_note"] == "missing; linear between its neighbours in time"
    middle = (values["one", "A", "2010"] + values["one", "A", "2012"]) / 2
    assert filled["imputed"] == filled["treated"] == pytest.approx(middle)


def test_parameters_are_rows():
    values = full()
    rows = build(values).index_parameter.filter(node_id="one")
    cells = [v for (name, _, _), v in values.items() if name == "one"]
    assert dict(rows.select("parameter", "parameter_value").iter_rows()) == {
        "min": pytest.approx(min(cells)),
        "max": pytest.approx(max(cells)),
    }
    per_period = build(values, method={"normalise": {"method": "min_max", "scope": "period"}}).index_parameter
    assert per_period.filter(node_id="one")["time_period"].unique().sort().to_list() == list(PERIODS)
    base = build(values, method={"normalise": "base_ratio"}).index_parameter.filter(node_id="one")
    assert base["parameter"].to_list() == [f"base_value {area}" for area in AREAS]


def test_contributions_of_indicators_sum_to_the_change_of_the_score():
    result = build(full(2, gaps=0.2), method={"aggregate": {"method": "geometric", "floor": 1}})
    rows = result.index_contribution
    for row in rows.filter(node_kind="index").iter_rows(named=True):
        mine = rows.filter(ref_area=row["ref_area"], time_period=row["time_period"], node_kind="indicator")
        change = score(result, "test", row["ref_area"], row["time_period"]) - score(
            result, "test", row["ref_area"], row["previous_period"]
        )
        assert mine["contribution"].sum() == pytest.approx(change, abs=1e-9)
        assert mine["contribution_share"].sum() == pytest.approx(1, abs=1e-6)
    assert rows.height > 0


def test_a_denominator_may_be_of_an_earlier_year():
    values = full()
    nodes = {"one": {"denominate": {"by": "size", "lag": 1, "scale": 100}}, "two": {}}
    inputs = build(values, nodes=nodes).index_input.filter(node_id="one", ref_area="A")
    rows = {row["time_period"]: row for row in inputs.iter_rows(named=True)}
    assert rows["2011"]["denominated"] == pytest.approx(values["one", "A", "2011"] / values["size", "A", "2010"] * 100)
    assert rows["2010"]["denominated"] is None
    assert rows["2010"]["input_note"] == "denominator size is missing or zero"


def test_stages_may_come_in_another_order():
    values = full()
    del values["one", "A", "2011"]
    nodes = {"one": {"denominate": {"by": "size"}}, "two": {}}
    order = ["impute", "denominate", "treat", "normalise"]
    found = build(values, nodes=nodes, method={"order": order, "impute": "linear"}).index_input
    row = found.filter(node_id="one", ref_area="A", time_period="2011").row(0, named=True)
    middle = (values["one", "A", "2010"] + values["one", "A", "2012"]) / 2
    assert row["imputed"] == pytest.approx(middle)
    assert row["denominated"] == pytest.approx(middle / values["size", "A", "2011"])


# Coverage


def test_coverage_counts_observed_weight_and_holds_back_a_score():
    values = full()
    del values["two", "A", "2011"]
    result = build(values, method={"impute": "linear", "coverage": 0.6})
    at = {r["node_id"]: r for r in result.index_score.filter(ref_area="A", time_period="2011").iter_rows(named=True)}
    assert (at["two"]["coverage"], at["left"]["coverage"], at["test"]["coverage"]) == (0, 0.25, 0.5)
    assert (at["left"]["score"], at["test"]["score"], at["test"]["score_rank"]) == (None, None, None)
    assert at["two"]["score"] is not None
    assert at["test"]["areas_ranked"] == 3
    lower = build(
        values,
        nodes=NODES | {"left": {"weight": 2, "coverage": 0.2}},
        method={"impute": "linear", "coverage": 0.5},
    )
    assert score(lower, "test", "A", "2011") is not None


# Bad input


def test_a_constant_indicator_has_no_score_and_is_reported():
    values = full() | {("one", area, period): 7.0 for area in AREAS for period in PERIODS}
    result = build(values)
    assert result.index_score.filter(node_id="one")["score"].null_count() == 16
    assert score(result, "left", "A", "2010") == score(result, "two", "A", "2010")
    (warning,) = result.warnings
    assert (warning.node_id, warning.ref_area, warning.text) == ("one", "", "constant indicator (16 cells)")
    assert set(result.index_input.filter(node_id="one")["input_note"]) == {"constant indicator"}


def test_a_geometric_mean_of_zero_without_floor_is_missing_and_reported():
    values = {key: value for key, value in full().items() if key[0] in ("one", "two")}
    result = build(values, nodes={"one": {}, "two": {}}, method={"aggregate": "geometric"})
    lost = [w for w in result.warnings if w.node_id == "test"]
    assert lost
    for warning in lost:
        assert "state a floor" in warning.text
        assert warning.ref_area in AREAS
    assert result.index_score.filter(node_id="test")["score"].null_count() > 0


def test_an_indicator_without_any_observation_is_reported_and_left_out():
    values = {key: value for key, value in full().items() if key[0] != "one"}
    result = build(values)
    assert [(w.node_id, w.text) for w in result.warnings] == [("one", "no observation in any area and period")]
    assert score(result, "left", "A", "2010") == score(result, "two", "A", "2010")


def test_no_data_at_all_gives_an_edition_of_its_first_period_without_scores():
    result = build({})
    assert result.index_edition["first_period"].to_list() == result.index_edition["last_period"].to_list()
    assert result.index_score["score"].null_count() == result.index_score.height == 7 * 4
    assert result.index_contribution.is_empty()


def test_two_observations_of_one_key_are_an_error():
    made = index()
    twice = pl.concat([frame(full()), frame(full())])
    with pytest.raises(ValueError, match="two observations of one key"):
        build_edition("test", made, made.editions[0], twice, INDICATORS, AREAS)


def test_an_index_without_areas_or_with_an_unknown_indicator_cannot_be_built():
    made = index(areas={"kind": "city"})
    with pytest.raises(IndexhouseError, match="no area matches"):
        build_edition("test", made, made.editions[0], frame(full()), INDICATORS, AREAS)
    made = index(nodes={"five": {}})
    with pytest.raises(IndexhouseError, match="'five' has no known indicator"):
        build_edition("test", made, made.editions[0], frame(full()), INDICATORS, AREAS)


# Editions and variants


def test_an_edition_ends_where_it_says_and_an_open_one_with_the_newest_period():
    editions = [{"id": "2019", "as_of": "2019-10-17", "to": 2012}, {"id": "latest"}]
    result = build(full(), editions=editions)
    assert result.index_edition.row(0, named=True)["last_period"] == "2012"
    assert result.index_edition["as_of"].item() == date(2019, 10, 17)
    assert result.index_score["time_period"].max() == "2012"
    opened = build(full(), edition=1, editions=editions, periods={"from": 2010})
    assert opened.index_edition["last_period"].item() == "2013"


def test_a_variant_is_an_edition_of_its_own():
    variants = [{"id": "equal", "name_en": "Equal", "changes": {"method": {"weighting": "equal"}}}]
    made = index(variants=variants)
    result = build_edition("test", made, made.variants[0], frame(full()), INDICATORS, AREAS)
    row = result.index_edition.row(0, named=True)
    assert (row["edition_id"], row["variant_of"], row["name_en"]) == ("equal", "latest", "Equal")
    assert row["method_version"] != made.method_version()
    assert result.index_node.filter(node_id="two")["weight_in_parent"].item() == 0.5


# Properties


def everything(result: EditionResult) -> list[pl.DataFrame]:
    return [
        result.index_node,
        result.index_input,
        result.index_parameter,
        result.index_score,
        result.index_contribution,
    ]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.randoms())
def test_order_of_rows_areas_and_indicators_changes_nothing(seed, shuffle):
    values = full(seed, gaps=0.2)
    method = {
        "impute": [{"method": "cross_section"}],
        "normalise": {"method": "z_score"},
        "weighting": "given",
    }
    plain = build(values, method=method)
    mixed = list(values.items())
    nodes = list(NODES.items())
    shuffle.shuffle(mixed)
    shuffle.shuffle(nodes)
    other = build(dict(mixed), method=method, nodes=dict(nodes), areas=["D", "B", "C", "A"])
    for left, right in zip(everything(plain), everything(other), strict=True):
        drop = [name for name in ("ordinal", "method_version") if name in left.columns]
        assert left.drop(drop).equals(right.drop(drop))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["arithmetic", {"method": "geometric", "floor": 1}, {"method": "power_mean", "p": 2}]),
)
def test_a_new_year_under_frozen_parameters_changes_no_earlier_score(seed, how):
    values = full(seed, gaps=0.2)
    method = {
        "normalise": {"method": "min_max", "scope": {"over": "reference", "periods": [2010, 2011]}},
        "aggregate": how,
    }
    earlier = {key: value for key, value in values.items() if key[2] <= "2012"}
    after = build(values, method=method).index_score.filter(pl.col("time_period") <= "2012")
    before = build(earlier, method=method, periods={"from": 2010, "to": 2012}).index_score
    assert before.drop("method_version").equals(after.drop("method_version"))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["arithmetic", {"method": "geometric", "floor": 1}, {"method": "power_mean", "p": 2}]),
)
def test_weights_times_ten_and_an_indicator_of_weight_zero_change_no_score(seed, how):
    values = full(seed, gaps=0.2)
    plain = build(values, method={"aggregate": how}).index_score
    heavier = {node: spec | {"weight": 10 * spec.get("weight", 1)} for node, spec in NODES.items()}
    for nodes in (heavier, NODES | {"three": {"parent": "left", "weight": 0}}):
        other = build(values, method={"aggregate": how}, nodes=nodes).index_score.filter(pl.col("node_id") != "three")
        np.testing.assert_allclose(plain["score"].to_numpy(), other["score"].to_numpy(), rtol=1e-11, equal_nan=True)
        assert plain["score_rank"].equals(other["score_rank"])


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["arithmetic", "median", "min", {"method": "geometric", "floor": 1}]),
)
def test_scores_stay_in_the_bounds_of_their_indicators(seed, how):
    result = build(
        full(seed, gaps=0.2),
        method={"aggregate": how, "normalise": {"method": "min_max", "lower": 1, "upper": 99}},
    )
    scores = result.index_score["score"].drop_nulls()
    assert scores.min() >= 1 - 1e-9
    assert scores.max() <= 99 + 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([("min_max", 100.0), ("z_score", 0.0)]))
def test_turning_all_directions_mirrors_the_index(seed, case):
    how, whole = case
    values = full(seed, gaps=0.2)
    turned = {
        node: spec | {"direction": 1 if node == "bad" else -1} if node in INDICATORS else spec
        for node, spec in NODES.items()
    }
    plain = build(values, method={"normalise": how}).index_score["score"].to_numpy()
    other = build(values, method={"normalise": how}, nodes=turned).index_score["score"].to_numpy()
    np.testing.assert_allclose(plain + other, np.where(np.isnan(plain), np.nan, whole), atol=1e-9)
