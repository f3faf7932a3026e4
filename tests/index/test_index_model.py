"""The YAML of an index: what is accepted, what is reported, versions and variants.

Not here: what the numbers become (test_build).
"""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from warehouse.catalogue.index import Index
from warehouse.catalogue.index_check import problems
from warehouse.catalogue.indicator import Area, Indicator

INDICATORS = {name: Indicator(name_en=name, unit="one") for name in ("papers", "patents", "gdp")} | {
    "people": Indicator(name_en="people", unit="one", direction=0)
}
AREAS = {
    "CN": Area(name_en="China", kind="country"),
    "CN-EAST": Area(name_en="East", kind="region", parent="CN"),
    "CN-BJ": Area(name_en="Beijing", kind="province", parent="CN-EAST"),
    "CN-SH": Area(name_en="Shanghai", kind="province", parent="CN-EAST"),
    "JP-13": Area(name_en="Tokyo", kind="province"),
}


def index(**changes: object) -> Index:
    base: dict[str, object] = {
        "name_en": "Test",
        "areas": ["CN-BJ", "CN-SH"],
        "periods": {"from": 2010, "to": 2018},
        "nodes": {
            "knowledge": {},
            "papers": {"parent": "knowledge"},
            "patents": {"parent": "knowledge", "weight": 2},
        },
    }
    return Index.model_validate(base | changes)


def found(**changes: object) -> list[str]:
    return problems("test", index(**changes), INDICATORS, AREAS)


def test_a_sound_index_has_no_problem():
    assert found() == []


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({}, "has no node"),
        ({"a": {"parent": "b"}, "b": {"parent": "a"}, "papers": {}}, "a -> b -> a is a circle"),
        ({"a": {"parent": "a"}, "papers": {}}, "a -> a is a circle"),
        ({"knowledge": {}, "papers": {"parent": "knowlege"}}, "did you mean 'knowledge'?"),
        ({"knowledge": {}, "papers": {}}, "knowledge: has no children and 'knowledge' is no indicator"),
        ({"p": {"indicator": "paper"}}, "p.indicator: 'paper' is unknown; did you mean 'papers'?"),
        ({"papers": {"weight": 0}, "patents": {"weight": 0}}, "(papers, patents) are all zero"),
        ({"people": {}}, "people.direction: 'people' has no direction of its own"),
        ({"papers": {"denominate": {"by": "gpd"}}}, "denominate.by: 'gpd' is unknown; did you mean 'gdp'?"),
        (
            {"knowledge": {"direction": -1}, "papers": {"parent": "knowledge"}},
            "knowledge.direction: the node has children",
        ),
        ({"papers": {"aggregate": "min"}}, "papers.aggregate: the node has no children"),
        ({"test": {}, "papers": {"parent": "test"}}, "test: the root is implicit"),
    ],
)
def test_what_is_wrong_with_a_tree_is_said(nodes, words):
    assert any(words in text for text in found(nodes=nodes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_period": 2009}, "base_period: '2009' is outside the periods 2010 to 2018"),
        ({"base_period": "2010-Q1"}, "'2010-Q1' is no period of freq A"),
        ({"method": {"normalise": "base_ratio"}}, "base_ratio needs 'period' here or 'base_period'"),
        (
            {"method": {"normalise": {"method": "z_score", "scope": {"over": "reference", "periods": [2019]}}}},
            "'2019' is outside",
        ),
        ({"editions": [{"id": "a"}, {"id": "a"}]}, "'a' stands 2 times"),
        ({"editions": [{"id": "a"}], "variants": [{"id": "a", "changes": {}}]}, "'a' stands 2 times"),
        ({"editions": [{"id": "a", "to": 2009}]}, "editions.0.to: '2009' is outside"),
        ({"editions": []}, "editions: is empty"),
        ({"areas": ["CN-BK"]}, "areas: 'CN-BK' is unknown; did you mean 'CN-BJ'?"),
        ({"areas": {"kind": "city", "parent": "CN"}}, "no area of kind 'city'"),
        (
            {"benchmarks": [{"indicator": "paper", "area": "CN"}]},
            "benchmarks.0.indicator: 'paper' is unknown",
        ),
        ({"spans": [[2018, 2014]]}, "spans.0: '2014' does not come after '2018'"),
        ({"variants": [{"id": "v", "edition": "latets", "changes": {}}]}, "did you mean 'latest'?"),
        (
            {"variants": [{"id": "v", "changes": {"method": {"aggregate": "mean"}}}]},
            "variants.0.changes.method.aggregate",
        ),
        (
            {"variants": [{"id": "v", "changes": {"nodes": {"x": {}}}}]},
            "x: has no children and 'x' is no indicator",
        ),
    ],
)
def test_what_is_wrong_around_the_tree_is_said(changes, words):
    assert any(words in text for text in found(**changes))


