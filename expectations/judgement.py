"""Judgements as plain data: what is expected of a table, what was found, and how both are told to people.

Not here: which expectations there are (plan), judging them (worker), asking for it (client).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]
Kind = Literal["row_count", "not_null", "in_set", "sql"]

SHOWN_ROWS = 3


@dataclass(frozen=True)
class Expectation:
    """One thing that must hold.

    `row_count` (`minimum`), `not_null` and `in_set` (`column`, `values`) are Great Expectations' own; `sql`
    is a query that returns the failing rows, and for the own ones it names them afterwards. A column
    `rows_failed` in the failing rows says how many rows each of them stands for.
    """

    check_id: str
    kind: Kind
    description: str
    severity: Severity = "error"
    column: str = ""
    values: tuple[str, ...] = ()
    minimum: int = 0
    sql: str = ""
    message: str = ""
    keep_rows: int = 20


@dataclass(frozen=True)
class Suite:
    """The expectations of one table."""

    table: str
    expectations: tuple[Expectation, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Suite:
        return cls(
            data["table"],
            tuple(Expectation(**{**each, "values": tuple(each["values"])}) for each in data["expectations"]),
        )


@dataclass(frozen=True)
class Result:
    """One judgement. `failing_rows` are the first ones, sorted; `has_raised`: the check could not be run."""

    check_id: str
    table_name: str
    column_name: str
    expectation: str
    severity: Severity
    status: Literal["passed", "failed"]
    rows_checked: int
    rows_failed: int
    observed: str
    failing_rows: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""
    has_raised: bool = False

    @property
    def is_blocking(self) -> bool:
        return self.status == "failed" and self.severity == "error"


QUALITY_COLUMNS = (
    "check_id", "table_name", "column_name", "expectation", "severity", "status",
    "rows_checked", "rows_failed", "observed",
)  # fmt: skip


def quality_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Results as rows of the contract table `quality` (without release_id), sorted by check_id.

    column_name is None for a whole table; the counts are None where the check itself could not be run.
    """
    rows = [{column: getattr(result, column) for column in QUALITY_COLUMNS} for result in results]
    for row, has_raised in zip(rows, (result.has_raised for result in results), strict=True):
        row["column_name"] = row["column_name"] or None
        if has_raised:
            row["rows_checked"] = row["rows_failed"] = None
    return sorted(rows, key=lambda row: row["check_id"])


def messages(results: Iterable[Result], shown: int = SHOWN_ROWS) -> list[str]:
    """Lines for people about what failed: errors, then warnings, each with its first rows."""
    lines: list[str] = []
    for result in sorted(results, key=lambda each: (each.severity != "error", each.check_id)):
        if result.status == "passed":
            continue
        lines.append(f"{result.severity}: {result.check_id}: {result.expectation}: {headline(result)}")
        lines += [f"  {row_text(result.message, row)}" for row in result.failing_rows[:shown]]
        if result.failing_rows and (rest := _found(result) - min(shown, len(result.failing_rows))) > 0:
            lines.append(f"  and {rest} more")
    return lines


def headline(result: Result) -> str:
    """`rows_failed` of `rows_checked`, or what was observed where no row can be named."""
    if not result.failing_rows:
        return result.observed
    return f"{result.rows_failed} of {result.rows_checked} rows of {result.table_name}"


def row_text(message: str, row: dict[str, Any]) -> str:
    """One failing row by its message, numbers shortened; without a message all its filled columns."""
    shown = {key: number_text(value) for key, value in row.items()}
    if not message:
        return ", ".join(f"{key} {value}" for key, value in shown.items() if value != "")
    try:
        return " ".join(message.format_map(shown).split())
    except (KeyError, ValueError, IndexError):
        return row_text("", row)


def number_text(value: Any) -> str:
    """A value as people read it and as it is the same on every machine; missing is empty text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}" if abs(value) >= 1e5 else f"{value:.6g}"
    return str(value)


def _found(result: Result) -> int:
    """How many failing rows the query returned (each may stand for several rows of the table)."""
    stands_for = sum(int(row.get("rows_failed") or 1) for row in result.failing_rows)
    return len(result.failing_rows) + max(0, result.rows_failed - stands_for)
