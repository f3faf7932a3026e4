"""docs/tables.md, the page of all release tables and columns: `python -m warehouse.tables_page [--check]`.

Not here: the declarations that it is made from (tables.yml, tables).
"""

from __future__ import annotations

import sys
from pathlib import Path

from warehouse.tables import Column, Table, tables

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tables.md"
EXAMPLE = "index_id"
PILLARS = [("pillar_id", "of that name", "同名")]
HEAD = """\
# The tables of a release

<!-- Made from warehouse/tables.yml by `python -m warehouse.tables_page`. Do not edit. -->

A release is one DuckDB file: schema `main`, tables only, storage version v1.0.0, so that DuckDB 1.1 and every later
client opens it. Each table is also a Parquet file in the folder of its release. The same texts, in English and Chinese,
stand in the table `dictionary` and as comments on tables and columns.

- **Key** columns come first, in bold; together they identify a row and are never NULL. The empty text means "not
  applicable".
- Missing is NULL, never 0 or NaN. `_pct` runs 0 to 100, `_share` 0 to 1, rank 1 is best, ties share the smallest.
- `time_period` is the SDMX text (2023, 2023-Q1, 2023-05; a span 2014-01-01/P5Y), `period_start` its first day.
- Rows are sorted by key. Every table ends with `release_id`.

"""


def page() -> str:
    """The whole page: a list of the tables, then a section with the columns of each."""
    found = list(tables({EXAMPLE: PILLARS}).values())
    index = "| table | rows |\n|---|---|\n"
    index += "".join(f"| [{_title(t)}](#{t.name}) | {t.grain_en} |\n" for t in found)
    return HEAD + index + "".join(_section(table) for table in found)


def _title(table: Table) -> str:
    """The name of a table; that of a table per index with the part that differs in angle brackets."""
    return table.name.replace(EXAMPLE, f"&lt;{EXAMPLE}&gt;")


def _section(table: Table) -> str:
    rows = "".join(_row(column) for column in table.columns)
    return (
        f"\n## {_title(table)}\n\n{table.grain_en} {table.description_en}\n"
        f"{table.grain_zh}{table.description_zh}\n\n| column | type | unit | meaning |\n|---|---|---|---|\n{rows}"
    )


def _row(column: Column) -> str:
    name = f"**{column.name}**" if column.is_key else column.name
    kind = column.type + ("" if column.nullable or column.is_key else ", never NULL")
    text = column.description_en.replace("|", "\\|")
    if column.allowed:
        text += f" Values: {', '.join(f'`{value}`' for value in column.allowed)}."
    return f"| {name} | {kind} | {column.unit_id or ''} | {text} |\n"


def keep_page(file: Path, text: str, module: str, arguments: list[str]) -> int:
    """Write a page that a module makes, or with --check say whether it is current (exit status 1 when not)."""
    if "--check" in arguments:
        if file.exists() and file.read_text("utf-8") == text:
            return 0
        print(f"docs/{file.name}: is not current; run `python -m {module}`", file=sys.stderr)
        return 1
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return 0


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is current (exit status 1 when not)."""
    return keep_page(PAGE, page(), "warehouse.tables_page", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
