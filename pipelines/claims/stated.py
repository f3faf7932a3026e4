"""The interval that a printed number and its qualifier stand for, and the verdict on a computed one.

Not here: what is computed (compute) and the words of the reasons (reason).
"""

from __future__ import annotations

import math
from typing import Literal

from pipelines.claims.interval import Interval, around
from warehouse.catalogue.claim import Claim

Verdict = Literal["consistent", "compatible", "inconsistent", "not_testable"]
NEAR, OVER, THIRD_PCT, CLEARLY = 0.90, 1.20, 10.0, 1.10


def stated_interval(claim: Claim) -> Interval | None:
    """The numbers that a statement allows, in its own unit; None where it states none.

    exact, reach, implied: +/- half the last printed digit. near: (0.90 v, v). nearly_half: (0.80 v, v), v 50.
    about: +/- tolerance_pct (5). about_one_third: +/- 10 %. over: (v, 1.2 v]. at_least, at_most: one-sided.
    direction: above (v > 0) or below zero. comparison: a ratio above 1.1 (v > 0), or below its inverse.
    Source: the project's method, section "Reading published statements".
    """
    v = claim.stated_value
    if v is None:
        return None
    match claim.qualifier:
        case "near":
            return Interval(NEAR * v, v, True, True)
        case "nearly_half":
            return Interval(0.8 * v, v, True, True)
        case "about":
            return around(v, abs(v) * claim.tolerance_pct / 100)
        case "about_one_third":
            return around(v, abs(v) * THIRD_PCT / 100)
        case "over":
            return Interval(v, OVER * v, True, False)
        case "at_least":
            return Interval(v, math.inf)
        case "at_most":
            return Interval(-math.inf, v)
        case "direction":
            return Interval(0, math.inf, True) if v > 0 else Interval(-math.inf, 0, False, True)
        case "comparison":
            return Interval(CLEARLY, math.inf, True) if v > 0 else Interval(-math.inf, 1 / CLEARLY, False, True)
        case _:
            return around(v, claim.last_digit / 2)


def verdict_of(claim: Claim, computed: Interval, stated: Interval) -> Verdict:
    """Compare both intervals, in the unit of the statement, at 12 significant digits.

    consistent: computed lies inside stated; compatible: they overlap, or computed is all above 1.2 v after
    `over`; inconsistent: they are disjoint.
    """
    computed, stated = computed.rounded(), stated.rounded()
    if computed.inside(stated):
        return "consistent"
    if computed.overlaps(stated) or (claim.qualifier == "over" and computed.low >= stated.high):
        return "compatible"
    return "inconsistent"
