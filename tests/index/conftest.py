"""A small index that several tests build: four areas, four periods, two pillars with two indicators each.

Not here: assertions.
"""

from __future__ import annotations

import math
import random
from datetime import date

import polars as pl

from warehouse.catalogue.index import Index
from warehouse.catalogue.indicator import Area, Indicator

AREAS = {name: Area(name_en=name, kind="province") for name in ("A", "B", "C", "D")}
INDICATORS = {name: Indicator(name_en=name.upper(), unit="one") for name in ("one", "two", "three", "four", "size")} | {
    "bad": Indicator(name_en="Bad", unit="one", direction=-1)
}
NODES = {
    "left": {"weight": 2, "name_en": "Left"},
    "right": {"weight": 1},
    "one": {"parent": "left", "weight": 1},
    "two": {"parent": "left", "weight": 3},
    "bad": {"parent": "right", "weight": 2},
    "four": {"parent": "right"},
}
PERIODS = ("2010", "2011", "2012", "2013")


def index(**changes: object) -> Index:
    base: dict[str, object] = {
        "name_en": "Test",
        "areas": {"kind": "province"},
        "periods": {"from": 2010, "to": 2013},
        "base_period": 2010,
        "nodes": NODES,
    }
    return Index.model_validate(base | changes)


def frame(values: dict[tuple[str, str, str], float]) -> pl.DataFrame:
    """Observations from (indicator, area, period) -> value."""
    rows = [(*key, None if math.isnan(value) else value) for key, value in values.items()]
    schema = {
        "indicator_id": pl.String,
        "ref_area": pl.String,
        "time_period": pl.String,
        "obs_value": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.lit("A").alias("freq"),
        pl.lit("yearbook").alias("source_id"),
        pl.lit("abc").alias("snapshot_id"),
        pl.concat_str(pl.lit("Sheet!"), "ref_area").alias("locator"),
        pl.lit(date(2019, 1, 1)).alias("vintage"),
    )


def full(seed: int = 1, gaps: float = 0.0) -> dict[tuple[str, str, str], float]:
    source = random.Random(seed)
    return {
        (name, area, period): source.uniform(1, 100)
        for name in INDICATORS
        for area in AREAS
        for period in PERIODS
        if source.random() >= gaps
    }
