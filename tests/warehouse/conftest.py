"""Small releases for the tests of the warehouse: three real tables, filled, staged and published.

Not here: the assertions.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from warehouse import publish, tables
from warehouse.tables import Table

FIRST_BUILD = datetime(2026, 1, 2, 3, 4, 5)


class Maker:
    """Makes release number n: its id, frames, staged folder, and publishes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "release"
        every = tables.tables({})
        self.tables: dict[str, Table] = {name: every[name] for name in ("release", "unit", "quality")}

    def id(self, number: int) -> str:
        return f"20260101-{number:08x}"

    def built_at(self, number: int) -> datetime:
        return FIRST_BUILD + timedelta(minutes=number)

    def frames(self, number: int, rows: int = 5, **facts: Any) -> dict[str, pl.DataFrame]:
        release = {
            "release_id": self.id(number), "as_of": None, "data_vintage": date(2026, 1, 1),
            "code_version": "1", "catalogue_hash": "c", "input_hash": f"i{number}", "run_id": None,
            "built_at": self.built_at(number),
        } | facts  # fmt: skip
        unit = {
            "unit_id": [f"u{row:07}" for row in range(rows)],
            "name_en": [f"unit {row}" for row in range(rows)],
            "name_zh": "单位",
            "base_unit_id": None,
            "factor": [1 + row / 7 for row in range(rows)],
        }
        quality = {
            "check_id": ["a", "b"], "table_name": "unit", "column_name": None, "expectation": "e",
            "severity": "error", "status": "passed", "rows_checked": rows, "rows_failed": 0, "observed": None,
        }  # fmt: skip
        return {
            "release": pl.DataFrame([release]),
            "unit": pl.DataFrame(unit),
            "quality": pl.DataFrame(quality),
        }

    def stage(self, number: int, rows: int = 5, **facts: Any) -> Path:
        folder = self.folder / f"staging-{number}"
        publish.stage(folder / "indexhouse.duckdb", self.frames(number, rows, **facts), self.tables, self.id(number))
        return folder

    def publish(self, number: int, rows: int = 5, facts: dict[str, Any] | None = None, **how: Any) -> publish.Published:
        facts = facts or {}
        staged = self.stage(number, rows, **facts)
        return publish.publish(self.root, staged, {}, facts.get("built_at", self.built_at(number)), **how)


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


@pytest.fixture
def make_in() -> Callable[[Path], Maker]:
    return Maker
