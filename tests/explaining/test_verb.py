"""`indexhouse explain`: what is asked, what is answered, how it looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from pipelines.explaining.terminal import drawn, wrapped
from pipelines.explaining.words import brief, exact

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(indexhouse: Callable, builtin: Any) -> Callable:
    return lambda *arguments: indexhouse("--home", builtin.home, "explain", *arguments)


def test_the_answer_is_a_tree_from_the_score_to_the_cells(ask: Callable) -> None:
    answer = ask("beijing_innovation", "北京", "2018")
    assert answer.status == 0 and answer.err == ""
    for text in (
        "edition latest", "├─ Innovation talent", "│  ├─ R&D intensity (published)", "100 x 5.65 / 5.5 = 102.727",
        "sheet 1, column I, row 7; known since", "6.17 (2019-08-30 communique_rd table 3!C4)",
        "rd_expenditure / rd_personnel_fte", "(assumed from a publication lag)",
        "22 of 22 scores are those of the release, in all 12 digits",
    ):  # fmt: skip
        assert text in " ".join(answer.out.replace("│", " ").split()) or text in answer.out, text


def test_areas_and_nodes_have_names_in_two_languages_and_any_case(ask: Callable) -> None:
    by_code = ask("beijing_innovation", "CN-BJ", "2018", "--node", "innovation_talent", "--json").json
    for area, node in (("北京", "创新人才"), ("beijing", "Innovation talent"), ("北京市", "INNOVATION TALENT")):
        assert ask("beijing_innovation", area, "2018", "--node", node, "--json").json == by_code
    by_name = ask("北京创新指数（重构）", "CN-BJ", "2018", "--node", "innovation_talent", "--json").json
    assert by_name == by_code and by_code["path"] == ["beijing_innovation", "innovation_talent"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("beijing", "CN-BJ", "2018"), "index 'beijing' is unknown; did you mean 'beijing_innovation'?"),
        (("china_regional_inovation", "CN-BJ", "2018"), "did you mean 'china_regional_innovation'?"),
        (("china_regional_innovation", "Guandong", "2018"), "did you mean 'Guangdong' (CN-GD)?"),
        (("china_regional_innovation", "广西省", "2018"), "did you mean '广西' (CN-GX)?"),
        (("beijing_innovation", "CN-SH", "2018"), "area 'CN-SH' is unknown; did you mean 'CN-BJ'?"),
        (("beijing_innovation", "CN-BJ", "2218"), "edition 'latest' of beijing_innovation covers 2010 to 2023"),
        (("beijing_innovation", "CN-BJ", "2023", "--edition", "2019"), "latest, latest_geometric has it: --edition"),
        (("beijing_innovation", "CN-BJ", "2018", "--edition", "lates"), "did you mean 'latest'?"),
        (("beijing_innovation", "CN-BJ", "2018", "--node", "rd_intensty"), "did you mean 'rd_intensity'?"),
        (("beijing_innovation", "CN-BJ", "2018", "--node", "创新人材"), "did you mean '创新人才' (innovation_talent)?"),
        (("beijing_innovation", "CN-BJ", "2018", "--release", "20260531"), "20260531"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_an_unknown_name_is_answered_with_the_closest_one(ask: Callable, arguments: tuple[str, ...], told: str) -> None:
    answer = ask(*arguments)
    assert answer.status == 2 and answer.out == ""
    (line,) = answer.errors
    assert told in line


def test_without_an_edition_the_one_that_knows_most_is_taken(ask: Callable) -> None:
    assert ask("china_regional_innovation", "CN-BJ", "2017", "--json").json["edition_id"] == "latest"
    assert ask("beijing_innovation", "CN-BJ", "2017", "--json").json["variant_of"] is None


def test_json_is_one_document_with_every_key_that_the_page_of_documents_names(ask: Callable) -> None:
    answer = ask("beijing_innovation", "CN-BJ", "2018", "--json")
    document = json.loads(answer.out)
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text("utf-8")

    def keys(part: Any) -> set[str]:
        if isinstance(part, dict):
            return {*part, *(key for each in part.values() for key in keys(each))}
        return {key for each in part for key in keys(each)} if isinstance(part, list) else set()

    free = {"from", "to"} | {each for each in keys(document) if each.endswith(("_en", "_zh"))}
    options = {"direction", "max_age", "ends", "value", "period"}
    named = {key for key in keys(document) if f"`{key}`" in page}
    assert sorted(keys(document) - named - free - options) == []


def test_a_pipe_gets_no_colour_and_every_line_fits(ask: Callable) -> None:
    answer = ask("china_regional_innovation", "广东", "2017", "--language", "zh")
    assert "\033" not in answer.out
    assert max(cell_len(line) for line in answer.out.splitlines()) <= 100


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_columns_stand_below_each_other_whatever_the_width(told: Callable, width: int, language: str) -> None:
    document = told("china_regional_innovation", "CN-GD", "2017")
    for further in ({}, {"is_exact": True}, {"is_brief": True}):
        lines = [line.plain for line in drawn(document, width, language, **further)]
        assert max(cell_len(line) for line in lines) <= width
        ends = {cell_len(line) for line in lines if line.endswith(("+1.492", "+0.373", "-0.177"))}
        assert len(ends) == 1, "the last column ends in one place"


def test_colours_mean_something_on_a_terminal(told: Callable) -> None:
    lines = drawn(told("china_regional_innovation", "CN-GD", "2017"), 100)
    styles = {(line.plain[span.start : span.end], span.style) for line in lines for span in line.spans}
    assert ("+0.810", "green") in styles and ("-0.177", "red") in styles
    assert {line.style for line in lines if "├─" in line.plain} == {""}, "only the guides are quiet, not the numbers"


def test_exact_prints_numbers_that_read_back_the_same(told: Callable) -> None:
    document = told("china_regional_innovation", "CN-GD", "2017", node="rd_intensity_computed")
    text = " ".join(line.plain for line in drawn(document, 200, is_exact=True))
    stage = document["tree"]["stages"][-1]
    for number in (stage["value"], stage["parameters"]["min"], stage["parameters"]["max"], document["tree"]["score"]):
        assert repr(number) in text and float(exact(number)) == number


def test_brief_numbers_are_short_but_whole_ones_stay_whole() -> None:
    assert [brief(x) for x in (None, 0.0, 5.0, 574323.0, 123456.789, 1870.7701, 0.0041603)] == [
        "-", "0", "5", "574323", "123456.8", "1870.77", "0.0041603",
    ]  # fmt: skip


def test_wide_characters_are_wrapped_and_marks_do_not_begin_a_line() -> None:
    lines = wrapped("据公布日期，按发布时滞推定（每年十二月）。R&D经费", 12)
    assert "".join(lines) == "据公布日期，按发布时滞推定（每年十二月）。R&D经费"
    assert all(cell_len(line) <= 14 for line in lines) and not any(line[0] in "，。）" for line in lines)


def test_an_older_release_is_explained_by_its_own_catalogue(indexhouse: Callable, small: Any) -> None:
    first = small.query("select release_id from release")[0][0]
    small.edit("indices/strength.yml", lambda index: index["nodes"].pop("gdp"))
    small.edit("indices/strength.yml", lambda index: index["nodes"].pop("output"))
    assert indexhouse(*small.options, "run", "--offline").status == 0
    now = indexhouse(*small.options, "explain", "strength", "北京", "2019", "--json").json
    then = indexhouse(*small.options, "explain", "strength", "北京", "2019", "--release", first, "--json").json
    assert len(now["tree"]["children"]) == 1 and len(then["tree"]["children"]) == 2
    assert now["checked"]["differences"] == then["checked"]["differences"] == []


def test_what_is_not_the_release_is_told(indexhouse: Callable, small: Any) -> None:
    import os

    import duckdb

    folder = small.release / small.query("select release_id from release")[0][0]
    for file in (small.file, folder / "indexhouse.duckdb"):
        os.chmod(file, 0o644)
        with duckdb.connect(str(file)) as con:
            con.execute("update index_score set score = score + 1 where node_id = 'input' and time_period = '2019'")
    answer = indexhouse(*small.options, "explain", "strength", "北京", "2019")
    assert answer.status == 0
    assert "1 number differs from the release" in answer.out and "input: score: release" in answer.out
    assert "are those of the release" not in answer.out


def test_without_its_manifest_a_release_is_not_explained(indexhouse: Callable, small: Any) -> None:
    (small.release / small.query("select release_id from release")[0][0] / "manifest.json").unlink()
    answer = indexhouse(*small.options, "explain", "strength", "北京", "2019")
    assert answer.status == 1 and len(answer.errors) == 1 and "manifest.json: is missing" in answer.errors[0]


def test_nothing_is_published_yet(indexhouse: Callable, tmp_path: Path) -> None:
    answer = indexhouse("--home", tmp_path, "explain", "any", "any", "2018")
    assert answer.status == 1 and "indexhouse run" in answer.errors[0]


def test_a_language_that_is_not_spoken_is_wrong_usage(ask: Callable) -> None:
    answer = ask("beijing_innovation", "CN-BJ", "2018", "--language", "fr")
    assert answer.status == 2 and "en or zh" in answer.err
