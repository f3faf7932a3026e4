"""A source of any size with its catalogue: one CSV, long or wide, areas x indicators x years of made-up values.

Run as a program, so that the measuring process stays small:
`python -m benchmarks.synthetic FOLDER --cells 1000000 --form long`.
Not here: measuring its intake (intake).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

FORMS = ("long", "wide")
FIRST_YEAR = 1971
MAX_YEARS = 50
SOURCE_ID = "synthetic"
FILE = "synthetic.csv"
RETRIEVED = "2026-01-31"


@dataclass(frozen=True)
class Shape:
    """How many of each; their product is the number of cells."""

    areas: int
    indicators: int
    years: int

    @property
    def cells(self) -> int:
        return self.areas * self.indicators * self.years

    @property
    def area_ids(self) -> list[str]:
        return [f"A{n:05d}" for n in range(self.areas)]

    @property
    def indicator_ids(self) -> list[str]:
        return [f"indicator_{n:05d}" for n in range(self.indicators)]

    @property
    def year_names(self) -> list[str]:
        return [str(FIRST_YEAR + n) for n in range(self.years)]


def shape_of(cells: int) -> Shape:
    """About as many cells as asked for: up to 50 years, the rest shared by areas and indicators alike."""
    years = max(1, min(MAX_YEARS, round(cells ** (1 / 3))))
    indicators = max(1, round((cells / years) ** 0.5))
    return Shape(max(1, round(cells / years / indicators)), indicators, years)


def write_catalogue(folder: Path, shape: Shape, form: str) -> Path:
    """Write catalogue and file into a folder; returns the CSV.

    In: form long (area, indicator, year, value) or wide (area, indicator, a column a year). Values have up to three
    digits after the point and are the same for the same shape.
    """
    (folder / "sources").mkdir(parents=True)
    (folder / "raw").mkdir()
    documents = {
        "units.yml": {"count": {"name_en": "count", "name_zh": "个"}},
        "areas.yml": {area: {"name_en": f"Area {area}", "name_zh": f"地区{area}"} for area in shape.area_ids},
        "indicators.yml": {
            key: {"name_en": f"Series {key}", "name_zh": f"指标{key}", "unit": "count", "plausible": {"min": 0}}
            for key in shape.indicator_ids
        },
        f"sources/{SOURCE_ID}.yml": _source(form),
    }
    for name, document in documents.items():  # JSON is YAML
        (folder / name).write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
    path = folder / "raw" / FILE
    _table(shape, form).write_csv(path)
    return path


def _source(form: str) -> dict[str, object]:
    layout: dict[str, object] = {"area": {"column": "area"}, "indicator": {"column": "indicator"}}
    if form == "long":
        layout |= {"period": {"column": "year"}, "value": "value"}
    else:
        layout |= {"period": {"header": r"^(\d{4})$"}}
    return {
        "name_en": f"Synthetic, {form}",
        "name_zh": f"合成数据（{form}）",
        "provider": "benchmarks",
        "licence": "MIT",
        "cadence": "once",
        "priority": 1,
        "fetch": {"kind": "bundled", "files": [f"raw/{FILE}"], "retrieved": RETRIEVED},
        "read": {"format": "csv", "encoding": "utf-8"},
        "layout": {"header": {"row": 1, "rows": 1}, **layout},
    }


def _table(shape: Shape, form: str) -> pl.DataFrame:
    pairs = shape.areas * shape.indicators
    values = np.random.default_rng(7).integers(1, 1_000_000, pairs * shape.years).reshape(pairs, shape.years) / 1000
    keys = {
        "area": pl.Series(np.repeat(shape.area_ids, shape.indicators)),
        "indicator": pl.Series(np.tile(shape.indicator_ids, shape.areas)),
    }
    if form == "wide":
        return pl.DataFrame({**keys, **{year: values[:, n] for n, year in enumerate(shape.year_names)}})
    return pl.DataFrame(
        {
            **{name: series.gather(np.repeat(np.arange(pairs), shape.years)) for name, series in keys.items()},
            "year": pl.Series(np.tile(shape.year_names, pairs)),
            "value": values.reshape(-1),
        }
    )


def main() -> None:
    """Write one synthetic catalogue and print the number of its cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", type=float, default=1e5)
    parser.add_argument("--form", choices=FORMS, default="long")
    arguments = parser.parse_args()
    shape = shape_of(int(arguments.cells))
    write_catalogue(arguments.folder, shape, arguments.form)
    print(shape.cells)


if __name__ == "__main__":
    main()
