"""`indexhouse docs`: the pages of the built-in catalogue and of small ones, their links, languages, texts and folder.

Not here: the documents of the product (tests/docs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipelines.documenting.sparkline import sparkline
from pipelines.documenting.write import write_pages
from pipelines.settings import BUILTIN, Settings
from warehouse.catalogue.load import load


class Page(HTMLParser):
    """The links, ids, tags, languages and text of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.languages: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes |= set(given)
        self.links += [given[name] for name in ("href", "src") if name in given]
        self.ids |= {given["id"]} if "id" in given else set()
        self.languages += [given["lang"]] if tag == "span" else []

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def folder(builtin: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pages(Settings(builtin.home, (BUILTIN,)), tmp_path_factory.mktemp("pages")).folder


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, Page]:
    return {
        path.relative_to(folder).as_posix(): Page(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))
    }


def broken(folder: Path, pages: dict[str, Page]) -> Iterator[str]:
    for name, page in pages.items():
        for link in page.links:
            if link.startswith(("https://", "http://")):
                continue
            target, _, mark = link.partition("#")
            path = (folder / name).parent / target if target else folder / name
            other = path.resolve().relative_to(folder.resolve()).as_posix()
            if not path.is_file() or (mark and mark not in pages[other].ids):
                yield f"{name}: {link}"


@pytest.mark.slow
def test_every_entry_has_a_page_and_every_link_leads_to_one(folder: Path, pages: dict[str, Page]) -> None:
    catalogue = load((BUILTIN,))
    for kind, place in (("indicators", "indicator"), ("sources", "source"), ("indices", "index")):
        assert {f"{place}/{key}.html" for key in getattr(catalogue, kind)} <= set(pages)
    assert list(broken(folder, pages)) == []


