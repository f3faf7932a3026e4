"""Indicators computed from other indicators: evaluate their formulas on observations.

Not here: reading and checking a formula (warehouse.catalogue.formula), choosing which observations are known as of a
date (warehouse), denominators inside an index (denominate).
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import numpy as np
import polars as pl

from pipelines.index.period import period_frame, shift_years
from warehouse.catalogue.formula import Expression, FormulaError, Number, Term, inputs, parse, terms
from warehouse.catalogue.indicator import Indicator, Unit
from warehouse.catalogue.measure import measure
from warehouse.errors import suggest
from warehouse.rounding import round_significant

BASES = ("declared", "retrieved", "assumed")
_KEY = ("ref_area", "freq", "time_period")


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
        raise FormulaError(f"formulas {' -> '.join(error.args[1])} are a circle; compute one from data") from None
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
        pl.lit(None, dtype=pl.String).alias("snapshot_id"),
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
        joined[f"obs_value {number}"].to_numpy() * measure(indicators[term.indicator_id].unit, dict(units)).factor
        for number, term in enumerate(distinct)
    ]
    with np.errstate(all="ignore"):
        raw = np.asarray(_compute(expression, values, places)) / _factor(indicator, units)
    result = round_significant(np.where(np.isfinite(raw), raw, np.nan))
    each = range(len(distinct))
    basis = pl.max_horizontal(
        pl.col(f"vintage_basis {i}").replace_strict(BASES, [0, 1, 2], default=2, return_dtype=pl.Int8) for i in each
    )
    usual = [pl.col(f"obs_status {i}") for i in each]
    odd = [pl.when(status != "A").then(status) for status in usual]
    lowest, highest = pl.min_horizontal(odd), pl.max_horizontal(odd)
    status = pl.when(lowest.is_null()).then(pl.lit("A")).when(lowest == highest).then(lowest).otherwise(pl.lit("E"))
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
        moved = pl.col("time_period").replace_strict(list(later), list(later.values()), return_dtype=pl.String)
        frame = frame.with_columns(moved).filter(pl.col("time_period").is_not_null()) if names else frame
    return frame


def _compute(expression: Expression, values: list[np.ndarray], places: Mapping[Term, int]) -> np.ndarray | float:
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
