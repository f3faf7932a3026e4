"""Where a value comes from: source, file, sheet, row and column, vintage, what was said before and after, corrections;
of a computed value the same of everything in its formula.

Not here: what an index does with the value (stage), the words (words).
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from pipelines.explaining.opened import Opened, Row
from pipelines.explaining.replay import Replay
from pipelines.index.period import shift_years
from warehouse.catalogue.formula import Term, parse, terms
from warehouse.catalogue.measure import measure

CELL = re.compile(r"(?:(?P<sheet>.+)!)?(?P<column>[A-Z]{1,3})(?P<row>[1-9]\d*)")
Document = dict[str, Any]
_Rows = dict[tuple[str, str], dict[str, list[Row]]]


class Origins:
    """Looks up the origin of values of one edition; a value that several nodes need is looked up once."""

    def __init__(self, opened: Opened, replay: Replay, area: str | None = None) -> None:
        """`area`: the only one that is asked for (with those that formulas name); None: all."""
        self._opened, self._replay = opened, replay
        self._known = _by_series(replay.known, replay.index.freq, self._areas(area))
        self._told = _by_series(replay.vintages, replay.index.freq, self._areas(area))
        self._found: dict[tuple[str, str, str], Document] = {}
        self._read: dict[str, list[Term]] = {}
        self._factors: dict[str, float] = {}

    def of(self, indicator_id: str, ref_area: str, time_period: str) -> Document:
        """The origin of one value as the edition knew it; `kind` is observed, computed or missing.

        `vintages` are all statements about it, oldest first: `is_used` marks the one that counts, `is_known` is False
        for what the edition could not know yet. `inputs` are the origins of the terms of a formula, in its order; with
        their `unit_factor` they give the value: f(value * unit_factor ...) / unit_factor, in 12 digits.
        """
        key = (indicator_id, ref_area, time_period)
        if key not in self._found:
            self._found[key] = self._look_up(*key)
        return self._found[key]

    def _areas(self, area: str | None) -> list[str] | None:
        if area is None:
            return None
        formulas = [row["formula"] for row in self._opened.indicators.values() if row["formula"]]
        return [area, *{term.area for formula in formulas for term in terms(parse(formula)) if term.area}]

    def _look_up(self, indicator_id: str, ref_area: str, time_period: str) -> Document:
        indicator = self._opened.indicators[indicator_id]
        rows = self._known.get((indicator_id, ref_area), {}).get(time_period, [])
        used = rows[0] if rows else None
        formula = indicator["formula"]
        value = used["obs_value"] if used else None
        unit = self._opened.units[indicator["unit_id"]]
        document: Document = {
            "kind": "missing" if value is None else "computed" if formula else "observed",
            "indicator_id": indicator_id,
            "name_en": indicator["name_en"],
            "name_zh": indicator["name_zh"],
            "ref_area": ref_area,
            "time_period": time_period,
            "value": value,
            "unit_id": indicator["unit_id"],
            "unit_en": unit["name_en"],
            "unit_zh": unit["name_zh"],
            "unit_factor": self._factor(indicator["unit_id"]),
            "obs_status": used["obs_status"] if used else None,
        }
        if formula:
            return (
                document | {"formula": formula, "inputs": self._inputs(formula, ref_area, time_period)} | _dated(used)
            )
        told = self._told.get((indicator_id, ref_area), {}).get(time_period, [])
        as_of = self._replay.as_of
        vintages = [
            {
                "vintage": row["vintage"].isoformat(),
                "superseded_on": row["superseded_on"].isoformat() if row["superseded_on"] else None,
                "value": row["obs_value"],
                **self._place(row),
                "vintage_basis": row["vintage_basis"],
                "is_corrected": row["is_corrected"],
                "is_used": used is not None and _same(row, used),
                "is_known": as_of is None or row["vintage"] <= as_of,
            }
            for row in told
        ]
        if used:
            source = self._opened.sources[used["source_id"]]
            document |= {"source_en": source["name_en"], "source_zh": source["name_zh"]}
            document |= self._place(used) | _dated(used) | {"correction": self._correction(used)}
        return document | {"vintages": vintages}

    def _inputs(self, formula: str, ref_area: str, time_period: str) -> list[Document]:
        """The terms of a formula from left to right, each once, with the area and period that they are taken from."""
        found = []
        for term in self._terms(formula):
            period = shift_years(time_period, -term.lag) if term.lag else time_period
            own = self.of(term.indicator_id, term.area or ref_area, period or time_period)
            found.append({"lag": term.lag, "at": term.area or None, **own})
        return found

    def _terms(self, formula: str) -> list[Term]:
        if formula not in self._read:
            self._read[formula] = list(dict.fromkeys(terms(parse(formula))))
        return self._read[formula]

    def _factor(self, unit_id: str) -> float:
        """Base units in one unit."""
        if unit_id not in self._factors:
            self._factors[unit_id] = measure(unit_id, self._opened.catalogue.units).factor
        return self._factors[unit_id]

    def _place(self, row: Row) -> Document:
        """Source, file and place in it; sheet, column and row where the place is a cell."""
        source_id, locator = row["source_id"], row["locator"] or ""
        layout = getattr(self._opened.catalogue.sources.get(source_id), "layout", None)
        cell = None if getattr(layout, "locator", None) else CELL.fullmatch(locator)
        return {
            "source_id": source_id,
            "snapshot_id": row["snapshot_id"],
            "file": self._opened.files.get((source_id, row["snapshot_id"])),
            "locator": locator,
            "sheet": cell["sheet"] if cell else None,
            "column": cell["column"] if cell else None,
            "row": int(cell["row"]) if cell else None,
        }

    def _correction(self, row: Row) -> Document | None:
        """The correction of the catalogue that a corrected value rests on; its numbers are in the file's unit."""
        source = self._opened.catalogue.sources.get(row["source_id"])
        if not row["is_corrected"] or source is None:
            return None
        for each in source.corrections:
            if (each.indicator, each.ref_area, each.time_period) == tuple(
                row[name] for name in ("indicator_id", "ref_area", "time_period")
            ):
                return {"shown": each.expect, "value": each.value, "why_en": each.why_en, "why_zh": each.why_zh}
        return None


def _by_series(frame: pl.DataFrame, freq: str, areas: list[str] | None) -> _Rows:
    """Rows of these areas (None: all) by (indicator, area), then by period."""
    found: _Rows = {}
    mine = frame.filter(pl.col("freq") == freq)
    for row in (mine if areas is None else mine.filter(pl.col("ref_area").is_in(areas))).iter_rows(named=True):
        series = found.setdefault((row["indicator_id"], row["ref_area"]), {})
        series.setdefault(row["time_period"], []).append(row)
    return found


def _dated(row: Row | None) -> Document:
    if row is None:
        return {}
    return {
        "vintage": row["vintage"].isoformat(),
        "vintage_basis": row["vintage_basis"],
        "is_corrected": row["is_corrected"],
    }


def _same(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in ("source_id", "vintage"))
