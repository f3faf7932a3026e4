"""kill -9 in the middle of a run, and two runs at once: nothing is lost or torn, nobody is blocked for good."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from pipelines.settings import Settings
from pipelines.workspace import home_lock

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("[1/9] fetch", "[3/9] core", "[8/9] candidate")
WINDOWS = ("before_rename", "after_rename")


def start(small: Any, **environment: str) -> subprocess.Popen[str]:
    """The command as the leader of its own process group."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("INDEXHOUSE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *small.options, "run", "--offline"],
        env=kept | environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def kill_after(small: Any, line: str) -> None:
    """Kill the whole group as soon as the progress line of a step is there."""
    process = start(small)
    assert process.stderr is not None
    seen = []
    for text in process.stderr:
        seen.append(text)
        if text.startswith(line):
            break
    else:
        pytest.fail(f"{line} never came:\n{''.join(seen)}")
    os.killpg(process.pid, signal.SIGKILL)
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL


def kill_inside(small: Any, window: str) -> None:
    """Let the run end itself in one of the narrow windows of publishing, then kill what is left of its group."""
    process = start(small, INDEXHOUSE_FAILPOINT=window)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 9, told
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def current(small: Any) -> str:
    """The release that a reader sees: one id in every table."""
    tables = [name for (name,) in small.query("select table_name from duckdb_tables()")]
    union = " union ".join(f"select release_id from {name}" for name in tables)
    ((release_id,),) = small.query(union)
    return release_id


@pytest.mark.slow
@pytest.mark.faults
def test_runs_killed_in_any_step_leave_the_release_and_the_next_run_works(
    small, indexhouse: Callable, dagster_runs: Callable, fingerprint_of: Callable
) -> None:
    before = fingerprint_of(small.release)
    small.drop("2022-03-01", factor=1.2)
    for line in STEPS:
        kill_after(small, line)
        assert fingerprint_of(small.release) == before, line
        status = indexhouse(*small.options, "status", "--json")
        assert status.status == 0 and status.json["is_running"] is False
    document = indexhouse(*small.options, "run", "--offline", "--json").json
    assert document["status"] == "published" and current(small) == document["release_id"]
    statuses = [status for _, status, _ in dagster_runs(small.home)]
    assert set(statuses) == {"SUCCESS", "FAILURE"} and statuses.count("FAILURE") == len(STEPS)
    assert not list(small.home.glob("staging/*"))

    clean = small.copy(small.folder.parent / "clean")
    for path in clean.home.iterdir():
        if path.name != "snapshots":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    undisturbed = indexhouse(*clean.options, "run", "--offline", "--json").json
    assert undisturbed["release_id"] == document["release_id"]
    expected, found = (fingerprint_of(s.release / document["release_id"] / "parquet") for s in (clean, small))
    assert expected.pop("release.parquet") != found.pop("release.parquet")
    assert found == expected


@pytest.mark.slow
@pytest.mark.faults
def test_runs_killed_while_publishing_leave_the_old_or_the_new_release(
    small, indexhouse: Callable, fingerprint_of: Callable
) -> None:
    for month, window in enumerate(WINDOWS, 1):
        old = current(small)
        folders = {name: fingerprint_of(small.release / name) for name in (old,)}
        small.drop(f"2022-{month:02d}-01", factor=1.1 + month / 100)
        kill_inside(small, window)
        seen = current(small)
        assert (seen != old) == (window == "after_rename"), window
        assert {name: fingerprint_of(small.release / name) for name in folders} == folders
        answer = indexhouse(*small.options, "run", "--offline")
        assert answer.status == 0, answer
        assert current(small) != old and (seen in (old, current(small)))
        pointer = indexhouse(*small.options, "status", "--json").json["current_release"]
        assert pointer["release_id"] == current(small)
        assert not list(small.release.glob(".part-*")) and not list(small.release.glob("*.wal"))


# two at once


def test_a_second_run_waits_and_then_ends_with_75(
    small, indexhouse: Callable, monkeypatch: pytest.MonkeyPatch, fingerprint_of: Callable
) -> None:
    monkeypatch.setenv("INDEXHOUSE_LOCK_WAIT", "0.2")
    before = fingerprint_of(small.release)
    with FileLock(small.home / ".lock"):
        for verb in (["run", "--offline"], ["rollback"], ["publish", current(small)]):
            answer = indexhouse(*small.options, *verb)
            assert answer.status == 75 and len(answer.errors) == 1, answer
            assert "another run holds the lock" in answer.errors[0]
        assert indexhouse(*small.options, "status", "--json").json["is_running"] is True
        assert indexhouse(*small.options, "query", "select 1 as one", "--json").json == [{"one": 1}], (
            "readers never wait"
        )
    assert fingerprint_of(small.release) == before
    assert indexhouse(*small.options, "run", "--offline").status == 0


def test_a_second_run_begins_when_the_first_one_ends(small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEXHOUSE_LOCK_WAIT", "60")
    first, ended = FileLock(small.home / ".lock", thread_local=False), threading.Event()
    first.acquire()

    def end() -> None:
        ended.set()
        first.release()

    timer = threading.Timer(0.3, end)
    timer.start()
    with home_lock(Settings(small.home, (small.catalogue,))):
        assert ended.is_set()
    timer.join()


def test_a_lock_wait_that_is_no_number_is_named(small, indexhouse: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEXHOUSE_LOCK_WAIT", "soon")
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status in (1, 2) and "INDEXHOUSE_LOCK_WAIT: 'soon'" in answer.errors[0]