@pytest.mark.slow
def test_every_text_of_a_page_stands_there_in_both_languages(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert page.languages == ["en", "zh-CN"] * (len(page.languages) // 2), name
        assert len(page.languages) > 20, name


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(folder: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        text = (folder / name).read_text("utf-8")
        assert not re.search(r"(?:src|<link[^>]*href)=\"(?:https?:)?//", text), name
        assert set(page.tags).isdisjoint({"iframe", "object", "embed", "form", "img"}), name
    for asset in ("style.css", "pages.js"):
        assert "://" not in (folder / asset).read_text("utf-8")


@pytest.mark.slow
def test_an_indicator_tells_what_the_release_holds_of_it(builtin: Any, pages: dict[str, Page]) -> None:
    ((count,),) = builtin.query("select count(*) from observation where indicator_id = 'rd_intensity'")
    ((newest,),) = builtin.query(
        "select obs_value from observation where indicator_id = 'rd_intensity' and ref_area = 'CN-BJ' "
        "order by period_start desc limit 1"
    )
    text = re.sub(r"\s+", " ", pages["indicator/rd_intensity.html"].text)
    assert f"{count}, " in text and f"{newest:g}" in text
    assert "svg" in pages["indicator/rd_intensity.html"].tags
    assert "../source/yearbook_rd_intensity.html" in pages["indicator/rd_intensity.html"].links
    assert "../index/beijing_innovation.html" in pages["indicator/rd_intensity.html"].links
    assert "../indicator/gdp.html" in pages["indicator/rd_intensity_computed.html"].links, "the formula links its parts"


@pytest.mark.slow
def test_a_source_tells_its_files_and_what_became_of_their_cells(builtin: Any, pages: dict[str, Page]) -> None:
    files = builtin.query("select file_name, rows_in from snapshot where source_id = 'nbs_gdp'")
    text = pages["source/nbs_gdp.html"].text
    assert len(files) == 6
    for name, cells in files:
        assert name in text and str(cells) in text


@pytest.mark.slow
def test_an_index_tells_tree_weights_and_scores(builtin: Any, pages: dict[str, Page]) -> None:
    page = pages["index/china_regional_innovation.html"]
    ((score,),) = builtin.query(
        "select score from index_score where index_id = node_id and edition_id = 'latest' and ref_area = 'CN-BJ' "
        "and index_id = 'china_regional_innovation' order by period_start desc limit 1"
    )
    assert f"{score:.1f}" in page.text
    for (node,) in builtin.query(
        "select distinct indicator_id from index_node where index_id = 'china_regional_innovation' "
        "and node_kind = 'indicator'"
    ):
        assert f"../indicator/{node}.html" in page.links


@pytest.mark.slow
def test_the_dictionary_is_that_of_the_release(builtin: Any, pages: dict[str, Page]) -> None:
    text = pages["dictionary.html"].text
    for table, column, meaning in builtin.query("select table_name, column_name, description_zh from dictionary"):
        assert table in pages["dictionary.html"].ids
        assert column in text and meaning in text


@pytest.mark.slow
def test_the_search_list_holds_every_entry_with_an_address_that_exists(folder: Path, pages: dict[str, Page]) -> None:
    text = (folder / "search.js").read_text("utf-8")
    entries = json.loads(text.removeprefix("window.CATALOGUE_ENTRIES = ").rstrip().rstrip(";"))
    assert {kind for kind, *_ in entries} == {
        "indicator", "source", "index", "publication", "area", "unit", "table", "column"
    }  # fmt: skip
    for entry in entries:
        target, _, mark = entry[-1].partition("#")
        assert target in pages and (not mark or mark in pages[target].ids), entry[1]


def test_the_same_catalogue_gives_the_same_bytes(small: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pages(Settings(small.home, (small.catalogue,)), tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 10
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_a_release_the_pages_show_the_catalogue(
    indexhouse: Callable[..., Any], make_small: Callable[..., Any], tmp_path: Path
) -> None:
    small = make_small(tmp_path)
    answer = indexhouse(*small.options, "docs", "--json")
    assert answer.status == 0, answer.err
    assert answer.json["release_id"] is None and answer.json["pages"] >= 10
    page = Page((small.home / "docs" / "indicator" / "gdp.html").read_text("utf-8"))
    assert "Nothing is published yet" in page.text
    assert "../source/figures.html" in page.links


def test_a_catalogue_that_has_moved_on_is_told(indexhouse: Callable[..., Any], small: Any) -> None:
    assert indexhouse(*small.options, "docs").status == 0
    first = (small.home / "docs" / "index.html").read_text("utf-8")
    small.edit("indicators.yml", lambda all_: all_["gdp"].update(name_en="Product"))
    assert indexhouse(*small.options, "docs").status == 0
    second = (small.home / "docs" / "index.html").read_text("utf-8")
    assert "has been changed since" not in first and "has been changed since" in second


def test_texts_of_the_catalogue_are_only_text(indexhouse: Callable[..., Any], small: Any) -> None:
    nasty = "<script>alert(1)</script>\"'&{{ 7*7 }}"

    def spoil(source: dict[str, Any]) -> None:
        source.update(name_en=nasty, provider=nasty, licence=nasty, url="javascript:alert(1)", note_en=nasty)

    small.edit("sources/figures.yml", spoil)
    small.edit("indicators.yml", lambda all_: all_["gdp"].update(name_en=nasty, definition_en=nasty))
    assert indexhouse(*small.options, "docs").status == 0
    for path in (small.home / "docs").rglob("*.html"):
        page = Page(path.read_text("utf-8"))
        assert page.tags.count("script") == 2, path.name
        assert not any(link.startswith("javascript:") for link in page.links), path.name
        assert not any(name.startswith("on") for name in page.attributes), path.name
    assert nasty in Page((small.home / "docs" / "source" / "figures.html").read_text("utf-8")).text
    text = (small.home / "docs" / "search.js").read_text("utf-8")
    assert json.loads(text.removeprefix("window.CATALOGUE_ENTRIES = ").rstrip().rstrip(";"))


def test_keys_in_an_address_are_not_shown(indexhouse: Callable[..., Any], small: Any) -> None:
    def fetch(source: dict[str, Any]) -> None:
        source["fetch"] = {"kind": "http", "urls": ["https://me:word@example.org/a/b.csv?key=secret"]}

    small.edit("sources/figures.yml", fetch)
    assert indexhouse(*small.options, "docs").status == 0
    text = (small.home / "docs" / "source" / "figures.html").read_text("utf-8")
    assert "https://example.org/a/b.csv?…" in text
    assert "secret" not in text and "word@" not in text


def test_a_folder_of_others_is_left_alone(indexhouse: Callable[..., Any], small: Any, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    answer = indexhouse(*small.options, "docs", "--output", mine)
    assert answer.status == 1 and answer.out == ""
    (line,) = answer.errors
    assert str(mine) in line and "--output" in line
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]


def test_pages_of_entries_that_are_gone_go_too(indexhouse: Callable[..., Any], small: Any, tmp_path: Path) -> None:
    place, outside = tmp_path / "pages", tmp_path / "kept.html"
    outside.write_text("kept")
    assert indexhouse(*small.options, "docs", "--output", place).status == 0
    assert (place / "index" / "strength.html").exists()
    with (place / ".indexhouse-pages").open("a") as names:
        names.write(f"../kept.html\n{outside}\n")
    (small.catalogue / "indices" / "strength.yml").unlink()
    assert indexhouse(*small.options, "docs", "--output", place).status == 0
    assert not (place / "index" / "strength.html").exists()
    assert outside.exists(), "the list of pages removes nothing outside of its folder"


@pytest.mark.parametrize(
    ("values", "paths", "dots"),
    [
        ((), 0, 0),
        ((None, None), 0, 0),
        ((3.0,), 0, 1),
        ((1.0, 2.0, 4.0), 1, 1),
        ((1.0, None, 4.0), 0, 2),
        ((1.0, 2.0, None, 5.0, 6.0), 1, 1),
        ((-1.7e308, 1.7e308), 1, 1),
        ((5.0, 5.0), 1, 1),
    ],
)
def test_a_sparkline_draws_what_is_known(values: tuple[float | None, ...], paths: int, dots: int) -> None:
    drawn = sparkline(values)
    assert drawn.count("<path") == paths
    assert drawn.count("<circle") == dots
    assert "nan" not in drawn and "inf" not in drawn
    for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn):
        assert 0 <= float(x) <= 120 and 0 <= float(y) <= 24
