"""Evaluating the formula of a claim on the values of one day.

Not here: picking those values (evidence), interval arithmetic (interval), verdicts (judge).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from pipelines.claims.evidence import Knowledge, Observation, Panel
from pipelines.claims.interval import Interval, UndefinedError, hull, point, rank_among, whole
from pipelines.claims.stated import OVER, stated_interval
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.claim import INTERVALS, Claim, Publication, parse

_SPAN = re.compile(r"(\d{4})-01-01/P(\d+)Y")
MAX_DEPTH = 20


@dataclass(frozen=True)
class Gap:
    """An input that no other source holds; for a rank `present` of `wanted` areas hold it."""

    what: str
    ref_area: str
    time_period: str
    present: int | None = None
    wanted: int | None = None


@dataclass
class Computed:
    """Result in base units (None: an input is missing), the observations used, in order, and the gaps."""

    value: Interval | None = None
    used: list[Observation] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    ranked: int = 0


def compute(claim: Claim, publication: Publication, panel: Panel, knowledge: Knowledge) -> Computed:
    """Evaluate a claim's expression at its area and period.

    In: a claim with an expression; the panel of one day, without the publication's own sources.
    Out: the value in base units with what it rests on. A missing input leaves no value; all gaps are listed.
    Raises UndefinedError where the value does not exist, NothingFitsError where nothing fits the premises.
    """
    assert claim.expression is not None
    run = _Run(claim, publication, panel, knowledge)
    value = run.evaluate(parse(claim.expression), claim.ref_area, claim.time_period)
    run.result.value = None if run.result.gaps else value
    return run.result


def years_of(time_period: str) -> tuple[int, int]:
    """First and last year of a span (2014-01-01/P5Y is 2014 and 2018) or of a year.

    Raises IndexhouseError for periods that are neither.
    """
    if match := _SPAN.fullmatch(time_period):
        first = int(match[1])
        return first, first + int(match[2]) - 1
    if re.fullmatch(r"\d{4}", time_period):
        return int(time_period), int(time_period)
    raise IndexhouseError(
        f"time_period: '{time_period}' has no first and last year; formulas over years need a year or a span "
        "such as 2014-01-01/P5Y"
    )


class _Run:
    """One evaluation: remembers what was used and what is missing."""

    def __init__(self, claim: Claim, publication: Publication, panel: Panel, knowledge: Knowledge) -> None:
        self.claim, self.publication, self.panel, self.knowledge = claim, publication, panel, knowledge
        self.result = Computed()
        self.depth = 0

    def evaluate(self, node: ast.expr, area: str, period: str) -> Interval | None:
        if isinstance(node, ast.Constant):
            return point(float(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return self._named(node.id, area, period)
        if isinstance(node, ast.UnaryOp):
            value = self.evaluate(node.operand, area, period)
            return -value if value is not None and isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return self._binary(node, area, period)
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return self._call(node.func.id, node.args, area, period)

    def _binary(self, node: ast.BinOp, area: str, period: str) -> Interval | None:
        left = self.evaluate(node.left, area, period)
        right = self.evaluate(node.right, area, period)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            return left / right
        if right.low != right.high:
            raise UndefinedError("an exponent that is not one number", "指数不是一个确定的数")
        return left.power(right.low)

    def _named(self, name: str, area: str, period: str) -> Interval | None:
        if name == INTERVALS:
            first, last = years_of(period)
            return point(float(last - first))
        if name[0].isupper():
            return self._statement(name)
        if (formula := self.knowledge.formulas.get(name)) is not None:
            return self._derived(formula, name, area, period)
        found = self.panel.find(name, area, period)
        if found is None:
            self._miss(Gap(name, area, period))
            return None
        if found not in self.result.used:
            self.result.used.append(found)
        return found.interval(self.knowledge.factors.get(found.unit_id, 1.0))

    def _derived(self, formula: str, name: str, area: str, period: str) -> Interval | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise IndexhouseError(f"indicators.yml: {name}.formula: refers to itself; break the circle")
        value = self.evaluate(parse(formula), area, period)
        self.depth -= 1
        return value

    def _statement(self, name: str) -> Interval | None:
        """The interval that another statement of the publication stands for, in base units."""
        other = self.publication.claims[name]
        stated = stated_interval(other)
        if name not in self.result.statements:
            self.result.statements.append(name)
        return None if stated is None else stated * point(self.knowledge.factors.get(other.unit, 1.0))

    def _call(self, name: str, args: list[ast.expr], area: str, period: str) -> Interval | None:
        x, second = args[0], getattr(args[1], "value", None) if len(args) > 1 else None
        match name:
            case "at":
                return self.evaluate(x, str(second), period)
            case "on":
                return self.evaluate(x, area, str(second))
            case "lag":
                first, last = years_of(period)
                return self.evaluate(x, area, _period(first - int(str(second)), last - int(str(second))))
            case "first":
                return self.evaluate(x, area, str(years_of(period)[0]))
            case "last":
                return self.evaluate(x, area, str(years_of(period)[1]))
            case "total":
                return self._total(x, area, period)
            case "multiple":
                return self._multiple(x, area, period)
            case "cagr":
                return self._cagr(x, area, period)
            case "rank":
                return self._rank(x, area, period)
        value = self.evaluate(x, area, period)
        if name == "between":
            other = self.evaluate(args[1], area, period)
            return None if value is None or other is None else hull((value, other))
        if value is None:
            return None
        return whole(value) if name == "whole" else _over(value)

    def _total(self, x: ast.expr, area: str, period: str) -> Interval | None:
        first, last = years_of(period)
        values = [self.evaluate(x, area, str(year)) for year in range(first, last + 1)]
        total = point(0.0)
        for value in values:
            if value is None:
                return None
            total = total + value
        return total

    def _multiple(self, x: ast.expr, area: str, period: str) -> Interval | None:
        first, last = years_of(period)
        start, end = self.evaluate(x, area, str(first)), self.evaluate(x, area, str(last))
        if start is None or end is None:
            return None
        if start.low <= 0 or end.low <= 0:
            raise UndefinedError(
                "growth needs a start and an end above zero", "计算增长要求期初值和期末值均大于零"
            )  # fmt: skip
        return end / start

    def _cagr(self, x: ast.expr, area: str, period: str) -> Interval | None:
        multiple = self._multiple(x, area, period)
        first, last = years_of(period)
        if first == last:
            raise UndefinedError("a yearly rate needs a span of at least two years", "年均增速要求至少跨两个年份")
        return None if multiple is None else multiple.power(1 / (last - first)) - point(1.0)

    def _rank(self, x: ast.expr, area: str, period: str) -> Interval | None:
        """Rank among all areas of the group; no rank unless every one of them has a value."""
        own = self.evaluate(x, area, period)
        group = self.knowledge.groups.get(self.claim.rank_group, ())
        others, kept = [], self.result
        self.result = Computed()
        for other in group:
            if other != area:
                others.append(self.evaluate(x, other, period))
        self.result = kept
        present = [value for value in others if value is not None]
        wanted = len(group) - (area in group)
        if len(present) < wanted or not wanted:
            if own is not None:
                self._miss(Gap(ast.unparse(x), self.claim.rank_group, period, len(present) + 1, wanted + 1))
            return None
        self.result.ranked = wanted + 1
        return None if own is None else rank_among(own, present)

    def _miss(self, gap: Gap) -> None:
        if gap not in self.result.gaps:
            self.result.gaps.append(gap)


def _over(value: Interval) -> Interval:
    """A value known only as "over" it, taken as meant: above it and up to 1.2 times it."""
    if value.low <= 0:
        raise UndefinedError("'over' a value that may be zero or negative", "“超过”之后的数可能为零或负数")
    return Interval(value.low, OVER * value.high, True, False)


def _period(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-01-01/P{last - first + 1}Y"
