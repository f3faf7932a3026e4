"""The page of an index: self-contained, complete, the same words as the terminal."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.explaining import page
from pipelines.explaining.page import write_page, write_pages
from pipelines.explaining.words import lines_of

pytestmark = pytest.mark.slow


def data_of(file: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/octet-stream" id="data">([^<]*)</script>', file.read_text("utf-8"))
    assert found
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def test_a_release_gets_one_page_for_each_index(opened: Any, tmp_path: Path) -> None:
    written = write_pages(opened, tmp_path / "pages")
    assert sorted(written) == ["beijing_innovation", "china_regional_innovation"]
    sizes = {index_id: file.stat().st_size for index_id, file in written.items()}
    assert sizes["beijing_innovation"] < 300_000 and sizes["china_regional_innovation"] < 3_000_000
    data = data_of(written["china_regional_innovation"])
    cells = {each["id"]: len(each["areas"]) * len(each["periods"]) for each in data["editions"]}
    assert cells == {"2019": 31 * 8, "latest": 31 * 14}
    assert data["first"] == ["latest", "CN-AH", "2023", "china_regional_innovation"]


def test_a_page_needs_nothing_from_outside(opened: Any, tmp_path: Path) -> None:
    write_page(opened, tmp_path / "page.html", "beijing_innovation")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"(src|href|url|import)\s*[=(]\s*[\"']?(https?:)?//", text)
    assert "http" not in re.sub(r'id="data">[^<]*<', "", text)
    assert "{{" not in text and text.count("</script>") == 2


def test_a_page_tells_the_same_as_the_answer(opened: Any, told: Callable, tmp_path: Path) -> None:
    document = told("beijing_innovation", "CN-BJ", "2018", edition="2019")
    write_page(opened, tmp_path / "page.html", "beijing_innovation", document)
    data = data_of(tmp_path / "page.html")
    assert data["first"] == ["2019", "CN-BJ", "2018", "beijing_innovation"]
    edition = next(each for each in data["editions"] if each["id"] == "2019")
    differences, cell = edition["cells"][0][edition["periods"].index("2018")]
    assert differences == [] and cell[0][0] == document["tree"]["score"]
    place = [node[0] for node in edition["nodes"]].index("rd_intensity")
    leaf = next(
        node for pillar in document["tree"]["children"] for node in pillar["children"]
        if node["node_id"] == "rd_intensity"
    )  # fmt: skip
    numbers = cell[place][8]
    shown = [tuple(data["texts"][number]) for number in numbers[2::3]]
    assert shown == [line.text for line in lines_of(leaf)]
    assert cell[place][:2] == [leaf["score"], leaf["rank"]]


def test_a_page_reads_without_a_script_too(opened: Any, told: Callable, tmp_path: Path) -> None:
    write_page(opened, tmp_path / "page.html", "beijing_innovation", told("beijing_innovation", "CN-BJ", "2018"))
    static = (tmp_path / "page.html").read_text("utf-8").partition("<noscript>")[2].partition("</noscript>")[0]
    assert "R&amp;D intensity (published)" in static and "知识创造" in static and "column I, row 7" in static


def test_texts_of_the_catalogue_cannot_break_out_of_the_page(opened: Any, tmp_path: Path) -> None:
    index = opened.catalogue.indices["beijing_innovation"]
    opened.catalogue.indices["beijing_innovation"] = index.model_copy(update={"name_en": "</title><script>x</script>"})
    write_page(opened, tmp_path / "page.html", "beijing_innovation")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "<script>x" not in text and "&lt;script&gt;x" in text


def test_a_page_of_very_many_cells_keeps_the_newest_and_the_one_asked_for(
    opened: Any, told: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_CELLS", 22 * 31 * 5)
    document = told("china_regional_innovation", "CN-GD", "2012")
    write_page(opened, tmp_path / "page.html", "china_regional_innovation", document)
    latest = next(each for each in data_of(tmp_path / "page.html")["editions"] if each["id"] == "latest")
    assert latest["periods"] == ["2012", "2021", "2022", "2023"]


def test_the_same_release_gives_the_same_page(opened: Any, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.html", "two.html")]
    for file in files:
        write_page(opened, file, "beijing_innovation")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_verb_writes_the_page(indexhouse: Callable, builtin: Any, tmp_path: Path) -> None:
    file = tmp_path / "out" / "page.html"
    answer = indexhouse("--home", builtin.home, "explain", "beijing_innovation", "北京", "2018", "--html", file)
    assert answer.status == 0 and str(file) in answer.out and file.exists()
    (tmp_path / "blocked").write_text("")
    answer = indexhouse(
        "--home",
        builtin.home,
        "explain",
        "beijing_innovation",
        "北京",
        "2018",
        "--html",
        tmp_path / "blocked" / "a.html",
    )
    assert answer.status == 1 and len(answer.errors) == 1
