"""Printed periods and dates as SDMX strings, frequencies and the last day of a period.

Not here: which cell holds the period (pipelines.sources.layout).
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from datetime import date, timedelta

from warehouse.catalogue.base import PERIOD_PATTERN

_ORDINAL = {"一": "1", "二": "2", "三": "3", "四": "4", "上": "1", "下": "2"}
_TIME = re.compile(r"[t ]\d{1,2}:\d{2}(:\d{2})?(\.\d+)?(z|[+-]\d{2}:?\d{2})?$")
_YEAR = re.compile(r"(\d{4})(?:年度?|\.0|fy)?")
_QUARTER = re.compile(r"(\d{4})年?[-/.]?(?:q|第)([1-4一二三四])(?:季度?)?|q([1-4])[-/]?(\d{4})|(\d{4})年([1-4])季度?")
_HALF = re.compile(r"(\d{4})年?-?(?:[hs]([12])|([上下])半年)")
_MONTH = re.compile(r"(\d{4})(?:年|[-/.]|m|-m)(\d{1,2})月?|(\d{4})(0[1-9]|1[0-2])")
_DAY = re.compile(r"(\d{4})(?:年|[-/.])(\d{1,2})(?:月|[-/.])(\d{1,2})日?|(\d{4})(\d{2})(\d{2})")
_MONTHS = re.compile(r"(\d{4})年(\d{1,2})[-~—–至](\d{1,2})月")
_SPAN = re.compile(r"(.+?)(?:/|~|—|–|--|至)(.+)|(\d{4})年?-(\d{4})年?")
_SDMX_SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})/p(\d+)([ymd])")


def fold_period(text: str) -> str:
    """Fold a printed period: compatibility form, lower case, no blanks, no time of day."""
    text = unicodedata.normalize("NFKC", text).strip().lower()
    return re.sub(r"\s+", "", _TIME.sub("", text))


def parse_period(text: str, freq: str = "A") -> tuple[str, str] | None:
    """Read one printed period (2018, 2018年, 2018-12, 2018Q4, 2018-12-31, 2014-01/2014-08, 2014-2018).

    In: the text, and the frequency of the file, which only tells weeks ('W') from days.
    Out: (freq, time_period) in SDMX form, spans as start/duration; None where it is no period.
    """
    folded = fold_period(text)
    if match := _SDMX_SPAN.fullmatch(folded):
        return _span_of_duration(match, folded)
    if match := _MONTHS.fullmatch(folded):
        return _span(_bounds(f"{match[1]}-{match[2]}"), _bounds(f"{match[1]}-{match[3]}"))
    if (simple := _simple(folded, freq)) is not None:
        return simple
    if match := _SPAN.fullmatch(folded):
        return _span(_bounds(match[1] or match[3]), _bounds(match[2] or match[4]))
    return None


def period_end(time_period: str) -> date | None:
    """The last day of an SDMX period (a span's last day for start/duration)."""
    if not re.match(PERIOD_PATTERN, time_period):
        return None
    bounds = _bounds(time_period)
    return bounds[1] if bounds else None


def month_end_after(day: date, months: int) -> date:
    """The last day of the month that lies `months` months after the month of `day`."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, monthrange(year, month)[1])


def parse_date(text: str) -> date | None:
    """A printed date; a partial one (year, year and month) means its last day. None where it is no date."""
    bounds = _bounds(fold_period(text))
    return bounds[1] if bounds else None


def _simple(folded: str, freq: str) -> tuple[str, str] | None:
    if match := _YEAR.fullmatch(folded):
        return ("A", match[1]) if int(match[1]) else None
    if match := _QUARTER.fullmatch(folded):
        year = match[1] or match[4] or match[5]
        quarter = match[2] or match[3] or match[6]
        return "Q", f"{year}-Q{_ORDINAL.get(quarter, quarter)}"
    if match := _HALF.fullmatch(folded):
        half = match[2] or _ORDINAL[match[3]]
        return "S", f"{match[1]}-{'01' if half == '1' else '07'}-01/P6M"
    if (match := _DAY.fullmatch(folded)) and _day(match) is not None:
        return ("W" if freq == "W" else "D"), str(_day(match))
    if match := _MONTH.fullmatch(folded):
        year, month = int(match[1] or match[3]), int(match[2] or match[4])
        return ("M", f"{year:04d}-{month:02d}") if 1 <= month <= 12 and year else None
    return None


def _day(match: re.Match[str]) -> date | None:
    year, month, day = (int(match[i] or match[i + 3]) for i in (1, 2, 3))
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _bounds(folded: str) -> tuple[date, date, str] | None:
    """First day, last day and resolution (Y, M, D) of a folded period."""
    folded = folded.lower()
    if match := _SDMX_SPAN.fullmatch(folded):
        return _duration(match)
    simple = _simple(folded, "A")
    if simple is None:
        return None
    freq, period = simple
    if freq == "A":
        return date(int(period), 1, 1), date(int(period), 12, 31), "Y"
    if freq == "Q":
        year, quarter = int(period[:4]), int(period[-1])
        last = month_end_after(date(year, 1, 1), quarter * 3 - 1)
        return date(year, quarter * 3 - 2, 1), last, "M"
    if freq == "S":
        return _bounds(period)
    if freq == "M":
        first = date(int(period[:4]), int(period[5:]), 1)
        return first, month_end_after(first, 0), "M"
    day = date.fromisoformat(period)
    return day, day, "D"


def _duration(match: re.Match[str]) -> tuple[date, date, str] | None:
    try:
        first, length = date.fromisoformat(match[1]), int(match[2])
        if length < 1:
            return None
        if match[3] == "d":
            return first, first + timedelta(days=length - 1), "D"
        months = length * (12 if match[3] == "y" else 1)
        index = first.year * 12 + first.month - 1 + months
        last_day = min(first.day, monthrange(index // 12, index % 12 + 1)[1])
        following = date(index // 12, index % 12 + 1, last_day)
        return first, following - timedelta(days=1), match[3].upper()
    except (ValueError, OverflowError):
        return None


def _span_of_duration(match: re.Match[str], folded: str) -> tuple[str, str] | None:
    if _duration(match) is None:
        return None
    freq = "S" if folded.endswith("/p6m") else {"y": "A", "m": "M", "d": "D"}[match[3]]
    return freq, folded.upper()


def _span(first: tuple[date, date, str] | None, last: tuple[date, date, str] | None) -> tuple[str, str] | None:
    if first is None or last is None or last[1] < first[0]:
        return None
    start, end = first[0], last[1]
    if "D" in (first[2], last[2]):
        return "D", f"{start}/P{(end - start).days + 1}D"
    if first[2] == last[2] == "Y":
        return "A", f"{start}/P{end.year - start.year + 1}Y"
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    return "M", f"{start}/P{months}M"
