"""The outcome of every cell: exactly one of value, missing, excluded, quarantined, with its reason.

Not here: the reading of texts (coding, numbers), the texts of the reasons (reasons).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import polars as pl

from pipelines.sources.coding import Coded, Reasons, code
from pipelines.sources.layout import condition_column
from pipelines.sources.lookup import Lookup
from pipelines.sources.numbers import Numbers
from warehouse.catalogue.indicator import fold_name
from warehouse.catalogue.source import Exclusion, Source

VALUE, MISSING, EXCLUDED, QUARANTINED = range(4)


@dataclass
class Coding:
    """The cells of one file as codes and numbers; `period` values are 'freq|time_period'."""

    area: Coded
    period: Coded
    indicator: Coded
    unit: Coded
    numbers: Numbers
    reasons: Reasons


class Verdicts:
    """Outcome and reason (number in Reasons) of each cell; the first verdict stands, open cells are
    values."""

    def __init__(self, size: int) -> None:
        self.outcome = np.zeros(size, np.uint8)
        self.reason = np.zeros(size, np.int32)
        self.open = np.ones(size, bool)

    def settle(self, where: np.ndarray, outcome: int, reason: int | np.ndarray) -> None:
        """Give the open ones among some cells an outcome and a reason (one, or one for each cell of the
        file)."""
        if not where.any():
            return
        where = where & self.open
        self.outcome[where] = outcome
        self.reason[where] = reason[where] if isinstance(reason, np.ndarray) else reason
        self.open &= ~where


def exclude_by_layout(frame: pl.DataFrame, verdicts: Verdicts, reasons: Reasons) -> None:
    """Settle the cells of columns that the layout does not use or know."""
    if (frame["layout_code"] == "").all():
        return
    coded = code(frame["layout_code"] + "|" + frame["header"], lambda text: (text or "", 0))
    for i, text in enumerate(coded.values):
        name, _, header = text.partition("|")
        if name:
            verdicts.settle(coded.codes == i, EXCLUDED, reasons.add(name, f"'{header}'"))


def exclude_by_rule(frame: pl.DataFrame, source: Source, coding: Coding, verdicts: Verdicts, file_name: str) -> None:
    """Settle the cells of the source's exclusions, then areas, periods and indicators that are not wanted."""
    for rule in source.exclude:
        if rule.files is None or fnmatchcase(file_name, rule.files):
            number = coding.reasons.own(rule.code, rule.why_en, rule.why_zh or rule.why_en)
            verdicts.settle(_matching(frame, rule, coding), EXCLUDED, number)
    for coded in (coding.area, coding.period, coding.indicator):
        if coded.is_unused.any():
            verdicts.settle(coded.is_unused[coded.codes], EXCLUDED, coded.reasons[coded.codes])


def _matching(frame: pl.DataFrame, rule: Exclusion, coding: Coding) -> np.ndarray:
    where = np.ones(frame.height, bool)
    if rule.areas:
        where &= _in_areas(coding, rule.areas)
    if rule.periods:
        where &= coding.period.where([v.partition("|")[2] in rule.periods for v in coding.period.values])
    if rule.indicators:
        where &= coding.indicator.where([v in rule.indicators for v in coding.indicator.values])
    if rule.column is not None:
        headers = code(frame["header"], lambda text: (text or "", 0))
        where &= headers.where([bool(re.search(rule.column, h, re.IGNORECASE)) for h in headers.values])
    for column, pattern in rule.where.items():
        texts = code(frame[condition_column(column)], lambda text: (text or "", 0))
        where &= texts.where([re.fullmatch(pattern, text) is not None for text in texts.values])
    return where


def _in_areas(coding: Coding, areas: tuple[str, ...]) -> np.ndarray:
    """The cells of some areas, given as they are printed or as ids."""
    names = {fold_name(name) for name in areas}
    return coding.area.where([fold_name(t or "") in names or fold_name(v) in names for t, v in coding.area.pairs()])


def judge_constants(coding: Coding, verdicts: Verdicts, source: Source, corrected: np.ndarray) -> None:
    """Settle the numbers that stand for a missing value: one area has the number of a rule in every period that the
    file prints for the indicator.

    In: cells whose area, period and indicator are known; excluded cells, blank cells and missing marks say nothing.
    A corrected cell, or one with text, is another number. Missing: a settled cell is missing, not a value of 0.
    """
    rules = source.marks.constant_missing
    if not rules:
        return
    parts = (coding.area, coding.period, coding.indicator)
    keyed = np.logical_and.reduce([(c.reasons == 0)[c.codes] for c in parts])
    printed = verdicts.open & keyed & ~coding.numbers.is_missing.to_numpy()
    area, period, indicator = (c.ids() for c in parts)
    number = np.where(corrected, np.nan, coding.numbers.value.fill_null(float("nan")).to_numpy())
    cells = pl.DataFrame({"area": area, "indicator": indicator, "period": period, "number": number}).with_row_index()
    for rule in rules:
        where = printed & ~_in_areas(coding, rule.except_areas)
        if rule.indicators:
            where &= coding.indicator.where([v in rule.indicators for v in coding.indicator.values])
        series = ["area", "indicator"]
        is_constant = (pl.col("number") == rule.value).all().over(series)
        is_long = pl.col("period").n_unique().over(series) >= rule.min_periods
        found = np.zeros(len(where), bool)
        found[cells.filter(pl.Series(where)).filter(is_constant & is_long)["index"].to_numpy()] = True
        why = coding.reasons.add("constant_missing", rule.why_en, rule.why_zh or rule.why_en)
        verdicts.settle(found, MISSING, why)


