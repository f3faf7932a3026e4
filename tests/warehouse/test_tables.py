"""The declared tables: equal to the contract, documented, and frames made to fit them.

Not here: how they are written into a release (test_publish).
"""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import db
from warehouse.errors import IndexhouseError
from warehouse.rounding import round_significant
from warehouse.tables import (
    RESERVED,
    TYPES,
    Table,
    column_comment,
    comments,
    conform_frame,
    ddl,
    dictionary_rows,
    polars_schema,
    table_comment,
    tables,
)

CONTRACT = Path(__file__).parents[1] / "data" / "contract_tables.txt"
PILLARS = [("knowledge_creation", "Knowledge creation", "知识创新"), ("talent", "Talent", "人才")]
TABLES = tables({"beijing_innovation": PILLARS})


def contract() -> dict[str, list[str]]:
    """Table -> columns of the contract in order, keys marked with *, release_id where it ends the table."""
    found = {}
    for line in CONTRACT.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, columns = line.split(": ")
            listed = columns.split(", ")
            found[name] = listed if name == "release" else [*listed, "release_id"]
    return found


def marked(table: Table) -> list[str]:
    return [("*" if column.is_key else "") + column.name for column in table.columns]


def unit_frame(**columns: object) -> pl.DataFrame:
    row = {"unit_id": ["b", "a"], "name_en": "e", "name_zh": "z", "base_unit_id": None, "factor": [2.0, 1.0]}
    return pl.DataFrame(row | columns)


def test_tables_and_columns_are_those_of_the_contract_in_its_order() -> None:
    expected = {}
    for name, columns in contract().items():
        pillars = [pillar_id for pillar_id, _, _ in PILLARS]
        place = columns.index("<pillars>") if "<pillars>" in columns else None
        full = columns if place is None else [*columns[:place], *pillars, *columns[place + 1 :]]
        expected[name.replace("<index_id>", "beijing_innovation")] = full
    assert {name: marked(table) for name, table in TABLES.items()} == expected
    assert list(TABLES) == list(expected)


def test_every_table_and_column_says_what_it_is_in_both_languages() -> None:
    for table in TABLES.values():
        for column in table.columns:
            assert column.type in TYPES
            assert len(column.description_en) >= 5, f"{table.name}.{column.name}"
            assert any("\u4e00" <= letter <= "\u9fff" for letter in column.description_zh)
            assert not (column.is_key and column.nullable)
        assert table.grain_en.startswith("One row")
        assert "行" in table.grain_zh


def test_the_same_name_has_the_same_type_everywhere() -> None:
    kinds: dict[str, set[str]] = {}
    for table in TABLES.values():
        for column in table.columns:
            kinds.setdefault(column.name, set()).add(column.type)
    # The contract uses one word for two things: factor of a unit, factor of a sensitivity analysis.
    assert {name: kind for name, kind in kinds.items() if len(kind) > 1} == {"factor": {"DOUBLE", "VARCHAR"}}


def test_suffixes_promise_type_and_unit() -> None:
    for table in TABLES.values():
        for column in table.columns:
            where = f"{table.name}.{column.name}"
            if column.name.endswith("_pct"):
                assert (column.type, column.unit_id) == ("DOUBLE", "pct"), where
            if column.name.endswith("_share"):
                assert (column.type, column.unit_id) == ("DOUBLE", "share"), where
            if column.name.endswith("_rank"):
                assert (column.type, column.unit_id) == ("INTEGER", "rank"), where
            if column.name.endswith("_at"):
                assert column.type == "TIMESTAMP", where
            if column.name.startswith("is_"):
                assert column.type == "BOOLEAN", where


def test_one_scoreboard_per_index_with_a_column_per_pillar_before_the_release_id() -> None:
    found = tables({"b": PILLARS, "a": []})
    assert [name for name in found if name.startswith("scoreboard")] == ["scoreboard_a", "scoreboard_b"]
    names = [column.name for column in found["scoreboard_b"].columns]
    assert names[-4:] == ["change_abs", "knowledge_creation", "talent", "release_id"]
    assert "Knowledge creation" in found["scoreboard_b"].column("knowledge_creation").description_en
    assert "知识创新" in found["scoreboard_b"].column("knowledge_creation").description_zh


@pytest.mark.parametrize(
    ("index_id", "pillar"),
    [
        ("i", "score"),
        ("i", "release_id"),
        ("i", "order"),
        ("i", "Talent"),
        ("i", "a b"),
        ("x" * 60, "p"),
        ("I", "p"),
    ],
)
def test_a_scoreboard_name_that_cannot_be_is_refused_by_name(index_id: str, pillar: str) -> None:
    with pytest.raises(IndexhouseError, match=f"index '{index_id}'"):
        tables({index_id: [(pillar, "n", "n")]})


def test_every_reserved_word_of_the_database_is_known() -> None:
    with db.connect() as con:
        text = "select keyword_name from duckdb_keywords() "
        text += "where keyword_category in ('reserved', 'type_function')"
        assert {word for (word,) in con.execute(text).fetchall()} <= RESERVED


def test_ddl_and_comments_make_the_declared_tables_without_keys() -> None:
    with db.connect() as con:
        for table in TABLES.values():
            con.execute("; ".join([ddl(table), *comments(table)]))
        found = con.execute(
            "select table_name, column_name, data_type, is_nullable, comment from duckdb_columns() "
            "where not internal order by table_name, column_index"
        ).fetchall()
        said = dict(con.execute("select table_name, comment from duckdb_tables()").fetchall())
    expected = [
        (table.name, column.name, column.type, True, column_comment(column))
        for table in sorted(TABLES.values(), key=lambda table: table.name)
        for column in table.columns
    ]
    assert found == expected
    assert said == {table.name: table_comment(table) for table in TABLES.values()}


