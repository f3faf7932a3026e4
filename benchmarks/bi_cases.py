"""Inside the child processes of the BI benchmark: make a large release, ask it the documented queries.

`python -m benchmarks.bi_cases build HOME FOLDER 10000000` takes the release of HOME (the built-in catalogue), lays as
many made-up observations over it, with their vintages and growth, and publishes it into FOLDER.
`python -m benchmarks.bi_cases ask FILE 40` asks every query so often. Both print one line of JSON.
Not here: targets and how the figures are shown (bi, report).
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.measure import ROOT
from benchmarks.synthetic import Shape, shape_of
from warehouse import db, publish
from warehouse.tables import Table, tables

QUERIES = ROOT / "docs" / "bi_queries.sql"
LAG = 455  # days from the first day of a year to the vintage of its values
SOURCES = 50


def queries() -> dict[str, tuple[str, str]]:
    """Name -> (filters or scans, SQL) of the documented queries, in their order."""
    found = {}
    for part in QUERIES.read_text("utf-8").split(";"):
        if heads := re.findall(r"^-- (\w+) (filters|scans): ", part, re.MULTILINE):
            name, kind = heads[-1]
            found[name] = (kind, part.strip())
    return found


def build(home: Path, folder: Path, cells: int) -> dict[str, Any]:
    """Publish a release of the built-in tables and `cells` observations more, all of them with vintage and growth.

    Out: rows of the three large tables, bytes of the release file and of the same tables as sorted zstd Parquet,
    seconds of staging, verifying and publishing.
    """
    file = home / "release" / "indexhouse.duckdb"
    given: dict[str, pl.DataFrame] = {}
    with db.read_only_release(file) as con:
        for (name,) in con.execute("select table_name from duckdb_tables() order by 1").fetchall():
            given[name] = con.sql(f"from {db.quote(name)}").pl()
        pillars = con.execute(
            "select distinct index_id, node_id, name_en, name_zh, ordinal from index_node where node_kind = 'pillar' "
            "order by index_id, ordinal"
        ).fetchall()
    boards: dict[str, list[tuple[str, str, str]]] = {}
    for index_id, node_id, name_en, name_zh, _ in pillars:
        board = boards.setdefault(index_id, [])
        if node_id not in [known for known, *_ in board]:
            board.append((node_id, name_en, name_zh))
    declared = tables(boards)
    shape = shape_of(cells)
    frames: dict[str, pl.DataFrame | Path] = dict(given)
    for name, frame in dimensions(shape, given).items():
        frames[name] = pl.concat([given[name], frame], how="diagonal")
    parts = folder / "parts"
    parts.mkdir(parents=True)
    for name, make in (("observation", observations), ("observation_vintage", vintages), ("growth", growth)):
        frames[name] = lay(parts, declared[name], given[name], make(shape))
    release = given["release"].row(0, named=True)
    staging = folder / "staging"
    staging.mkdir()
    timings = {}
    started = time.perf_counter()
    publish.stage(staging / "indexhouse.duckdb", frames, declared, release["release_id"])
    timings["stage_s"] = time.perf_counter() - started
    started = time.perf_counter()
    publish.verify(staging / "indexhouse.duckdb", declared, release["release_id"])
    timings["verify_s"] = time.perf_counter() - started
    started = time.perf_counter()
    published = publish.publish(folder / "release", staging, {}, release["built_at"])
    timings["publish_s"] = time.perf_counter() - started
    stored = {path.stem: path.stat().st_size for path in (published.folder / "parquet").glob("*.parquet")}
    with db.read_only_release(published.file) as con:
        rows = {
            name: con.execute(f"select count(*)::integer from {db.quote(name)}").fetchall()[0][0]
            for name in ("observation", "observation_vintage", "growth")
        }
    return {
        "file": str(published.file), "rows": rows, "size_bytes": published.file.stat().st_size,
        "parquet_bytes": sum(stored.values()), **timings,
    }  # fmt: skip


def lay(folder: Path, table: Table, given: pl.DataFrame, made: pl.DataFrame) -> Path:
    """Real rows and made-up ones as one Parquet file, so that one large table at a time is in memory."""
    target = folder / f"{table.name}.parquet"
    names = [column.name for column in table.content]
    pl.concat([given.select(names), made.select(names)], how="vertical_relaxed").write_parquet(target)
    return target


def dimensions(shape: Shape, given: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The areas, indicators and sources that the made-up rows name."""
    areas = pl.DataFrame({"ref_area": shape.area_ids}).with_columns(
        name_en=pl.col("ref_area"), name_zh=pl.col("ref_area"), kind=pl.lit("zone")
    )
    ids = shape.indicator_ids
    indicators = pl.DataFrame({"indicator_id": ids}).with_columns(
        name_en=pl.col("indicator_id"), name_zh=pl.col("indicator_id"), unit_id=pl.lit("cny_100m"),
        direction=pl.lit(1, pl.Int32), kind=pl.lit("flow"),
    )  # fmt: skip
    first = given["source"].filter(pl.col("source_id") != "derived").head(1)
    sources = pl.concat([first.with_columns(source_id=pl.lit(f"synthetic_{n:02d}")) for n in range(SOURCES)])
    return {"ref_area": areas, "indicator": indicators, "source": sources}


