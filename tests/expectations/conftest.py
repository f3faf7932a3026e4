"""A small sound intake file and a small sound release, made once; tests break copies of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.client import Validator
from warehouse.catalogue.claim import Publication
from warehouse.catalogue.index import Index
from warehouse.catalogue.load import Catalogue
from warehouse.tables import Table, comments, ddl, dictionary_rows, tables

AREAS = [f"CN-{letter}{letter}" for letter in "ABCDEFGHIJKL"]
YEARS = range(2015, 2020)
RELEASE = "20240630-0123abcd"

INTAKE_TABLES = """
create table reading (source_id varchar, snapshot_id varchar, indicator_id varchar, ref_area varchar, freq varchar,
    time_period varchar, obs_value double, unit_id varchar, obs_status varchar, decimals integer, locator varchar,
    vintage date, outcome varchar, reason_code varchar);
create table intake (source_id varchar, snapshot_id varchar, vintage date, file_name varchar, sequence integer,
    rows_in integer, rows_value integer, rows_missing integer, rows_excluded integer, rows_quarantined integer,
    areas_per_period double, previous_areas_per_period double, volume_change_pct double, warn_pct double,
    reject_pct double, min_areas integer, areas integer, is_volume_approved boolean, max_quarantined_pct double);
create table indicator (indicator_id varchar, unit_id varchar, plausible_min double, plausible_max double);
create table area (ref_area varchar);
"""


@pytest.fixture(scope="session")
def validator() -> Iterator[Validator]:
    with Validator() as started:
        yield started


@pytest.fixture(scope="session")
def sound_intake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources, one of them with two files; two cells are no values."""
    path = tmp_path_factory.mktemp("intake") / "intake.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(INTAKE_TABLES)
        con.execute("insert into indicator values ('gdp', 'cny_100m', 0, 1e6), ('rd', 'cny_100m', 0, null)")
        con.executemany("insert into area values (?)", [[area] for area in AREAS])
        files = (
            ("a", "a1", 1, "gdp", "2020-12-31"),
            ("a", "a2", 2, "gdp", "2021-12-31"),
            ("b", "b1", 1, "rd", "2021-06-30"),
        )
        for source, snapshot, sequence, indicator, vintage in files:
            add_intake_file(con, source, snapshot, sequence, indicator, vintage, values(indicator))
        con.execute(
            "update reading set outcome = 'missing', obs_value = null, reason_code = 'missing' "
            "where snapshot_id = 'b1' and ref_area = 'CN-AA' and time_period = '2015'"
        )
        con.execute(
            "update reading set outcome = 'quarantined', obs_value = null, reason_code = 'not_a_number' "
            "where snapshot_id = 'b1' and ref_area = 'CN-BB' and time_period = '2015'"
        )
        con.execute(
            "update intake set rows_value = rows_value - 2, rows_missing = 1, rows_quarantined = 1 "
            "where snapshot_id = 'b1'"
        )
    return path


@pytest.fixture(scope="session")
def write_intake() -> Callable[[Path, list[tuple[Any, ...]]], None]:
    """Write an intake file with the given files and an indicator and area table that admit them."""

    def write(path: Path, found: list[tuple[Any, ...]]) -> None:
        with duckdb.connect(str(path)) as con:
            con.execute(INTAKE_TABLES)
            for each in found:
                add_intake_file(con, *each)
            con.execute("insert into indicator select distinct indicator_id, unit_id, null, null from reading")
            con.execute("insert into area select distinct ref_area from reading")

    return write


def values(indicator: str) -> dict[tuple[str, int], float]:
    """Steady growth that differs a little between areas."""
    start = {"gdp": 1000.0, "rd": 20.0}[indicator]
    return {
        (area, year): round(start * (i + 1) * (1.05 + 0.003 * (i % 5)) ** (year - 2015), 2)
        for i, area in enumerate(AREAS)
        for year in YEARS
    }


