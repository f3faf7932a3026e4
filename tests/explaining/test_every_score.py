"""Every score of every edition computed again, from the cells upward, from nothing but what its explanation prints."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipelines.explaining.opened import open_release
from pipelines.settings import Settings
from tests.explaining.upward import disagreements


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from nodes(child)


@dataclass
class Walked:
    """What was found on one walk over all cells of the built-in release."""

    scores: int = 0
    in_release: int = 0
    wrong: list[Any] = field(default_factory=list)
    sums: list[tuple[float, float]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    places: set[tuple[str, str]] = field(default_factory=set)
    unplaced: list[Any] = field(default_factory=list)


@pytest.fixture(scope="module")
def walked(builtin: Any, every_cell: Callable) -> Walked:
    found = Walked()
    with open_release(Settings(builtin.home, ())) as opened:
        files = {row["file_name"] for row in opened.rows("select file_name from snapshot")}
        found.in_release = opened.rows("select count(*) as n from index_score")[0]["n"]
        for document in every_cell(opened):
            place = tuple(document[key] for key in ("index_id", "edition_id", "ref_area", "time_period"))
            found.wrong += [(*place, text) for text in disagreements(document) + document["checked"]["differences"]]
            found.scores += document["checked"]["scores"]
            tree = list(nodes(document["tree"]))
            for node in tree:
                if node["children"] and node["contribution"] is not None:
                    parts = math.fsum(child["contribution"] for child in node["children"])
                    found.sums.append((parts, node["contribution"]))
            if document["tree"]["score"] is not None:
                found.weights.append(math.fsum(node["weight_used"] for node in tree if "stages" in node))
            if document["tree"]["change"] is not None:
                found.sums.append((document["tree"]["contribution"], document["tree"]["change"]))
            for origin in origins(document["tree"]):
                if origin["kind"] == "observed":
                    (used,) = (each for each in origin["vintages"] if each["is_used"])
                    is_told = used["value"] == origin["value"] and used["locator"] == origin["locator"] != ""
                    if not is_told or origin["file"] not in files:
                        found.unplaced.append((*place, origin))
                    found.places.add((origin["file"], origin["locator"]))
                elif origin["kind"] == "computed" and not all(each["value"] is not None for each in origin["inputs"]):
                    found.unplaced.append((*place, origin))
    return found


def origins(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every origin in a tree, those of the inputs of formulas too."""
    waiting = [stage["origin"] for stage in node.get("stages", []) if stage["stage"] == "raw"]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += found.get("inputs", [])
    for child in node["children"]:
        yield from origins(child)


@pytest.mark.slow
def test_every_score_of_the_built_in_indices_follows_from_its_explanation(walked: Walked) -> None:
    assert walked.wrong == []
    assert walked.scores == walked.in_release > 15_000


@pytest.mark.slow
def test_contributions_add_up_and_to_the_change_of_the_index(walked: Walked) -> None:
    assert len(walked.sums) > 4_000
    assert [pair for pair in walked.sums if not math.isclose(*pair, rel_tol=1e-9, abs_tol=1e-9)] == []


@pytest.mark.slow
def test_weights_that_counted_sum_to_one(walked: Walked) -> None:
    assert len(walked.weights) > 700
    assert [total for total in walked.weights if not math.isclose(total, 1.0, rel_tol=1e-12)] == []


@pytest.mark.slow
def test_every_observed_value_is_one_of_its_statements_and_has_a_cell(walked: Walked) -> None:
    assert walked.unplaced == []
    assert len(walked.places) > 4_000


@pytest.mark.slow
def test_every_method_gives_its_score_from_its_explanation(opened_methods: Any, every_cell: Callable) -> None:
    wrong, told, notes = [], 0, {}
    for document in every_cell(opened_methods):
        place = tuple(document[key] for key in ("index_id", "edition_id", "ref_area", "time_period"))
        wrong += [(*place, text) for text in disagreements(document) + document["checked"]["differences"]]
        told += document["checked"]["scores"]
        notes |= {note["en"]: note["zh"] for node in nodes(document["tree"]) for note in node["notes"]}
    assert wrong == []
    assert told == opened_methods.rows("select count(*) as n from index_score")[0]["n"] > 8_000
    assert len(notes) > 20 and [en for en, zh in notes.items() if en == zh or not re.search("[一-龥]", zh)] == []


@pytest.mark.slow
def test_a_number_that_is_changed_is_found(opened_methods: Any, every_cell: Callable) -> None:
    """The computation upward can fail: a hundredth of a per cent on any number that goes into a score shows."""
    document = next(d for d in every_cell(opened_methods) if d["edition_id"] == "fill_0" and d["tree"]["score"])
    leaf = next(node for node in nodes(document["tree"]) if "stages" in node and node["weight_used"])
    assert disagreements(document) == []
    for holder, key in (
        (leaf["stages"][0]["origin"], "value"),
        (leaf["stages"][0]["origin"]["vintages"][0], "value"),
        (leaf["stages"][-1]["parameters"], "max"),
        (leaf, "weight_given"),
        (leaf, "computed"),
        (leaf, "score"),
        (document["tree"], "score"),
    ):
        kept = holder[key]
        holder[key] = kept * 1.0001
        assert disagreements(document) != [], key
        holder[key] = kept
