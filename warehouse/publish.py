"""Make a release: frames into a staged DuckDB file, verified, put into its folder and made current.

Not here: which release is current and how that is switched (releases), what the tables hold (tables,
pipelines), whether their content is right (expectations).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from warehouse import db, releases
from warehouse.errors import IndexhouseError
from warehouse.releases import FILE, PART, RELEASE_ID, clear_errors, fsync
from warehouse.tables import RELEASE_ID as ID_COLUMN
from warehouse.tables import Table, column_comment, comments, conform_frame, ddl, table_comment

STORAGE_VERSION = "v1.0.0"
_STORAGE_NUMBER = 64
_ROW_GROUP = 122_880


@dataclass(frozen=True)
class Published:
    """What publishing did: where the release is, is it current and if not why, which old ones went."""

    release_id: str
    folder: Path
    file: Path
    is_current: bool
    reason: str
    removed: tuple[str, ...]


def stage(
    staging_file: Path,
    frames: Mapping[str, pl.DataFrame | Path],
    tables: Mapping[str, Table],
    release_id: str,
) -> None:
    """Write a release file with every table: storage v1.0.0, no keys, rows sorted, comments everywhere.

    In: one frame, or Parquet file of one, for each table (empty for an empty table), made to fit by
    conform_frame. Replaces a file that an earlier attempt left. Raises IndexhouseError for a table without
    frame, a frame without table, a frame that does not fit, and when the file cannot be written (nothing is
    then left of it).
    """
    if staging_file.name != FILE:
        raise IndexhouseError(f"{staging_file}: the stem is the name of the catalogue in SQL; name the file {FILE}")
    if missing := set(tables) - set(frames):
        raise IndexhouseError(f"table {min(missing)}: nothing was given to fill it; give an empty frame if it is empty")
    if unknown := set(frames) - set(tables):
        raise IndexhouseError(f"table {min(unknown)}: is not declared in tables.yml; declare it or leave it out")
    with clear_errors(staging_file.parent):
        staging_file.parent.mkdir(parents=True, exist_ok=True)
    _remove_staged(staging_file)
    try:
        with db.connect(threads=1) as con:
            _attach(con, staging_file, f"storage_version '{STORAGE_VERSION}'")
            con.execute("begin")  # one commit: DuckDB flushes the disk at each
            for table in tables.values():
                con.execute("; ".join([ddl(table), *comments(table)]))
                _insert(con, table, frames[table.name], release_id)
            con.execute("commit")
            _detach(con)
    except (duckdb.Error, IndexhouseError) as error:
        _remove_staged(staging_file)
        raise _located(error, staging_file) from error


def fill(staging_file: Path, table: Table, frame: pl.DataFrame, release_id: str) -> None:
    """Replace the rows of one table of a staged file (`quality`, once the checks of the others are done).

    Raises IndexhouseError when the frame does not fit or the file cannot be written.
    """
    if not staging_file.exists():
        raise IndexhouseError(f"{staging_file}: does not exist; stage the release first")
    try:
        with db.connect(threads=1) as con:
            _attach(con, staging_file)
            con.execute(f"delete from {db.quote(table.name)}")
            _insert(con, table, frame, release_id)
            _detach(con)
    except duckdb.Error as error:
        raise _located(error, staging_file) from error


def verify(file: Path, tables: Mapping[str, Table], release_id: str) -> None:
    """Hold a release file against the contract: format, tables, columns, types, comments, order, values.

    Raises IndexhouseError that lists every defect.
    """
    with file.open("rb") as opened:
        number = int.from_bytes(opened.read(20)[12:20], "little")
    defects = [] if number == _STORAGE_NUMBER else [f"storage version {number}, {_STORAGE_NUMBER} is needed"]
    if file.with_name(file.name + ".wal").exists():
        defects.append("a write-ahead log stands beside it")
    with db.connect(file, read_only=True) as con:
        defects += _foreign_objects(con)
        present = _present(con)
        defects += [f"table {name} is missing" for name in tables if name not in present]
        defects += [f"table {name} is not declared" for name in present if name not in tables]
        for name in tables:
            if name in present:
                declared = _shape_defects(tables[name], *present[name])
                defects += declared or _content_defects(con, tables[name], release_id)
    if defects:
        raise IndexhouseError(f"{file}: is not a release as declared; build it again\n  " + "\n  ".join(defects))


def publish(
    release_root: Path,
    staging_dir: Path,
    manifest: Mapping[str, Any],
    built_at: datetime,
    keep: int = 10,
    parquet: bool = True,
    make_current: bool = True,
) -> Published:
    """Keep a staged release in its folder and, if it may, make it current. The caller holds the home's lock.

    In: staging_dir with a verified indexhouse.duckdb; other files in it (a report, say) go along, and the folder
    is removed. manifest, kept as manifest.json. make_current False only keeps the release (`--as-of`,
    `--no-publish`, an embargo). A release whose folder exists already is not written again: its tables but
    `release` must be equal byte for byte. Raises IndexhouseError naming folder and remedy; what was current then
    still is, and nothing half-made is left.
    """
    facts = releases.read_release(staging_dir / FILE)
    release_id = facts.release_id
    _check_agreement(facts, manifest, built_at, staging_dir)
    folder = release_root / release_id
    with clear_errors(release_root):
        release_root.mkdir(parents=True, exist_ok=True)
        _check_space(release_root, facts.size_bytes)
        part = Path(tempfile.mkdtemp(dir=release_root, prefix=PART))
        try:
            _fill_folder(part, staging_dir, {**manifest, "release_id": release_id, "built_at": built_at}, parquet)
            if folder.exists():
                _check_equal(part, folder)
            else:
                os.rename(part, folder)
                fsync(release_root)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(staging_dir, ignore_errors=True)
    fence = releases.may_switch(release_root, release_id) if make_current else releases.Fence(False, "kept only")
    file = releases.switch(release_root, release_id).file if fence.allowed else folder / FILE
    removed = releases.prune(release_root, keep, spare=(release_id,))
    return Published(release_id, folder, file, fence.allowed, fence.reason, tuple(removed))


def write_parquet(file: Path, folder: Path) -> None:
    """Write every table of a release file as <folder>/<table>.parquet: zstd, fixed row groups, one thread.

    Equal tables give equal bytes, on whatever machine. Row order is that of the file, which is by key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with db.connect(threads=1) as con:
        _attach(con, file, "read_only")
        for (name,) in con.execute("select table_name from duckdb_tables() where not internal order by 1").fetchall():
            target = folder / f"{name}.parquet"
            con.execute(
                f"copy (from {db.quote(name)}) to {db.quote_text(str(target))} "
                f"(format parquet, compression zstd, row_group_size {_ROW_GROUP})"
            )
            fsync(target)
        con.execute("use memory")
        con.execute("detach staged")