@pytest.mark.parametrize(
    "method",
    [
        {"normalise": {"method": "min_max", "lower": 1, "upper": 1}},
        {"normalise": {"method": "min_max", "scope": {"over": "given", "values": {"min": 1}}}},
        {"normalise": {"method": "min_max", "scope": {"over": "given", "values": {"min": 1, "max": 1}}}},
        {"normalise": {"method": "z_score", "scope": {"over": "reference"}}},
        {"normalise": {"method": "goalposts", "low": 2, "high": 1}},
        {"normalise": {"method": "goalposts", "low": 0, "high": 1, "log": True}},
        {"normalise": "minmax"},
        {"aggregate": {"method": "power_mean", "p": 0}},
        {"aggregate": {"method": "geometric", "floor": 0}},
        {"impute": {"method": "carry", "max_age": 0}},
        {"order": ["impute", "impute", "normalise"]},
        {"order": ["normalise", "denominate", "impute", "treat"]},
        {"coverage": 1.5},
        {"unknown": 1},
    ],
)
def test_a_method_that_makes_no_sense_is_refused(method):
    with pytest.raises(ValidationError):
        index(method=method)


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_is_finite_and_not_negative(weight):
    with pytest.raises(ValidationError):
        index(nodes={"papers": {"weight": weight}})


def test_an_area_filter_finds_areas_at_any_depth():
    assert index(areas={"kind": "province", "parent": "CN"}).area_ids(AREAS) == ("CN-BJ", "CN-SH")
    assert index(areas={"kind": "province"}).area_ids(AREAS) == ("CN-BJ", "CN-SH", "JP-13")


def test_the_method_version_follows_the_method_and_nothing_else():
    version = index().method_version()
    assert (
        index(name_en="Other", editions=[{"id": "x", "as_of": "2019-10-17"}], note_en="n").method_version() == version
    )
    assert index(periods={"from": 2010, "to": 2020}).method_version() == version
    for changes in (
        {"method": {"aggregate": "geometric"}},
        {"areas": ["CN-BJ"]},
        {"nodes": {"papers": {}}},
        {"base_period": 2011},
    ):
        assert index(**changes).method_version() != version


def test_a_variant_changes_what_it_names_and_keeps_the_rest():
    base = index(method={"normalise": {"method": "min_max", "upper": 10}, "coverage": 0.5})
    changed = base.with_changes({"method": {"normalise": {"upper": 1}}, "nodes": {"papers": {"weight": 5}}})
    assert changed.method.normalise.upper == 1
    assert changed.method.coverage == 0.5
    assert (changed.nodes["papers"].weight, changed.nodes["papers"].parent) == (5, "knowledge")
    assert changed.nodes["patents"] == base.nodes["patents"]
    assert changed.with_changes({"method": {"normalise": {"method": "z_score"}}}).method.normalise.method == "z_score"


def test_a_step_may_be_written_by_its_name():
    short = index(method={"normalise": "min_max", "impute": ["linear", {"method": "carry"}], "weighting": "equal"})
    long = index(
        method={
            "normalise": {"method": "min_max"},
            "impute": [{"method": "linear"}, {"method": "carry"}],
            "weighting": {"method": "equal"},
        }
    )
    assert short == long


def test_an_index_survives_the_way_through_json():
    whole = index(
        method={"normalise": {"method": "min_max", "scope": "all"}, "impute": "none", "weighting": "given"},
        nodes={
            "papers": {
                "impute": ["none"],
                "treat": "none",
                "normalise": {"method": "z_score", "scope": "period"},
            }
        },
    )
    assert Index.model_validate(whole.model_dump(mode="json", exclude_defaults=True)) == whole
