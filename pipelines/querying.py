"""Read-only SQL on a release, answered as a table, CSV, JSON or Parquet.

Not here: opening the file safely (warehouse.db), how a table is laid out (terminal).
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

from pipelines.settings import Settings
from pipelines.terminal import counted, print_table
from warehouse.db import QueryError, read_only_release
from warehouse.errors import IndexhouseError
from warehouse.releases import release_file

FORMATS = ("table", "csv", "json", "parquet")


def query_release(settings: Settings, sql: str, release_id: str | None, form: str) -> None:
    """Print the answer of one statement. Raises IndexhouseError when the SQL is wrong or nothing is released."""
    with read_only_release(release_file(settings.release, release_id)) as con:
        try:
            relation = con.sql(sql)
            if relation is None:
                raise IndexhouseError("the statement returns no rows; a release can only be read: use select")
            columns = relation.columns
            if form == "parquet":
                return _print_parquet(relation)
            rows = relation.fetchall()
        except QueryError as error:
            raise IndexhouseError(f"query: {_one_line(str(error))}") from None
    {"table": _print_table, "csv": _print_csv, "json": _print_json}[form](columns, rows)


def _one_line(text: str) -> str:
    """What DuckDB says of a statement, without the drawing of its place."""
    lines = [line.strip() for line in text.strip().splitlines()]
    end = next((at for at, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    return " ".join(filter(None, lines[:end] or lines))


def _print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """The table on stdout, whole in a pipe and cut to the width of a terminal; how much of it is told on stderr."""
    laid = print_table(columns, rows, sys.stdout, cut=True)
    told = [counted(len(rows), "row")]
    if laid.columns_shown < len(columns):
        told.append(f"{laid.columns_shown} of {counted(len(columns), 'column')} shown")
    if laid.is_text_cut:
        told.append("long text is cut")
    if len(told) > 1:
        told.append("select fewer columns, or use --format csv or json, to see all")
    print("; ".join(told), file=sys.stderr)


def _print_csv(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    import csv

    writer = csv.writer(_UnixLines())
    writer.writerow(columns)
    writer.writerows([_harmless(value) for value in row] for row in rows)


class _UnixLines:
    """Ends rows with LF. The writer itself must believe in CRLF: it quotes only the line ends that it writes."""

    def write(self, row: str) -> None:
        sys.stdout.write(row.removesuffix("\r\n") + "\n")


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe; numbers stay as they are."""
    from pipelines.exporting.cells import harmless

    return harmless(value) if isinstance(value, str) else value


def _print_json(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    print(json.dumps(records, ensure_ascii=False, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    """What JSON has no type for: decimals as numbers, everything else (dates, blobs) as text."""
    return float(value) if isinstance(value, Decimal) else str(value)


def _print_parquet(relation: Any) -> None:
    if sys.stdout.isatty():
        raise IndexhouseError("--format parquet: is not for a terminal; write it into a file: ... > answer.parquet")
    relation.pl().write_parquet(sys.stdout.buffer)
