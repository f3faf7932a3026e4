"""Inside one process: the bare load of a CSV, or the whole intake of a synthetic catalogue stage by stage.

`python -m benchmarks.intake bare FILE FORM` and `python -m benchmarks.intake whole CATALOGUE HOME` print one JSON
line. Imports are not counted, neither here nor there; the validation process is started and ready before the clock.
Not here: making the file (synthetic), the sizes and the ratios (sizes).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BARE = {
    "long": "create table observation as select * from read_csv(?, header = true)",
    "wide": "create table observation as unpivot (select * from read_csv(?, header = true)) "
    "on columns(* exclude (area, indicator)) into name year value value",
}
PROC = Path("/proc")


@dataclass
class Clock:
    """Seconds and peak memory by stage; processor seconds count this process and the one in `other`."""

    other: int | None = None
    stages: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        _forget_peak()
        wall, cpu = time.perf_counter(), self._cpu()
        yield
        self.stages[name] = {"wall": time.perf_counter() - wall, "cpu": self._cpu() - cpu, "peak_mib": peak_mib()}

    def _cpu(self) -> float:
        return time.process_time() + (_cpu_of(self.other) if self.other else 0.0)

    def within(self, module: Any, name: str) -> dict[str, float]:
        """Count the time that a function of a module takes from now on; the dict fills up as it is called."""
        wrapped: Callable[..., Any] = getattr(module, name)
        spent = {"wall": 0.0, "cpu": 0.0}

        def timed(*arguments: Any, **named: Any) -> Any:
            wall, cpu = time.perf_counter(), self._cpu()
            try:
                return wrapped(*arguments, **named)
            finally:
                spent["wall"] += time.perf_counter() - wall
                spent["cpu"] += self._cpu() - cpu

        setattr(module, name, timed)
        return spent


def bare(file: Path, form: str) -> dict[str, Any]:
    """DuckDB's `read_csv` of the file into a table of the same rows (a wide file is unpivoted) in a file."""
    import duckdb

    clock = Clock()
    target = file.with_suffix(".bare.duckdb")
    with clock.stage("bare"), duckdb.connect(str(target)) as con:
        con.execute(BARE[form], [str(file)])
    with duckdb.connect(str(target), read_only=True) as con:
        row = con.execute("select count(*) from observation").fetchone()
    target.unlink()
    return {"rows": row[0] if row else 0, "stages": clock.stages}


def whole(catalogue_folder: Path, home: Path) -> dict[str, Any]:
    """Fetch, read, judge and load everything that the catalogue declares into a new home."""
    from pipelines import progress, validation
    from pipelines.intake import judge, load, look
    from pipelines.settings import Settings, now
    from pipelines.sources import read as reading
    from pipelines.workspace import Workspace, open_catalogue
    from warehouse import core
    from warehouse.db import connect

    progress.be_quiet()
    settings = Settings(home=home, catalogue=(catalogue_folder,))
    home.mkdir(parents=True)
    with connect(home / "ready.duckdb"):
        pass
    validation.validate(home / "ready.duckdb", [])
    worker = validation._validator.pid if validation._validator else None
    clock = Clock(worker)
    with clock.stage("catalogue"):
        catalogue = open_catalogue(settings)
        workspace = Workspace(settings, catalogue, "bench")
    with clock.stage("fetch"):
        outcomes = look.fetch_sources(workspace, sorted(catalogue.sources), offline=True, at=now())
    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    parsed = clock.within(reading, "read_snapshot")
    judged = [clock.within(core, "stage_intake"), clock.within(validation, "validate")]
    with clock.stage("read"):
        found = judge.read_and_judge(workspace)
    problems += [problem for source in found for problem in source.problems]
    with clock.stage("core"):
        loaded = load.load_core(workspace)
    read = clock.stages["read"]
    judging = {"peak_mib": process_peak_mib(worker), **{k: sum(part[k] for part in judged) for k in ("wall", "cpu")}}
    stages = {
        "catalogue": clock.stages["catalogue"],
        "fetch": clock.stages["fetch"],
        "read": read | {k: read[k] - judging[k] for k in ("wall", "cpu")},
        "judge": judging,
        "core": clock.stages["core"],
    }
    return {
        "rows": loaded.totals["in"],
        "loaded": loaded.totals["loaded"],
        "problems": problems + loaded.unbalanced,
        "stages": stages,
        "parts": {"read: bytes to readings": parsed, "judge: file": judged[0], "judge: expectations": judged[1]},
        "database_mib": settings.warehouse.stat().st_size / 2**20,
    }


def peak_mib() -> float:
    """Peak memory of this process since `_forget_peak`, or of all its life where the system cannot forget."""
    return process_peak_mib(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def process_peak_mib(pid: int | None) -> float:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _forget_peak() -> None:
    try:
        (PROC / "self" / "clear_refs").write_text("5")
    except OSError:
        return


def _cpu_of(pid: int) -> float:
    """Processor seconds of another living process; 0 where the system does not tell."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    task, *paths = sys.argv[1:]
    print(json.dumps(bare(Path(paths[0]), paths[1]) if task == "bare" else whole(*map(Path, paths))))
