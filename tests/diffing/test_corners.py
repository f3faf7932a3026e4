"""The four corners on the built-in release, and the exact split on releases altered in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.diffing.compare import Comparison, compare
from pipelines.diffing.corners import PARTS, Corners, is_same_method, split
from pipelines.diffing.parts import grid_of
from pipelines.diffing.sides import Choice, Side, Subject, subject_of
from pipelines.marts.indices import editions_of
from warehouse.errors import IndexhouseError

Alter = Callable[..., Side]
TOLERANCE = 1e-9
BEIJING, REGIONS = "beijing_innovation", "china_regional_innovation"
PAIRS = [
    (BEIJING, "2019", "latest"), (BEIJING, "latest", "latest_geometric"), (BEIJING, "2019", "latest_geometric"),
    (BEIJING, "latest_geometric", "2019"), (REGIONS, "2019", "latest"),
]  # fmt: skip


def subject(side: Side, index_id: str, edition_id: str) -> Subject:
    found = subject_of(side, index_id, edition_id)
    assert found is not None
    return found


def assert_exact(comparison: Comparison) -> None:
    """Parts sum to the total in every cell, for scores and ranks, and what did what sums to its part."""
    for each in comparison.editions:
        for measure in ("score", "rank"):
            parts = pl.sum_horizontal(pl.col(f"{measure}_{part}").fill_null(0) for part in PARTS)
            told = each.cells.filter(pl.col(f"{measure}_total").is_not_null())
            assert told.select((parts - pl.col(f"{measure}_total")).abs().max()).item() in (None, 0) or (
                told.select((parts - pl.col(f"{measure}_total")).abs().max()).item() < TOLERANCE
            )
        for kind, frames in (("data", each.data), ("method", each.method)):
            by_cell = pl.concat([frame for _, frame in frames]) if frames else None
            cells = each.root.filter(pl.col("score_interaction").is_not_null())
            wanted = cells.select("ref_area", "time_period", pl.col(f"score_{kind}").alias("wanted"))
            if by_cell is None:
                assert wanted["wanted"].abs().max() in (None, 0.0), kind
                continue
            found = by_cell.group_by("ref_area", "time_period").agg(pl.col("effect").sum())
            both = wanted.join(found, on=["ref_area", "time_period"], how="left").fill_null(0.0)
            assert (both["wanted"] - both["effect"]).abs().max() < TOLERANCE, kind


def test_the_corners_of_one_edition_are_its_published_scores_to_the_last_digit(builtin_side: Side) -> None:
    corners = Corners(trust=False)
    for index_id, index in builtin_side.catalogue.indices.items():
        for edition in editions_of(index):
            one = subject(builtin_side, index_id, edition.id)
            assert corners.scores(one, one).equals(one.published()), one.name
    assert corners.problems == []


@pytest.mark.parametrize(("index_id", "old", "new"), PAIRS)
def test_two_editions_are_split_exactly(builtin_side: Side, index_id: str, old: str, new: str) -> None:
    pair = subject(builtin_side, index_id, old), subject(builtin_side, index_id, new)
    comparison = compare(Choice(builtin_side, builtin_side, pair))
    assert_exact(comparison)
    (each,) = comparison.editions
    assert each.root.filter(pl.col("score_total").is_not_null()).height > 0
    assert each.cells["score_unsplit"].null_count() == each.cells.height


@pytest.mark.parametrize(("index_id", "old", "new"), PAIRS)
def test_reading_a_corner_from_the_release_gives_what_computing_it_gives(
    builtin_side: Side, index_id: str, old: str, new: str
) -> None:
    pair = subject(builtin_side, index_id, old), subject(builtin_side, index_id, new)
    assert split(Corners(trust=True), *pair).equals(split(Corners(trust=False), *pair))


def test_an_edition_as_of_a_day_differs_by_data_only_and_a_variant_by_method_only(builtin_side: Side) -> None:
    then, now, variant = (subject(builtin_side, BEIJING, name) for name in ("2019", "latest", "latest_geometric"))
    assert is_same_method(then, now) and not is_same_method(now, variant)
    by_date = split(Corners(), then, now).filter(pl.col("node_kind") == "index")
    assert by_date["score_data"].abs().max() > 1 and by_date["score_method"].abs().max() == 0.0
    by_variant = split(Corners(), now, variant).filter(pl.col("node_kind") == "index")
    assert by_variant["score_method"].abs().max() > 1 and by_variant["score_data"].abs().max() == 0.0


def test_both_at_once_are_the_two_and_what_they_do_together(builtin_side: Side) -> None:
    then, variant = (subject(builtin_side, BEIJING, name) for name in ("2019", "latest_geometric"))
    both = split(Corners(), then, variant).filter(pl.col("node_kind") == "index")
    by_date = split(Corners(), then, subject(builtin_side, BEIJING, "latest")).filter(pl.col("node_kind") == "index")
    keys = ["ref_area", "time_period"]
    together = both.join(by_date, on=keys, suffix="_alone").filter(pl.col("score_total").is_not_null())
    assert together.height == 9
    assert together["score_data"].equals(together["score_total_alone"])
    assert together["score_interaction"].abs().max() > 0.1


def test_periods_of_one_side_only_are_listed(builtin_side: Side) -> None:
    pair = subject(builtin_side, BEIJING, "2019"), subject(builtin_side, BEIJING, "latest")
    document = compare(Choice(builtin_side, builtin_side, pair)).document()
    (each,) = document["indices"]
    assert each["only_new"] == {"periods": ["2019", "2020", "2021", "2022", "2023"]} and each["only_old"] == {}
    assert each["counts"]["appeared"] == 5 * 22 and each["counts"]["disappeared"] == 0


def revise(indicator: str, factor: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    mine = pl.col("indicator_id") == indicator
    changed = pl.when(mine).then(
        pl.col("obs_value") * (1 + (factor - 1) * pl.col("time_period").str.slice(3, 1).cast(pl.Int32) / 9)
    )
    return lambda frame: frame.with_columns(changed.otherwise("obs_value").alias("obs_value"))  # fmt: skip


def nodes(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["indices"]["strength"]["nodes"]
    return found


def method(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["indices"]["strength"].setdefault("method", {})
    return found


def with_population(document: dict[str, Any]) -> None:
    nodes(document)["people"] = {"parent": "output", "indicator": "population", "weight": 0.5}


METHODS: dict[str, tuple[Callable[[dict[str, Any]], object], set[str]]] = {
    "weights": (lambda d: nodes(d)["rd_intensity"].update(weight=5), {"weights"}),
    "equal weights": (lambda d: method(d).update(weighting={"method": "equal"}), {"weights"}),
    "entropy": (lambda d: method(d).update(weighting={"method": "entropy"}), {"weights"}),
    "geometric": (lambda d: method(d).update(aggregate={"method": "geometric"}), {"aggregate"}),
    "chain": (lambda d: method(d).update(aggregate={"method": "chain_symmetric"}), {"aggregate"}),
    "node of its own": (lambda d: nodes(d)["input"].update(aggregate={"method": "harmonic"}), {"aggregate"}),
    "min-max": (lambda d: method(d).update(normalise={"method": "min_max"}), {"normalise"}),
    "base period": (lambda d: d["indices"]["strength"].update(base_period="2017"), {"base_period"}),
    "fewer areas": (lambda d: d["indices"]["strength"].update(areas=["CN-BJ", "CN-SH"]), {"areas"}),
    "later start": (lambda d: d["indices"]["strength"].update(periods={"first": "2017"}, base_period="2017"),
                    {"periods", "base_period"}),
    "denominator": (lambda d: nodes(d)["rd_expenditure"].update(denominate={"by": "population"}), {"denominate"}),
    "direction": (lambda d: nodes(d)["gdp"].update(direction=-1), {"definitions"}),
    "node added": (with_population, {"tree"}),
    "node removed": (lambda d: nodes(d).pop("rd_expenditure"), {"tree"}),
    "node moved": (lambda d: nodes(d)["rd_expenditure"].update(parent="output"), {"tree"}),
    "formula": (lambda d: d["indicators"]["rd_intensity"].update(formula="rd_expenditure / gdp * 2 - 0.01"),
                {"definitions"}),
    "rebase": (lambda d: d["indices"]["strength"].update(rebase={"period": "2018"}), {"rebase"}),
    "imputation": (lambda d: method(d).update(impute=[{"method": "linear"}]), {"impute"}),
    "coverage": (lambda d: method(d).update(coverage=0.6), {"coverage"}),
    "several": (lambda d: (method(d).update(aggregate={"method": "geometric"}), nodes(d)["gdp"].update(weight=2),
                           with_population(d)), {"aggregate", "weights", "tree"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def small_side(published_small: Any) -> Side:
    from pipelines.diffing.sides import open_side

    return open_side(published_small.release, published_small.query("select release_id from release")[0][0])


@pytest.mark.parametrize("name", METHODS)
def test_every_change_of_method_is_split_exactly_and_named(small_side: Side, alter: Alter, name: str) -> None:
    change, groups = METHODS[name]
    other = alter(small_side, change, revise("gdp", 1.2))
    comparison = compare(Choice(small_side, other))
    assert_exact(comparison)
    (each,) = comparison.editions
    assert {change.group for change in each.changes} == groups
    data = {entry.indicator_id for entry, _ in each.data}
    assert data <= {"gdp"}
    back = compare(Choice(other, small_side))
    assert_exact(back)
    total = each.cells.select("node_id", "ref_area", "time_period", "score_total")
    mirrored = back.editions[0].cells.select("node_id", "ref_area", "time_period", -pl.col("score_total"))
    assert total.equals(mirrored)


@pytest.mark.parametrize("name", METHODS)
def test_a_change_of_method_alone_moves_nothing_by_data(small_side: Side, alter: Alter, name: str) -> None:
    comparison = compare(Choice(small_side, alter(small_side, METHODS[name][0])))
    (each,) = comparison.editions
    assert_exact(comparison)
    for part in ("data", "interaction", "code"):
        assert each.cells[f"score_{part}"].abs().max() in (None, 0.0), part
    assert {cause.kind for cause in comparison.causes} <= {"method"}


def test_another_unit_of_the_catalogue_changes_no_value_and_no_score(small_side: Side, alter: Alter) -> None:
    def in_yuan(document: dict[str, Any]) -> None:
        document["indicators"]["gdp"].update(unit="cny", plausible={})

    def values(frame: pl.DataFrame) -> pl.DataFrame:
        mine = pl.col("indicator_id") == "gdp"
        return frame.with_columns(
            pl.when(mine).then(pl.col("obs_value") * 1e8).otherwise("obs_value").alias("obs_value"),
            pl.when(mine).then(pl.lit("cny")).otherwise("unit_id").alias("unit_id"),
        )

    other = alter(small_side, in_yuan, values)
    comparison = compare(Choice(small_side, other))
    (each,) = comparison.editions
    assert_exact(comparison)
    assert comparison.values.is_empty()
    assert each.cells["score_total"].abs().max() < TOLERANCE
    assert [(change.group, change.key) for change in each.changes] == [("definitions", "indicators.gdp.unit")]


def test_another_code_is_told_apart_from_data_and_method(small_side: Side, alter: Alter) -> None:
    other = alter(small_side, values=revise("gdp", 1.2))
    shifted = pl.when(pl.col("node_id") == "strength").then(pl.col("score") + 0.5).otherwise("score")
    other.__dict__["scores"] = other.scores.with_columns(shifted.alias("score"))
    object.__setattr__(other.facts, "code_version", "0.0.1+00000000")
    comparison = compare(Choice(small_side, other))
    assert_exact(comparison)
    root = comparison.editions[0].root.filter(pl.col("score_total").is_not_null())
    assert (root["score_code"] - 0.5).abs().max() < TOLERANCE
    assert {cause.kind for cause in comparison.causes} == {"data", "code"}
    assert root["score_method"].abs().max() == 0.0


def test_what_cannot_be_computed_again_is_told_and_stays_whole(
    small_side: Side, alter: Alter, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = alter(small_side, values=revise("gdp", 1.2))
    object.__setattr__(other.facts, "code_version", "0.0.1+00000000")

    def fails(self: Corners, method: Subject, data: Subject) -> pl.DataFrame:
        raise IndexhouseError("index strength: of another time")

    monkeypatch.setattr(Corners, "computed", fails)
    comparison = compare(Choice(small_side, other))
    assert_exact(comparison)
    (each,) = comparison.editions
    told = each.root.filter(pl.col("score_total").is_not_null())
    assert told["score_unsplit"].equals(told["score_total"]) and told["score_data"].null_count() == told.height
    assert any("of another time" in note for note in each.notes)
    assert {cause.kind for cause in comparison.causes} == {"unsplit"}


def test_a_method_without_scores_on_the_old_data_is_told_and_still_sums(small_side: Side, alter: Alter) -> None:
    """A new indicator whose values came with it is method; one that was declared before, but had none, is data."""

    def strict(document: dict[str, Any]) -> None:
        with_population(document)
        method(document).update(coverage=1.0)

    kept = pl.col("indicator_id") != "population"
    without = alter(small_side, values=lambda frame: frame.filter(kept), release_id="20990101-00000001")
    other = alter(small_side, strict)
    comparison = compare(Choice(without, other))
    assert_exact(comparison)
    root = comparison.editions[0].root.filter(pl.col("score_total").is_not_null())
    assert root.height == 16
    assert root["score_interaction"].null_count() == root.height
    assert (root["score_data"] + root["score_method"] - root["score_total"]).abs().max() < TOLERANCE


def test_an_index_of_one_release_only_is_listed(small_side: Side, alter: Alter) -> None:
    def further(document: dict[str, Any]) -> None:
        document["indices"]["second"] = {**document["indices"]["strength"], "name_en": "Second"}

    other = alter(small_side, further)
    document = compare(Choice(small_side, other)).document()
    assert document["only_new"]["editions"] == ["second:latest"] and document["only_old"]["editions"] == []
    assert document["catalogue"]["indices"] == {"added": ["second"], "removed": [], "changed": []}
    assert compare(Choice(other, small_side)).document()["only_old"]["editions"] == ["second:latest"]


def test_nodes_and_areas_of_one_side_only_are_listed(small_side: Side, alter: Alter) -> None:
    def other_cells(document: dict[str, Any]) -> None:
        with_population(document)
        document["indices"]["strength"].update(areas=["CN-BJ", "CN-SH", "CN-TJ"])

    document = compare(Choice(small_side, alter(small_side, other_cells))).document()
    (each,) = document["indices"]
    assert each["only_old"] == {"areas": ["CN-GD"]} and each["only_new"] == {"nodes": ["people"]}


def test_an_index_spliced_onto_another_moves_with_it(small_side: Side, alter: Alter) -> None:
    def spliced(document: dict[str, Any]) -> None:
        own = {"name_en": "Later", "periods": {"first": "2018"}, "base_period": "2018",
               "splice": {"index": "strength", "periods": ["2018"]}}  # fmt: skip
        document["indices"]["later"] = copy.deepcopy(document["indices"]["strength"]) | own

    def heavier(document: dict[str, Any]) -> None:
        spliced(document)
        nodes(document)["output"].update(weight=1)

    old = alter(small_side, spliced, release_id="20990101-00000001")
    comparison = compare(Choice(old, alter(small_side, heavier, revise("gdp", 1.2))))
    assert_exact(comparison)
    later = next(each for each in comparison.editions if each.old.index_id == "later")
    assert {change.key for change in later.changes} == {"splice.index"}
    assert grid_of(later.old.published(), later.new.published()).periods


def test_parts_of_a_method_that_do_not_fit_one_by_one_come_as_one(small_side: Side, alter: Alter) -> None:
    def priced(document: dict[str, Any]) -> None:
        nodes(document)["output"].update(aggregate={"method": "laspeyres"})
        nodes(document)["gdp"].update(quantity="population")
        nodes(document)["rd_expenditure"].update(parent="output", quantity="gdp")

    comparison = compare(Choice(small_side, alter(small_side, priced, revise("gdp", 1.2))))
    assert_exact(comparison)
    (each,) = comparison.editions
    assert {change.group for change in each.changes} == {"tree", "aggregate"}
    assert [groups for groups, _ in each.method] == [("tree", "aggregate")]
    (cause,) = [cause for cause in comparison.causes if cause.kind == "method"]
    assert "quantity of" in cause.detail[0] and "parent of" in cause.detail[0]


MIXED = sorted(set(METHODS) - {"fewer areas", "later start", "node removed", "several"})


@settings(max_examples=12)
@given(
    names=st.sets(st.sampled_from(MIXED), min_size=1, max_size=4),
    indicators=st.sets(st.sampled_from(["gdp", "rd_expenditure", "population"])),
    factor=st.floats(0.8, 1.3),
)
def test_whatever_changes_together_the_parts_sum(
    small_side: Side, alter: Alter, names: set[str], indicators: set[str], factor: float
) -> None:
    def all_of_them(document: dict[str, Any]) -> None:
        for name in sorted(names):
            METHODS[name][0](document)

    def values(frame: pl.DataFrame) -> pl.DataFrame:
        for indicator in sorted(indicators):
            frame = revise(indicator, factor)(frame)
        return frame

    other = alter(small_side, all_of_them, values)
    assert_exact(compare(Choice(small_side, other)))
    assert_exact(compare(Choice(other, small_side)))
