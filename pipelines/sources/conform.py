"""Value cells -> readings: ids, periods, numbers in the indicator's unit, and one outcome for every cell.

Not here: where the cells stand (layout), the outcomes (judge), units and corrections (convert); vintages over
several files (core).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.sources.coding import (
    Reasons,
    code,
    code_areas,
    code_indicators,
    code_periods,
    code_units,
    gather,
)
from pipelines.sources.convert import UNKNOWN, apply_corrections, converted
from pipelines.sources.judge import (
    QUARANTINED,
    VALUE,
    Coding,
    Verdicts,
    exclude_by_layout,
    exclude_by_rule,
    judge,
    judge_constants,
    judge_duplicates,
)
from pipelines.sources.layout import Cells
from pipelines.sources.lookup import Lookup
from pipelines.sources.numbers import parse_numbers
from pipelines.sources.periods import parse_date, period_end
from pipelines.sources.places import locators
from pipelines.sources.reasons import Problem, problem
from pipelines.sources.vintage import Known, assume, assumed_for
from warehouse.catalogue.indicator import fold_name
from warehouse.catalogue.source import Layout, Source

OUTCOMES = ("value", "missing", "excluded", "quarantined")
STATUSES = frozenset("ABDEFGIPUVX")
READING_SCHEMA: dict[str, type[pl.DataType]] = {
    "indicator_id": pl.String,
    "ref_area": pl.String,
    "freq": pl.String,
    "time_period": pl.String,
    "obs_value": pl.Float64,
    "decimals": pl.Int32,
    "unit_id": pl.String,
    "obs_status": pl.String,
    "vintage": pl.Date,
    "vintage_basis": pl.String,
    "locator": pl.String,
    "raw_text": pl.String,
    "is_corrected": pl.Boolean,
    "outcome": pl.String,
    "reason_code": pl.String,
    "reason_en": pl.String,
    "reason_zh": pl.String,
}


@dataclass
class Conformed:
    """`readings`: one row a value cell (READING_SCHEMA); `known`: the file's vintage; `corrections`: see
    convert."""

    readings: pl.DataFrame
    known: Known
    corrections: pl.DataFrame
    warnings: list[Problem]


def conform(
    cells: Cells,
    source: Source,
    layout: Layout,
    lookup: Lookup,
    file_name: str,
    known: Known,
    retrieved: date | None,
) -> Conformed:
    """Give every value cell its ids, its number in the indicator's unit and exactly one outcome.

    In: the cells of one file, the source, its layout for this file, the vintage as far as it is declared.
    Out: Conformed; readings has as many rows as cells.frame. Missing: obs_value is null unless the outcome is
    value; vintage and vintage_basis are null unless each value has a date of its own.
    """
    frame, reasons = cells.frame, Reasons()
    coding = Coding(
        code_areas(frame["raw_area"], layout.area, lookup, reasons),
        code_periods(frame["raw_period"], layout, reasons),
        code_indicators(frame, layout.indicator, lookup, reasons),
        code_units(frame, layout.unit, lookup, reasons),
        parse_numbers(frame["raw_value"], frame["is_number"], source.marks),
        reasons,
    )
    verdicts = Verdicts(frame.height)
    exclude_by_layout(frame, verdicts, reasons)
    exclude_by_rule(frame, source, coding, verdicts, file_name)
    if known.basis == "assumed":
        known = assume(source.vintage, _newest_period(coding, verdicts), retrieved)
    values, decimals, mismatch = converted(coding, lookup)
    corrected, corrections = apply_corrections(frame, source, coding, known, verdicts, lookup, values, decimals)
    judge_constants(coding, verdicts, source, corrected)
    judge(coding, verdicts, corrected, values, mismatch, lookup)
    vintage, basis = _row_vintage(frame, layout, coding, known, verdicts, retrieved)
    judge_duplicates(coding, verdicts, values, vintage)
    status, warnings = _status(frame, source, layout, coding)
    freqs, periods = zip(*(v.split("|") if v else ("", "") for v in coding.period.values), strict=True)
    units = [lookup.indicators[i].unit if i in lookup.indicators else "" for i in coding.indicator.values]
    is_value = verdicts.outcome == VALUE
    codes, texts_en, texts_zh = reasons.columns()
    columns = {
        "indicator_id": gather(_texts(coding.indicator.values), coding.indicator.codes),
        "ref_area": gather(_texts(coding.area.values), coding.area.codes),
        "freq": gather(_texts(freqs), coding.period.codes),
        "time_period": gather(_texts(periods), coding.period.codes),
        "obs_value": pl.Series(np.where(is_value, values, np.nan)).fill_nan(None),
        "decimals": _known_only(np.where(is_value, decimals, UNKNOWN)),
        "unit_id": gather(_texts(units), coding.indicator.codes),
        "obs_status": status,
        "vintage": vintage,
        "vintage_basis": basis,
        "locator": locators(frame),
        "raw_text": frame["raw_value"],
        "is_corrected": pl.Series(corrected),
        "outcome": gather(_texts(OUTCOMES), verdicts.outcome),
        "reason_code": gather(codes, verdicts.reason),
        "reason_en": gather(texts_en, verdicts.reason),
        "reason_zh": gather(texts_zh, verdicts.reason),
    }
    readings = pl.DataFrame({name: series.alias(name) for name, series in columns.items()})
    readings = readings.cast(pl.Schema(READING_SCHEMA))
    return Conformed(readings, known, corrections, [*cells.warnings, *warnings])


def _texts(values: tuple[str, ...] | list[str]) -> pl.Series:
    return pl.Series(list(values), dtype=pl.String)


def _known_only(decimals: np.ndarray) -> pl.Series:
    series = pl.Series("d", decimals, dtype=pl.Int32)
    return series.to_frame().select(pl.when(pl.col("d") != UNKNOWN).then(pl.col("d"))).to_series()


def _newest_period(coding: Coding, verdicts: Verdicts) -> str | None:
    """The period with the latest end that holds a number of a known area; without one, of any cell."""
    numbers = coding.numbers.value.is_not_null().to_numpy() & (coding.area.reasons == 0)[coding.area.codes]
    for where in (verdicts.open & numbers, numbers, np.ones(len(numbers), bool)):
        present = [coding.period.values[i].partition("|")[2] for i in np.unique(coding.period.codes[where])]
        dated = [(end, period) for period in present if (end := period_end(period)) is not None]
        if dated:
            return max(dated)[1]
    return None


def _row_vintage(
    frame: pl.DataFrame,
    layout: Layout,
    coding: Coding,
    known: Known,
    verdicts: Verdicts,
    retrieved: date | None,
) -> tuple[pl.Series, pl.Series]:
    """The date of each value where values have dates of their own (printed, or period plus lag), and its
    basis."""
    printed = frame["raw_vintage"]
    if layout.vintage is not None:
        own = {fold_name(text): day for text, day in layout.vintage.values.items()}

        def read(text: str | None) -> tuple[str, int]:
            shown = own.get(fold_name(text or ""), "" if own else text or "")
            day = parse_date(shown)
            return (day.isoformat(), 0) if day else ("", coding.reasons.add("unknown_vintage", f"'{text}'"))

        coded = code(printed, read)
        each = coded.reasons[coded.codes]
        verdicts.settle(each != 0, QUARANTINED, each)
        days = [min(date.fromisoformat(v), retrieved or date.max) if v else None for v in coded.values]
        return gather(pl.Series(days, dtype=pl.Date), coded.codes), _row_basis(frame, layout)
    if known.lag_months is not None:
        periods = [value.partition("|")[2] for value in coding.period.values]
        assumed = [assumed_for(p, known.lag_months, retrieved) for p in periods]
        return gather(pl.Series(assumed, dtype=pl.Date), coding.period.codes), _same("assumed", frame)
    return pl.Series([None], dtype=pl.Date).new_from_index(0, frame.height), _same(None, frame)


def _row_basis(frame: pl.DataFrame, layout: Layout) -> pl.Series:
    """The basis of dates in a column: assumed where the file says so, else declared."""
    if layout.vintage_basis is None:
        return _same("declared", frame)
    own = {fold_name(text): basis for text, basis in layout.vintage_basis.values.items()}

    def read(text: str | None) -> tuple[str, int]:
        folded = fold_name(text or "")
        return ("assumed" if own.get(folded, folded) == "assumed" else "declared"), 0

    coded = code(frame["raw_vintage_basis"], read)
    return gather(_texts(coded.values), coded.codes)


def _same(text: str | None, frame: pl.DataFrame) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, frame.height)


def _status(frame: pl.DataFrame, source: Source, layout: Layout, coding: Coding) -> tuple[pl.Series, list[Problem]]:
    """SDMX status: the suffix of the number, else the status column (mapped), else A."""
    suffix, role = coding.numbers.status, layout.status
    if role is None:
        default = pl.Series(["A"]).new_from_index(0, frame.height)
        return (default if suffix is None else suffix.fill_null("A")), []
    known = {fold_name(k): v for k, v in {**source.marks.status, **role.values}.items()}
    unknown: list[str] = []

    def read(text: str | None) -> tuple[str, int]:
        folded = fold_name(text or "")
        if not folded or folded in known or folded.upper() in STATUSES:
            return known.get(folded, folded.upper() or "A"), 0
        unknown.append(text or "")
        return "A", 0

    coded = code(frame["raw_status"], read)
    status = gather(_texts(coded.values), coded.codes)
    warnings = [problem("unknown_status", ", ".join(f"'{u}'" for u in sorted(unknown)[:10]))] if unknown else []
    return (status if suffix is None else suffix.fill_null(status)), warnings
