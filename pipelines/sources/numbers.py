"""Printed numbers: text -> value, digits after the point, status mark, missing mark; vectorised.

Not here: units and plausible ranges (pipelines.sources.conform).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import polars as pl

from warehouse.catalogue.source import Marks

_GROUP_FORMS = {" ": "[  \u2009\u202f]", "'": "['’]"}


@dataclass
class Numbers:
    """`text`: the number with a plain point and no groups; `value`: null where missing or no number;
    `decimals`: null for binary numbers and exponents; `status`: the SDMX code of a suffix, or null."""

    text: pl.Series
    value: pl.Series
    decimals: pl.Series
    is_missing: pl.Series
    status: pl.Series | None


def parse_numbers(raw: pl.Series, is_number: pl.Series, marks: Marks) -> Numbers:
    """Parse the text of value cells.

    In: stripped text, whether the file holds a binary number, how the provider prints. Out: Numbers, same
    length.
    Missing: text that is a missing mark (compared as printed, then in compatibility form) has is_missing.
    """
    is_missing = raw.is_in(list(marks.missing))
    plain = marks.decimal == "." and not marks.group
    text = raw if plain else _canonical(raw, is_number, marks)
    value = _finite(text.cast(pl.Float64, strict=False))
    status = None
    if is_missing.any():
        value = value.to_frame("v").select(pl.when(~is_missing).then(pl.col("v"))).to_series()
    doubtful = (value.is_null() & ~is_missing).arg_true()
    if len(doubtful):
        again = _second_look(raw.gather(doubtful), is_number.gather(doubtful), marks)
        text = text.fill_null("").scatter(doubtful, again.text.fill_null(""))
        value = value.scatter(doubtful, again.value)
        is_missing = is_missing.scatter(doubtful, again.is_missing)
        if again.status is not None and again.status.null_count() < len(doubtful):
            status = pl.Series([None], dtype=pl.String).new_from_index(0, len(raw)).scatter(doubtful, again.status)
    return Numbers(text, value, _decimals(text, is_number), is_missing, status)


def decimals_of(value: float) -> int:
    """Digits after the point in the shortest form of a number."""
    text = repr(float(value))
    if "e" in text:
        text = f"{value:.17f}".rstrip("0")
    return len(text.removesuffix(".0").partition(".")[2])


def _finite(value: pl.Series) -> pl.Series:
    finite = value.is_finite()
    if finite.all():
        return value
    return value.to_frame("v").select(pl.when(finite).then(pl.col("v"))).to_series()


def _decimals(text: pl.Series, is_number: pl.Series) -> pl.Series:
    column = pl.col("t")
    after = (column.str.len_bytes().cast(pl.Int32) - 1 - column.str.find(".", literal=True).cast(pl.Int32)).fill_null(0)
    frame = pl.DataFrame({"t": text, "n": is_number})
    unknown = pl.col("n") | column.str.contains("e|E") if len(text) else pl.col("n")
    return frame.select(pl.when(~unknown).then(after).cast(pl.Int32)).to_series()


def _canonical(raw: pl.Series, is_number: pl.Series, marks: Marks) -> pl.Series:
    """Text with a plain point and without groups; null where it does not follow the declared marks."""
    point = re.escape(marks.decimal)
    column = pl.col("t")
    if marks.group:
        group = _GROUP_FORMS.get(marks.group, re.escape(marks.group))
        shape = rf"^[-+]?([0-9]{{1,3}}({group}[0-9]{{3}})+|[0-9]+)({point}[0-9]*)?([eE][-+]?[0-9]+)?$"
        cleaned = column.str.replace_all(group, "")
    else:
        shape = rf"^[-+]?[0-9]*({point}[0-9]*)?([eE][-+]?[0-9]+)?$"
        cleaned = column
    cleaned = cleaned.str.replace(marks.decimal, ".", literal=True) if marks.decimal != "." else cleaned
    frame = pl.DataFrame({"t": raw, "n": is_number})
    return frame.select(
        pl.when(pl.col("n")).then(column).when(column.str.contains(shape)).then(cleaned).alias("t")
    ).to_series()


def _second_look(raw: pl.Series, is_number: pl.Series, marks: Marks) -> Numbers:
    """Compatibility forms, typographic minus signs and status suffixes, for the few texts that need it."""
    distinct = raw.unique()
    folded = pl.Series([_compatible(t) for t in distinct.to_list()], dtype=pl.String)
    text = raw.replace_strict(distinct, folded, return_dtype=pl.String)
    missing_forms = [_compatible(m) for m in marks.missing]
    status: pl.Series | None = None
    if marks.status:
        column = pl.col("t")
        suffixes = sorted(marks.status, key=len, reverse=True)
        bare, code = column, pl.lit(None, pl.String)
        for suffix in reversed(suffixes):
            form = _compatible(suffix)
            bare = (
                pl.when(column.str.ends_with(form))
                .then(column.str.strip_suffix(form).str.strip_chars())
                .otherwise(bare)
            )
            code = pl.when(column.str.ends_with(form)).then(pl.lit(marks.status[suffix])).otherwise(code)
        whole_mark = column.is_in(missing_forms)
        both = pl.DataFrame({"t": text}).select(
            pl.when(whole_mark).then(column).otherwise(bare).alias("t"),
            pl.when(~whole_mark).then(code).alias("s"),
        )
        text, status = both["t"], both["s"]
    is_missing = text.is_in(missing_forms)
    canonical = text if marks.decimal == "." and not marks.group else _canonical(text, is_number, marks)
    value = _finite(canonical.cast(pl.Float64, strict=False))
    value = value.to_frame("v").select(pl.when(~is_missing).then(pl.col("v"))).to_series()
    return Numbers(canonical.fill_null(text), value, pl.Series([], dtype=pl.Int32), is_missing, status)


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2010", "-").strip()
