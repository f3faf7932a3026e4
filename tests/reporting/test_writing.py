"""Where the report is: published with its release or not at all, found by the verb, made again where it is missing.

Not here: what stands in it.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import Any

import pytest

from pipelines import progress
from pipelines.reporting import writing


def reports(small: Any) -> list[Any]:
    return sorted(small.release.glob("*/report.html"))


def test_a_run_puts_the_report_into_the_folder_of_its_release(indexhouse: Callable, small: Any) -> None:
    (file,) = reports(small)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    answer = indexhouse(*small.options, "report")
    assert answer.status == 0 and answer.out.strip() == str(file)


def test_the_verb_answers_in_json(indexhouse: Callable, small: Any) -> None:
    (file,) = reports(small)
    answer = indexhouse(*small.options, "report", file.parent.name, "--json")
    assert answer.json == {"release_id": file.parent.name, "file": str(file), "size_bytes": file.stat().st_size}


def test_a_missing_report_is_made_again_and_nothing_else_is_touched(indexhouse: Callable, small: Any) -> None:
    (file,) = reports(small)
    before, content = (
        {p: p.stat().st_mtime_ns for p in file.parent.rglob("*") if p != file and p.is_file()},
        file.read_bytes(),
    )
    file.unlink()
    assert indexhouse(*small.options, "report").status == 0
    assert file.read_bytes() == content
    assert {p: p.stat().st_mtime_ns for p in file.parent.rglob("*") if p != file and p.is_file()} == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o444


def test_a_report_that_is_there_is_not_written_again(indexhouse: Callable, small: Any) -> None:
    (file,) = reports(small)
    changed = file.stat().st_mtime_ns
    assert indexhouse(*small.options, "report").status == 0
    assert file.stat().st_mtime_ns == changed


def test_an_unknown_release_is_wrong_usage(indexhouse: Callable, small: Any) -> None:
    answer = indexhouse(*small.options, "report", "20200101-00000000")
    assert answer.status == 2
    (line,) = answer.errors
    assert "20200101-00000000" in line and "not kept" in line


def test_before_the_first_release_the_remedy_is_named(indexhouse: Callable, tmp_path: Any) -> None:
    answer = indexhouse("--home", tmp_path / "home", "report")
    assert answer.status == 1
    assert "indexhouse run" in answer.errors[0]


def test_a_report_that_cannot_be_made_stops_the_release(
    indexhouse: Callable, make_small: Callable, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise ValueError("a chart of nothing")

    monkeypatch.setattr("pipelines.reporting.page.page", broken)
    small = make_small(tmp_path)
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status == 1
    assert any("report.html" in line and "a chart of nothing" in line for line in answer.errors)
    assert not list(small.release.glob("*")), "no half of a release is left"


def test_the_same_release_gives_the_same_report(small: Any) -> None:
    (file,) = reports(small)
    content = file.read_bytes()
    manifest = writing.manifest_of(file.parent)
    file.chmod(0o644)
    writing.write_report(file.with_name("indexhouse.duckdb"), manifest, small.release)
    assert file.read_bytes() == content


def test_the_small_catalogue_gives_a_whole_report(small: Any) -> None:
    progress.be_quiet()
    (file,) = reports(small)
    text = file.read_text("utf-8")
    for part in ("Strength", "实力", "北京", "R&amp;D of Beijing grew to 1.34 times.", "Page of 2020"):
        assert part in text
