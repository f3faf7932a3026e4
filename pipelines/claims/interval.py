"""Arithmetic on intervals with open or closed, finite or infinite ends.

Not here: which interval a word like "nearly" stands for (stated) and where numbers come from (evidence).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

DIGITS = 12


class UndefinedError(Exception):
    """A value that does not exist (a division by what may be zero), with the reason in both languages."""

    def __init__(self, reason_en: str, reason_zh: str) -> None:
        self.reason_en, self.reason_zh = reason_en, reason_zh
        super().__init__(reason_en)


class NothingFitsError(Exception):
    """No value at all satisfies the premises: the empty set."""


def significant(value: float, digits: int = DIGITS) -> float:
    """Round to 12 significant digits, so that ends which are equal on paper are equal here."""
    if value == 0 or not math.isfinite(value):
        return value + 0.0 if value else 0.0
    return float(f"{value:.{digits - 1}e}")


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`; an open end is not part of it, an infinite end is always open."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high):
            raise ValueError("an interval has no end that is not a number")
        if self.low > self.high or (self.low == self.high and (self.low_open or self.high_open)):
            raise ValueError(f"the interval from {self.low} to {self.high} is empty")
        object.__setattr__(self, "low_open", self.low_open or math.isinf(self.low))
        object.__setattr__(self, "high_open", self.high_open or math.isinf(self.high))

    def rounded(self) -> Interval:
        """Ends at 12 significant digits; what rounding joins becomes one closed point."""
        low, high = significant(self.low), significant(self.high)
        if low >= high:
            return point(low)
        return Interval(low, high, self.low_open, self.high_open)

    def holds(self, x: float) -> bool:
        above = x > self.low or (x == self.low and not self.low_open)
        return above and (x < self.high or (x == self.high and not self.high_open))

    def inside(self, other: Interval) -> bool:
        """Whether every number of this one is in the other."""
        low = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        return low and (self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open)))

    def overlaps(self, other: Interval) -> bool:
        """Whether some number is in both."""
        return not (self._below(other) or other._below(self))

    def _below(self, other: Interval) -> bool:
        return self.high < other.low or (self.high == other.low and (self.high_open or other.low_open))

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low, self.high_open, self.low_open)

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            self.low + other.low, self.high + other.high,
            self.low_open or other.low_open, self.high_open or other.high_open,
        )  # fmt: skip

    def __sub__(self, other: Interval) -> Interval:
        return self + (-other)

    def __mul__(self, other: Interval) -> Interval:
        corners = [
            (_product(a, b), a_open, a, b_open, b)
            for a, a_open in self._ends()
            for b, b_open in other._ends()
        ]  # fmt: skip
        return _hull((v, _corner_open(v, ao, a, bo, b)) for v, ao, a, bo, b in corners)

    def __truediv__(self, other: Interval) -> Interval:
        if other.low < 0 < other.high or other.holds(0) or (other.low == other.high == 0):
            raise UndefinedError("the denominator may be zero", "分母可能为零")
        return self * _reciprocal(other)

    def power(self, exponent: float) -> Interval:
        """Raise to a real exponent. The base must be above zero unless the exponent is a whole number >= 0.

        Raises UndefinedError where the power does not exist.
        """
        if exponent == 0:
            return point(1.0)
        if exponent > 0 and exponent == int(exponent) and self.low < 0:
            return self._whole_power(int(exponent))
        if self.low < 0 or (exponent < 0 and self.holds(0)):
            raise UndefinedError("a power of a value that may be zero or negative", "底数可能为零或负数")
        ends = [(_raise(x, exponent), is_open) for x, is_open in self._ends()]
        return _hull(ends)

    def _whole_power(self, n: int) -> Interval:
        ends = [(_raise(x, n), is_open) for x, is_open in self._ends()]
        if n % 2 == 0 and self.low < 0 < self.high:
            ends.append((0.0, False))
        return _hull(ends)

    def _ends(self) -> tuple[tuple[float, bool], tuple[float, bool]]:
        return (self.low, self.low_open), (self.high, self.high_open)


def point(value: float) -> Interval:
    return Interval(value, value)


def around(value: float, half: float) -> Interval:
    """The closed interval value +/- half."""
    return Interval(value - half, value + half)


def hull(parts: Iterable[Interval]) -> Interval:
    """The smallest interval that holds all parts."""
    return _hull(end for part in parts for end in part._ends())


def whole(x: Interval) -> Interval:
    """The whole numbers inside an interval, as the interval from the first to the last of them.

    Raises NothingFitsError when there is none. An infinite end stays.
    """
    x = x.rounded()
    low = x.low if math.isinf(x.low) else math.ceil(x.low) + (x.low_open and x.low == math.ceil(x.low))
    high = x.high if math.isinf(x.high) else math.floor(x.high) - (x.high_open and x.high == math.floor(x.high))
    if low > high:
        raise NothingFitsError
    return Interval(float(low), float(high))


def rank_among(own: Interval, others: Iterable[Interval]) -> Interval:
    """Rank of one value among others, 1 = highest; ties share the smallest rank.

    The lowest possible rank counts only those that are certainly higher, the highest all that may be.
    """
    own, others = own.rounded(), [other.rounded() for other in others]
    certainly = sum(own._below(other) for other in others)
    possibly = sum(other.high > own.low for other in others)
    return Interval(1.0 + certainly, 1.0 + possibly)


def _hull(ends: Iterable[tuple[float, bool]]) -> Interval:
    """Interval over end values; an end is open only when no closed corner reaches it."""
    listed = list(ends)
    low, high = min(v for v, _ in listed), max(v for v, _ in listed)
    if low == high:
        return point(low)
    low_open, high_open = (all(is_open for v, is_open in listed if v == end) for end in (low, high))
    return Interval(low, high, low_open, high_open)


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _corner_open(value: float, a_open: bool, a: float, b_open: bool, b: float) -> bool:
    """A corner is attained when both ends are, or when one end is an attained zero."""
    attained_zero = (a == 0 and not a_open) or (b == 0 and not b_open)
    return (a_open or b_open) and not attained_zero


def _reciprocal(x: Interval) -> Interval:
    low = 1 / x.high if x.high != 0 else -math.inf
    high = 1 / x.low if x.low != 0 else math.inf
    return Interval(low, high, x.high_open, x.low_open)


def _raise(x: float, exponent: float) -> float:
    try:
        return math.inf if x == 0 and exponent < 0 else float(x**exponent)
    except OverflowError:
        return math.inf if x > 0 or exponent % 2 == 0 else -math.inf