def judge(
    coding: Coding,
    verdicts: Verdicts,
    corrected: np.ndarray,
    values: np.ndarray,
    mismatch: np.ndarray,
    lookup: Lookup,
) -> None:
    """Settle blank cells, unknown names, text in number cells, foreign units and implausible values, in this
    order.

    In: `values` in the indicator's unit (NaN: no number), `mismatch`: unit of another dimension. Missing: a
    blank cell whose key is known is missing (the provider says so); with an unknown key it is excluded.
    """
    reasons = coding.reasons
    parts = (coding.area, coding.period, coding.indicator)
    is_missing = coding.numbers.is_missing.to_numpy() & ~corrected
    if is_missing.any():
        keyed = np.logical_and.reduce([(c.reasons == 0)[c.codes] for c in parts])
        missing = reasons.add("missing")
        verdicts.settle(is_missing & keyed, MISSING, missing)
        verdicts.settle(is_missing, EXCLUDED, missing)
    for coded in parts:
        if coded.reasons.any():
            each = coded.reasons[coded.codes]
            verdicts.settle(each != 0, QUARANTINED, each)
    no_number = np.isnan(coding.numbers.value.fill_null(float("nan")).to_numpy()) & ~corrected
    verdicts.settle(no_number, QUARANTINED, reasons.add("not_a_number"))
    if mismatch.any():
        each = coding.unit.reasons[coding.unit.codes]
        each = np.where(each == 0, reasons.add("unit_mismatch"), each)
        verdicts.settle(mismatch, QUARANTINED, each)
    verdicts.settle(~np.isfinite(values), QUARANTINED, reasons.add("out_of_range", "beyond all numbers"))
    _judge_range(coding, verdicts, values, lookup)


def _judge_range(coding: Coding, verdicts: Verdicts, values: np.ndarray, lookup: Lookup) -> None:
    names, codes = coding.indicator.values, coding.indicator.codes
    bounds = [lookup.indicators[i].plausible if i in lookup.indicators else None for i in names]
    low = np.array([-np.inf if b is None or b.min is None else b.min for b in bounds])
    high = np.array([np.inf if b is None or b.max is None else b.max for b in bounds])
    if not (np.isfinite(low).any() or np.isfinite(high).any()):
        return
    outside = (values < low[codes]) | (values > high[codes])
    for i in np.unique(codes[outside]):
        unit = lookup.indicators[names[i]].unit
        detail = f"{names[i]}: {low[i]:g} .. {high[i]:g} {unit}"
        verdicts.settle(outside & (codes == i), QUARANTINED, coding.reasons.add("out_of_range", detail))


def judge_duplicates(coding: Coding, verdicts: Verdicts, values: np.ndarray, vintage: pl.Series) -> None:
    """Settle keys that stand in the file more than once (with one date, where values have dates).

    Equal repeats: the first is kept, the others are excluded; unequal ones: all are quarantined; a blank
    beside a value is excluded.
    """
    key = coding.indicator.ids().astype(np.int64)
    for coded in (coding.area, coding.period):
        key = key * len(coded.values) + coded.ids()
    usable = np.flatnonzero(verdicts.outcome <= MISSING)
    keys = pl.Series("key", key[usable])
    if keys.n_unique() == len(keys):
        return
    repeated = usable[keys.is_duplicated().to_numpy()]
    has_value = verdicts.outcome[repeated] == VALUE
    frame = pl.DataFrame(
        {
            "index": repeated,
            "key": key[repeated],
            "vintage": vintage.gather(repeated),
            "value": pl.Series(np.where(has_value, values[repeated], np.nan)).fill_nan(None),
        }
    )
    group = ["key", "vintage"]
    marked = frame.with_columns(
        pl.col("value").drop_nulls().n_unique().over(group).alias("values"),
        pl.len().over(group).alias("size"),
        pl.coalesce(
            pl.col("index").filter(pl.col("value").is_not_null()).min().over(group),
            pl.col("index").min().over(group),
        ).alias("first"),
    ).filter(pl.col("size") > 1)
    _reopen(verdicts, marked["index"])
    unequal = marked.filter((pl.col("values") > 1) & pl.col("value").is_not_null())["index"]
    _resettle(verdicts, unequal, QUARANTINED, coding.reasons.add("conflicting_duplicate"))
    again = marked.filter(pl.col("index") != pl.col("first"))["index"]
    _resettle(verdicts, again, EXCLUDED, coding.reasons.add("duplicate"))


def _reopen(verdicts: Verdicts, index: pl.Series) -> None:
    verdicts.open[:] = False
    verdicts.open[index.to_numpy()] = True


def _resettle(verdicts: Verdicts, index: pl.Series, outcome: int, reason: int) -> None:
    where = np.zeros(len(verdicts.open), bool)
    where[index.to_numpy()] = True
    verdicts.settle(where, outcome, reason)
