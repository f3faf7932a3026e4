"""What each qualifier stands for, and the verdicts that follow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.claims.interval import Interval, point
from pipelines.claims.stated import stated_interval, verdict_of

if TYPE_CHECKING:
    from tests.claims.conftest import Small

INF = math.inf


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"qualifier": "exact", "stated_value": 6.17}, Interval(6.165, 6.175)),
        ({"qualifier": "reach", "stated_value": 42}, Interval(41.5, 42.5)),
        ({"qualifier": "implied", "stated_value": 4}, Interval(3.5, 4.5)),
        ({"qualifier": "exact", "stated_value": 347000, "digit": 1000}, Interval(346500, 347500)),
        ({"qualifier": "exact", "stated_value": 46.8, "digit": 0.01}, Interval(46.795, 46.805)),
        ({"qualifier": "exact", "stated_value": 1, "unit": "rank"}, point(1)),
        ({"qualifier": "near", "stated_value": 10}, Interval(9, 10, True, True)),
        ({"qualifier": "nearly_half", "stated_value": 50}, Interval(40, 50, True, True)),
        ({"qualifier": "about", "stated_value": 600}, Interval(570, 630)),
        ({"qualifier": "about", "stated_value": 600, "tolerance_pct": 10}, Interval(540, 660)),
        ({"qualifier": "about_one_third", "stated_value": 30}, Interval(27, 33)),
        ({"qualifier": "over", "stated_value": 2}, Interval(2, 2.4, True, False)),
        ({"qualifier": "at_least", "stated_value": 20}, Interval(20, INF)),
        ({"qualifier": "at_most", "stated_value": 20}, Interval(-INF, 20)),
        ({"qualifier": "direction", "stated_value": 1}, Interval(0, INF, True)),
        ({"qualifier": "direction", "stated_value": -1}, Interval(-INF, 0, False, True)),
        ({"qualifier": "comparison", "stated_value": 1}, Interval(1.1, INF, True)),
        ({"qualifier": "comparison", "stated_value": -1}, Interval(-INF, 1 / 1.1, False, True)),
    ],
)
def test_each_qualifier_stands_for_its_interval(small: Small, fields: dict[str, Any], expected: Interval) -> None:
    stated = stated_interval(small.claim(**fields))
    assert stated is not None and stated.rounded() == expected.rounded()


def test_a_statement_without_a_number_has_no_interval(small: Small) -> None:
    reason = {"reason_en": "a list", "reason_zh": "名单"}
    statement = small.claim(measure="category", stated_value=None, not_testable=reason)
    assert stated_interval(statement) is None


@pytest.mark.parametrize(
    ("qualifier", "computed", "verdict"),
    [
        ("exact", (9.6, 10.4), "consistent"),
        ("exact", (9.5, 10.5), "consistent"),
        ("exact", (9.4, 10.4), "compatible"),
        ("exact", (10.5, 11), "compatible"),
        ("exact", (10.6, 11), "inconsistent"),
        ("near", (9.1, 9.9), "consistent"),
        ("near", (10, 10), "inconsistent"),
        ("near", (9, 9), "inconsistent"),
        ("near", (9.9, 10.1), "compatible"),
        ("over", (10, 10), "inconsistent"),
        ("over", (10.1, 12), "consistent"),
        ("over", (10, 11), "compatible"),
        ("over", (11, 13), "compatible"),
        ("over", (12.5, 500), "compatible"),
        ("over", (9, 9.9), "inconsistent"),
        ("at_least", (10, 99), "consistent"),
        ("at_least", (9, 11), "compatible"),
        ("at_least", (9, 9.9), "inconsistent"),
        ("at_most", (0, 10), "consistent"),
        ("at_most", (10.1, 11), "inconsistent"),
    ],
)
def test_verdict_of_a_computed_interval_on_ten(
    small: Small, qualifier: str, computed: tuple[float, float], verdict: str
) -> None:
    statement = small.claim(qualifier=qualifier, stated_value=10)
    stated = stated_interval(statement)
    assert stated is not None
    assert verdict_of(statement, Interval(*computed), stated) == verdict


@given(st.floats(0.01, 1e6), st.floats(0, 2), st.floats(0, 2), st.sampled_from([0.001, 7.0, 1e4]))
def test_verdicts_do_not_depend_on_the_unit(
    small: Small, value: float, low: float, width: float, factor: float
) -> None:
    """Statement and computed value times one factor: the same verdict (values kept off the ends)."""
    value = round(value, 2)
    low, width = round(low, 2) + 0.003, round(width, 2) + 0.0007
    verdicts = set()
    for scale in (1.0, factor):
        statement = small.claim(qualifier="near", stated_value=value * scale)
        stated = stated_interval(statement)
        assert stated is not None
        computed = Interval(value * low * scale, value * (low + width) * scale)
        verdicts.add(verdict_of(statement, computed, stated))
    assert len(verdicts) == 1


@pytest.mark.parametrize(("value", "digit"), [(6.17, 0.01), (42, 1), (46.8, 0.1), (347000, 1), (0.5, 0.1)])
def test_the_last_digit_is_that_of_the_shortest_print(small: Small, value: float, digit: float) -> None:
    assert small.claim(stated_value=value).last_digit == digit
