"""A release opened for its report: rows as dictionaries, names in both languages, what the catalogue adds in words.

Not here: what the report makes of them (chapter, statements, revisions, quality).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.reporting.text import Words, same, words
from warehouse import db

Row = dict[str, Any]
BEFORE = "before"


@contextmanager
def opened(file: Path, catalogue: Mapping[str, Any], previous: Path | None = None) -> Iterator[Release]:
    """A release file for reading, and beside it the one before as the database `before`, where there is one."""
    with db.connect() as con:
        con.execute(f"attach {db.quote_text(str(file))} as this (read_only)")
        if previous is not None:
            con.execute(f"attach {db.quote_text(str(previous))} as {BEFORE} (read_only)")
        con.execute("use this")
        yield Release(con, catalogue, previous is not None)


class Release:
    """One release: its file, and the catalogue that its manifest holds (for texts that no table has)."""

    def __init__(self, con: db.Connection, catalogue: Mapping[str, Any], has_previous: bool = False) -> None:
        self.con = con
        self.catalogue = catalogue
        self.has_previous = has_previous

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement, as dictionaries by column name."""
        found = self.con.execute(sql, list(parameters))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row:
        """The only row of a statement."""
        (row,) = self.rows(sql, parameters)
        return row

    @cached_property
    def facts(self) -> Row:
        """The row of the table `release`."""
        return self.one(
            "select release_id, as_of, data_vintage, code_version, catalogue_hash, input_hash, run_id, built_at "
            "from release"
        )

    @property
    def data_vintage(self) -> date:
        vintage: date = self.facts["data_vintage"]
        return vintage

    def area(self, ref_area: str | None) -> Words:
        """The name of an area; its code where the catalogue has none, nothing for no area."""
        return self._names("ref_area", "ref_area").get(ref_area or "", same(ref_area or ""))

    def indicator(self, indicator_id: str | None) -> Words:
        return self._names("indicator", "indicator_id").get(indicator_id or "", same(indicator_id or ""))

    def unit(self, unit_id: str | None) -> Words:
        return self._names("unit", "unit_id").get(unit_id or "", same(unit_id or ""))

    def source(self, source_id: str | None) -> Words:
        return self._names("source", "source_id").get(source_id or "", same(source_id or ""))

    def _names(self, table: str, key: str) -> dict[str, Words]:
        if table not in self._known_names:
            found = self.con.execute(f"select {key}, name_en, name_zh from {table}").fetchall()
            self._known_names[table] = {code: words(en, zh) or same(code) for code, en, zh in found}
        return self._known_names[table]

    @cached_property
    def _known_names(self) -> dict[str, dict[str, Words]]:
        return {}

    def entry(self, part: str, entry_id: str) -> dict[str, Any]:
        """One entry of the catalogue (`indices`, `claims`, ...) as the manifest holds it; empty where it has none."""
        found: dict[str, Any] = self.catalogue.get(part, {}).get(entry_id, {})
        return found