def add_intake_file(
    con: duckdb.DuckDBPyConnection,
    source: str,
    snapshot: str,
    sequence: int,
    indicator: str,
    vintage: str,
    cells: dict[tuple[str, int], float],
    file_name: str | None = None,
) -> None:
    rows = [
        (
            source,
            snapshot,
            indicator,
            area,
            "A",
            str(year),
            value,
            "cny_100m",
            "A",
            2,
            f"S!R{i}",
            vintage,
            "value",
            "",
        )
        for i, ((area, year), value) in enumerate(cells.items(), start=1)
    ]
    con.executemany("insert into reading values (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)
    areas = len({area for area, _ in cells})
    con.execute(
        "insert into intake values (?,?,?,?,?,?,?,0,0,0,?,?,0,20,50,1,?,false,50)",
        [
            source,
            snapshot,
            vintage,
            file_name or f"{snapshot}.csv",
            sequence,
            len(rows),
            len(rows),
            areas,
            areas,
            areas,
        ],
    )


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    index = Index.model_validate(
        {
            "name_en": "Two pillars", "areas": AREAS, "periods": {"from": "2015", "to": "2019"},
            "nodes": {
                "economy": {}, "research": {},
                "gdp": {"parent": "economy"}, "rd": {"parent": "research"},
            },
        }
    )  # fmt: skip
    statement = {
        "statement_en": "GDP was 1000", "statement_zh": "1000", "indicator": "gdp", "ref_area": "CN-AA",
        "time_period": "2015", "measure": "level", "stated_value": 1000,
    }  # fmt: skip
    publication = Publication.model_validate(
        {"name_en": "Page", "published_on": "2021-12-31", "source_id": "b", "claims": {"F001": statement}}
    )
    return Catalogue((), indices={"two": index}, claims={"page": publication})


@pytest.fixture(scope="session")
def declared() -> dict[str, Table]:
    return tables({"two": [("economy", "Economy", "经济"), ("research", "Research", "研究")]})


@pytest.fixture(scope="session")
def sound_release(tmp_path_factory: pytest.TempPathFactory, declared: dict[str, Table]) -> Path:
    """Every table of a release; an index of two pillars over 12 areas and five years, worked out here by hand."""
    path = tmp_path_factory.mktemp("release") / "indexhouse.duckdb"
    with duckdb.connect(str(path)) as con:
        for table in declared.values():
            con.execute(ddl(table))
            for comment in comments(table):
                con.execute(comment)
        dictionary = dictionary_rows(declared).rows()
        con.executemany(f"insert into dictionary values (?,?,?,?,?,?,?,?,'{RELEASE}')", dictionary)
        for name, rows in release_rows().items():
            add_rows(con, declared[name], rows)
    return path


def add_rows(con: duckdb.DuckDBPyConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert set(row) <= {column.name for column in table.columns}, (table.name, sorted(row))
    marks = ", ".join("?" for _ in table.columns)
    cells = [[{"release_id": RELEASE, **row}.get(column.name) for column in table.columns] for row in rows]
    con.executemany(f"insert into {table.name} values ({marks})", cells)


def release_rows() -> dict[str, list[dict[str, Any]]]:
    """Rows of the tables that a small release fills."""
    named = {"name_en": "Name", "name_zh": "名称"}
    rows: dict[str, list[dict[str, Any]]] = {
        "release": [
            {"data_vintage": "2024-06-30", "code_version": "1", "catalogue_hash": "c", "input_hash": "i",
             "run_id": "r", "built_at": "2024-07-01 00:00:00"}
        ],
        "source": [
            {"source_id": source, **named, "provider": "P", "licence": "CC0", "redistribute": True, "citation": "",
             "url": "", "cadence": "yearly", "file_scope": "complete", "priority": priority}
            for priority, source in enumerate("ab", start=1)
        ],
        "snapshot": [
            {"source_id": source, "vintage": "2020-12-31", "retrieved_at": "2021-01-05 08:00:00",
             "snapshot_id": f"{source}1", "vintage_basis": "declared", "file_name": f"{source}1.csv",
             "media_type": "text/csv", "size_kb": 1.5, "rows_in": 60, "rows_loaded": 60, "rows_unchanged": 0,
             "rows_quarantined": 0, "rows_excluded": 0}
            for source in "ab"
        ],
        "indicator": [
            {"indicator_id": each, **named, "unit_id": "cny_100m", "direction": 1, "kind": "flow", "plausible_min": 0.0,
             "plausible_max": 1e6, "max_yearly_change_pct": 50.0}
            for each in ("gdp", "rd")
        ],
        "unit": [{"unit_id": "cny_100m", **named, "base_unit_id": "cny", "factor": 1e8}],
        "ref_area": [{"ref_area": area, **named, "kind": "province"} for area in AREAS],
        "claim": [
            {"publication_id": "page", "claim_id": "F001", "statement_en": "GDP was 1000", "statement_zh": "1000",
             "indicator_id": "gdp", "ref_area": "CN-AA", "time_period": "2015", "measure": "level",
             "qualifier": "exact", "stated_value": 1000.0, "verdict_as_published": "consistent",
             "verdict_latest": "consistent", "is_vintage_dependent": False}
        ],
    }  # fmt: skip
    return rows | _observation_rows() | _index_rows() | _follow_up_rows()


def _period(year: int) -> dict[str, Any]:
    return {"time_period": str(year), "period_start": f"{year}-01-01", "period_year": year}


def _observation_rows() -> dict[str, list[dict[str, Any]]]:
    """gdp from source a, rd from source b, and one statement of source b about gdp that agrees when rounded."""
    common = {
        "freq": "A", "decimals": 2, "unit_id": "cny_100m", "obs_status": "A", "vintage": "2020-12-31",
        "vintage_basis": "declared", "is_corrected": False,
    }  # fmt: skip
    stated = [
        {"indicator_id": indicator, "ref_area": area, "source_id": source, "snapshot_id": f"{source}1",
         "obs_value": value, "locator": f"S!R{i}", **common, "year": year}
        for indicator, source in (("gdp", "a"), ("rd", "b"))
        for i, ((area, year), value) in enumerate(values(indicator).items(), start=1)
    ]  # fmt: skip
    observation = [
        {**{k: v for k, v in row.items() if k != "year"}, **_period(row["year"]), "is_derived": False} for row in stated
    ]
    rounded = {**stated[0], "source_id": "b", "snapshot_id": "b1", "obs_value": 1000.3, "decimals": 0}
    vintages = [
        {
            **{k: v for k, v in row.items() if k != "year"},
            "time_period": str(row["year"]),
            "is_preferred": row is not rounded,
        }
        for row in (*stated, rounded)
    ]
    return {"observation": observation, "observation_vintage": vintages}


def scores() -> dict[tuple[str, str, int], float]:
    """Min-max 0-100 over all areas and years; the index is the mean of both."""
    found: dict[tuple[str, str, int], float] = {}
    for node, pillar in (("gdp", "economy"), ("rd", "research")):
        cells = values(node)
        low, high = min(cells.values()), max(cells.values())
        for (area, year), value in cells.items():
            found[node, area, year] = found[pillar, area, year] = 100 * (value - low) / (high - low)
    for area in AREAS:
        for year in YEARS:
            found["two", area, year] = (found["economy", area, year] + found["research", area, year]) / 2
    return found


NODES = {  # node: parent, level, kind, weight in parent, effective weight
    "two": (None, 0, "index", 1.0, 1.0),
    "economy": ("two", 1, "pillar", 0.5, 0.5),
    "research": ("two", 1, "pillar", 0.5, 0.5),
    "gdp": ("economy", 2, "indicator", 1.0, 0.5),
    "rd": ("research", 2, "indicator", 1.0, 0.5),
}


def _index_rows() -> dict[str, list[dict[str, Any]]]:
    edition = {"index_id": "two", "edition_id": "latest"}
    scored = scores()
    rows: dict[str, list[dict[str, Any]]] = {
        "index_edition": [
            {**edition, "name_en": "Two", "name_zh": "二", "first_period": "2015", "last_period": "2019",
             "method_version": "m"}
        ],
        "index_node": [
            {**edition, "node_id": node, "parent_id": parent, "node_level": level, "node_kind": kind, "name_en": node,
             "name_zh": node, "weight_in_parent": weight, "weight_effective": effective, "ordinal": ordinal}
            for ordinal, (node, (parent, level, kind, weight, effective)) in enumerate(NODES.items(), start=1)
        ],
        "index_input": [
            {**edition, "node_id": node, "ref_area": area, **_period(year), "raw": value, "is_imputed": False,
             "is_treated": False, "unit_id": "cny_100m", "source_id": "a", "snapshot_id": "a1", "locator": "S!R1",
             "vintage": "2020-12-31"}
            for node in ("gdp", "rd")
            for (area, year), value in values(node).items()
        ],
    }  # fmt: skip
    rows["index_score"] = [
        {**edition, "node_id": node, "ref_area": area, **_period(year), "node_level": NODES[node][1],
         "node_kind": NODES[node][2], "score": score, "coverage": 1.0, "method_version": "m",
         "areas_ranked": len(AREAS),
         "score_rank": 1 + sum(scored[node, other, year] > score for other in AREAS)}
        for (node, area, year), score in scored.items()
    ]  # fmt: skip
    rows["index_contribution"] = [
        {**edition, "node_id": node, "ref_area": area, "time_period": str(year), "node_kind": NODES[node][2],
         "previous_period": str(year - 1), "contribution": 0.5 * (score - scored[node, area, year - 1])}
        for (node, area, year), score in scored.items()
        if node != "two" and year > YEARS[0]
    ]  # fmt: skip
    rows["scoreboard_two"] = [
        {"edition_id": "latest", "ref_area": row["ref_area"], "time_period": row["time_period"],
         "period_start": row["period_start"], "period_year": row["period_year"], "area_name_en": "Name",
         "area_name_zh": "名称", "score": row["score"], "score_rank": row["score_rank"]}
        for row in rows["index_score"]
        if row["node_id"] == "two"
    ]  # fmt: skip
    return rows


def _follow_up_rows() -> dict[str, list[dict[str, Any]]]:
    """One row each of growth, comparison and revision."""
    growth = {
        "series_kind": "indicator", "series_id": "gdp", "edition_id": "", "node_id": "", "ref_area": "CN-AA",
        **_period(2016), "obs_value": 1050.0, "previous_period": "2015", "previous_value": 1000.0, "change_abs": 50.0,
        "change_pct": 5.0,
    }  # fmt: skip
    comparison = {
        "indicator_id": "gdp", "ref_area": "CN-AA", "comparator_area": "", **_period(2016), "obs_value": 1050.0,
        "score_rank": 12, "areas_ranked": 12,
    }  # fmt: skip
    revision = {
        "indicator_id": "gdp", "ref_area": "CN-AA", "freq": "A", "time_period": "2015", "source_id": "a",
        "vintage": "2020-12-31", "previous_vintage": "2019-12-31", "obs_value": 1000.0, "previous_value": 990.0,
    }  # fmt: skip
    return {"growth": [growth], "comparison": [comparison], "revision": [revision]}


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[Path, str], Path]:
    """A copy of a file after some SQL."""

    def make(original: Path, sql: str) -> Path:
        copy = tmp_path / original.name
        shutil.copy(original, copy)
        with duckdb.connect(str(copy)) as con:
            con.execute(sql)
        return copy

    return make
