"""The working file: change log of all observations, records, rejects, run history; and what was known at a date.

Only one process writes it, under the home's lock. It can be made again from the snapshots and the catalogue.
Not here: opening DuckDB (db), reading files (pipelines.sources), the released file (publish).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl

from warehouse.catalogue.load import Catalogue, digest_of
from warehouse.db import Connection, connect
from warehouse.errors import IndexhouseError

ALL_OTHERS = ""
_log = logging.getLogger(__name__)

RECORD_INPUT: dict[str, Any] = {
    "source_id": pl.String, "sequence": pl.Int32, "vintage": pl.Date, "retrieved_at": pl.Datetime("us"),
    "snapshot_id": pl.String, "vintage_basis": pl.String, "file_name": pl.String, "media_type": pl.String,
    "size_kb": pl.Float64, "rows_in": pl.Int32, "is_complete": pl.Boolean, "is_rejected": pl.Boolean,
    "reason_code": pl.String, "reason_en": pl.String, "reason_zh": pl.String, "readings": pl.String,
}  # fmt: skip


def sql(name: str) -> str:
    """The text of one relation in warehouse/sql."""
    return (files("warehouse") / "sql" / f"{name}.sql").read_text("utf-8")


class Core:
    """The working file, open. Use as a context manager.

    A damaged file is moved aside as <name>.damaged-<n> with a warning and started anew: sources are then loaded from
    their snapshots. Tables of another layout than this version's are dropped with what was computed from them.
    Raises IndexhouseError when the file is locked, of a newer format or cannot be written.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._path, self._threads = path, threads
        try:
            self._open()
        except IndexhouseError as error:
            if not _is_damage(error, path):
                raise
            kept = _set_aside(path)
            _log.warning("%s: is damaged and is made anew from the snapshots; the old file is kept as %s (%s)",
                         path, kept.name, error.__cause__)  # fmt: skip
            self._open()

    def _open(self) -> None:
        self._opened = connect(self._path, threads=self._threads)
        self.con: Connection = self._opened.__enter__()
        try:
            self._drop_outdated()
            self.con.execute(sql("core_schema"))
        except BaseException as error:
            self._opened.__exit__(type(error), error, error.__traceback__)
            raise

    def _drop_outdated(self) -> None:
        """Drop tables of another layout; where one of them held observations, all that was computed goes with it."""
        found, wanted = _layout(self.con), _own_layout()
        outdated = {name for name, columns in found.items() if wanted.get(name) != columns}
        computed = {name for name in found if name.startswith("core.") or name == "meta.source_state"}
        for name in sorted(outdated | computed if outdated & computed else outdated):
            self.con.execute(f"drop table {name}")

    def __enter__(self) -> Core:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; one that turned out to be damaged is moved aside, so that the next run starts anew."""
        try:
            self._opened.__exit__(kind, error, trace)
        except IndexhouseError as explained:
            if not _is_damage(explained, self._path):
                raise
            raise IndexhouseError(
                f"{self._path}: is damaged; it is kept as {_set_aside(self._path).name}; run again: the working file "
                f"is then made anew from the snapshots ({explained.__cause__})"
            ) from explained

    def source_states(self) -> dict[str, str]:
        """What each source's rows were computed from, to find the sources that changed."""
        return dict(self.con.execute("select source_id, state from meta.source_state").fetchall())

    def state(self) -> str:
        """Digest of what all sources' rows were computed from."""
        return digest_of(sorted(self.source_states().items()))

    def rebuild(
        self, records: pl.DataFrame, states: dict[str, str], priorities: Iterable[tuple[str, str, int]]
    ) -> None:
        """Make the change log of the sources in `states` anew, drop sources that are gone, in one transaction.

        In: records in RECORD_INPUT columns (all collapsed records of those sources, accepted and rejected, `sequence`
        in the order vintage, retrieved_at, snapshot id); states source -> digest of its inputs; priorities of every
        source that there is (see the function of that name).
        """
        con = self.con
        rows = list(priorities)
        known = {source_id for source_id, _, _ in rows}
        con.execute("begin")
        try:
            self._replace_priorities(rows)
            gone = [s for s in self.source_states() if s not in known]
            for source_id in [*states, *gone]:
                for table in ("core.observation", "core.record", "core.reject", "meta.source_state"):
                    con.execute(f"delete from {table} where source_id = ?", [source_id])
            if states:
                self._change_log(records)
                con.executemany("insert into meta.source_state values (?, ?)", list(states.items()))
            con.execute("commit")
        except BaseException:
            con.execute("rollback")
            raise

    def _replace_priorities(self, rows: list[tuple[str, str, int]]) -> None:
        self.con.execute("delete from core.priority")
        if rows:
            frame = pl.DataFrame(rows, schema=["source_id", "indicator_id", "priority"], orient="row")
            self._insert("core.priority", frame)

    def _change_log(self, records: pl.DataFrame) -> None:
        con = self.con
        con.register("record_frame", records.to_arrow())
        con.execute("create or replace temp table record_input as select * from record_frame")
        con.unregister("record_frame")
        self._run("change_log_plain", _alone(records))
        remaining = con.execute("select distinct readings from record_input where not is_rejected order by all")
        if accepted := [readings for (readings,) in remaining.fetchall()]:
            self._run("change_log", accepted)
            for name in ("observation", "reject", "record"):
                con.execute(sql(f"change_log_keep_{name}"))
        con.execute(sql("rejected_record"))

    def _run(self, name: str, readings: list[str]) -> None:
        """Execute the statements of one file in warehouse/sql on Parquet files; without any there is nothing to do."""
        if readings:
            for statement in sql(name).split(";\n"):
                if statement.strip():
                    self.con.execute(statement, {"files": readings} if "$files" in statement else None)

    def _insert(self, table: str, frame: pl.DataFrame) -> None:
        self.con.register("insert_frame", frame.to_arrow())
        columns = ", ".join(frame.columns)
        self.con.execute(f"insert into {table} ({columns}) select {columns} from insert_frame")
        self.con.unregister("insert_frame")

    def frame(self, name: str, as_of: date | None = None) -> pl.DataFrame:
        """The rows of a relation in warehouse/sql as known at a date (None: everything known)."""
        text = sql(name)
        return self.con.sql(text, params={"as_of": as_of} if "$as_of" in text else None).pl()

    def observation_as_of(self, as_of: date | None) -> pl.DataFrame:
        """One row per key: the value in force at a date, its source, place and vintage."""
        return self.frame("observation_as_of", as_of)

    def observation_vintage(self, as_of: date | None, preferred: pl.DataFrame) -> pl.DataFrame:
        """Every statement known at a date; `preferred` is `observation_as_of` of the same date."""
        self.con.register("preferred", preferred.to_arrow())
        try:
            return self.frame("observation_vintage", as_of)
        finally:
            self.con.unregister("preferred")

    def begin_run(self, run_id: str, started_at: datetime, state: str) -> None:
        self.con.execute("delete from meta.run where run_id = ?", [run_id])
        self.con.execute(
            "insert into meta.run (run_id, started_at, state, status) values (?, ?, ?, 'started')",
            [run_id, started_at, state],
        )

    def end_run(self, run_id: str, finished_at: datetime, status: str, release_id: str | None) -> None:
        """Close a run's row with the totals of the records in force."""
        self.con.execute(sql("end_run"), {"run_id": run_id, "finished_at": finished_at, "status": status,
                                          "release_id": release_id})  # fmt: skip

    def keep_checks(self, run_id: str, border: str, rows: list[dict[str, Any]]) -> None:
        """Keep the judgements of one border in one run (columns of the release table `quality`)."""
        self.con.execute("delete from meta.check_result where run_id = ? and border = ?", [run_id, border])
        if rows:
            frame = pl.DataFrame(rows).with_columns(run_id=pl.lit(run_id), border=pl.lit(border))
            self._insert("meta.check_result", frame)

    def row_counts(self) -> dict[str, int]:
        """Rows of each core table."""
        tables = ("observation", "record", "reject")
        return {name: self._one(f"select count(*) from core.{name}") for name in tables}

    def superseded(self) -> list[str]:
        """Files that state other values under one date than a later retrieval: `source: file: n values ...`."""
        return [row[0] for row in self.con.execute(sql("superseded_value")).fetchall()]

    def unbalanced(self) -> list[str]:
        """Records whose value cells do not add up: `source / file: in = loaded + unchanged + ...`; empty is right."""
        return [row[0] for row in self.con.execute(sql("unbalanced_record")).fetchall()]

    def _one(self, text: str) -> int:
        row = self.con.execute(text).fetchone()
        assert row is not None
        return int(row[0])

    def accounting(self) -> dict[str, int]:
        """Value cells of all records: in, loaded, unchanged, quarantined, excluded."""
        row = self.con.execute(
            "select coalesce(sum(rows_in), 0), coalesce(sum(rows_loaded), 0), coalesce(sum(rows_unchanged), 0), "
            "coalesce(sum(rows_quarantined), 0), coalesce(sum(rows_excluded), 0) from core.record"
        ).fetchone()
        assert row is not None
        return dict(zip(("in", "loaded", "unchanged", "quarantined", "excluded"), map(int, row), strict=True))