def test_a_quotation_mark_in_a_name_survives_its_comment() -> None:
    table = tables({"i": [("p", "People's '; drop table unit; --", "人'民")]})["scoreboard_i"]
    with db.connect() as con:
        con.execute("; ".join([ddl(table), *comments(table)]))
        (said,) = con.execute("select comment from duckdb_columns() where column_name = 'p'").fetchall()
    assert "People's '; drop table unit; --" in said[0]


def test_dictionary_has_one_row_per_column_and_describes_itself() -> None:
    rows = conform_frame(dictionary_rows(TABLES), TABLES["dictionary"])
    assert rows.height == sum(len(table.columns) for table in TABLES.values())
    own = rows.filter(pl.col("table_name") == "dictionary").sort("ordinal")
    assert own["column_name"].to_list() == [column.name for column in TABLES["dictionary"].columns]
    assert own["ordinal"].to_list() == list(range(1, own.height + 1))


def test_conform_orders_columns_casts_and_sorts_by_key() -> None:
    frame = unit_frame(factor=[2, 1], release_id="dropped")[:, ::-1]
    out = conform_frame(frame, TABLES["unit"])
    assert out.schema == polars_schema(TABLES["unit"])
    assert out["unit_id"].to_list() == ["a", "b"]
    assert out["factor"].to_list() == [1.0, 2.0]


def test_conform_makes_nan_and_infinity_null_and_rounds_to_twelve_digits() -> None:
    frame = unit_frame(unit_id=list("abcde"), factor=[math.nan, math.inf, -math.inf, 0.1 + 0.2, 2 / 3])
    assert conform_frame(frame, TABLES["unit"])["factor"].to_list() == [None, None, None, 0.3, 0.666666666667]


def test_conform_keeps_the_release_id_where_it_is_the_key() -> None:
    assert conform_frame(pl.DataFrame(), TABLES["release"]).columns[0] == "release_id"
    assert "release_id" not in conform_frame(pl.DataFrame(), TABLES["unit"]).columns


def test_conform_turns_a_time_with_zone_into_utc() -> None:
    zone = timezone(timedelta(hours=8))
    given_at = datetime(2026, 1, 1, 8, tzinfo=zone)
    frame = pl.DataFrame(
        {"release_id": ["r"], "as_of": None, "data_vintage": [date(2026, 1, 1)], "code_version": "c",
         "catalogue_hash": "c", "input_hash": "i", "run_id": None, "built_at": [given_at.astimezone(UTC)]}
    ).with_columns(pl.col("built_at").dt.convert_time_zone("Asia/Shanghai"))  # fmt: skip
    assert conform_frame(frame, TABLES["release"])["built_at"].to_list() == [datetime(2026, 1, 1)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"unit_id": ["a", None]}, "column unit_id: is NULL in 1 rows"),
        ({"unit_id": ["k", "k"]}, r"the key \(unit_id\) stands twice in 1 rows; first: unit_id=k"),
        ({"factor": ["1", "2"]}, "column factor: is String, DOUBLE is declared"),
        ({"name_en": [1, 2]}, "column name_en: is Int64, VARCHAR is declared"),
        ({"surplus": 1}, "column surplus is not declared"),
    ],
)
def test_conform_refuses_what_does_not_fit_naming_table_column_and_key(columns: dict[str, object], said: str) -> None:
    with pytest.raises(IndexhouseError, match=f"table unit.*{said}"):
        conform_frame(unit_frame(**columns), TABLES["unit"])


def test_conform_refuses_a_missing_column_and_numbers_that_are_no_integers() -> None:
    with pytest.raises(IndexhouseError, match="column factor is missing"):
        conform_frame(unit_frame().drop("factor"), TABLES["unit"])
    check = {
        "check_id": ["a"], "table_name": "t", "column_name": None, "expectation": "e", "severity": "error",
        "status": "passed", "rows_checked": [1.0], "rows_failed": [0], "observed": None,
    }  # fmt: skip
    assert conform_frame(pl.DataFrame(check), TABLES["quality"])["rows_checked"].to_list() == [1]
    with pytest.raises(IndexhouseError, match=r"column rows_failed: 0\.5 is not a whole number"):
        conform_frame(pl.DataFrame(check | {"rows_failed": [0.5]}), TABLES["quality"])
    with pytest.raises(IndexhouseError, match="3000000000 does not fit"):
        conform_frame(pl.DataFrame(check | {"rows_failed": [3_000_000_000]}), TABLES["quality"])


@given(st.permutations(range(6)))
def test_the_order_of_rows_changes_nothing(order: list[int]) -> None:
    frame = unit_frame(unit_id=["b", "a", "", "知", "é", "Z"], factor=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert conform_frame(frame[order], TABLES["unit"]).equals(conform_frame(frame, TABLES["unit"]))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_rounding_is_close_idempotent_and_the_shortest_decimal(values: list[float]) -> None:
    once = round_significant(np.array(values))
    assert np.array_equal(round_significant(once), once)
    for value, rounded in zip(values, once.tolist(), strict=True):
        # Half a unit of the twelfth digit, and below 1e-310 the few digits that such numbers have at all.
        assert abs(rounded - value) <= 0.5000001 * 10**-11 * abs(value) + 5e-324
        assert rounded == float(f"{rounded:.11e}")
        assert struct.pack("d", rounded) != struct.pack("d", -0.0)
