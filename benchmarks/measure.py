"""One child process measured: wall seconds, processor seconds, peak memory; medians of several.

This process stays small and imports none of the heavy libraries: on Linux a child's peak starts at the size of the
process that made it.
Not here: what is run (commands, sizes) and how it is shown (report).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
KIB_PER_MIB = 1024
OWN_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE", "PYTHONPROFILEIMPORTTIME", "DAGSTER_HOME")


@dataclass(frozen=True)
class Cost:
    """What one process and the children it waited for took.

    `wall` and `cpu` (user + system of the whole tree) in seconds; `peak_mib`: the largest single process of the tree;
    `best`: the shortest wall of several repeats.
    """

    wall: float
    cpu: float
    peak_mib: float
    status: int = 0
    last_line: str = ""
    output: str = ""
    best: float = 0.0


def environment() -> dict[str, str]:
    """The children's environment: this checkout first, bytecode kept as in any ordinary installation."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OWN_VARIABLES and not name.startswith("INDEXHOUSE_")
    }
    return kept | {"PYTHONPATH": str(ROOT), "DAGSTER_DISABLE_TELEMETRY": "yes", "PYTHONUTF8": "1"}


def run_child(command: Sequence[str], extra: dict[str, str] | None = None) -> Cost:
    """Run a command to its end; its output goes to files, so that no reader runs beside it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment() | (extra or {})
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    lines = texts[1].strip().splitlines()
    peak = used.ru_maxrss / (KIB_PER_MIB**2 if sys.platform == "darwin" else KIB_PER_MIB)
    return Cost(wall, used.ru_utime + used.ru_stime, peak, child.returncode, lines[-1] if lines else "", texts[0])


def middle(costs: Sequence[Cost]) -> Cost:
    """Medians of repeats, each figure by itself; the first failure's status and last line."""
    failed = next((cost for cost in costs if cost.status), costs[0])
    return Cost(
        median(cost.wall for cost in costs),
        median(cost.cpu for cost in costs),
        median(cost.peak_mib for cost in costs),
        failed.status,
        failed.last_line,
        best=min(cost.wall for cost in costs),
    )
