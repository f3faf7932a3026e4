"""Grids and a declared layout -> value cells: where area, period, indicator, unit and value of each cell
stand.

Not here: what the texts mean (conform); how bytes became grids (readers); which columns are values (columns).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipelines.sources.columns import (
    ROLES,
    ValueColumn,
    header_match,
    listed,
    required_column,
    role_columns,
    role_of,
    value_columns,
)
from pipelines.sources.headers import Block, blocks_of, squeeze
from pipelines.sources.lookup import Lookup
from pipelines.sources.readers import Grid
from pipelines.sources.reasons import Problem, RejectedFileError
from warehouse.catalogue.indicator import fold_name
from warehouse.catalogue.source import Layout, Role


@dataclass
class Cells:
    """The value cells of a file, and what was read beside them.

    `frame`, one row a value cell: raw_area, raw_period, raw_indicator, raw_unit, raw_status, raw_vintage,
    raw_vintage_basis, raw_locator (null where the layout has no such role), indicator_id, unit_id (id or spelling,
    where the column or the file decides), header, raw_value, is_number (a binary number, so that decimals are
    unknown), layout_code (column_unknown, column_unused or ''), sheet, row, column (1-based, as a person sees them),
    and a condition_column for each column that exclusions look at.
    """

    frame: pl.DataFrame
    title: str
    warnings: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Texts:
    """What texts beside the table can say about it."""

    file_name: str
    titles: list[str]
    lookup: Lookup


def read_cells(
    grids: list[Grid],
    layout: Layout,
    file_name: str,
    lookup: Lookup,
    first_table: bool = False,
    conditions: Sequence[str | int] = (),
) -> Cells:
    """Lay the declared layout over the grids of a file.

    In: grids of text; `first_table`: use only the first grid that has the header (HTML pages); `conditions`:
    columns that exclusions look at. Out: Cells.
    Missing: blank cells are cells too; rows without any text in their role and value columns are not.
    Raises: RejectedFileError (header_not_found, column_missing, column_ambiguous, title_not_found,
    unit_changed, no_rows).
    """
    declared = [c for c in layout.columns if c.when is None or re.search(c.when, file_name)]
    found: set[int] = set()
    frames: list[pl.DataFrame] = []
    warnings: list[Problem] = []
    titles: list[str] = []
    headers: list[str] = []
    no_header: RejectedFileError | None = None
    for grid in grids:
        try:
            blocks = blocks_of(grid, layout)
        except RejectedFileError as rejection:
            if not first_table:
                raise
            no_header = no_header or rejection
            continue
        for block in blocks:
            values = value_columns(block, layout, declared, found, warnings)
            headers += block.headers
            titles.append(block.title)
            if values:
                texts = _Texts(file_name, [block.title, titles[0], grid.text], lookup)
                frames.append(_block_cells(block, layout, values, texts, conditions))
        if first_table:
            break
    if not titles and no_header is not None:
        raise no_header
    absent = [c for i, c in enumerate(declared) if i not in found and not c.optional]
    if absent or not frames:
        wanted = "; ".join(f"{c.indicator} ({' | '.join(c.header) or f'position {c.position}'})" for c in absent)
        raise RejectedFileError(
            "column_missing", f"no column for {wanted or 'any value'}; the headers are: {listed(headers)}"
        )
    frame = pl.concat(frames) if len(frames) > 1 else frames[0]
    if frame.height == 0:
        raise RejectedFileError("no_rows", "nothing stands below the header")
    return Cells(frame, "\n".join([*titles, *(g.text for g in grids[:1])]), warnings)


def search_text(pattern: str, texts: list[str]) -> str | None:
    """Group 1 (or all) of the first hit, in the texts as printed, then without blanks and in plain width."""
    for text in (t for raw in texts if raw for t in (raw, squeeze(raw))):
        if match := re.search(pattern, text):
            return _taken(match)
    return None


def condition_column(column: str | int) -> str:
    """The name, in the frame of cells, of a table's column that an exclusion looks at."""
    return f"at {column}"


def _taken(match: re.Match[str]) -> str:
    return match[1] if match.re.groups and match[1] is not None else match[0]


