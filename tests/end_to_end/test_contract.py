"""The built-in release against the outward contract: tables, columns, types, order, comments, nulls, bytes on disk."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path

import duckdb
import pytest

DATA = Path(__file__).parents[1] / "data"
TYPES = {"VARCHAR", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
MAY_BE_EMPTY = {"rank_interval", "sensitivity", "coherence", "quarantine"}
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
PILLARS = [
    "knowledge_creation",
    "innovation_economy",
    "innovation_talent",
    "innovation_ecosystem",
    "innovation_leadership",
]
VOCABULARIES = {
    ("claim", "verdict_as_published"): {"consistent", "compatible", "inconsistent", "not_testable"},
    ("claim", "verdict_latest"): {"consistent", "compatible", "inconsistent", "not_testable"},
    ("observation", "vintage_basis"): {"declared", "retrieved", "assumed"},
    ("observation_vintage", "vintage_basis"): {"declared", "retrieved", "assumed"},
    ("snapshot", "vintage_basis"): {"declared", "retrieved", "assumed"},
    ("index_node", "node_kind"): {"index", "pillar", "sub_pillar", "indicator"},
    ("index_score", "node_kind"): {"index", "pillar", "sub_pillar", "indicator"},
    ("growth", "series_kind"): {"indicator", "index"},
    ("growth_span", "series_kind"): {"indicator", "index"},
    ("quality", "severity"): {"error", "warning"},
    ("quality", "status"): {"passed", "failed"},
    ("source", "file_scope"): {"complete", "partial"},
    ("observation", "obs_status"): set("ABDEFGIKLMNOPQSTUVWX") | {"HD"},
}


def declared() -> dict[str, tuple[list[str], list[str]]]:
    """Table -> (columns in order, key columns), the scoreboards of the two indices in place of their pattern."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for line in (DATA / "contract_tables.txt").read_text("utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        name, _, rest = line.partition(": ")
        words = [word.strip() for word in rest.split(",")]
        key = [word[1:] for word in words if word.startswith("*")]
        columns = [word.lstrip("*") for word in words]
        if name == "scoreboard_<index_id>":
            for index_id in ("beijing_innovation", "china_regional_innovation"):
                found[f"scoreboard_{index_id}"] = ([*columns[:-1], *PILLARS, "release_id"], key)
            continue
        if columns[-1] != "release_id" and name != "release":
            columns.append("release_id")
        found[name] = (columns, key)
    return found


TABLES = declared()


@pytest.fixture(scope="module")
def columns(builtin) -> dict[str, list[tuple[str, str, str | None]]]:
    found: dict[str, list[tuple[str, str, str | None]]] = {}
    sql = """select table_name, column_name, data_type, comment from duckdb_columns() where not internal
             order by table_name, column_index"""
    for table, *column in builtin.query(sql):
        found.setdefault(table, []).append(tuple(column))
    return found


def test_the_tables_are_those_of_the_contract(columns: dict) -> None:
    assert set(columns) == set(TABLES)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_columns_stand_in_the_order_of_the_contract(columns: dict, table: str) -> None:
    names = [name for name, _, _ in columns[table]]
    if table == "release":
        assert names == TABLES[table][0] and names.count("release_id") == 1
    else:
        assert names == TABLES[table][0]
        assert names[-1] == "release_id"
    assert all(NAME.fullmatch(name) for name in (table, *names))


def test_types_are_those_that_every_client_understands(columns: dict) -> None:
    assert {kind for table in columns.values() for _, kind, _ in table} <= TYPES


def test_every_table_and_column_has_a_comment(builtin, columns: dict) -> None:
    assert [(t, c[0]) for t, cs in columns.items() for c in cs if not c[2]] == []
    assert (
        builtin.query("select table_name from duckdb_tables() where not internal and coalesce(comment, '') = ''") == []
    )


@pytest.mark.parametrize(
    "sql",
    [
        "select view_name from duckdb_views() where not internal",
        "select function_name from duckdb_functions() where not internal",
        "select index_name from duckdb_indexes()",
        "select sequence_name from duckdb_sequences()",
        "select type_name from duckdb_types() where not internal and database_name = current_database()",
        "select constraint_type from duckdb_constraints() where constraint_type <> 'NOT NULL'",
        "select schema_name from duckdb_schemas() where not internal and schema_name <> 'main'",
    ],
)
def test_the_file_holds_tables_only(builtin, sql: str) -> None:
    assert builtin.query(sql) == []


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_has_rows_unless_the_contract_lets_it_wait(builtin, table: str) -> None:
    ((rows,),) = builtin.query(f"select count(*) from {table}")
    assert rows > 0 or table in MAY_BE_EMPTY


@pytest.mark.parametrize("table", sorted(TABLES))
def test_keys_are_whole_unique_and_sorted(builtin, table: str) -> None:
    key = TABLES[table][1]
    frame = builtin.frame(f"select {', '.join(key)} from {table}")
    assert frame.null_count().sum_horizontal().item() == 0
    assert frame.is_duplicated().sum() == 0
    rows = [tuple(value.encode() if isinstance(value, str) else value for value in row) for row in frame.iter_rows()]
    assert rows == sorted(rows)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_what_is_missing_is_null(builtin, columns: dict, table: str) -> None:
    """No NaN, no infinity, and no empty text outside the key, where it would mean "not applicable"."""
    key = TABLES[table][1]
    odd = [f'count(*) filter (not isfinite("{name}"))' for name, kind, _ in columns[table] if kind == "DOUBLE"]
    marks = "('', 'NaN', 'nan', 'None', 'null', 'NULL')"
    texts = [name for name, kind, _ in columns[table] if kind == "VARCHAR" and name not in key and name != "raw_text"]
    odd += [f'count(*) filter ("{name}" in {marks})' for name in texts]
    names = [name for name, kind, _ in columns[table] if kind == "DOUBLE"] + texts
    (counts,) = builtin.query(f"select {', '.join(odd) or '0'} from {table}")
    assert {name: count for name, count in zip(names, counts, strict=False) if count} == {}


