"""The built-in indices and computed indicators: what the catalogue promises.

Not here: their numbers in a release.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import warehouse.catalogue
from pipelines.index.tree import tree_of
from warehouse.catalogue.formula import inputs, problems
from warehouse.catalogue.index_check import problems as index_problems
from warehouse.catalogue.load import Catalogue, load

PILLARS = [
    "knowledge_creation",
    "innovation_economy",
    "innovation_talent",
    "innovation_ecosystem",
    "innovation_leadership",
]
INDICES = ["beijing_innovation", "china_regional_innovation"]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load((Path(warehouse.catalogue.__file__).parent / "builtin",))


def test_formulas_are_sound_and_have_names_in_both_languages(catalogue):
    assert problems(catalogue.indicators, catalogue.units, catalogue.areas) == {}
    computed = {name: each for name, each in catalogue.indicators.items() if each.formula}
    assert len(computed) >= 20
    assert all(each.name_zh != each.name_en for each in computed.values())


@pytest.mark.parametrize("index_id", INDICES)
def test_indices_are_sound(catalogue, index_id):
    assert index_problems(index_id, catalogue.indices[index_id], catalogue.indicators, catalogue.areas) == []


@pytest.mark.parametrize("index_id", INDICES)
def test_the_five_pillars_of_the_page_have_at_least_three_indicators_each(catalogue, index_id):
    tree = tree_of(index_id, catalogue.indices[index_id])
    assert [node for node in tree.declared if tree.level[node] == 1] == PILLARS
    assert all(len(tree.leaves_below(pillar)) >= 3 for pillar in PILLARS)


def test_the_editions_end_where_the_data_then_ended(catalogue):
    found = {
        (index_id, edition.id): (str(edition.as_of), edition.to or catalogue.indices[index_id].periods.last)
        for index_id in INDICES
        for edition in catalogue.indices[index_id].editions
    }
    assert found == {
        ("beijing_innovation", "2019"): ("2019-10-17", "2018"),
        ("beijing_innovation", "latest"): ("None", "2023"),
        ("china_regional_innovation", "2019"): ("2019-10-17", "2017"),
        ("china_regional_innovation", "latest"): ("None", "2023"),
    }


def test_the_provinces_are_all_31_and_scored_by_frozen_parameters(catalogue):
    index = catalogue.indices["china_regional_innovation"]
    assert len(index.area_ids(catalogue.areas)) == 31
    assert index.method.normalise.scope.over == "reference"


def test_the_published_index_stands_beside_and_enters_nothing(catalogue):
    index = catalogue.indices["beijing_innovation"]
    (benchmark,) = index.benchmarks
    assert (benchmark.indicator, benchmark.area) == ("bjstic_index", "CN-BJ")
    needed = {node.indicator or node_id for node_id, node in index.nodes.items()}
    for name in tuple(needed):
        if name in catalogue.indicators and catalogue.indicators[name].formula:
            needed |= set(inputs(catalogue.indicators[name].formula))
    assert "bjstic_index" not in needed
    assert all("322.9" in note for note in (index.note_en, index.note_zh))
