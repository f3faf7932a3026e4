"""status, check, preview, releases, publish, rollback on a small installation: answers for people and for programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_status_before_the_first_run_says_how_to_begin(
    indexhouse: Callable, make_small: Callable, tmp_path: Path
) -> None:
    small = make_small(tmp_path)
    answer = indexhouse(*small.options, "status")
    assert answer.status == 0 and "indexhouse run" in answer.out
    document = indexhouse(*small.options, "status", "--json").json
    assert document["current_release"] is None and document["last_run"] is None
    assert {row["source_id"]: row["state"] for row in document["sources"]} == {"figures": "never", "page": "never"}
    assert not small.home.exists(), "status writes nothing"


def test_status_shows_release_last_run_and_next_looks(indexhouse: Callable, published_small) -> None:
    document = indexhouse(*published_small.options, "status", "--json").json
    ((release_id,),) = published_small.query("select release_id from release")
    assert document["current_release"]["release_id"] == release_id
    assert document["last_run"]["status"] == "published" and document["last_run"]["release_id"] == release_id
    assert document["is_running"] is False and document["is_daemon_alive"] is False
    assert [look["schedule"] for look in document["next_looks"]] == ["fetch_monthly"]
    assert document["next_looks"][0]["next_at"].endswith("+08:00")
    assert release_id in indexhouse(*published_small.options, "status").out


def test_releases_marks_the_current_one(indexhouse: Callable, published_small) -> None:
    ((release_id,),) = published_small.query("select release_id from release")
    (only,) = indexhouse(*published_small.options, "releases", "--json").json
    assert only["release_id"] == release_id and only["is_current"] is True
    lines = indexhouse(*published_small.options, "releases").out.splitlines()
    assert any(release_id in line and "current" in line for line in lines)


def test_releases_of_an_empty_home_is_an_empty_list(indexhouse: Callable, tmp_path: Path) -> None:
    assert indexhouse("--home", tmp_path, "releases", "--json").json == []


@pytest.mark.parametrize("verb", ["publish", "rebuild"])
def test_an_unknown_release_is_answered_with_the_closest_known_one(
    indexhouse: Callable, published_small, verb: str
) -> None:
    ((release_id,),) = published_small.query("select release_id from release")
    wrong = release_id[:-1] + ("0" if release_id[-1] != "0" else "1")
    answer = indexhouse(*published_small.options, verb, wrong)
    assert answer.status == 2
    assert len(answer.errors) == 1 and f"did you mean '{release_id}'?" in answer.errors[0]


def test_rollback_without_an_earlier_release_says_what_there_is(indexhouse: Callable, small) -> None:
    before = small.file.read_bytes()
    answer = indexhouse(*small.options, "rollback")
    assert answer.status == 1 and "indexhouse publish" in answer.errors[0]
    assert small.file.read_bytes() == before


def test_run_refuses_an_unknown_source_and_names_the_closest(indexhouse: Callable, small) -> None:
    answer = indexhouse(*small.options, "run", "--source", "figure")
    assert answer.status == 2
    assert len(answer.errors) == 1 and "did you mean 'figures'?" in answer.errors[0]


def test_preview_shows_the_newest_file_of_a_source(indexhouse: Callable, make_small: Callable, tmp_path: Path) -> None:
    small = make_small(tmp_path)
    document = indexhouse(*small.options, "preview", "figures", "--json", "--rows", "3").json
    assert document["file_name"] == "figures-2021-03-01.csv" and document["vintage"] == "2021-03-01"
    assert document["counts"] == {"value": 36} and document["cells"] == 36
    first = document["kept"][0]
    assert (first["locator"], first["indicator_id"], first["ref_area"], first["time_period"]) == (
        "C3",
        "gdp",
        "CN-BJ",
        "2017",
    )
    assert len(document["kept"]) == 3 and document["rejects"] == []
    assert not small.home.exists(), "preview writes nothing"


def test_preview_of_a_given_file_shows_rejects_with_their_reasons(indexhouse: Callable, small, tmp_path: Path) -> None:
    file = tmp_path / "figures-2023-01-01.csv"
    file.write_text(
        "地区,年份,生产总值（亿元）,常住人口（万人）,R&D经费（亿元）\n北京,2020,n.a.?,1500,10\n火星,2020,1,2,3\n",
        "utf-8",
    )
    before = sorted(p for p in small.home.rglob("*"))
    answer = indexhouse(*small.options, "preview", "figures", file)
    assert "text stands where a number is expected" in answer.out and "n.a.?" in answer.out and "C2" in answer.out
    assert "the area is not in the catalogue" in answer.out and "火星" in answer.out
    assert sorted(p for p in small.home.rglob("*")) == before


def test_preview_of_a_refused_file_ends_with_1_and_the_reason(indexhouse: Callable, small, tmp_path: Path) -> None:
    file = tmp_path / "figures-2023-01-01.csv"
    file.write_bytes(b"")
    answer = indexhouse(*small.options, "preview", "figures", file)
    assert answer.status == 1 and "the file is empty" in answer.out


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [(("figure",), 2, "did you mean 'figures'?"), (("figures", "/nowhere/file.csv"), 1, "name an existing file")],
)
def test_preview_refuses_what_it_cannot_find(
    indexhouse: Callable, published_small, arguments: tuple, status: int, told: str
) -> None:
    answer = indexhouse(*published_small.options, "preview", *arguments)
    assert answer.status == status and len(answer.errors) == 1 and told in answer.errors[0]


def test_check_reports_every_error_of_all_files_at_once(
    indexhouse: Callable, make_small: Callable, tmp_path: Path
) -> None:
    small = make_small(tmp_path)
    small.edit("sources/figures.yml", lambda source: source["read"].update(encodng="utf-8"))
    small.edit("indicators.yml", lambda indicators: indicators["gdp"].update(kind="flux"))
    small.edit("indices/strength.yml", lambda index: index.update(areas=["CN-BJ"], base_perod=2016))
    small.put("claims/other.yml", "name_en: [unclosed\n")
    answer = indexhouse(*small.options, "check")
    assert answer.status == 2 and answer.out == ""
    told = "\n".join(answer.errors)
    assert "sources/figures.yml: read.encodng: is an unknown key; did you mean 'encoding'?" in told
    assert "indicators.yml: gdp.kind: 'flux' is unknown; " in told
    assert "indices/strength.yml: base_perod: is an unknown key; did you mean 'base_period'?" in told
    assert "claims/other.yml: line " in told and "is not valid YAML" in told
    assert len(answer.errors) == 4
    assert not small.home.exists()


def test_check_reports_every_unknown_name_of_a_sound_syntax_at_once(
    indexhouse: Callable, make_small: Callable, tmp_path: Path
) -> None:
    small = make_small(tmp_path)
    small.edit("indicators.yml", lambda indicators: indicators["gdp"].update(unit="cny_100"))
    small.edit("indices/strength.yml", lambda index: index["nodes"].update(gpd={"parent": "output"}))
    small.edit("areas.yml", lambda areas: areas["CN-SH"].update(spellings=["北京市"]))
    small.edit("claims/page_2020.yml", lambda page: page["claims"]["C1"].update(ref_area="CN-B"))
    answer = indexhouse(*small.options, "check")
    assert answer.status == 2
    told = "\n".join(answer.errors)
    for part in (
        "did you mean 'cny_100m'?",
        "did you mean 'gdp'?",
        "spelling '北京市' is claimed by",
        "did you mean 'CN-BJ'?",
    ):
        assert part in told, part


def test_check_of_a_sound_installation_changes_nothing(indexhouse: Callable, small) -> None:
    before = {p: p.read_bytes() for p in small.home.rglob("*") if p.is_file()}
    answer = indexhouse(*small.options, "check", "--json")
    assert answer.status == 0
    assert answer.json["errors"] == 0 and answer.json["checks"] > 50
    assert {p: p.read_bytes() for p in small.home.rglob("*") if p.is_file()} == before


def test_check_judges_the_release_by_the_catalogue_that_it_was_built_from(indexhouse: Callable, small) -> None:
    assert indexhouse(*small.options, "run", "--offline").status == 0
    (declared,) = (small.catalogue / "indices").glob("*.yml")
    declared.with_name("another_index.yml").write_text(declared.read_text("utf-8"), "utf-8")
    answer = indexhouse(*small.options, "check")
    assert answer.status == 0, answer.out + answer.err


def test_json_answers_of_a_run_hold_nothing_else(indexhouse: Callable, small) -> None:
    document = indexhouse(*small.options, "run", "--offline", "--json").json
    assert document["status"] == "nothing_changed"
    assert document["release_id"] == small.query("select release_id from release")[0][0]


def failure(answer: Any) -> list[str]:
    """The problems in the one document of a failure; the same lines stand on stderr."""
    document = answer.json
    assert set(document) == {"status", "problems"} and document["status"] == "failed"
    assert [f"error: {line}" for line in document["problems"]] == answer.errors
    return document["problems"]


def test_check_of_a_broken_catalogue_answers_a_program_with_every_problem(indexhouse: Callable, small) -> None:
    small.edit("indicators.yml", lambda indicators: indicators["population"].update(kind="flux"))
    small.edit("sources/page.yml", lambda source: source["layout"].update(unit="persons"))
    answer = indexhouse(*small.options, "check", "--json")
    assert answer.status == 2
    assert [line.partition(": ")[0] for line in failure(answer)] == ["indicators.yml", "sources/page.yml"]


def test_a_run_that_fails_answers_a_program_with_the_reason(indexhouse: Callable, small) -> None:
    slip = {"indicator": "rd_expenditure", "ref_area": "CN-BJ", "time_period": "2019", "expect": "1",
            "value": 2.0, "why_en": "slip"}  # fmt: skip
    small.edit("sources/page.yml", lambda source: source.update(corrections=[slip]))
    before = small.file.read_bytes()
    answer = indexhouse(*small.options, "run", "--offline", "--json")
    assert answer.status == 1
    (problem,) = failure(answer)
    assert "sources/page.yml: corrections.0: expects '1', but page.csv" in problem
    assert small.file.read_bytes() == before


def test_a_run_of_an_unknown_source_answers_a_program_too(indexhouse: Callable, small) -> None:
    answer = indexhouse(*small.options, "run", "--source", "figure", "--json")
    assert answer.status == 2 and "did you mean 'figures'?" in failure(answer)[0]
