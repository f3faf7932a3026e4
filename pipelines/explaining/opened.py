"""A release opened for explaining: its tables, and the catalogue of its manifest for the options that tables only name.

Not here: computing an edition again (replay), the explanation of a cell (tree).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from pipelines.index.period import period_frame
from pipelines.settings import Settings
from pipelines.version import code_version
from warehouse.catalogue.formula import inputs
from warehouse.catalogue.load import Catalogue, from_document
from warehouse.db import Connection, read_only_release
from warehouse.errors import IndexhouseError, suggest
from warehouse.releases import release_file

DERIVED = "derived"
KEY = ("indicator_id", "ref_area", "freq", "time_period")
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
        Per source the newest vintage; among sources the lowest priority, then the newest vintage, then the source id:
        the rule of warehouse/sql/observation_as_of.sql on the statements of a release.
        """
        from pipelines.index.formula import evaluate

        catalogue = self.catalogue
        told = vintages.filter(pl.col("source_id") != DERIVED)
        if as_of is not None:
            told = told.filter(pl.col("vintage") <= as_of)
        newest = told.sort("vintage", descending=True).unique(["source_id", *KEY], keep="first", maintain_order=True)
        pairs = newest.select("source_id", "indicator_id").unique()
        order = [(source, indicator, self._priority(source, indicator)) for source, indicator in pairs.iter_rows()]
        ranked = pl.DataFrame(
            order, schema={"source_id": pl.String, "indicator_id": pl.String, "priority": pl.Int64}, orient="row"
        )
        chosen = (
            newest.filter(pl.col("obs_value").is_not_null())
            .join(ranked, on=["source_id", "indicator_id"])
            .sort(["priority", "vintage", "source_id"], descending=[False, True, False])
            .unique(KEY, keep="first", maintain_order=True)
        )
        observed = chosen.join(period_frame(chosen["time_period"].unique()), on="time_period", how="left").with_columns(
            is_derived=pl.lit(False)
        )
        derived = evaluate(observed, {name: catalogue.indicators[name] for name in wanted}, catalogue.units)
        return pl.concat([observed.select(derived.columns), derived])

    def _priority(self, source_id: str, indicator_id: str) -> int:
        source = self.catalogue.sources[source_id]
        return source.priority_for.get(indicator_id, source.priority)


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

    Raises IndexhouseError with the closest known name, or with all of them.
    """
    wanted = name.strip().casefold()
    if name in known:
        return name
    found = [key for key, names in known.items() if wanted in {(n or "").casefold() for n in (key, *names)}]
    if len(found) == 1:
        return found[0]
    if found:
        raise IndexhouseError(f"{what} '{name}' is the name of {', '.join(sorted(found))}; give the id")
    shown = {(n or "").casefold(): (key, n) for key, names in known.items() for n in (*names, key) if n}
    hint = suggest(wanted, shown)
    close = hint.removeprefix("did you mean '").removesuffix("'?")
    if close in shown:
        key, label = shown[close]
        identity = f" ({key})" if key != label else ""
        raise IndexhouseError(f"{what} '{name}' is unknown; did you mean '{label}'{identity}?")
    raise IndexhouseError(f"{what} '{name}' is unknown; {suggest('', known)}")
