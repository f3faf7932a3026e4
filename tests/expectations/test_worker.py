"""The worker process: what it prints, how it dies, and that nobody is left behind."""

from __future__ import annotations

import ast
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from expectations import client
from expectations.client import Validator
from expectations.plan import Expectation, Suite, intake_plan
from warehouse.errors import IndexhouseError

ROOT = Path(__file__).parent.parent.parent
PLAN = [Suite("reading", (Expectation("filled", "row_count", "there are rows", minimum=1),))]
Broken = Callable[[Path, str], Path]


def ended(pid: int, seconds: float = 30.0) -> bool:
    """Whether a process that is not our child ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_stdout_holds_answers_only_and_the_worker_ends_with_its_input(sound_intake: Path) -> None:
    noisy = Suite("reading", (Expectation("x", "sql", "no braces or :colons", sql="select '{a} :b' as x where false"),))
    request = json.dumps({"file": str(sound_intake), "suites": [suite.as_json() for suite in (*intake_plan(), noisy)]})
    done = subprocess.run(
        [sys.executable, "-P", "-m", "expectations.worker"], input=f"{request}\nnot json\n", capture_output=True,
        text=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    ready, answer, refusal = [json.loads(line) for line in done.stdout.splitlines()]
    assert ready == {"ready": True}
    assert {each["status"] for each in answer["results"]} == {"passed"}
    assert "JSONDecodeError" in refusal["error"]
    assert done.returncode == 0


def test_file_can_be_written_again_after_each_judgement(
    validator: Validator, sound_intake: Path, broken: Broken
) -> None:
    file = broken(sound_intake, "select 1")
    for _ in range(2):
        validator.validate(file, intake_plan())
        with duckdb.connect(str(file)) as con:
            con.execute("delete from reading where snapshot_id = 'a1'")


def test_file_that_cannot_be_opened_is_an_error_with_remedy(validator: Validator, tmp_path: Path) -> None:
    with pytest.raises(IndexhouseError, match=r"gone\.duckdb: cannot be validated: .*no such file"):
        validator.validate(tmp_path / "gone.duckdb", PLAN)
    (tmp_path / "torn.duckdb").write_bytes(b"not a database" * 500)
    with pytest.raises(IndexhouseError, match=r"torn\.duckdb: cannot be validated"):
        validator.validate(tmp_path / "torn.duckdb", PLAN)


def test_worker_goes_on_after_a_file_that_cannot_be_opened(
    validator: Validator, sound_intake: Path, tmp_path: Path
) -> None:
    with pytest.raises(IndexhouseError):
        validator.validate(tmp_path / "gone.duckdb", PLAN)
    assert validator.validate(sound_intake, PLAN)[0].status == "passed"


def test_odd_file_names_are_judged(validator: Validator, sound_intake: Path, tmp_path: Path) -> None:
    odd = tmp_path / "100 % #1?&x=é 数据.duckdb"
    odd.write_bytes(sound_intake.read_bytes())
    assert validator.validate(odd, PLAN)[0].status == "passed"


@pytest.mark.parametrize("count", [1, 200, 201, 1234])
def test_every_failing_row_is_counted_however_many_there_are(
    validator: Validator, sound_intake: Path, count: int
) -> None:
    rule = Expectation("x", "sql", "no row", sql=f"select range as n from range({count})", keep_rows=5)
    (result,) = validator.validate(sound_intake, [Suite("reading", (rule,))])
    assert (result.status, result.rows_failed) == ("failed", count)
    assert result.failing_rows == [{"n": n} for n in range(min(count, 5))]


def test_killed_worker_is_an_error_that_says_how(sound_intake: Path) -> None:
    with Validator() as validator:
        assert validator.pid is not None
        os.kill(validator.pid, signal.SIGKILL)
        with pytest.raises(IndexhouseError, match=r"killed by signal 9.*run again"):
            validator.validate(sound_intake, PLAN)


def test_last_lines_of_a_worker_that_cannot_start_are_shown(sound_intake: Path) -> None:
    code = "import sys; print('ModuleNotFoundError: no gx', file=sys.stderr); sys.exit(3)"
    with Validator(python(code)) as validator, pytest.raises(IndexhouseError, match=r"status 3.*no gx.*reinstall"):
        validator.validate(sound_intake, PLAN)


def test_worker_that_prints_other_things_is_refused(sound_intake: Path) -> None:
    with Validator(python("print('hello')")) as validator, pytest.raises(IndexhouseError, match="not JSON"):
        validator.validate(sound_intake, PLAN)


def test_command_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(IndexhouseError, match="cannot be started"):
        Validator(["/nonexistent/python"]).start()


def test_silent_worker_is_given_up_and_reaped(sound_intake: Path) -> None:
    code = "import sys; print('{\"ready\": true}', flush=True); sys.stdin.readline(); sys.stdin.readline()"
    with Validator(python(code)) as validator:
        validator.start()
        pid = validator.pid
        with pytest.raises(IndexhouseError, match=r"did not answer within 0\.2 s"):
            validator.validate(sound_intake, PLAN, timeout=0.2)
        assert pid is not None and ended(pid, 0)


def test_worker_that_never_gets_ready_is_given_up(sound_intake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "START_SECONDS", 0.2)
    with (
        Validator(python("import sys; sys.stdin.read()")) as validator,
        pytest.raises(IndexhouseError, match=r"did not start within 0\.2 s"),
    ):
        validator.validate(sound_intake, PLAN)


def test_close_reaps_a_worker_that_ignores_everything() -> None:
    code = (
        "import signal, sys, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('{\"ready\": true}', flush=True); threading.Event().wait()"
    )
    validator = Validator(python(code))
    validator.start()
    pid = validator.pid
    validator.close()
    validator.close()
    assert pid is not None and ended(pid, 0)


def test_worker_is_reaped_when_the_block_raises() -> None:
    pids: list[int | None] = []
    with pytest.raises(RuntimeError), Validator() as validator:
        pids.append(validator.pid)
        raise RuntimeError
    assert pids[0] is not None and ended(pids[0], 0)


def test_worker_ends_when_its_parent_is_killed(sound_intake: Path) -> None:
    code = (
        "import sys, pathlib\nfrom expectations.client import Validator\nvalidator = Validator()\nvalidator.start()\n"
        f"validator.validate(pathlib.Path({str(sound_intake)!r}), [])\nprint(validator.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
    finally:
        parent.kill()
        parent.communicate()
    assert ended(worker)


def test_a_file_in_the_working_folder_never_stands_in_for_a_library(
    sound_intake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sqlalchemy.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "logging.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    with Validator() as validator:
        assert validator.validate(sound_intake, PLAN)[0].status == "passed"


def test_the_parents_side_imports_nothing_heavy() -> None:
    code = (
        "import sys, expectations.client, expectations.plan\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        python(code), capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    heavy = {"great_expectations", "sqlalchemy", "duckdb", "polars", "pandas", "dagster", "numpy", "yaml"}
    assert not heavy & set(done.stdout.split())


def test_great_expectations_is_imported_by_the_worker_only() -> None:
    importers = set()
    for file in (ROOT / "expectations").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "great_expectations" for name in names):
                importers.add(file.name)
    assert importers == {"worker.py"}
