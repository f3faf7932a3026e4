"""Which columns of a table hold values and which hold roles, and what is unknown among the others.

Not here: where the header stands (headers); the cells themselves (layout).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.sources.headers import Block, find_column
from pipelines.sources.reasons import Problem, RejectedFileError, problem
from warehouse.catalogue.source import Column, Layout, Role

ROLES = ("area", "period", "indicator", "unit", "status", "vintage", "vintage_basis", "locator")
_NUMBER = r"^[-+−]?[0-9０-９][0-9０-９.,' ]*$"


@dataclass(frozen=True)
class ValueColumn:
    """A column of value cells: 0-based position, folded header, reason code where it is not used, what it
    declares."""

    position: int
    header: str
    code: str = ""
    indicator: str | None = None
    unit: str | None = None


def role_of(layout: Layout, name: str) -> Role | None:
    """The role of a name; a bare unit id is a role with a value."""
    role = getattr(layout, name)
    return Role(value=role) if isinstance(role, str) else role


def role_columns(block: Block, layout: Layout) -> dict[str, int]:
    """0-based positions of the roles that stand in columns. Raises RejectedFileError(column_missing)."""
    positions = {}
    for name in ROLES:
        role = role_of(layout, name)
        if role is not None and role.column is not None:
            positions[name] = required_column(f"layout.{name}", role.column, block)
    return positions


def required_column(key: str, wanted: str | int, block: Block) -> int:
    """The 0-based position of a column by header or 1-based position. Raises
    RejectedFileError(column_missing)."""
    position = find_column(wanted, block)
    if position is None:
        raise RejectedFileError(
            "column_missing", f"{key}: no column '{wanted}'; the headers are: {listed(block.headers)}"
        )
    return position


def value_columns(
    block: Block, layout: Layout, declared: list[Column], found: set[int], warnings: list[Problem]
) -> list[ValueColumn]:
    """The value columns of a table, the excluded ones included.

    In: `declared`: the layout's columns that apply to this file; `found` takes the numbers of those that are
    met,
    `warnings` the unknown columns. Raises RejectedFileError(column_missing, column_ambiguous).
    """
    roles = [role_of(layout, name) for name in ROLES]
    taken = set(role_columns(block, layout).values())
    placing = [r.header for r in roles if r is not None and r.header and r is not layout.unit]
    if layout.value is not None:
        position = required_column("layout.value", layout.value, block)
        values = [ValueColumn(position, block.headers[position])]
    elif declared:
        values = _declared(block, declared, found, taken, many=bool(placing))
    else:
        values = [
            ValueColumn(i, header)
            for i, header in enumerate(block.headers)
            if header and i not in taken and all(header_match(p, block, i) for p in placing)
        ]
    return values + _others(block, layout, taken | {v.position for v in values}, warnings)


def header_match(pattern: str, block: Block, position: int) -> re.Match[str] | None:
    """Search the folded header, then the printed one without blanks (so that full-width marks match as
    well)."""
    folded, printed = block.headers[position], block.printed[position]
    return re.search(pattern, folded, re.IGNORECASE) or re.search(pattern, printed, re.IGNORECASE)


def listed(headers: list[str]) -> str:
    """Headers for a message, each once, the first twenty."""
    unique = list(dict.fromkeys(h for h in headers if h))
    return ", ".join(f"'{h}'" for h in unique[:20]) + (", ..." if len(unique) > 20 else "")


def _declared(block: Block, declared: list[Column], found: set[int], taken: set[int], many: bool) -> list[ValueColumn]:
    values: dict[int, ValueColumn] = {}
    for number, column in enumerate(declared):
        for position in _positions(block, column, taken, many):
            before = values.get(position)
            if before is not None and before.indicator != column.indicator:
                raise RejectedFileError(
                    "column_ambiguous",
                    f"'{block.headers[position]}' answers to {before.indicator} and {column.indicator}; "
                    "make the header patterns narrower",
                )
            found.add(number)
            values[position] = ValueColumn(position, block.headers[position], "", column.indicator, column.unit)
    return list(values.values())


def _positions(block: Block, column: Column, taken: set[int], many: bool) -> list[int]:
    if column.position is not None:
        position = column.position - 1
        if position >= len(block.headers) or position in taken:
            return []
        fits = not column.header or any(header_match(p, block, position) for p in column.header)
        return [position] if fits else []
    for pattern in column.header:
        hits = [
            i for i, header in enumerate(block.headers) if header and i not in taken and header_match(pattern, block, i)
        ]
        if len(hits) > 1 and not many:
            exact = [i for i in hits if re.fullmatch(pattern, block.headers[i], re.IGNORECASE)]
            if len(exact) != 1:
                raise RejectedFileError(
                    "column_ambiguous",
                    f"'{pattern}' ({column.indicator}) fits {listed([block.headers[i] for i in hits])}; "
                    "make the pattern narrower",
                )
            hits = exact
        if hits:
            return hits
    return []


def _others(block: Block, layout: Layout, taken: set[int], warnings: list[Problem]) -> list[ValueColumn]:
    """Columns with numbers that are no role and no declared value: excluded, with a warning unless declared.

    In long form the other columns describe rows: they are no values, but an undeclared one is a warning.
    """
    others = []
    for position, name in enumerate(block.data.columns):
        if position in taken:
            continue
        header = block.headers[position]
        unused = any(header_match(p, block, position) for p in layout.unused_columns)
        if layout.value is not None:
            if header and not unused:
                warnings.append(problem("column_unknown", f"'{header}' is not read; list it in unused_columns"))
        elif block.data[name].str.contains(_NUMBER).any():
            others.append(ValueColumn(position, header, "column_unused" if unused else "column_unknown"))
            if not unused:
                shown = header or f"column {position + 1}"
                warnings.append(problem("column_unknown", f"'{shown}'; declare it in columns or unused_columns"))
    return others
