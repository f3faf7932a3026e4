"""Interval arithmetic: whatever the numbers inside, the result is inside the result."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.claims.interval import (
    Interval,
    NothingFitsError,
    UndefinedError,
    around,
    hull,
    point,
    rank_among,
    whole,
)

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))


@st.composite
def interval_and_member(draw: st.DrawFn, low: float = -1e6) -> tuple[Interval, float]:
    """A closed interval and a number in it."""
    ends = st.floats(low, 1e6).map(lambda x: round(x, 3))
    first, member, last = sorted(draw(st.tuples(ends, ends, ends)))
    return Interval(first, last), member


def close(result: Interval, value: float) -> bool:
    slack = 1e-9 * max(1.0, abs(value))
    return result.low - slack <= value <= result.high + slack


OPERATIONS: dict[str, Callable[..., object]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


@pytest.mark.parametrize("sign", sorted(OPERATIONS))
@given(interval_and_member(), interval_and_member())
def test_members_combined_lie_in_the_combined_intervals(
    sign: str, left: tuple[Interval, float], right: tuple[Interval, float]
) -> None:
    combine = OPERATIONS[sign]
    assert close(combine(left[0], right[0]), combine(left[1], right[1]))  # type: ignore[arg-type]


@given(interval_and_member(), interval_and_member())
def test_quotients_of_members_lie_in_the_quotient_or_it_is_undefined(
    left: tuple[Interval, float], right: tuple[Interval, float]
) -> None:
    if right[0].holds(0):
        with pytest.raises(UndefinedError):
            left[0] / right[0]
    else:
        assert close(left[0] / right[0], left[1] / right[1])


@given(interval_and_member(low=0.001), st.sampled_from([0.25, 0.5, 2, 3, -1, 4]))
def test_powers_of_members_lie_in_the_power(base: tuple[Interval, float], exponent: float) -> None:
    assert close(base[0].power(exponent), base[1] ** exponent)


@given(interval_and_member(), st.sampled_from([2, 3, 4]))
def test_whole_powers_take_negative_bases(base: tuple[Interval, float], exponent: int) -> None:
    assert close(base[0].power(exponent), base[1] ** exponent)


@given(interval_and_member(), interval_and_member())
def test_inside_means_overlapping_and_disjoint_is_neither(
    left: tuple[Interval, float], right: tuple[Interval, float]
) -> None:
    a, b = left[0], right[0]
    assert a.overlaps(b) == b.overlaps(a)
    assert not a.inside(b) or a.overlaps(b)
    assert a.inside(hull((a, b))) and b.inside(hull((a, b)))


def test_open_ends_do_not_touch() -> None:
    assert not Interval(0, 1, high_open=True).overlaps(Interval(1, 2))
    assert Interval(0, 1).overlaps(Interval(1, 2))
    assert Interval(0, 1, high_open=True).inside(Interval(0, 1))
    assert not Interval(0, 1).inside(Interval(0, 1, high_open=True))


def test_open_ends_stay_open_through_arithmetic() -> None:
    over_two = Interval(2, math.inf, low_open=True)
    assert point(10) / over_two == Interval(0, 5, low_open=True, high_open=True)
    assert (over_two * point(3)).low_open and (over_two * point(3)).low == 6
    assert (over_two + point(1)).holds(3) is False
    assert over_two.power(2) == Interval(4, math.inf, low_open=True)


def test_an_attained_zero_makes_a_closed_product() -> None:
    assert Interval(0, 1) * Interval(2, 3, True, True) == Interval(0, 3, False, True)
    assert point(0) * Interval(2, math.inf, True) == point(0)


def test_a_divisor_open_at_zero_gives_an_infinite_quotient() -> None:
    assert point(1) / Interval(0, 2, low_open=True) == Interval(0.5, math.inf)
    assert point(1) / Interval(-2, 0, high_open=True) == Interval(-math.inf, -0.5)


def test_a_negative_divisor_turns_the_ends() -> None:
    assert Interval(1, 2) / Interval(-4, -2) == Interval(-1, -0.25)


@pytest.mark.parametrize("divisor", [point(0), Interval(0, 1), Interval(-1, 1), Interval(-1, 1, True, True)])
def test_a_divisor_that_may_be_zero_is_undefined(divisor: Interval) -> None:
    with pytest.raises(UndefinedError, match="zero"):
        point(1) / divisor


@pytest.mark.parametrize("exponent", [0.5, -1, -2])
def test_powers_that_do_not_exist_are_undefined(exponent: float) -> None:
    with pytest.raises(UndefinedError):
        Interval(-1, 1).power(exponent)


def test_an_even_power_over_zero_starts_at_zero() -> None:
    assert Interval(-3, 2).power(2) == Interval(0, 9)
    assert Interval(-3, 2).power(3) == Interval(-27, 8)


def test_ends_equal_at_twelve_digits_are_equal() -> None:
    assert around(1.7, 0.05).rounded().low == 1.65
    assert Interval(1.65, 1.66).inside(around(1.7, 0.05).rounded())
    assert Interval(1.0, 1.0 + 1e-15, True, True).rounded() == point(1.0)


@pytest.mark.parametrize("ends", [(2, 1, False, False), (1, 1, True, False), (1, 1, False, True)])
def test_an_empty_interval_is_refused(ends: tuple[float, float, bool, bool]) -> None:
    with pytest.raises(ValueError, match="empty"):
        Interval(*ends)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (Interval(25.5, 26.5), point(26)),
        (Interval(3, 5, True, True), point(4)),
        (Interval(3, 5), Interval(3, 5)),
        (Interval(0.5, math.inf), Interval(1, math.inf)),
        (Interval(-1.5, 1.5), Interval(-1, 1)),
    ],
)
def test_whole_keeps_the_whole_numbers(x: Interval, expected: Interval) -> None:
    assert whole(x) == expected


@pytest.mark.parametrize("x", [Interval(23.27, 23.53), Interval(3, 4, True, True)])
def test_whole_of_an_interval_between_two_numbers_does_not_exist(x: Interval) -> None:
    with pytest.raises(NothingFitsError):
        whole(x)


def test_rank_counts_the_higher_ones_and_ties_share_the_smallest() -> None:
    others = [point(3), point(2), point(2)]
    assert rank_among(point(2), others) == point(2)
    assert rank_among(point(4), others) == point(1)
    assert rank_among(point(1), others) == point(4)


def test_rank_is_an_interval_where_printed_values_may_change_places() -> None:
    assert rank_among(around(2.0, 0.05), [around(2.0, 0.05), around(3, 0.05)]) == Interval(2, 3)


@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_rank_of_points_is_one_plus_the_number_above(values: list[float]) -> None:
    own, *others = values
    expected = 1 + sum(x > own for x in others)
    assert rank_among(point(own), [point(x) for x in others]) == point(expected)
