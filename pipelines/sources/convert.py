"""Numbers in the indicator's unit, and the stated corrections of a provider's slips.

Not here: the reading of printed numbers (numbers); whether a correction is still needed (core).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.sources.judge import Coding, Verdicts
from pipelines.sources.lookup import Conversion, Lookup
from pipelines.sources.numbers import decimals_of
from pipelines.sources.places import locators
from pipelines.sources.vintage import Known
from warehouse.catalogue.source import Source

UNKNOWN = -99
CORRECTION_SCHEMA: dict[str, type[pl.DataType]] = {
    "correction": pl.Int32,
    "state": pl.String,
    "raw_text": pl.String,
    "locator": pl.String,
}


def converted(coding: Coding, lookup: Lookup) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values in the indicator's unit (NaN: none), their decimals (UNKNOWN: unknown), where dimensions differ.

    A factor that is a power of ten shifts the printed digits exactly; any other one rounds to 15 significant
    digits and makes the decimals unknown.
    """
    numbers = coding.numbers
    values = numbers.value.fill_null(float("nan")).to_numpy().copy()
    decimals = numbers.decimals.fill_null(UNKNOWN).to_numpy().copy()
    mismatch = (coding.unit.reasons != 0)[coding.unit.codes]
    if coding.unit.values == [""]:
        return values, decimals, mismatch
    joint = coding.indicator.codes.astype(np.int64) * len(coding.unit.values) + coding.unit.codes
    for number in np.unique(joint):
        found = _conversion(*_pair(coding, int(number)), lookup)
        if found is not None and found.power == 0:
            continue
        where = joint == number
        if found is None:
            mismatch |= where
        elif found.power is None:
            values[where] = _significant(values[where] * found.factor)
            decimals[where] = UNKNOWN
        else:
            values[where] = _shifted(numbers.text.filter(where), found.power, values[where])
            decimals[where & (decimals != UNKNOWN)] -= found.power
    return values, decimals, mismatch


def apply_corrections(
    frame: pl.DataFrame,
    source: Source,
    coding: Coding,
    known: Known,
    verdicts: Verdicts,
    lookup: Lookup,
    values: np.ndarray,
    decimals: np.ndarray,
) -> tuple[np.ndarray, pl.DataFrame]:
    """Put stated slips right, in place in `values` and `decimals`.

    Out: which cells were corrected; one row for each cell that holds the key of a correction: its position in
    the YAML, state (matched; other: another text is shown; ended: the file's vintage is not before `until`),
    text, place.
    """
    corrected = np.zeros(frame.height, bool)
    rows: list[tuple[int, str, str, str]] = []
    for number, rule in enumerate(source.corrections):
        where = (
            verdicts.open
            & coding.indicator.where([v == rule.indicator for v in coding.indicator.values])
            & coding.area.where([v == rule.ref_area for v in coding.area.values])
            & coding.period.where([v.partition("|")[2] == rule.time_period for v in coding.period.values])
        )
        if not where.any():
            continue
        ended = rule.until is not None and known.vintage is not None and known.vintage >= rule.until
        for index, place in zip(np.flatnonzero(where), locators(frame.filter(where)), strict=True):
            text = frame["raw_value"][int(index)]
            matched = text == rule.expect.strip()
            rows.append((number, "ended" if ended else "matched" if matched else "other", text, place))
            if matched and not ended:
                pair = coding.indicator.codes[index] * len(coding.unit.values) + coding.unit.codes[index]
                found = _conversion(*_pair(coding, int(pair)), lookup)
                if found is not None:
                    values[index], decimals[index] = _corrected(rule.value, found)
                    corrected[index] = True
    return corrected, pl.DataFrame(rows, schema=CORRECTION_SCHEMA, orient="row")


def _pair(coding: Coding, number: int) -> tuple[str, str]:
    indicator, unit = divmod(number, len(coding.unit.values))
    return coding.indicator.values[indicator], coding.unit.values[unit]


def _conversion(indicator_id: str, unit: str, lookup: Lookup) -> Conversion | None:
    """From the printed unit (id or spelling; '': the indicator's own) to the indicator's; None: they never
    meet."""
    indicator = lookup.indicators.get(indicator_id)
    if indicator is None or not unit:
        return Conversion(1.0, 0)
    return lookup.conversion(lookup.unit(unit, indicator.unit) or "", indicator.unit)


def _corrected(value: float, found: Conversion) -> tuple[float, int]:
    digits = decimals_of(value)
    if found.power is None:
        return float(_significant(np.array([value * found.factor]))[0]), UNKNOWN
    text = pl.Series([f"{value:.{digits}f}"])
    return float(_shifted(text, found.power, np.array([value]))[0]), digits - found.power


def _shifted(text: pl.Series, power: int, values: np.ndarray) -> np.ndarray:
    """The printed digits read again with another exponent; printed exponents are multiplied instead."""
    shifted = (text + f"e{power}").cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(shifted), shifted, _significant(values * 10.0**power))


def _significant(values: np.ndarray) -> np.ndarray:
    return pl.Series(values).round_sig_figs(15).to_numpy() if len(values) else values
