"""A release opened for explaining: its tables, and the catalogue of its manifest for the options that tables only name.

Not here: computing an edition again (replay), the explanation of a cell (tree).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from pipelines.claims.evidence import Knowledge, preferred
from pipelines.index.period import period_frame
from pipelines.settings import Settings
from pipelines.version import code_version
from warehouse.catalogue.formula import inputs
from warehouse.catalogue.indicator import fold_name
from warehouse.catalogue.load import Catalogue, from_document
from warehouse.db import Connection, read_only_release
from warehouse.errors import IndexhouseError, UnknownNameError, suggest
from warehouse.releases import release_file

Row = dict[str, Any]


@dataclass(frozen=True)
class Opened:
    """One release: connection, id, the version of the code that built it, catalogue of its manifest."""

    con: Connection
    release_id: str
    code_version: str
    catalogue: Catalogue

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query by column name."""
        found = self.con.execute(sql, list(parameters))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    @cached_property
    def units(self) -> dict[str, Row]:
        return {row["unit_id"]: row for row in self.rows("select * from unit")}

    @cached_property
    def areas(self) -> dict[str, Row]:
        return {row["ref_area"]: row for row in self.rows("select * from ref_area")}

    @cached_property
    def indicators(self) -> dict[str, Row]:
        return {row["indicator_id"]: row for row in self.rows("select * from indicator")}

    @cached_property
    def sources(self) -> dict[str, Row]:
        return {row["source_id"]: row for row in self.rows("select * from source")}

    @cached_property
    def files(self) -> dict[tuple[str, str], str]:
        """Name of the file of a source and snapshot."""
        rows = self.rows("select source_id, snapshot_id, min(file_name) as file_name from snapshot group by all")
        return {(row["source_id"], row["snapshot_id"]): row["file_name"] for row in rows}

    def needed(self, indicator_ids: Iterator[str]) -> list[str]:
        """Indicators with all that their formulas rest on, sorted."""
        found: set[str] = set()
        waiting = list(indicator_ids)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                formula = self.catalogue.indicators[name].formula
                waiting.extend(inputs(formula) if formula else ())
        return sorted(found)

    def vintages(self, indicator_ids: Sequence[str]) -> pl.DataFrame:
        """Every statement about these indicators: rows of `observation_vintage`, oldest first."""
        return self.con.sql(
            "select * exclude (release_id) from observation_vintage where list_contains($ids, indicator_id) "
            "order by indicator_id, ref_area, freq, time_period, vintage, source_id",
            params={"ids": list(indicator_ids)},
        ).pl()

    def known(self, vintages: pl.DataFrame, wanted: Sequence[str], as_of: date | None) -> pl.DataFrame:
        """One row per key of the wanted indicators: the value in force at a date, in the columns of `observation`.

        In: statements about `wanted`, which holds the inputs of its formulas too (see `needed`).
        """
        from pipelines.index.formula import evaluate

        catalogue = self.catalogue
        told = preferred(vintages.drop("superseded_on", "is_preferred"), as_of, self.priority)
        dates = period_frame(told["time_period"].unique())
        observed = told.join(dates, on="time_period", how="left").with_columns(is_derived=pl.lit(False))
        derived = evaluate(observed, {name: catalogue.indicators[name] for name in wanted}, catalogue.units)
        return pl.concat([observed.select(derived.columns), derived])

    @cached_property
    def priority(self) -> Mapping[tuple[str, str] | str, int]:
        return Knowledge.of(self.catalogue).priority


@contextmanager
def open_release(settings: Settings, release_id: str | None = None) -> Iterator[Opened]:
    """Open a kept release, or the current one.

    Raises IndexhouseError when nothing is published, the manifest is gone, or its catalogue is not one of this version.
    """
    with read_only_release(release_file(settings.release, release_id)) as con:
        found, built_by = con.execute("select release_id, code_version from release").fetchall()[0]
        yield Opened(con, found, built_by, _catalogue(settings.release / found / "manifest.json", found, built_by))


def _catalogue(manifest: Path, release_id: str, built_by: str) -> Catalogue:
    if not manifest.exists():
        raise IndexhouseError(
            f"{manifest}: is missing, and with it the options of the method of {release_id}; put it back, or explain "
            "another release with --release"
        )
    try:
        return from_document(json.loads(manifest.read_text("utf-8"))["catalogue"])
    except (ValidationError, KeyError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise IndexhouseError(
            f"{manifest}: its catalogue cannot be read ({first}); {release_id} was built by indexhouse {built_by}, "
            f"this is {code_version()}; install version {built_by.partition('+')[0]} to explain it"
        ) from None


def chosen(what: str, name: str, known: Mapping[str, Sequence[str | None]]) -> str:
    """The id that a name stands for: the id itself or any of its other names, in any case.

    Raises UnknownNameError with the closest known name, or with all of them.
    """
    wanted = fold_name(name)
    if name in known:
        return name
    spelled = {fold_name(n): (key, n) for key, names in known.items() for n in (*names, key) if n}
    found = [key for key, names in known.items() if wanted in {fold_name(n) for n in (key, *names) if n}]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownNameError(f"{what} '{name}' is the name of {', '.join(sorted(found))}; give the id")
    owners: dict[str, set[str]] = {}
    for text, (key, _) in _parts(known):
        owners.setdefault(text, set()).add(key)
    parts = {text: pair for text, pair in _parts(known) if len(owners[text]) == 1}
    for candidates in (spelled, parts):
        close = suggest(wanted, candidates).removeprefix("did you mean '").removesuffix("'?")
        if close in candidates:
            key, label = candidates[close]
            identity = f" ({key})" if key != label else ""
            raise UnknownNameError(f"{what} '{name}' is unknown; did you mean '{label}'{identity}?")
    raise UnknownNameError(f"{what} '{name}' is unknown; {suggest('', known)}")


def _parts(known: Mapping[str, Sequence[str | None]]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every word of the ids and names, folded, with the id and the whole name that it is of."""
    for key, names in known.items():
        for name in (*names, key):
            for part in re.split(r"[\W_]+", name or ""):
                if len(part) > 1:
                    yield fold_name(part), (key, name or key)
