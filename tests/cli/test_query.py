"""`indexhouse query`: formats, what it refuses, text that a spreadsheet would run, Chinese and wide tables.

Not here: completion, hints and colours of all verbs (test_ease).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from unicodedata import category

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipelines.terminal import counted, lay_out

SCORES = """select ref_area, score, score_rank from scoreboard_strength where time_period = '2019'
            order by score_rank, ref_area"""
PAYLOADS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0"]


@pytest.fixture
def ask(indexhouse: Callable, published_small) -> Callable:
    return lambda *arguments: indexhouse(*published_small.options, "query", *arguments)


def test_all_formats_say_the_same(command: Callable, published_small, ask: Callable) -> None:
    expected = published_small.query(SCORES)
    assert len(expected) == 4
    rows = list(csv.DictReader(io.StringIO(ask(SCORES, "--format", "csv").out)))
    assert [(r["ref_area"], float(r["score"]), int(r["score_rank"])) for r in rows] == expected
    documents = ask(SCORES, "--format", "json").json
    assert [tuple(d.values()) for d in documents] == expected
    assert ask(SCORES, "--json").json == documents
    table = ask(SCORES).out
    assert all(area in table for area, *_ in expected)


def test_parquet_goes_to_standard_output_as_bytes(published_small, tmp_path: Path) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *published_small.options, "query", SCORES, "--format", "parquet"],
        capture_output=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert pl.read_parquet(io.BytesIO(done.stdout)).rows() == published_small.query(SCORES)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_csv_disarms_text_that_a_spreadsheet_would_run(ask: Callable, payload: str) -> None:
    quoted = payload.replace("'", "''")
    (row,) = list(csv.reader(io.StringIO(ask(f"select '{quoted}' as text", "--format", "csv").out, newline="")))[1:]
    assert row == [f"'{payload}"]
    (document,) = ask(f"select '{quoted}' as text", "--json").json
    assert document["text"] == payload


def test_csv_leaves_negative_numbers_and_plain_text_alone(ask: Callable) -> None:
    out = ask("select -1.5 as a, 'R&D = 3' as b, '北京' as c, null as d", "--format", "csv").out
    assert out.splitlines()[1] == "-1.5,R&D = 3,北京,"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "copy release to '{folder}/out.csv'",
        "copy (select 1) to '{folder}/out.parquet' (format parquet)",
        "attach '{folder}/other.duckdb'",
        "export database '{folder}/export'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "create table t as select 1",
        "insert into release select * from release",
        "delete from release",
        "drop table release",
        "select 1; drop table release",
    ],
)
def test_a_query_reads_the_release_and_nothing_else(ask: Callable, published_small, tmp_path: Path, sql: str) -> None:
    before = published_small.file.read_bytes()
    answer = ask(sql.format(folder=tmp_path))
    assert answer.status == 1 and answer.out == ""
    assert answer.errors and "root:" not in answer.err
    assert list(tmp_path.iterdir()) == []
    assert published_small.file.read_bytes() == before


def test_a_wrong_name_in_sql_is_one_error_with_its_reason(ask: Callable) -> None:
    answer = ask("select * from observatio")
    assert answer.status == 1 and "observatio" in answer.errors[0] and 'Did you mean "observation' in answer.errors[0]
    assert answer.err.count("\n") == 1 and "LINE 1" not in answer.err and "Traceback" not in answer.err


def test_an_unknown_release_is_answered_with_the_closest_known_one(ask: Callable, published_small) -> None:
    ((known,),) = published_small.query("select release_id from release")
    answer = ask("select 1", "--release", known[:-1] + ("0" if known[-1] != "0" else "1"))
    assert answer.status == 2
    assert f"did you mean '{known}'?" in answer.errors[0]


def test_a_kept_release_is_asked_by_its_id(ask: Callable, published_small) -> None:
    ((known,),) = published_small.query("select release_id from release")
    assert ask("select release_id from release", "--release", known, "--json").json == [{"release_id": known}]


def test_before_the_first_run_a_query_says_what_to_do(indexhouse: Callable, tmp_path: Path) -> None:
    answer = indexhouse("--home", tmp_path, "query", "select 1")
    assert answer.status == 1 and "indexhouse run" in answer.errors[0]


def test_json_keeps_chinese_text_and_dates_readable(ask: Callable) -> None:
    answer = ask("select date '2019-10-17' as day, '北京' as name, 1.0 as number, null as nothing", "--json")
    assert "北京" in answer.out
    assert json.loads(answer.out) == [{"day": "2019-10-17", "name": "北京", "number": 1.0, "nothing": None}]


def test_columns_stay_aligned_beside_chinese_text(ask: Callable) -> None:
    answer = ask("select * from (values ('北京', 1.5::double), ('Guangdong 广东', -20.25), (null, 3)) t(area, value)")
    header, rule, *rows = answer.out.splitlines()
    assert len({cell_len(line) for line in (header, rule, *rows)}) == 1, "numbers end in one column"
    assert rows == [" 北京                1.5", " Guangdong 广东   -20.25", " " * 23 + "3"]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select 1 as a where false", "no rows"),
        ("select 1 as a", "1 row"),
        ("select * from range(1234) t(n)", "1,234 rows"),
    ],
)
def test_the_number_of_rows_is_told_beside_the_answer(ask: Callable, sql: str, told: str) -> None:
    answer = ask(sql)
    assert answer.err == f"{told}\n" and told not in answer.out


def test_a_pipe_gets_everything_however_wide(ask: Callable) -> None:
    wide = ", ".join(f"'{n:03d}' || repeat('x', 200) as column_{n}" for n in range(40))
    answer = ask(f"select {wide}")
    assert all(f"column_{n}" in answer.out and f"{n:03d}" + "x" * 200 in answer.out for n in range(40))
    assert answer.err == "1 row\n"


def test_a_cell_cannot_command_the_terminal_nor_break_its_line(ask: Callable) -> None:
    answer = ask("select chr(27) || '[31mred' || chr(10) || 'two' || chr(9) as a, '北京' as b")
    assert "\x1b" not in answer.out and len(answer.out.splitlines()) == 3
    assert "\\x1b[31mred\\ntwo\\t" in answer.out and "北京" in answer.out


def test_long_text_is_cut_before_a_column_is_left_out() -> None:
    laid = lay_out(["id", "text", "value"], [["a", "长" * 80, 1.5], ["b", "short", None]], width=60)
    assert laid.is_text_cut and laid.columns_shown == 3
    assert all(cell_len(line) <= 60 for line in (laid.header, laid.rule, *laid.rows))
    assert "…" in laid.rows[0] and laid.rows[0].endswith("1.5") and "short" in laid.rows[1]


def test_the_last_columns_are_left_out_where_nothing_else_helps() -> None:
    laid = lay_out([f"number_{n}" for n in range(20)], [list(range(20))], width=50)
    assert 1 < laid.columns_shown < 20 and not laid.is_text_cut
    assert cell_len(laid.header) <= 50 and "number_0" in laid.header and "…" not in laid.rows[0]


@given(
    st.lists(st.lists(st.none() | st.text(max_size=30) | st.floats() | st.booleans(), min_size=3, max_size=3)),
    st.none() | st.integers(1, 120),
)
def test_any_table_is_aligned_and_fits(rows: list[list[object]], width: int | None) -> None:
    laid = lay_out(["甲", "b", "long name of a column"], rows, width)
    lines = [laid.header, laid.rule, *laid.rows]
    assert len(laid.rows) == len(rows) and all(category(mark) != "Cc" for line in lines for mark in line)
    if width and laid.columns_shown > 1:
        assert all(cell_len(line) <= width for line in lines)
    if width is None:
        assert laid.columns_shown == 3 and not laid.is_text_cut


@pytest.mark.parametrize(
    ("number", "said"), [(0, "no entries"), (1, "1 entry"), (2, "2 entries"), (12345, "12,345 entries")]
)
def test_a_count_is_said_with_its_noun(number: int, said: str) -> None:
    assert counted(number, "entry", "entries") == said
