"""What the end-to-end tests share: fingerprints of folders, a process without rights of root, Dagster's run records.

Not here: the small and the built-in catalogue (tests/conftest.py).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def fingerprint(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def fingerprint_of() -> Callable[[Path], dict[str, str]]:
    return fingerprint


def _drop_override() -> None:
    """Root without CAP_DAC_OVERRIDE obeys the permissions of files like anybody else."""
    if os.geteuid() == 0:
        ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.fixture
def mortal(tmp_path: Path) -> Callable[[], None]:
    """preexec_fn of a process that obeys permissions; skips where root cannot be made to."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    probe = [sys.executable, "-c", f"open({str(folder / 'file')!r}, 'w')"]
    if subprocess.run(probe, preexec_fn=_drop_override, capture_output=True, check=False).returncode == 0:
        pytest.skip("this root cannot give up writing where it may not")
    folder.rmdir()
    return _drop_override


@pytest.fixture(scope="session")
def dagster_runs() -> Callable[[Path], list[tuple[str, str, str]]]:
    """(job, status, all error texts) of every run of a home, oldest first."""
    import dagster as dg

    def read(home: Path) -> list[tuple[str, str, str]]:
        found = []
        with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
            for record in reversed(instance.get_run_records()):
                run = record.dagster_run
                texts = [str(entry.user_message) for entry in instance.all_logs(run.run_id)]
                for entry in instance.all_logs(run.run_id):
                    event = entry.dagster_event
                    if event is not None and event.is_step_failure:
                        texts.append(event.event_specific_data.error.to_string())
                    if event is not None and event.event_type_value == "ASSET_CHECK_EVALUATION":
                        evaluation = event.asset_check_evaluation_data
                        if not evaluation.passed:
                            texts.append(
                                f"{evaluation.check_name}: "
                                + " ".join(str(v.value) for v in evaluation.metadata.values())
                            )
                found.append((run.job_name, run.status.value, "\n".join(texts)))
        return found

    return read
