"""Indicators computed from other indicators: parse a formula, check its dimension, evaluate it on
observations.

Not here: choosing which observations are known as of a date (warehouse), denominators inside an index
(denominate).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np
import polars as pl

from pipelines.index.period import period_frame, shift_years
from pipelines.index.rank import round_significant
from warehouse.catalogue.base import IndexhouseError, suggest
from warehouse.catalogue.indicator import Area, Indicator, Unit
from warehouse.catalogue.measure import ONE, Measure, measure

BASES = ("declared", "retrieved", "assumed")
_KEY = ("ref_area", "freq", "time_period")
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
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, (int, float))
        and not isinstance(node.value, bool)
    ):
        return Number(float(node.value))
    if isinstance(node, ast.Name):
        return Term(node.id, lag, area)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and not node.keywords
        and len(node.args) == 2
    ):
        inner, argument = node.args
        given = argument.value if isinstance(argument, ast.Constant) else None
        if node.func.id == "lag" and type(given) is int and given >= 0:
            return _read(inner, formula, lag + given, area)
        if node.func.id == "at" and isinstance(given, str) and given and not area:
            return _read(inner, formula, lag, given)
    part = ast.get_source_segment(formula.strip(), node) or formula
    raise FormulaError(
        f"'{part}' is not allowed in a formula; "
        "use + - * / ( ), numbers, indicator ids, lag(x, years), at(x, 'AREA')"
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


def measure_of(
    expression: Expression, indicators: Mapping[str, Indicator], units: Mapping[str, Unit]
) -> Measure:
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


def _check_names(
    expression: Expression, indicators: Mapping[str, Indicator], areas: Mapping[str, Area]
) -> None:
    for term in terms(expression):
        if term.indicator_id not in indicators:
            raise FormulaError(
                f"'{term.indicator_id}' is no indicator; {suggest(term.indicator_id, indicators)}"
            )
        if term.area and term.area not in areas:
            raise FormulaError(f"'{term.area}' is no area; {suggest(term.area, areas)}")


def evaluate(
    observations: pl.DataFrame, indicators: Mapping[str, Indicator], units: Mapping[str, Unit]
) -> pl.DataFrame:
    """Compute all indicators that have a formula.

    In: observations as known at one date, in the columns of the `observation` table (without release_id), one
    row per (indicator_id, ref_area, freq, time_period); rows of computed indicators are not expected. Out:
    rows of the computed indicators in the same columns, sorted by key: source `derived`, vintage the newest
    and basis the weakest of the inputs', locator the formula. Where an input is missing there is no row;
    where the result is no number (division by zero) the row has a NULL value and status M. Values are rounded
    to 12 significant digits.
    Raises FormulaError for a formula that cannot be evaluated (see `problems`).
    """
    below = {name: inputs(each.formula) for name, each in indicators.items() if each.formula is not None}
    try:
        order = [name for name in TopologicalSorter(below).static_order() if name in below]
    except CycleError as error:
        raise FormulaError(
            f"formulas {' -> '.join(error.args[1])} are a circle; compute one from data"
        ) from None
    slim = observations.select(
        "indicator_id", *_KEY, "obs_value", "obs_status", "vintage", "vintage_basis", "is_corrected"
    ).filter(pl.col("obs_value").is_not_null())
    known = dict(slim.partition_by("indicator_id", as_dict=True, include_key=False))
    frames = {str(key[0]): frame for key, frame in known.items()}
    empty = slim.clear().drop("indicator_id")
    parts = []
    for name in order:
        if missing := sorted(set(below[name]) - set(indicators)):
            hint = suggest(missing[0], indicators)
            raise FormulaError(f"indicator {name}: formula: '{missing[0]}' is no indicator; {hint}")
        made = _evaluate(indicators[name], frames, empty, indicators, units)
        frames[name] = made.filter(pl.col("obs_value").is_not_null())
        parts.append(made.select(pl.lit(name).alias("indicator_id"), pl.all(), *_origin(indicators[name])))
    if not parts:
        return pl.DataFrame(schema=_SCHEMA)
    whole = pl.concat(parts)
    dates = period_frame(whole["time_period"].unique())
    typed = (pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
    return whole.join(dates, on="time_period", how="left").select(typed).sort("indicator_id", *_KEY)


def _origin(indicator: Indicator) -> tuple[pl.Expr, ...]:
    return (
        pl.lit(None, dtype=pl.Int32).alias("decimals"),
        pl.lit(indicator.unit).alias("unit_id"),
        pl.lit("derived").alias("source_id"),
        pl.lit("").alias("snapshot_id"),
        pl.lit(indicator.formula).alias("locator"),
        pl.lit(True).alias("is_derived"),
    )


def _evaluate(
    indicator: Indicator,
    frames: Mapping[str, pl.DataFrame],
    empty: pl.DataFrame,
    indicators: Mapping[str, Indicator],
    units: Mapping[str, Unit],
) -> pl.DataFrame:
    """Rows (ref_area, freq, time_period) where all inputs are present, with value, status, vintage and
    basis."""
    assert indicator.formula is not None
    expression = parse(indicator.formula)
    distinct = sorted(set(terms(expression)), key=lambda term: (bool(term.area), term))
    joined: pl.DataFrame | None = None
    for number, term in enumerate(distinct):
        frame = _placed(frames.get(term.indicator_id, empty), term).rename(
            {
                name: f"{name} {number}"
                for name in ("obs_value", "obs_status", "vintage", "vintage_basis", "is_corrected")
            }
        )
        on = [name for name in _KEY if not (term.area and name == "ref_area")]
        joined = frame if joined is None else joined.join(frame, on=on, how="inner")
    assert joined is not None
    places = {term: number for number, term in enumerate(distinct)}
    values = [
        joined[f"obs_value {number}"].to_numpy()
        * measure(indicators[term.indicator_id].unit, dict(units)).factor
        for number, term in enumerate(distinct)
    ]
    with np.errstate(all="ignore"):
        raw = np.asarray(_compute(expression, values, places)) / _factor(indicator, units)
    result = round_significant(np.where(np.isfinite(raw), raw, np.nan))
    each = range(len(distinct))
    basis = pl.max_horizontal(
        pl.col(f"vintage_basis {i}").replace_strict(BASES, [0, 1, 2], default=2, return_dtype=pl.Int8)
        for i in each
    )
    usual = [pl.col(f"obs_status {i}") for i in each]
    odd = [pl.when(status != "A").then(status) for status in usual]
    lowest, highest = pl.min_horizontal(odd), pl.max_horizontal(odd)
    status = (
        pl.when(lowest.is_null())
        .then(pl.lit("A"))
        .when(lowest == highest)
        .then(lowest)
        .otherwise(pl.lit("E"))
    )
    made = joined.with_columns(pl.Series("obs_value", result, nan_to_null=True))
    return made.select(
        *_KEY,
        "obs_value",
        pl.when(pl.col("obs_value").is_null()).then(pl.lit("M")).otherwise(status).alias("obs_status"),
        pl.max_horizontal(f"vintage {i}" for i in each).alias("vintage"),
        basis.replace_strict([0, 1, 2], BASES, return_dtype=pl.String).alias("vintage_basis"),
        pl.any_horizontal(f"is_corrected {i}" for i in each).alias("is_corrected"),
    )


def _factor(indicator: Indicator, units: Mapping[str, Unit]) -> float:
    return measure(indicator.unit, dict(units)).factor


def _placed(frame: pl.DataFrame, term: Term) -> pl.DataFrame:
    """The rows of one term, moved to the period that they are used in; of one area when the term names it."""
    if term.area:
        frame = frame.filter(pl.col("ref_area") == term.area).drop("ref_area")
    if term.lag:
        names = frame["time_period"].unique().to_list()
        later = {name: shift_years(name, term.lag) for name in names}
        moved = pl.col("time_period").replace_strict(
            list(later), list(later.values()), return_dtype=pl.String
        )
        frame = frame.with_columns(moved).filter(pl.col("time_period").is_not_null()) if names else frame
    return frame


def _compute(
    expression: Expression, values: list[np.ndarray], places: Mapping[Term, int]
) -> np.ndarray | float:
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Term):
        return values[places[expression]]
    left, right = _compute(expression.left, values, places), _compute(expression.right, values, places)
    if expression.sign == "+":
        return left + right
    if expression.sign == "-":
        return left - right
    return left * right if expression.sign == "*" else np.divide(left, right)


_SCHEMA = {
    "indicator_id": pl.String,
    "ref_area": pl.String,
    "freq": pl.String,
    "time_period": pl.String,
    "period_start": pl.Date,
    "period_year": pl.Int32,
    "obs_value": pl.Float64,
    "decimals": pl.Int32,
    "unit_id": pl.String,
    "obs_status": pl.String,
    "source_id": pl.String,
    "snapshot_id": pl.String,
    "locator": pl.String,
    "vintage": pl.Date,
    "vintage_basis": pl.String,
    "is_corrected": pl.Boolean,
    "is_derived": pl.Boolean,
}