def test_every_row_belongs_to_the_one_release(builtin) -> None:
    ((release_id,),) = builtin.query("select release_id from release")
    assert re.fullmatch(r"\d{8}-[0-9a-f]{8}", release_id) and release_id == builtin.report["release_id"]
    for table in TABLES:
        assert builtin.query(f"select distinct release_id from {table}") in ([(release_id,)], [])


def test_the_dictionary_describes_every_column_in_both_languages(builtin, columns: dict) -> None:
    rows = builtin.query(
        "select table_name, column_name, column_type, ordinal, is_key, description_en, description_zh from dictionary"
    )
    told = {(table, column): (kind, ordinal, is_key) for table, column, kind, ordinal, is_key, _, _ in rows}
    expected = {
        (table, name): (kind, ordinal, name in TABLES[table][1])
        for table, found in columns.items()
        for ordinal, (name, kind, _) in enumerate(found, 1)
    }
    assert told == expected
    assert [row for row in rows if not row[5] or not row[6]] == []


@pytest.mark.parametrize(("table", "column"), sorted(VOCABULARIES))
def test_words_come_from_the_vocabulary(builtin, table: str, column: str) -> None:
    found = {value for (value,) in builtin.query(f"select distinct {column} from {table} where {column} is not null")}
    assert found and found <= VOCABULARIES[table, column]


@pytest.mark.parametrize(
    ("child", "column", "parent", "referred"),
    [
        ("observation", "indicator_id", "indicator", "indicator_id"),
        ("observation", "ref_area", "ref_area", "ref_area"),
        ("observation", "unit_id", "unit", "unit_id"),
        ("observation", "source_id", "source", "source_id"),
        ("observation_vintage", "source_id", "source", "source_id"),
        ("observation_vintage", "snapshot_id", "snapshot", "snapshot_id"),
        ("index_node", "indicator_id", "indicator", "indicator_id"),
        ("index_score", "ref_area", "ref_area", "ref_area"),
        ("comparison", "comparator_area", "ref_area", "ref_area"),
        ("claim", "indicator_id", "indicator", "indicator_id"),
        ("indicator", "unit_id", "unit", "unit_id"),
        ("unit", "base_unit_id", "unit", "unit_id"),
    ],
)
def test_ids_lead_to_the_tables_that_explain_them(builtin, child: str, column: str, parent: str, referred: str) -> None:
    sql = f"""select distinct {column} from {child}
              where {column} <> '' and {column} not in (select {referred} from {parent})"""
    assert builtin.query(sql) == []


def test_an_old_client_can_open_the_file(builtin) -> None:
    header = builtin.file.read_bytes()[:20]
    assert int.from_bytes(header[12:20], "little") == 64
    assert stat.S_IMODE(builtin.file.stat().st_mode) == 0o444
    assert not builtin.file.with_name("indexhouse.duckdb.wal").exists()


def test_the_file_opens_without_access_to_anything_else(builtin) -> None:
    config = {"enable_external_access": "false", "lock_configuration": "true"}
    with duckdb.connect(str(builtin.file), read_only=True, config=config) as con:
        assert con.execute("select count(*) from release").fetchone() == (1,)
        for sql in (
            "select * from read_text('/etc/hostname')",
            "copy release to 'out.csv'",
            "attach 'other.duckdb'",
            "set threads = 1",
        ):
            with pytest.raises(duckdb.Error):
                con.execute(sql)


def test_the_pointer_names_the_release_and_its_bytes(builtin) -> None:
    pointer = json.loads((builtin.folder / "latest.json").read_bytes())
    content = builtin.file.read_bytes()
    assert pointer["release_id"] == builtin.report["release_id"]
    assert pointer["sha256"] == hashlib.sha256(content).hexdigest() and pointer["size_bytes"] == len(content)
    assert (builtin.folder / pointer["file"]).read_bytes() == content
    ((vintage,),) = builtin.query("select data_vintage from release")
    assert pointer["data_vintage"] == f"{vintage}" and pointer["release_id"].startswith(f"{vintage:%Y%m%d}")


def test_the_folder_of_the_release_is_complete(builtin) -> None:
    folder = builtin.folder / builtin.report["release_id"]
    assert {path.stem for path in (folder / "parquet").glob("*.parquet")} == set(TABLES)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["release_id"] == folder.name
    assert len(manifest["catalogue"]["sources"]) > 30 and len(manifest["records"]) > 130


def test_parquet_holds_what_the_tables_hold(builtin) -> None:
    folder = builtin.folder / builtin.report["release_id"] / "parquet"
    with duckdb.connect() as con:
        for table in TABLES:
            parquet = con.execute(
                f"select count(*), max(release_id) from read_parquet('{folder / table}.parquet')"
            ).fetchall()
            assert parquet == builtin.query(f"select count(*), max(release_id) from {table}"), table


def test_the_home_holds_no_pickle(builtin) -> None:
    files = [path for path in builtin.home.rglob("*") if path.is_file()]
    assert files
    assert [
        path
        for path in files
        if path.suffix in (".pkl", ".pickle") or path.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")
    ] == []