def stage_intake(
    path: Path, intake: pl.DataFrame, records: pl.DataFrame, indicators: pl.DataFrame, areas: pl.DataFrame
) -> None:
    """Write the file that the first border judges: tables reading (all value cells), intake, indicator, area.

    In: `records` says which Parquet of readings belongs to which (source_id, snapshot_id, vintage).
    """
    path.unlink(missing_ok=True)
    with connect(path) as con:
        for name, frame in (("intake", intake), ("record", records), ("indicator", indicators), ("area", areas)):
            con.register(f"{name}_frame", frame.to_arrow())
            con.execute(f"create table {name} as select * from {name}_frame")
            con.unregister(f"{name}_frame")
        con.execute(sql("intake_reading"), {"files": records["readings"].unique().sort().to_list()})
        con.execute("drop table record")


def priorities(catalogue: Catalogue) -> list[tuple[str, str, int]]:
    """(source, indicator, priority) by source: '' stands for all indicators that have no priority of their own."""
    return [
        (source_id, indicator_id, priority)
        for source_id, source in sorted(catalogue.sources.items())
        for indicator_id, priority in sorted({ALL_OTHERS: source.priority, **source.priority_for}.items())
    ]


def _alone(records: pl.DataFrame) -> list[str]:
    """The readings of every accepted record that is the only one of its source and has a file of its own."""
    alone = (pl.len().over("source_id") == 1) & (pl.len().over("readings") == 1)
    return records.filter(~pl.col("is_rejected")).filter(alone)["readings"].sort().to_list()


