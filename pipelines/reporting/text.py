"""Text in two languages, and how numbers, dates and periods are written in it.

Not here: the sentences of the page (templates), markup (page).
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any, NamedTuple

MISSING = "–"
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_PART_OF_YEAR = re.compile(r"(\d{4})-(?:([QS])(\d)|(\d{2}))")
_SPAN = re.compile(r"(\d{4})-01-01/P(\d+)Y")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


class Words(NamedTuple):
    """The same text in English and Chinese; equal where it needs no translation."""

    en: str
    zh: str

    def __add__(self, other: Any) -> Words:
        return Words(self.en + other[0], self.zh + other[1])


def words(en: str | None, zh: str | None) -> Words | None:
    """A pair from two columns; the one stands for the other where that is missing, None where both are."""
    if not en and not zh:
        return None
    return Words(en or zh or "", zh or en or "")


def same(text: object) -> Words:
    """Text that is the same in both languages: a code, a number."""
    return Words(str(text), str(text))


def listed(parts: list[Words], last: Words | None = None) -> Words:
    """A, B and C; A、B和C."""
    if not parts:
        return Words("", "")
    if len(parts) == 1:
        return parts[0]
    joint = last or Words(" and ", "和")
    head = Words(", ".join(p.en for p in parts[:-1]), "、".join(p.zh for p in parts[:-1]))
    return head + joint + parts[-1]


def number(value: float | None, decimals: int = 1, sign: bool = False) -> str:
    """A number with a true minus and commas from 10,000 on; a dash for a missing one, never -0."""
    if value is None:
        return MISSING
    rounded = round(value, decimals) or 0.0
    mark = "," if abs(rounded) >= 10_000 else ""
    text = f"{abs(rounded):{mark}.{decimals}f}"
    if rounded < 0:
        return f"−{text}"
    return f"+{text}" if sign and rounded > 0 else text


def significant(value: float | None, digits: int = 4) -> str:
    """A number of unknown size: so many significant digits at least, never fewer than its whole part has."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return _without_zeros(number(value, max(0, digits - 1 - size)))


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(ends: tuple[float | None, float | None] | None, decimals: int = 1, sign: bool = False) -> Words:
    """From a to b; a dash without an interval or where an end is missing."""
    low, high = ends or (None, None)
    if low is None or high is None:
        return same(MISSING)
    first, last = number(low, decimals, sign), number(high, decimals, sign)
    return same(first) if first == last else Words(f"{first} to {last}", f"{first}至{last}")


def day(value: date | None) -> Words:
    """17 October 2019; 2019年10月17日."""
    if value is None:
        return same(MISSING)
    return Words(f"{value.day} {_MONTHS[value.month - 1]} {value.year}", f"{value.year}年{value.month}月{value.day}日")


def period(text: str | None) -> Words:
    """A time period as it is said in a sentence: 2023年, Q1 2023, May 2023, 2014–2018."""
    if not text:
        return same(MISSING)
    if text.isdigit():
        return Words(text, f"{text}年")
    if match := _SPAN.fullmatch(text):
        years = f"{match[1]}–{int(match[1]) + int(match[2]) - 1}"
        return Words(years, f"{years}年")
    if match := _PART_OF_YEAR.fullmatch(text):
        year, letter, part, month = match.groups()
        if letter == "Q":
            return Words(f"Q{part} {year}", f"{year}年第{part}季度")
        if letter == "S":
            return Words(f"H{part} {year}", f"{year}年{'上' if part == '1' else '下'}半年")
        return Words(f"{_MONTHS[int(month) - 1]} {year}", f"{year}年{int(month)}月")
    if match := _DAY.fullmatch(text):
        return day(date(int(match[1]), int(match[2]), int(match[3])))
    return same(text)


def short_period(text: str | None) -> str:
    """A time period as it stands in a table: the code, a span as its first and last year."""
    match = _SPAN.fullmatch(text or "")
    return f"{match[1]}–{int(match[1]) + int(match[2]) - 1}" if match else text or MISSING


def plural(count: int, one: str, many: str, zh: str) -> Words:
    """1 check, 2 checks; 2项检查. `zh` is what follows the number."""
    return Words(f"{count:,} {one if count == 1 else many}", f"{count:,}{zh}")


def shortened(text: str, width: int) -> str:
    """Text cut to a width in which a Chinese character counts two."""
    used = 0
    for position, character in enumerate(text):
        used += 2 if ord(character) > 0x2E7F else 1
        if used > width:
            return text[: max(1, position - 1)].rstrip() + "…"
    return text
