"""Texts of cells as small integer codes: each distinct area, period, indicator and unit is looked up once.

Not here: numbers (pipelines.sources.numbers); what becomes of a cell (pipelines.sources.conform).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.sources.lookup import Lookup
from pipelines.sources.periods import parse_period
from pipelines.sources.reasons import explain
from warehouse.catalogue.indicator import fold_name
from warehouse.catalogue.source import Layout, Role


@dataclass
class Coded:
    """`codes` index into the distinct `texts`, their ids `values` ('': none) and `reasons` (0: fine)."""

    codes: np.ndarray
    texts: list[str | None]
    values: list[str]
    reasons: np.ndarray
    is_unused: np.ndarray

    def pairs(self) -> list[tuple[str | None, str]]:
        """Each distinct text with its id."""
        return list(zip(self.texts, self.values, strict=True))

    def ids(self) -> np.ndarray:
        """A number for the id of each cell: texts that mean one thing share it."""
        first = {value: number for number, value in reversed(list(enumerate(self.values)))}
        return np.array([first[value] for value in self.values], np.int64)[self.codes]

    def where(self, hits: list[bool]) -> np.ndarray:
        """The cells of those distinct texts for which `hits` is true."""
        return np.array(hits, bool)[self.codes]


class Reasons:
    """The reasons of one file by number; number 0 is none."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str]] = [("", "", "")]
        self._numbers: dict[tuple[str, str, str], int] = {("", "", ""): 0}

    def add(self, code: str, detail: str = "", detail_zh: str | None = None) -> int:
        text = explain(code, detail, detail_zh)
        return self.own(code, text.en, text.zh)

    def own(self, code: str, en: str, zh: str) -> int:
        row = (code, en, zh)
        if row not in self._numbers:
            self._numbers[row] = len(self._rows)
            self._rows.append(row)
        return self._numbers[row]

    def columns(self) -> tuple[pl.Series, pl.Series, pl.Series]:
        codes, texts_en, texts_zh = (pl.Series([row[i] for row in self._rows], dtype=pl.String) for i in range(3))
        return codes, texts_en, texts_zh


def gather(values: pl.Series, codes: np.ndarray) -> pl.Series:
    """values[codes]; a constant is repeated without a look-up."""
    if len(codes) == 0:
        return values.clear()
    if len(values) == 1 or (codes[0] == codes[-1] and (codes == codes[0]).all()):
        return values.new_from_index(int(codes[0]), len(codes))
    return values.gather(codes)


def code(series: pl.Series, read: Callable[[str | None], tuple[str, int]]) -> Coded:
    """Code a column by its distinct texts; `read` gives id and reason of each."""
    if series.null_count() == len(series):
        texts: list[str | None] = [None]
        codes = np.zeros(len(series), np.uint32)
    else:
        distinct = series.unique()
        texts = distinct.to_list()
        if len(texts) == 1:
            codes = np.zeros(len(series), np.uint32)
        else:
            keys = pl.DataFrame({"text": distinct, "code": pl.Series(np.arange(len(texts)), dtype=pl.UInt32)})
            joined = series.to_frame("text").join(keys, on="text", how="left", nulls_equal=True, maintain_order="left")
            codes = joined["code"].to_numpy()
    pairs = [read(text) for text in texts]
    values, reasons = [p[0] for p in pairs], np.array([p[1] for p in pairs], np.int32)
    return Coded(codes, texts, values, reasons, np.zeros(len(texts), bool))


def code_areas(series: pl.Series, role: Role, lookup: Lookup, reasons: Reasons) -> Coded:
    """Printed areas -> area ids by every spelling of the catalogue and of the role; blanks never matter."""
    own = {fold_name(text): area for text, area in role.values.items()}

    def read(text: str | None) -> tuple[str, int]:
        folded = fold_name(text or "")
        area = own.get(folded) or lookup.areas.get(folded)
        if area:
            return area, 0
        return "", reasons.add("unknown_area", f"'{text or ''}'; add the spelling to areas.yml")

    return _with_unused(code(series, read), role, "area_unused", reasons)


def code_periods(series: pl.Series, layout: Layout, reasons: Reasons) -> Coded:
    """Printed periods -> 'freq|time_period'."""
    own = {fold_name(text): period for text, period in layout.period.values.items()}

    def read(text: str | None) -> tuple[str, int]:
        parsed = parse_period(own.get(fold_name(text or ""), text or ""), layout.freq)
        if parsed:
            return "|".join(parsed), 0
        return "", reasons.add("unknown_period", f"'{text or ''}'")

    return _with_unused(code(series, read), layout.period, "period_unused", reasons)


def code_indicators(frame: pl.DataFrame, role: Role | None, lookup: Lookup, reasons: Reasons) -> Coded:
    """Indicator ids: of the column where it decides, else the printed text through role.values, else an id
    itself."""
    decided = frame["indicator_id"]
    own = {fold_name(text): name for text, name in role.values.items()} if role else {}

    def read(text: str | None) -> tuple[str, int]:
        folded = fold_name(text or "")
        name = own.get(folded) or lookup.indicator_names.get(folded, "")
        if name in lookup.indicators:
            return name, 0
        return "", reasons.add("unknown_indicator", f"'{text or ''}'; map it in layout.indicator.values")

    if decided.null_count() < len(decided):
        return code(decided if role is None else decided.fill_null(frame["raw_indicator"]), read)
    coded = code(frame["raw_indicator"], read)
    return coded if role is None else _with_unused(coded, role, "indicator_unused", reasons)


def code_units(frame: pl.DataFrame, role: Role | str | None, lookup: Lookup, reasons: Reasons) -> Coded:
    """Units as ids or spellings (which of several is meant, the indicator decides): printed in the row, else
    of the column or file; '' stands for the indicator's own unit."""
    if not isinstance(role, Role) or role.column is None:
        return code(frame["unit_id"], lambda text: (text or "", 0))
    own = {fold_name(text): unit for text, unit in role.values.items()}

    def read(text: str | None) -> tuple[str, int]:
        unit = own.get(fold_name(text or ""), text or "")
        if lookup.unit(unit) is not None:
            return unit, 0
        return "", reasons.add("unit_mismatch", f"'{text or ''}'; add the spelling to units.yml")

    return code(frame["raw_unit"], read)


def _with_unused(coded: Coded, role: Role, reason: str, reasons: Reasons) -> Coded:
    if not role.unused:
        return coded
    for i, text in enumerate(coded.texts):
        forms = (text or "", fold_name(text or ""))
        if coded.reasons[i] and any(re.search(p, form) for p in role.unused for form in forms):
            coded.reasons[i] = reasons.add(reason, f"'{text}'")
            coded.is_unused[i] = True
    return coded