def _attach(con: db.Connection, file: Path, option: str = "") -> None:
    con.execute(f"attach {db.quote_text(str(file))} as staged {f'({option})' if option else ''}")
    con.execute("use staged")


def _detach(con: db.Connection) -> None:
    con.execute("checkpoint staged")
    con.execute("use memory")
    con.execute("detach staged")


def _insert(con: db.Connection, table: Table, given: pl.DataFrame | Path, release_id: str) -> None:
    """Rows of a table, made to fit and sorted by key, with the release id."""
    frame = conform_frame(pl.read_parquet(given) if isinstance(given, Path) else given, table)
    if not frame.height:
        return
    con.register("conformed_frame", frame.with_columns(pl.lit(release_id).alias(ID_COLUMN)).to_arrow())
    columns = ", ".join(db.quote(column.name) for column in table.columns)
    con.execute(f"insert into {db.quote(table.name)} ({columns}) select {columns} from conformed_frame")
    con.unregister("conformed_frame")


def _located(error: Exception, file: Path) -> IndexhouseError:
    """An error of writing names the staged file, not the connection in memory that wrote it."""
    text = str(error).replace(":memory:: ", "")
    return IndexhouseError(text if isinstance(error, IndexhouseError) else f"{file}: cannot be written: {text}")


def _remove_staged(file: Path) -> None:
    with clear_errors(file.parent):
        file.unlink(missing_ok=True)
        file.with_name(file.name + ".wal").unlink(missing_ok=True)


_FOREIGN = {
    "view": "select view_name from duckdb_views() where not internal",
    "macro": "select function_name from duckdb_functions() where not internal",
    "constraint": "select table_name || ': ' || constraint_text from duckdb_constraints()",
    "index": "select index_name from duckdb_indexes()",
    "sequence": "select sequence_name from duckdb_sequences()",
    "type": "select type_name from duckdb_types() where not internal",
    "schema": "select schema_name from duckdb_schemas() where not internal and schema_name <> 'main'",
}


def _foreign_objects(con: db.Connection) -> list[str]:
    return [
        f"{kind} {name} does not belong into a release"
        for kind, text in _FOREIGN.items()
        for (name,) in con.execute(f"{text} order by 1").fetchall()
    ]


_Columns = list[tuple[str, str, str | None]]


def _present(con: db.Connection) -> dict[str, tuple[str | None, _Columns]]:
    """Table -> (its comment, its columns as (name, type, comment))."""
    named = con.execute("select table_name, comment from duckdb_tables() where not internal order by 1").fetchall()
    columns = con.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        "where not internal order by table_name, column_index"
    ).fetchall()
    return {name: (comment, [c[1:] for c in columns if c[0] == name]) for name, comment in named}