def _block_cells(
    block: Block, layout: Layout, values: list[ValueColumn], texts: _Texts, conditions: Sequence[str | int]
) -> pl.DataFrame:
    names = block.data.columns
    columns = role_columns(block, layout)
    rows = _filled_rows(block, columns, values)
    count, width = rows.height, len(values)
    repeats = np.repeat(np.arange(width), count)

    def spread(per_column: Sequence[str | None]) -> pl.Series:
        series = pl.Series(list(per_column), dtype=pl.String)
        return series.new_from_index(0, count * width) if len(set(per_column)) == 1 else series.gather(repeats)

    def stacked(per_column: list[pl.Series]) -> pl.Series:
        return pl.concat(per_column) if width > 1 else per_column[0]

    out: dict[str, pl.Series] = {}
    for name in ROLES:
        role = role_of(layout, name)
        if name in columns:
            out[f"raw_{name}"] = stacked([rows[names[columns[name]]]] * width)
        elif name == "locator" and role is None and block.grid.places is not None:
            places = block.grid.places.gather(rows["row"] - 1)
            out["raw_locator"] = stacked([places + f" {block.printed[v.position]}" for v in values])
        elif role is None:
            out[f"raw_{name}"] = spread([None] * width)
        elif role.header is not None:
            out[f"raw_{name}"] = spread([_from_header(role.header, block, v) for v in values])
        else:
            out[f"raw_{name}"] = spread([_from_texts(name, role, texts)] * width)
    for column in conditions:
        position = required_column("exclude.where", column, block)
        out[condition_column(column)] = stacked([rows[names[position]]] * width)
    out["indicator_id"] = spread([v.indicator for v in values])
    out["unit_id"] = spread([_unit(block, v, layout, texts) for v in values])
    out["header"] = spread([v.header for v in values])
    out["raw_value"] = stacked([rows[names[v.position]] for v in values])
    if block.numbers is None:
        out["is_number"] = pl.Series([False]).new_from_index(0, count * width)
    else:
        out["is_number"] = stacked([rows[f"is_{names[v.position]}"] for v in values])
    out["layout_code"] = spread([v.code for v in values])
    out["sheet"] = spread([block.grid.name] * width)
    out["row"] = stacked([rows["row"]] * width)
    positions = pl.Series([v.position + 1 for v in values], dtype=pl.UInt32)
    out["column"] = positions.gather(repeats) if width > 1 else positions.new_from_index(0, count)
    return pl.DataFrame({name: series.alias(name) for name, series in out.items()})


def _filled_rows(block: Block, columns: dict[str, int], values: list[ValueColumn]) -> pl.DataFrame:
    """The data rows with their 1-based number `row` and number flags `is_*`.

    Left out are rows that say nothing: blank in all value columns and in the column of the area (or first
    role).
    """
    names = block.data.columns
    rows = block.data.with_row_index("row", offset=block.first_row + 1)
    if block.numbers is not None:
        rows = pl.concat([rows, block.numbers.select(pl.all().name.prefix("is_"))], how="horizontal")
    key = [columns[name] for name in ("area", "period", "indicator") if name in columns][:1]
    watched = dict.fromkeys([*key, *(v.position for v in values)])
    return rows.filter(pl.any_horizontal(pl.col(names[i]) != "" for i in watched))


def _from_header(pattern: str, block: Block, value: ValueColumn) -> str | None:
    match = header_match(pattern, block, value.position)
    return _taken(match) if match else None


def _from_texts(name: str, role: Role, texts: _Texts) -> str:
    """A role that is the same for the whole table: given, or found in the file name or the title."""
    if role.value is not None:
        return role.value
    place, pattern = ("file", role.file) if role.file is not None else ("title", role.title or "")
    found = search_text(pattern, [texts.file_name] if place == "file" else texts.titles)
    if found is None:
        shown = texts.file_name if place == "file" else texts.titles[0]
        raise RejectedFileError("title_not_found", f"layout.{name}.{place}: '{pattern}' is not in {shown[:200]!r}")
    return found


def _unit(block: Block, value: ValueColumn, layout: Layout, texts: _Texts) -> str | None:
    """The unit of a value column, as an id or a spelling; None: the indicator's own.

    A unit printed in the header must be the column's declared one. One printed in the title speaks for the
    columns that declare none; for the others it must at least not be another multiple of theirs.
    """
    role = role_of(layout, "unit")
    if value.code or role is None or role.column is not None:
        return value.unit
    if role.value is not None:
        return value.unit or role.value
    lookup = texts.lookup
    indicator = lookup.indicators.get(value.indicator or "")
    own_unit = value.unit or (indicator.unit if indicator else None)
    printed = _from_header(role.header, block, value) if role.header else _from_texts("unit", role, texts)
    if printed is None:
        return value.unit
    mapped = {fold_name(text): unit for text, unit in role.values.items()}
    unit = mapped.get(fold_name(printed)) if mapped else lookup.unit(printed, own_unit)
    if value.unit is not None and role.header is None:
        if unit is not None and unit != value.unit and lookup.conversion(unit, value.unit) is not None:
            raise RejectedFileError("unit_changed", f"'{printed}' ({unit}) is printed, {value.unit} is declared")
        return value.unit
    if unit is None:
        known = ", ".join(role.values) or "the spellings in units.yml"
        raise RejectedFileError("unit_changed", f"'{printed}' is printed over '{value.header}'; known are {known}")
    if value.unit is not None and unit != value.unit:
        raise RejectedFileError("unit_changed", f"'{printed}' ({unit}) is printed, {value.unit} is declared")
    if indicator is not None and lookup.conversion(unit, indicator.unit) is None:
        raise RejectedFileError(
            "unit_changed", f"'{printed}' ({unit}) cannot be {indicator.unit}, the unit of {value.indicator}"
        )
    return unit if mapped or indicator is not None else printed
