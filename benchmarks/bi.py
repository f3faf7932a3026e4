"""The ten documented queries on a release with ten million observations: how long they take, how large the file is.

Not here: what runs inside the child processes (bi_cases), showing it (report).
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import run_child

MODULE = "benchmarks.bi_cases"
CELLS, QUICK_CELLS = 10_000_000, 1_000_000
ROUNDS, QUICK_ROUNDS = 60, 10
LIMIT_MS = {"filters": 40.0, "scans": 250.0}
SIZE_TIMES = 4.0


@dataclass(frozen=True)
class Query:
    """One documented query: what it does with the large tables, its milliseconds in every counted round, its rows."""

    name: str
    kind: str
    ms: list[float]
    rows: int

    @property
    def p95(self) -> float:
        """The smallest time that at least 95 % of the rounds did not exceed."""
        return sorted(self.ms)[max(0, -(-95 * len(self.ms) // 100) - 1)]

    @property
    def p50(self) -> float:
        return median(self.ms)

    @property
    def best(self) -> float:
        return min(self.ms)

    @property
    def limit(self) -> float:
        return LIMIT_MS[self.kind]


@dataclass(frozen=True)
class LargeRelease:
    """A published release: rows of its large tables, bytes of the file and of the same tables as sorted zstd Parquet,
    seconds and peak memory (MiB) of making it; the queries on it."""

    rows: dict[str, int]
    size_bytes: int
    parquet_bytes: int
    stage_s: float
    verify_s: float
    publish_s: float
    peak_mib: float
    queries: list[Query]

    @property
    def size_times(self) -> float:
        return self.size_bytes / self.parquet_bytes


def measure_bi(is_quick: bool, say: Callable[[str], None]) -> LargeRelease:
    """Publish a large release in a folder that is removed again (about 5 GB while it is there), then ask it."""
    with tempfile.TemporaryDirectory(prefix="indexhouse-bi-") as folder:
        home = Path(folder) / "home"
        _child([sys.executable, "-m", "pipelines.cli", "--home", str(home), "run", "--offline"])
        cells = QUICK_CELLS if is_quick else CELLS
        cost, made = _child([sys.executable, "-m", MODULE, "build", str(home), str(Path(folder) / "large"), str(cells)])
        say(f"{made['rows']['observation']:,} observations published: {made['size_bytes'] / 1e6:.0f} MB")
        rounds = QUICK_ROUNDS if is_quick else ROUNDS
        _, asked = _child([sys.executable, "-m", MODULE, "ask", made["file"], str(rounds)])
    found = [Query(name, asked["kinds"][name], ms, asked["rows"][name]) for name, ms in asked["ms"].items()]
    for query in found:
        say(f"{query.name}: p95 {query.p95:.1f} ms")
    figures = {name: made[name] for name in ("rows", "size_bytes", "parquet_bytes", "stage_s", "verify_s", "publish_s")}
    return LargeRelease(**figures, peak_mib=cost, queries=found)


def _child(command: list[str]) -> tuple[float, Any]:
    """(peak MiB, the JSON of the last line, None where there is none) of a process that must succeed."""
    cost = run_child(command)
    if cost.status:
        sys.exit(f"{' '.join(command[1:])}: exit status {cost.status}: {cost.last_line}")
    lines = cost.output.strip().splitlines()
    return cost.peak_mib, json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None