def _shape_defects(table: Table, comment: str | None, columns: _Columns) -> list[str]:
    declared = [(c.name, c.type) for c in table.columns]
    if [(name, kind) for name, kind, _ in columns] != declared:
        shown = ", ".join(f"{name} {kind}" for name, kind, _ in columns)
        return [f"table {table.name}: has ({shown}), ({', '.join(' '.join(c) for c in declared)}) is declared"]
    defects = [] if comment == table_comment(table) else [f"table {table.name}: its comment is not the declared one"]
    return defects + [
        f"table {table.name}, column {column.name}: its comment is not the declared one"
        for column, (_, _, found) in zip(table.columns, columns, strict=True)
        if found != column_comment(column)
    ]


def _content_defects(con: db.Connection, table: Table, release_id: str) -> list[str]:
    where = f"table {table.name}"
    measured = [c for c in table.columns if c.type in ("DOUBLE", "DATE", "TIMESTAMP")]
    counts = ["count(*) filter (release_id is distinct from ?)"]
    counts += [f"count(*) filter (not isfinite({db.quote(column.name)}))" for column in measured]
    counts += [f"count(*) filter ({db.quote(name)} is null)" for name in table.key]
    text = f"select {', '.join(counts)} from {db.quote(table.name)}"
    (row,) = con.execute(text, [release_id]).fetchall()
    foreign, infinite, holes = row[0], row[1 : 1 + len(measured)], row[1 + len(measured) :]
    defects = [f"{where}: {foreign} rows are not of release {release_id}"] if foreign else []
    pairs = zip(measured, infinite, strict=True)
    defects += [f"{where}, column {c.name}: {count} values are NaN or infinite" for c, count in pairs if count]
    keyed = zip(table.key, holes, strict=True)
    defects += [f"{where}, column {name}: {count} keys are NULL" for name, count in keyed if count]
    columns = ", ".join(db.quote(name) for name in table.key)
    key = con.sql(f"select {columns} from {db.quote(table.name)}").pl()
    if not key.equals(key.sort(key.columns)):
        defects.append(f"{where}: rows are not sorted by key")
    if repeated := key.height - key.unique().height:
        defects.append(f"{where}: {repeated} rows repeat a key")
    return defects


def _check_agreement(
    facts: releases.Release, manifest: Mapping[str, Any], built_at: datetime, staging_dir: Path
) -> None:
    where = f"{staging_dir / FILE}: table release"
    if not RELEASE_ID.fullmatch(facts.release_id):
        raise IndexhouseError(f"{where}: release_id '{facts.release_id}' is not YYYYMMDD, a hyphen, eight hex digits")
    if manifest.get("release_id", facts.release_id) != facts.release_id:
        raise IndexhouseError(
            f"{where}: is {facts.release_id}, the manifest says {manifest['release_id']}; stage again"
        )
    given = built_at.astimezone(UTC).replace(tzinfo=None) if built_at.tzinfo else built_at
    if facts.built_at != given:
        raise IndexhouseError(f"{where}: built_at is {facts.built_at}, {built_at} was given; stage again")


def _check_space(root: Path, size_bytes: int) -> None:
    """A publish copies the file beside the current one and writes Parquet: twice the size and a bit."""
    free, needed = shutil.disk_usage(root).free, 2 * size_bytes + (1 << 20)
    if free < needed:
        raise IndexhouseError(
            f"{root}: {free / 1e6:.0f} MB are free, {needed / 1e6:.0f} MB are needed to publish; free space "
            "and run again; the current release is as it was"
        )


def _fill_folder(part: Path, staging_dir: Path, manifest: dict[str, Any], parquet: bool) -> None:
    """Everything of a release, complete and on disk, in a folder that nobody sees yet."""
    for path in sorted(staging_dir.iterdir()):
        if path.is_file() and not path.name.endswith(".wal"):
            shutil.move(path, part / path.name)
            (part / path.name).chmod(0o444)
            fsync(part / path.name)
    if parquet:
        write_parquet(part / FILE, part / "parquet")
        fsync(part / "parquet")
    text = json.dumps(manifest, ensure_ascii=False, indent=1, default=_as_text) + "\n"
    (part / "manifest.json").write_text(text, "utf-8")
    fsync(part / "manifest.json")
    part.chmod(0o755)
    fsync(part)


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _check_equal(part: Path, folder: Path) -> None:
    if not (folder / "parquet").is_dir() or not (part / "parquet").is_dir():
        return
    kept, made = releases.marts_hash(folder / "parquet"), releases.marts_hash(part / "parquet")
    if differing := sorted(name for name in kept.keys() | made.keys() if kept.get(name) != made.get(name)):
        raise IndexhouseError(
            f"{folder}: the same release was built again and differs in {', '.join(differing)}: the folder "
            "was changed, or the build depends on more than its inputs; restore the folder from a backup, or "
            "move it away and run again"
        )