def keys(shape: Shape) -> pl.DataFrame:
    """One row per indicator, area and year, in this order, with what follows from them."""
    indicator = pl.DataFrame({"indicator_id": shape.indicator_ids}).with_row_index("i")
    area = pl.DataFrame({"ref_area": shape.area_ids}).with_row_index("a")
    year = pl.DataFrame({"time_period": shape.year_names}).with_columns(
        period_year=pl.col("time_period").cast(pl.Int32),
        period_start=pl.date(pl.col("time_period").cast(pl.Int32), 1, 1),
    )
    return indicator.join(area, how="cross").join(year, how="cross", maintain_order="left_right")


def values(shape: Shape) -> np.ndarray:
    """Series that grow and waver, to two digits after the point as a yearbook prints them."""
    random = np.random.default_rng(20260131)
    level = np.exp(random.normal(5, 1.5, (shape.indicators, shape.areas, 1)))
    path = np.cumsum(random.normal(0.06, 0.08, (shape.indicators, shape.areas, shape.years)), axis=2)
    return np.round(level * np.exp(path), 2).reshape(-1)


def observed(shape: Shape) -> pl.DataFrame:
    """Keys, values and where they come from: a file a source and year, a row an area, a column an indicator."""
    return keys(shape).with_columns(
        obs_value=pl.Series(values(shape)),
        freq=pl.lit("A"),
        decimals=pl.lit(2, pl.Int32),
        unit_id=pl.lit("cny_100m"),
        obs_status=pl.lit("A"),
        source_id=pl.format("synthetic_{}", (pl.col("i") % SOURCES).cast(pl.String).str.zfill(2)),
        snapshot_id=pl.format("{}{}00000000", pl.col("time_period"), (pl.col("i") % SOURCES + 1000).cast(pl.String)),
        locator=pl.format("{}!R{}", pl.col("i") // SOURCES + 1, pl.col("a") + 5),
        vintage=pl.col("period_start").dt.offset_by(f"{LAG}d"),
        vintage_basis=pl.lit("declared"),
        is_corrected=pl.lit(False),
    )


def observations(shape: Shape) -> pl.DataFrame:
    return observed(shape).with_columns(is_derived=pl.lit(False))


def vintages(shape: Shape) -> pl.DataFrame:
    return observed(shape).with_columns(superseded_on=pl.lit(None, pl.Date), is_preferred=pl.lit(True))


def growth(shape: Shape) -> pl.DataFrame:
    before = pl.col("obs_value").shift(1).over("indicator_id", "ref_area")
    return (
        keys(shape)
        .with_columns(obs_value=pl.Series(values(shape)))
        .with_columns(
            series_kind=pl.lit("indicator"), series_id=pl.col("indicator_id"), edition_id=pl.lit(""),
            node_id=pl.lit(""), previous_value=before, change_abs=pl.col("obs_value") - before,
            change_pct=100 * (pl.col("obs_value") / before - 1),
            previous_period=pl.when(before.is_not_null()).then((pl.col("period_year") - 1).cast(pl.String)),
        )
    )  # fmt: skip


def ask(file: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds of every documented query, rows fetched, after three rounds that are not counted."""
    found: dict[str, list[float]] = {name: [] for name in queries()}
    rows = {}
    with db.read_only_release(file) as con:
        for number in range(-3, rounds):
            for name, (_, text) in queries().items():
                started = time.perf_counter()
                rows[name] = len(con.execute(text).fetchall())
                if number >= 0:
                    found[name].append(1000 * (time.perf_counter() - started))
    return {"ms": found, "rows": rows, "kinds": {name: kind for name, (kind, _) in queries().items()}}


def main() -> None:
    verb, *arguments = sys.argv[1:]
    if verb == "build":
        print(json.dumps(build(Path(arguments[0]), Path(arguments[1]), int(arguments[2]))))
    else:
        print(json.dumps(ask(Path(arguments[0]), int(arguments[1]))))


if __name__ == "__main__":
    main()
