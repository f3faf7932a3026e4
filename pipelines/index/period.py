"""Reference periods: the SDMX strings of years, quarters, months and days as numbers that can be compared and
shifted.

Not here: dates of knowledge (vintages); spans such as 2014-01-01/P5Y, which are no point of a series.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

import polars as pl

PER_YEAR = {"A": 1.0, "Q": 4.0, "M": 12.0, "D": 365.25}
_FORM = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])(?:-(\d{2}))?))?")


def ordinal(period: str) -> tuple[str, int] | None:
    """Turn a period into its frequency (A, Q, M, D) and a running number; None for a span or anything
    else."""
    match = _FORM.fullmatch(period)
    if match is None:
        return None
    year, quarter, month, day = (int(part) if part else 0 for part in match.groups())
    if quarter:
        return "Q", year * 4 + quarter - 1
    if day:
        return "D", date(year, month, day).toordinal()
    if month:
        return "M", year * 12 + month - 1
    return "A", year


def label(freq: str, number: int) -> str:
    """The string of a running number: the inverse of `ordinal`."""
    if freq == "A":
        return f"{number:04d}"
    if freq == "Q":
        return f"{number // 4:04d}-Q{number % 4 + 1}"
    if freq == "M":
        return f"{number // 12:04d}-{number % 12 + 1:02d}"
    return date.fromordinal(number).isoformat()


def start(period: str) -> date | None:
    """The first day of a period; for a span its first day; None for anything else."""
    found = ordinal(period.split("/")[0])
    if found is None:
        return None
    freq, number = found
    if freq == "D":
        return date.fromordinal(number)
    months = number * {"A": 12, "Q": 3, "M": 1}[freq]
    return date(months // 12, months % 12 + 1, 1)


def shift_years(period: str, years: int) -> str | None:
    """The same period `years` later; None for days and spans."""
    found = ordinal(period)
    if found is None or found[0] == "D":
        return None
    freq, number = found
    return label(freq, number + int(PER_YEAR[freq]) * years)


def sequence(first: str, last: str) -> tuple[str, ...]:
    """All periods from the first to the last, both included; empty when the last comes before the first.

    Raises ValueError when the two are not of one frequency.
    """
    begin, end = ordinal(first), ordinal(last)
    if begin is None or end is None or begin[0] != end[0]:
        raise ValueError(f"'{first}' and '{last}' are not two periods of one frequency")
    return tuple(label(begin[0], number) for number in range(begin[1], end[1] + 1))


def period_frame(periods: Iterable[str]) -> pl.DataFrame:
    """One row per distinct period: time_period, period_start, period_year (NULL for what is no period)."""
    names = sorted(set(periods))
    starts = [start(name) for name in names]
    return pl.DataFrame(
        {
            "time_period": names,
            "period_start": starts,
            "period_year": [each.year if each else None for each in starts],
        },
        schema={"time_period": pl.String, "period_start": pl.Date, "period_year": pl.Int32},
    )


def numbered_periods(periods: Iterable[str]) -> pl.DataFrame:
    """One row per distinct point in time: time_period, freq, number, period_start, period_year; no spans."""
    found = [(name, *place) for name in sorted(set(periods)) if (place := ordinal(name)) is not None]
    schema = {"time_period": pl.String, "freq": pl.String, "number": pl.Int64}
    numbers = pl.DataFrame(found, schema=schema, orient="row")
    return numbers.join(period_frame(numbers["time_period"]), on="time_period", maintain_order="left")
