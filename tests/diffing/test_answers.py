"""The verb `diff` and the release notes: sides, formats, lists, widths, errors."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from pipelines.diffing import words
from pipelines.diffing.layout import Items, Paragraph, Section, Table
from pipelines.diffing.markdown import markdown
from pipelines.diffing.notes import notes, write_notes
from pipelines.diffing.page import page

BILINGUAL = ("GDP moved", "GDP使北京2018年得分上升15.41分")


@pytest.fixture
def diff(indexhouse: Callable[..., Any], small_releases: Any) -> Callable[..., Any]:
    return lambda *arguments: indexhouse(*small_releases.small.options, "diff", *arguments)


def test_without_names_the_previous_and_the_current_release_are_compared(diff: Callable, small_releases: Any) -> None:
    document = diff("--json").json
    assert document["kind"] == "releases"
    assert document["old"]["release_id"] == small_releases.revised
    assert document["new"]["release_id"] == small_releases.weighted


def test_one_release_is_compared_with_the_current_one(diff: Callable, small_releases: Any) -> None:
    document = diff(small_releases.base, "--json").json
    assert (document["old"]["release_id"], document["new"]["release_id"]) == (
        small_releases.base, small_releases.weighted,
    )  # fmt: skip


def test_one_edition_is_compared_with_the_last_one_of_its_index(diff: Callable) -> None:
    document = diff("strength:latest", "--json").json
    assert document["kind"] == "editions" and document["is_same"] is True


def test_json_is_one_document_and_nothing_else(diff: Callable, small_releases: Any) -> None:
    answer = diff(small_releases.base, small_releases.weighted, "--json")
    assert answer.status == 0
    document = json.loads(answer.out)
    assert {"causes", "sources", "values", "indices", "catalogue", "only_old", "only_new", "old", "new"} <= set(
        document
    )
    (each,) = document["indices"]
    (row,) = [row for row in each["moves"]["rows"] if row["ref_area"] == "CN-BJ" and row["time_period"] == "2018"]
    parts = [row[f"score_{name}"] for name in ("data", "method", "interaction", "code")]
    assert sum(parts) == pytest.approx(row["score_total"], abs=1e-9)


def test_lists_are_cut_at_top_and_whole_with_all(diff: Callable, small_releases: Any) -> None:
    arguments = (small_releases.base, small_releases.weighted)
    (few,), (every,) = (diff(*arguments, *more, "--json").json["indices"] for more in (("--top", "2"), ("--all",)))
    assert few["moves"]["total"] == every["moves"]["total"] == 12
    assert (len(few["moves"]["rows"]), len(every["moves"]["rows"])) == (2, 12)
    assert few["moves"]["rows"] == every["moves"]["rows"][:2]
    sizes = [abs(row["score_total"]) for row in every["moves"]["rows"]]
    assert sizes == sorted(sizes, reverse=True)
    text = diff(*arguments, "--top", "2").out
    assert "2 of 12 shown" in text and "共12项，显示2项" in text and "first 2 rows" in text
    assert "shown" not in diff(*arguments, "--all").out.replace("All rows are shown.", "")


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_every_format_tells_the_same_in_both_languages(diff: Callable, small_releases: Any, form: str) -> None:
    answer = diff(small_releases.base, small_releases.revised, "--format", form)
    assert answer.status == 0 and answer.err == ""
    plain = re.sub(r"\s+", "", answer.out.replace("\\", ""))
    for text in (*BILINGUAL, "figures-2022-03-01.csv", small_releases.base, small_releases.revised, "+15.41"):
        assert text.replace(" ", "") in plain, text


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_window(
    diff: Callable, small_releases: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = diff(small_releases.base, small_releases.weighted).out.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)


def test_the_columns_of_a_table_stand_under_each_other_with_chinese_text(diff: Callable, small_releases: Any) -> None:
    lines = diff(small_releases.base, small_releases.revised).out.splitlines()
    title = next(i for i, line in enumerate(lines) if "By indicator" in line)
    rule = next(i for i, line in enumerate(lines) if i > title and line.strip() and set(line.strip()) == {"─"})
    row = lines[rule + 1]
    head = lines[rule - 2]
    assert cell_len(head[: head.index("revised")]) + len("revised") == cell_len(row[: row.index(" 1 ")]) + 2


def test_the_same_release_twice_ends_well_and_says_so(diff: Callable, small_releases: Any) -> None:
    answer = diff(small_releases.base, small_releases.base)
    assert answer.status == 0 and "Nothing changed" in answer.out and "没有变化" in answer.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("20200101-00000000",), "is not kept"),
        (("strength:lates",), "did you mean 'latest'?"),
        (("strenght:latest",), "did you mean 'strength'?"),
        (("strength:latest", "nonsense"), "neither a release id nor INDEX:EDITION"),
    ],
)
def test_an_unknown_side_is_one_line_with_a_remedy(diff: Callable, arguments: tuple[str, ...], told: str) -> None:
    answer = diff(*arguments)
    assert answer.status == 2 and answer.out == ""
    assert len(answer.errors) == 1 and told in answer.errors[0]


def test_an_unknown_format_is_wrong_usage(diff: Callable) -> None:
    answer = diff("--format", "pdf")
    assert answer.status == 2 and "text, markdown, html, json" in answer.err


def test_without_a_release_before_it_says_what_else_can_be_compared(indexhouse: Callable, published_small: Any) -> None:
    answer = indexhouse(*published_small.options, "diff")
    assert answer.status == 1 and "INDEX:EDITION" in answer.errors[0] and len(answer.errors) == 1


def test_before_the_first_release_it_says_how_to_begin(indexhouse: Callable, tmp_path: Path) -> None:
    for arguments in ((), ("a:b",), ("20200101-00000000",)):
        answer = indexhouse("--home", tmp_path, "diff", *arguments)
        assert answer.status == 1 and len(answer.errors) == 1, arguments


def test_a_catalogue_that_this_version_does_not_read_is_told_with_the_version(
    indexhouse: Callable, small_releases: Any, tmp_path: Path
) -> None:
    small = small_releases.small.copy(tmp_path / "small")
    path = small.release / small_releases.base / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["catalogue"]["indices"]["strength"]["of_another_time"] = 1
    path.chmod(0o644)
    path.write_text(json.dumps(manifest), "utf-8")
    answer = indexhouse(*small.options, "diff", small_releases.base)
    version = manifest["code_version"].partition("+")[0]
    assert answer.status == 1 and len(answer.errors) == 1 and f"install version {version}" in answer.errors[0]


class _Page(HTMLParser):
    """Tags that are open, and what could reach out of the page."""

    VOID = ("meta", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_is_well_formed(diff: Callable, small_releases: Any) -> None:
    text = diff(small_releases.base, small_releases.weighted, "--format", "html").out
    parsed = _Page()
    parsed.feed(text)
    assert parsed.open == [] and parsed.links == [] and "script" not in parsed.tags
    assert "http" not in text and "@import" not in text and "url(" not in text
    assert text.count('lang="zh"') > 20 and text.count('lang="en"') >= text.count('lang="zh"')
    assert "@media print" in text and "prefers-color-scheme:dark" in text


EVIL = "<b>|`*_[x](y)\\"


def test_marks_in_names_are_text_in_every_format() -> None:
    table = Table((EVIL, EVIL), ((EVIL, EVIL),), (False,), (((EVIL, "另一个|"),),))
    told = [Section((EVIL, EVIL), (Paragraph((EVIL, EVIL)), Items(((EVIL, EVIL),)), table), 1)]
    assert "<b>" not in page(told)
    text = markdown(told)
    (row,) = [line for line in text.splitlines() if "另一个" in line]
    assert re.sub(r"\\.", "", row).count("|") == 2 and "\\<b\\>" in text


def test_the_notes_of_a_release_tell_what_changed_since_the_current_one(small_releases: Any, tmp_path: Path) -> None:
    side = small_releases.side(small_releases.weighted)
    staged = tmp_path / "indexhouse.duckdb"
    shutil.copy(side.file, staged)
    root = tmp_path / "release"
    shutil.copytree(small_releases.small.release / small_releases.base, root / small_releases.base)
    shutil.copy(root / small_releases.base / "indexhouse.duckdb", root / "indexhouse.duckdb")
    path = write_notes(root, staged, side.catalogue)
    text = path.read_text("utf-8")
    assert path == tmp_path / "notes.md"
    assert text.startswith(f"# What changed: {small_releases.base} → {small_releases.weighted}")
    assert "GDP moved 北京 2018 by +15.41 points" in text and "weight of Output: 3 → 1" in text


def test_a_run_leaves_the_notes_beside_the_release(small_releases: Any) -> None:
    root = small_releases.small.release
    first, last = (
        (root / each / "notes.md").read_text("utf-8") for each in (small_releases.base, small_releases.weighted)
    )
    assert "The first release" in first
    assert last.startswith(f"# What changed: {small_releases.revised} → {small_releases.weighted}")


def test_the_notes_of_the_first_release_say_that_it_is_the_first(small_releases: Any, tmp_path: Path) -> None:
    side = small_releases.side(small_releases.base)
    text = notes(tmp_path / "release", side.file, side.catalogue)
    assert small_releases.base in text and "The first release" in text and "首个版本" in text


def test_notes_that_cannot_be_made_say_why_and_stop_nothing(small_releases: Any, tmp_path: Path) -> None:
    side = small_releases.side(small_releases.base)
    root = tmp_path / "release"
    root.mkdir()
    shutil.copy(side.file, root / "indexhouse.duckdb")
    staged = tmp_path / "indexhouse.duckdb"
    shutil.copy(side.file, staged)
    text = write_notes(root, staged, side.catalogue).read_text("utf-8")
    assert "Not compared with the release before" in text and "is not kept" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1e-12, "0"), (15.4071, "+15.41"), (-0.5, "−0.50"), (0.0051, "+0.01"), (0.00034, "+0.0003"),
     (-2e-7, "−0.0000002"), (None, "")],
)  # fmt: skip
def test_points_show_their_sign_and_never_an_exponent(value: float | None, text: str) -> None:
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("counts", "en", "zh"),
    [
        ({}, "", ""),
        ({"revised": 1}, "1 value revised", "数值修订1个"),
        ({"revised": 2, "new": 3}, "2 values revised, 3 new", "数值修订2个、新增3个"),
        ({"new": 1}, "1 new value", "数值新增1个"),
        ({"withdrawn": 2, "moved": 1}, "2 values withdrawn, 1 from another source", "数值撤回2个、换用来源1个"),
    ],
)
def test_counts_of_values_in_words(counts: dict[str, int], en: str, zh: str) -> None:
    assert words.counted(counts) == (en, zh)
