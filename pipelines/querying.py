"""Read-only SQL on a release, answered as a table, CSV, JSON or Parquet.

Not here: opening the file safely (warehouse.db).
"""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal
from typing import Any

from pipelines.settings import Settings
from warehouse.db import QueryError, read_only_release
from warehouse.errors import IndexhouseError
from warehouse.releases import release_file

FORMATS = ("table", "csv", "json", "parquet")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


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
            raise IndexhouseError(f"query: {str(error).strip()}") from None
    {"table": _print_table, "csv": _print_csv, "json": _print_json}[form](columns, rows)


def _print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        is_number = any(isinstance(row[position], (int, float)) and not isinstance(row[position], bool) for row in rows)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else _shown(value) for value in row))
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, no_color=bool(os.environ.get("NO_COLOR")) or None, highlight=False, markup=False).print(table)
    print(f"{len(rows)} row{'s' if len(rows) != 1 else ''}", file=sys.stderr)


def _shown(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


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
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


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
