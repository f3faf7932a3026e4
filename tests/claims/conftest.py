"""Small statements and observations, and the built-in ones, for the tests of claims.

Not here: the built-in release (the common fixtures).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from pipelines.claims.evidence import Knowledge
from pipelines.settings import BUILTIN
from warehouse.catalogue.claim import Claim, Publication
from warehouse.catalogue.indicator import Area, Indicator, Unit
from warehouse.catalogue.load import Catalogue

DATA = Path(__file__).parents[1] / "data" / "claims"
SCHEMA = {
    "indicator_id": pl.String, "ref_area": pl.String, "freq": pl.String, "time_period": pl.String,
    "source_id": pl.String, "vintage": pl.Date, "obs_value": pl.Float64, "decimals": pl.Int32,
    "unit_id": pl.String, "vintage_basis": pl.String,
}  # fmt: skip


class Small:
    """Makers of small inputs; every field can be overridden."""

    @staticmethod
    def rows(*given: tuple[Any, ...], basis: str = "declared") -> pl.DataFrame:
        """Rows from (indicator, area, period, source, vintage, value, decimals, unit)."""
        full = [
            (ind, area, "A", period, source, date.fromisoformat(day), value, decimals, unit, basis)
            for ind, area, period, source, day, value, decimals, unit in given
        ]
        return pl.DataFrame(full, schema=SCHEMA, orient="row")

    @staticmethod
    def knowledge(**changes: Any) -> Knowledge:
        base: dict[str, Any] = {
            "factors": {"one": 1.0, "pct": 0.01, "rank": 1.0, "items": 1.0},
            "formulas": {},
            "groups": {"province": ("A1", "A2", "A3")},
            "indicator_names": {},
            "area_names": {},
            "priority": {"good": 10, "fair": 20, "page": 5, "echo": 1},
        }
        return Knowledge(**{**base, **changes})

    @staticmethod
    def claim(**fields: Any) -> Claim:
        base: dict[str, Any] = {
            "statement_en": "A statement.", "statement_zh": "一条表述。", "indicator": "x", "ref_area": "A1",
            "time_period": "2018", "measure": "level", "stated_value": 10, "unit": "items",
        }  # fmt: skip
        return Claim.model_validate({**base, **fields})

    @staticmethod
    def publication(claims: dict[str, Claim], crosschecks: dict[str, Claim] | None = None) -> Publication:
        return Publication(
            name_en="A page",
            published_on=date(2019, 10, 17),
            source_id="page",
            repeated_by=("echo",),
            claims=claims,
            crosschecks=crosschecks or {},
        )


@pytest.fixture(scope="session")
def small() -> Small:
    return Small()


def _document(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.fixture(scope="session")
def builtin_rows() -> pl.DataFrame:
    """The values that the built-in claims touch, copied from the built-in sources (tests/data/claims)."""
    return pl.read_csv(DATA / "observation_vintage.csv", schema_overrides=SCHEMA)


@pytest.fixture(scope="session")
def expected_verdicts() -> pl.DataFrame:
    """The verdicts worked out by hand, with their working."""
    return pl.read_csv(DATA / "expected_verdicts.csv")


@pytest.fixture(scope="session")
def builtin() -> Catalogue:
    """Units, areas, indicators and claims of the built-in catalogue, without its sources and indices."""
    catalogue = Catalogue(folders=(BUILTIN,))
    found: dict[str, dict[str, Any]] = {}
    for kind in ("units", "areas", "indicators"):
        files = [*sorted((BUILTIN / kind).glob("*.yml")), *sorted(BUILTIN.glob(f"{kind}.yml"))]
        found[kind] = {key: fields for path in files for key, fields in _document(path).items()}
    catalogue.units.update({key: Unit.model_validate(value) for key, value in found["units"].items()})
    catalogue.areas.update({key: Area.model_validate(value) for key, value in found["areas"].items()})
    catalogue.indicators.update({k: Indicator.model_validate(value) for k, value in found["indicators"].items()})
    path = BUILTIN / "claims" / "beijing_2019.yml"
    catalogue.claims[path.stem] = Publication.model_validate(_document(path))
    return catalogue


@pytest.fixture(scope="session")
def builtin_knowledge(builtin: Catalogue) -> Knowledge:
    """What the judge knows of the built-in catalogue, with the priorities of the built-in sources."""
    priority: dict[tuple[str, str] | str, int] = {}
    for path in sorted((BUILTIN / "sources").glob("*.yml")):
        document = _document(path)
        priority[path.stem] = document["priority"]
        priority.update({(path.stem, name): n for name, n in document.get("priority_for", {}).items()})
    return replace(Knowledge.of(builtin), priority=priority)
