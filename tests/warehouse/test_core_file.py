"""The working file itself: damage, killed writers, an earlier layout.

Not here: what the change log holds (test_core).
"""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from warehouse import db
from warehouse.core import RECORD_INPUT, Core
from warehouse.errors import IndexhouseError

ROOT = Path(__file__).resolve().parents[2]
EMPTY = pl.DataFrame(schema=RECORD_INPUT)
FIRST = [("alpha", "", 1)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with Core(path) as core:
        core.rebuild(EMPTY, {"alpha": "1"}, FIRST)
        core.begin_run("r1", datetime(2026, 1, 1), "s")
    return path


@pytest.mark.parametrize("content", [b"no database at all " * 1000, b"", b"DUCK"])
def test_a_damaged_file_is_kept_aside_with_a_warning_and_made_anew(
    file: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        file.write_bytes(content)
        with caplog.at_level(logging.WARNING), Core(file) as core:
            assert core.source_states() == {}, "every source is loaded again"
            core.rebuild(EMPTY, {"alpha": "1"}, FIRST)
        assert file.with_name(f"warehouse.duckdb.damaged-{number}").read_bytes() == content
        assert f"kept as warehouse.duckdb.damaged-{number}" in caplog.text
    with Core(file) as core:
        assert core.source_states() == {"alpha": "1"}


def test_a_truncated_file_is_made_anew(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:9000])
    with Core(file) as core:
        assert core.source_states() == {}
    assert file.with_name("warehouse.duckdb.damaged-1").stat().st_size == 9000


def test_damage_found_in_use_stops_this_run_and_not_the_next(file: Path) -> None:
    with Core(file) as core:
        core.con.execute("create table filler as select range::integer as n, hash(range) as h from range(200000)")
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 3, len(content), 64):
        content[place] ^= 255
    file.write_bytes(content)
    with (
        pytest.raises(IndexhouseError, match=r"is damaged; it is kept as warehouse\.duckdb\.damaged-1; run again"),
        Core(file) as core,
    ):
        core.con.execute("select sum(n), max(h) from filler").fetchall()
    with Core(file) as core:
        core.rebuild(EMPTY, {"alpha": "1"}, FIRST)
        assert core.source_states() == {"alpha": "1"}


KILLED = """
import os, sys
from datetime import datetime
from pathlib import Path
sys.path.insert(0, {root!r})
import polars as pl
from warehouse.core import RECORD_INPUT, Core
core = Core(Path({file!r}))
core.con.execute("checkpoint")
core.rebuild(pl.DataFrame(schema=RECORD_INPUT), {{"alpha": "2"}}, [("alpha", "", 1)])
for n in range(50):
    core.begin_run(f"killed-{{n}}", datetime(2026, 1, 2), "s" * 200)
core.con.execute("begin")
core.con.execute("delete from meta.source_state")
core.con.execute("insert into meta.source_state select range::varchar, 'x' from range(100000)")
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def killed(file: Path) -> Path:
    """A file whose writer was killed inside a transaction; the committed part is still in its log of writes."""
    code = KILLED.format(root=str(ROOT), file=str(file))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert log_of(file).stat().st_size > 5000
    return file


def log_of(file: Path) -> Path:
    return file.with_name(file.name + ".wal")


def test_a_killed_run_loses_only_what_it_had_not_finished(killed: Path) -> None:
    with Core(killed) as core:
        assert core.source_states() == {"alpha": "2"}
        assert core.con.execute("select count(*)::integer from meta.run").fetchall() == [(51,)]
    assert not log_of(killed).exists()


@pytest.mark.parametrize("how", ["torn", "altered", "of another file", "without its file"])
def test_a_bad_log_of_a_killed_run_never_stops_the_next(killed: Path, how: str) -> None:
    content = bytearray(log_of(killed).read_bytes())
    if how == "torn":
        log_of(killed).write_bytes(content[:-100])
    elif how == "altered":
        for place in range(500, len(content), 37):
            content[place] ^= 255
        log_of(killed).write_bytes(content)
    else:
        killed.unlink()
        if how == "of another file":
            log_of(killed).unlink()
            with db.connect(killed) as con:
                con.execute("create table other (n integer)")
            log_of(killed).write_bytes(content)
    with Core(killed) as core:
        assert core.source_states() in ({"alpha": "1"}, {"alpha": "2"}, {})
        core.rebuild(EMPTY, {"alpha": "3"}, FIRST)
    with Core(killed) as core:
        assert core.source_states() == {"alpha": "3"}


def test_a_file_that_another_process_holds_is_not_called_damaged(file: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom warehouse import db\n"
        f"with db.connect({str(file)!r}):\n    print('open', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin and holder.stdout
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(IndexhouseError, match=rf"process {holder.pid} .*has this file open"):
            Core(file)
        holder.stdin.close()
    assert [path.name for path in tmp_path.glob("*damaged*")] == []
    with Core(file) as core:
        assert core.source_states() == {"alpha": "1"}


def test_a_mistake_in_sql_moves_nothing_aside(file: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no_such_table"), Core(file) as core:
        core.con.execute("select * from no_such_table")
    assert [path.name for path in tmp_path.glob("*damaged*")] == []


def test_tables_of_an_earlier_layout_are_made_anew_and_every_source_is_loaded_again(file: Path) -> None:
    with db.connect(file) as con:
        con.execute("alter table core.observation drop column decimals")
    with Core(file) as core:
        assert core.source_states() == {}
        assert core.observation_as_of(None).columns.count("decimals") == 1
        assert core.con.execute("select run_id from meta.run").fetchall() == [("r1",)], "the history of runs stays"