def _layout(con: Connection) -> dict[str, list[tuple[str, str]]]:
    """Columns and types of each table of core and meta, in order."""
    rows = con.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() "
        "where schema_name in ('core', 'meta') and not internal order by 1, column_index"
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        found.setdefault(table, []).append((column, kind))
    return found


@cache
def _own_layout() -> dict[str, list[tuple[str, str]]]:
    """The layout that this version's schema makes."""
    with connect() as blank:
        blank.execute(sql("core_schema"))
        return _layout(blank)


def _is_damage(error: IndexhouseError, path: Path) -> bool:
    """Whether DuckDB found the file or its log of unfinished writes (.wal) damaged: not locked, not full, not newer."""
    text = str(error)
    is_log = text.startswith(f"{path}: cannot be opened: ") and "Failure while replaying WAL" in text
    return is_log or text.startswith(f"{path}: is not a DuckDB file or is damaged")


def _set_aside(path: Path) -> Path:
    """Rename a damaged file and its .wal to the first free <name>.damaged-<n>; return the new path of the file."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    log = path.with_name(path.name + ".wal")
    try:
        if log.exists():
            log.replace(kept.with_name(kept.name + ".wal"))
        path.replace(kept)
    except OSError as error:
        raise IndexhouseError(
            f"{path}: is damaged and cannot be moved aside ({error.strerror}); move it and its .wal away and run again"
        ) from None
    return kept
