"""The formula of a computed indicator: reading it, the indicators it needs, and whether its units fit.

Not here: evaluating it (pipelines.index.formula), the formulas of claims (claim).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from warehouse.catalogue.indicator import Area, Indicator, Unit
from warehouse.catalogue.measure import ONE, Measure, measure
from warehouse.errors import IndexhouseError, suggest

_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


@dataclass(frozen=True, order=True)
class Term:
    """An indicator in a formula: of the same area, or of a stated one, some years before."""

    indicator_id: str
    lag: int = 0
    area: str = ""


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Operation:
    """left sign right, with sign one of + - * /."""

    sign: str
    left: Expression
    right: Expression


Expression = Term | Number | Operation


class FormulaError(IndexhouseError):
    """A formula that cannot be read, or whose units do not fit."""


def parse(formula: str) -> Expression:
    """Read a formula: + - * /, parentheses, unary minus, numbers, names, lag(name, years), at(name, 'AREA').

    `lag` and `at` may be put around each other or around any part; they apply to every indicator inside.
    Raises FormulaError for anything else, with the part that is not allowed.
    """
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise FormulaError(f"'{formula}' is not a formula: {error}; write e.g. a / b") from None
    expression = _read(tree, formula, 0, "")
    if not any(not term.area for term in terms(expression)):
        raise FormulaError(f"'{formula}' has no indicator of the area itself; name one outside at(...)")
    return expression


def _read(node: ast.expr, formula: str, lag: int, area: str) -> Expression:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = (_read(side, formula, lag, area) for side in (node.left, node.right))
        return Operation(_OPERATORS[type(node.op)], left, right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return Operation("*", Number(-1.0), _read(node.operand, formula, lag, area))
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return Number(float(node.value))
    if isinstance(node, ast.Name):
        return Term(node.id, lag, area)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords and len(node.args) == 2:
        inner, argument = node.args
        given = argument.value if isinstance(argument, ast.Constant) else None
        if node.func.id == "lag" and type(given) is int and given >= 0:
            return _read(inner, formula, lag + given, area)
        if node.func.id == "at" and isinstance(given, str) and given and not area:
            return _read(inner, formula, lag, given)
    part = ast.get_source_segment(formula.strip(), node) or formula
    raise FormulaError(
        f"'{part}' is not allowed in a formula; use + - * / ( ), numbers, indicator ids, lag(x, years), at(x, 'AREA')"
    )


def terms(expression: Expression) -> Iterator[Term]:
    """The indicators of an expression, from left to right, repeats included."""
    if isinstance(expression, Term):
        yield expression
    elif isinstance(expression, Operation):
        yield from terms(expression.left)
        yield from terms(expression.right)


def inputs(formula: str) -> tuple[str, ...]:
    """The indicator ids that a formula reads, sorted."""
    return tuple(sorted({term.indicator_id for term in terms(parse(formula))}))


def measure_of(expression: Expression, indicators: Mapping[str, Indicator], units: Mapping[str, Unit]) -> Measure:
    """The dimension of a result, in base units. Raises FormulaError where unlike dimensions are added up."""
    if isinstance(expression, Number):
        return ONE
    if isinstance(expression, Term):
        return Measure(measure(indicators[expression.indicator_id].unit, dict(units)).dimension, 1.0)
    left = measure_of(expression.left, indicators, units)
    right = measure_of(expression.right, indicators, units)
    if expression.sign in "+-":
        if left.dimension != right.dimension:
            raise FormulaError(f"unlike dimensions: {left} {expression.sign} {right}; bring both to one")
        return left
    return left.times(right, 1 if expression.sign == "*" else -1)


def problems(
    indicators: Mapping[str, Indicator], units: Mapping[str, Unit], areas: Mapping[str, Area]
) -> dict[str, str]:
    """What is wrong with the formulas of a catalogue: indicator id -> `formula: what; remedy`, one each."""
    found: dict[str, str] = {}
    below: dict[str, tuple[str, ...]] = {}
    for indicator_id, indicator in indicators.items():
        if indicator.formula is None:
            continue
        try:
            expression = parse(indicator.formula)
            _check_names(expression, indicators, areas)
            below[indicator_id] = inputs(indicator.formula)
            result = measure_of(expression, indicators, units)
            declared = measure(indicator.unit, dict(units))
            if result.dimension != declared.dimension:
                found[indicator_id] = (
                    f"formula: '{indicator.formula}' gives {result}, "
                    f"but unit '{indicator.unit}' is {declared}; change one of them"
                )
        except IndexhouseError as error:
            found[indicator_id] = f"formula: {error}"
    try:
        tuple(TopologicalSorter(below).static_order())
    except CycleError as error:
        circle = error.args[1]
        text = f"formula: {' -> '.join(reversed(circle))} is a circle; compute one of them from data"
        found |= dict.fromkeys(circle, text)
    return found


def _check_names(expression: Expression, indicators: Mapping[str, Indicator], areas: Mapping[str, Area]) -> None:
    for term in terms(expression):
        if term.indicator_id not in indicators:
            raise FormulaError(f"'{term.indicator_id}' is no indicator; {suggest(term.indicator_id, indicators)}")
        if term.area and term.area not in areas:
            raise FormulaError(f"'{term.area}' is no area; {suggest(term.area, areas)}")
