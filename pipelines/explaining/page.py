"""Explanations as a page: one self-contained HTML file for an index, with a picker for edition, area and period.

The page needs no network; its data are compressed inside it. Not here: the words (words), the report of a release.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from pipelines.explaining.opened import Opened
from pipelines.explaining.origin import Document
from pipelines.explaining.terminal import drawn
from pipelines.explaining.tree import Explained, edition_of
from pipelines.explaining.words import lines_of
from warehouse.catalogue.load import Catalogue
from warehouse.db import read_only_release
from warehouse.errors import IndexhouseError
from warehouse.snapshots import write_atomically

MOST_CELLS = 30_000  # nodes x areas x periods x editions: a page of about three megabytes
STATIC_WIDTH = 100


def write_pages(opened: Opened, folder: Path) -> dict[str, Path]:
    """Write one page for each index of a release into a folder: explain_<index_id>.html. Out: index id -> file.

    A page shows `#edition=latest&area=CN-BJ&period=2023&node=rd_intensity` when it is opened with that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for index_id in sorted(opened.catalogue.indices):
        written[index_id] = folder / f"explain_{index_id}.html"
        write_page(opened, written[index_id], index_id)
    return written


def write_beside(file: Path, catalogue: Catalogue) -> dict[str, Path]:
    """Write the pages of a staged release beside its file, for its report to link to. In: the file, and the catalogue
    that it was built from."""
    with read_only_release(file) as con:
        release_id, built_by = con.execute("select release_id, code_version from release").fetchall()[0]
        return write_pages(Opened(con, release_id, built_by, catalogue), file.parent)


def write_page(opened: Opened, file: Path, index_id: str, asked: Document | None = None) -> None:
    """Write the page of one index. `asked`: the explanation that it opens with; default: the newest of the first area.

    A page that would hold more than MOST_CELLS cells leaves out the oldest periods, except the one that is asked for.
    Raises IndexhouseError when the file cannot be written.
    """
    text = _page(opened, index_id, asked)
    try:
        write_atomically(file, text.encode())
    except OSError as error:
        raise IndexhouseError(f"{file}: cannot be written ({error.strerror}); name a file in another folder") from None


def _page(opened: Opened, index_id: str, asked: Document | None) -> str:
    rows = opened.rows("select edition_id from index_edition where index_id = $1", [index_id])
    declared = opened.catalogue.indices[index_id]
    order = [*(each.id for each in declared.editions), *(each.id for each in declared.variants)]
    editions = [Explained(opened, index_id, each) for each in order if each in {row["edition_id"] for row in rows}]
    first = asked or _newest(editions, edition_of(opened, index_id, None)[1])
    texts = _Texts()
    shown = _shown_periods(editions, first)
    data = {
        "release": opened.release_id,
        "index": [index_id, declared.name_en, declared.name_zh],
        "note": [declared.note_en, declared.note_zh],
        "first": [first["edition_id"], first["ref_area"], first["time_period"], first["node_id"]],
        "editions": [_edition(each, shown[each.replay.edition_id], texts) for each in editions],
        "texts": texts.all,
    }
    packed = gzip.compress(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0)
    static = "\n\n".join(
        "\n".join(line.plain for line in drawn(first, STATIC_WIDTH, language)) for language in ("en", "zh")
    )
    title = f"{declared.name_en} {declared.name_zh}".strip()
    page = (files("pipelines.explaining") / "page.html").read_text("utf-8")
    for mark, value in {
        "{{title}}": html.escape(title),
        "{{static}}": html.escape(static),
        "{{data}}": base64.b64encode(packed).decode(),
    }.items():
        page = page.replace(mark, value)
    return page


def _newest(editions: list[Explained], edition_id: str) -> Document:
    """The newest period with a score of the first area of an edition."""
    chosen = next(each for each in editions if each.replay.edition_id == edition_id)
    return chosen.explain(chosen.areas[0], chosen.edition["last_period"] or chosen.periods[-1])


def _shown_periods(editions: list[Explained], first: Document) -> dict[str, list[str]]:
    """By edition the periods that a page has room for: all, or the newest ones and that of `first`."""
    cells = {period: 0 for each in editions for period in each.periods}
    for each in editions:
        for period in each.periods:
            cells[period] += len(each.areas) * len(each.replay.tree.declared)
    kept, room = {first["time_period"]}, MOST_CELLS - cells[first["time_period"]]
    for period in sorted(cells, reverse=True):
        if period not in kept:
            room -= cells[period]
            if room < 0:
                break
            kept.add(period)
    return {each.replay.edition_id: [period for period in each.periods if period in kept] for each in editions}


class _Texts:
    """Every text once, in both languages; a line refers to it by its number."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self._number: dict[tuple[str, str], int] = {}

    def number(self, words: tuple[str, str]) -> int:
        if words not in self._number:
            self._number[words] = len(self.all)
            self.all.append(words)
        return self._number[words]


def _edition(explained: Explained, periods: list[str], texts: _Texts) -> dict[str, Any]:
    edition, names = explained.edition, explained.opened.areas
    any_cell = explained.explain(explained.areas[0], periods[-1])
    nodes = list(_walk(any_cell["tree"], None, 0))
    place = {node["node_id"]: number for number, (node, _, _) in enumerate(nodes)}
    return {
        "id": edition["edition_id"],
        "name": [edition["name_en"], edition["name_zh"]],
        "as_of": any_cell["as_of"],
        "method": [edition["method_en"], edition["method_zh"]],
        "areas": [[area, names[area]["name_en"], names[area]["name_zh"]] for area in explained.areas],
        "periods": periods,
        "nodes": [
            [node["node_id"], -1 if above is None else place[above["node_id"]], level, node["name_en"], node["name_zh"]]
            for node, above, level in nodes
        ],
        "cells": [[_cell(explained.explain(area, period), texts) for period in periods] for area in explained.areas],
    }


def _walk(node: Document, above: Document | None, level: int) -> Iterator[tuple[Document, Document | None, int]]:
    yield node, above, level
    for child in node["children"]:
        yield from _walk(child, node, level + 1)


def _cell(document: Document, texts: _Texts) -> list[Any]:
    """What differs from the release, and by node its numbers and its lines: depth, label, text in turn."""
    return [
        document["checked"]["differences"],
        [
            [
                node["score"],
                node["rank"],
                node["areas_ranked"],
                _short(node["weight_used_in_parent"]),
                _short(node["weight_used"]),
                _short(node["weight_in_parent"]),
                node["change"],
                node["contribution"],
                [
                    number
                    for line in lines_of(node, above=above)
                    for number in (line.depth, texts.number(line.label), texts.number(line.text))
                ],
            ]
            for node, above, _ in _walk(document["tree"], None, 0)
        ],
    ]


def _short(share: float | None) -> float | None:
    return None if share is None else float(f"{share:.6g}")
