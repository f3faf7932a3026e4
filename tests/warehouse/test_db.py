"""Opening DuckDB: safe settings, and errors that name the file and the remedy.

Not here: what is stored.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse import db
from warehouse.errors import IndexhouseError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.duckdb"
    with db.connect(path) as con:
        con.execute("create table t as select range::integer as n, repeat('x', 100) as filler from range(10000)")
    return path


def test_extensions_stay_off_and_the_clock_is_utc() -> None:
    with db.connect(threads=1) as con:
        names = ("autoinstall_known_extensions", "autoload_known_extensions", "TimeZone", "threads")
        values = [con.execute(f"select current_setting('{name}')").fetchall()[0][0] for name in names]
    assert values == [False, False, "UTC", 1]


def test_a_local_frame_never_stands_in_for_a_table() -> None:
    import polars as pl

    stray = pl.DataFrame({"n": [1]})
    with db.connect() as con, pytest.raises(Exception, match="stray does not exist"):
        con.execute("select * from stray")
    assert stray.height == 1


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_text('{secret}')",
        "select * from '{secret}'",
        "copy t to '{secret}.csv'",
        "attach '{secret}.duckdb'",
        "set enable_external_access = true",
        "set memory_limit = '1GB'",
        "insert into t values (1, '')",
        "create table u (n integer)",
    ],
)
def test_a_reader_of_a_release_reaches_nothing_else(file: Path, tmp_path: Path, text: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("key\n")
    before = file.read_bytes()
    with db.read_only_release(file) as con:
        assert con.execute("select count(*)::integer from t").fetchall() == [(10000,)]
        with pytest.raises(Exception, match=r"disabled|locked|read-only"):
            con.execute(text.format(secret=secret)).fetchall()
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.csv", "some.duckdb"]


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("content", [b"no database at all " * 1000, b"", b"DUCK"])
def test_a_file_that_is_no_database_is_named_with_its_remedy(tmp_path: Path, content: bytes, read_only: bool) -> None:
    path = tmp_path / "broken.duckdb"
    path.write_bytes(content)
    with (
        pytest.raises(IndexhouseError, match=r"broken\.duckdb: is not a DuckDB file or is damaged.*restore"),
        db.connect(path, read_only=read_only),
    ):
        pytest.fail("opened")
    assert path.read_bytes() == content


def test_a_truncated_file_is_called_damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:9000])
    with (
        pytest.raises(IndexhouseError, match=r"some\.duckdb: is not a DuckDB file or is damaged"),
        db.connect(file, read_only=True),
    ):
        pytest.fail("opened")


def test_damage_found_while_reading_is_named_too(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in range(3 * 4096 + 16, len(content), 64):
        content[place] ^= 255
    file.write_bytes(content)
    with (
        pytest.raises(IndexhouseError, match=r"some\.duckdb: is not a DuckDB file or is damaged"),
        db.connect(file, read_only=True) as con,
    ):
        con.execute("select sum(n), max(filler) from t").fetchall()


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with (
        pytest.raises(IndexhouseError, match=r"gone\.duckdb: does not exist; `indexhouse run`"),
        db.read_only_release(tmp_path / "gone.duckdb"),
    ):
        pytest.fail("opened")
    with (
        pytest.raises(IndexhouseError, match="is a folder"),
        db.connect(tmp_path),
    ):
        pytest.fail("opened")
    with (
        pytest.raises(IndexhouseError, match="make its folder"),
        db.connect(tmp_path / "no" / "new.duckdb"),
    ):
        pytest.fail("opened")


def test_a_file_that_another_process_writes_is_named_with_that_process(file: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom warehouse import db\n"
        f"with db.connect({str(file)!r}):\n    print('open', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin and holder.stdout
        assert holder.stdout.readline() == "open\n"
        with (
            pytest.raises(IndexhouseError, match=rf"some\.duckdb: process {holder.pid} .*wait until it ends"),
            db.connect(file),
        ):
            pytest.fail("opened")
        holder.stdin.close()
    with db.connect(file) as con:
        assert con.execute("select count(*)::integer from t").fetchall() == [(10000,)]


def test_a_mistake_in_sql_stays_what_it_is() -> None:
    with (
        pytest.raises(Exception, match="no_such_table") as caught,
        db.connect() as con,
    ):
        con.execute("select * from no_such_table")
    assert not isinstance(caught.value, IndexhouseError)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40))
def test_any_name_and_text_is_quoted_safely(text: str) -> None:
    with db.connect() as con:
        con.execute("create table canary (n integer)")
        con.execute(f"create table {db.quote('t' + text)} ({db.quote('c' + text)} varchar)")
        con.execute(f"insert into {db.quote('t' + text)} values ({db.quote_text(text)})")
        assert con.execute(f"select {db.quote('c' + text)} from {db.quote('t' + text)}").fetchall() == [(text,)]
        assert con.execute("select count(*)::integer from canary").fetchall() == [(0,)]


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(IndexhouseError, match="NUL"):
        db.quote("a\0b")
