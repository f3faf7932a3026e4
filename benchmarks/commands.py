"""The commands of the product against bare imports: what is run, in which order, and what each may cost.

Not here: measuring (measure), the intake by size (sizes).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Cost, middle, run_child

BASE = "base"
FLOOR = "floor"
PEAK_TARGET_MIB = 700.0
BASE_IMPORTS = "import dagster, duckdb, polars"
IMPORTS = {BASE: BASE_IMPORTS, FLOOR: f"{BASE_IMPORTS}, great_expectations"}


@dataclass(frozen=True)
class Target:
    """A command, the floor that it is held against, and how many times that it may take (wall time)."""

    name: str
    shown: str
    floor: str
    times: float


TARGETS = (
    Target("first_run", "`indexhouse run --offline`, fresh home, built-in catalogue", FLOOR, 2.0),
    Target("second_run", "`indexhouse run --offline` again, nothing changed", BASE, 2.0),
    Target("help", "`indexhouse --help`", BASE, 0.3),
    Target("status", "`indexhouse status`", BASE, 0.6),
    Target("query", '`indexhouse query "select ..."`', BASE, 0.6),
    Target("definitions", "loading the definitions", BASE, 1.2),
)
QUERY = "select count(*) as observations from observation"
DEFINITIONS = "from pipelines.definitions import defs"


def measure_commands(repeats: int, say: Callable[[str], None]) -> dict[str, Cost]:
    """Medians by name: both floors and every target. One untimed round first writes bytecode and warms the disk.

    Repeats are interleaved, so that a busy spell of the machine meets all of them. A fresh home each round.
    """
    rounds: list[dict[str, Cost]] = []
    for number in range(repeats + 1):
        with tempfile.TemporaryDirectory(prefix="indexhouse-bench-") as folder:
            found = {name: run_child(command, extra) for name, command, extra in _round(Path(folder) / "home")}
        if number:
            rounds.append(found)
            shown = ", ".join(f"{name} {cost.wall:.2f} s" for name, cost in found.items())
            say(f"round {number} of {repeats}: {shown}")
        else:
            say("warm-up done")
    return {name: middle([each[name] for each in rounds]) for name in rounds[0]}


def _round(home: Path) -> list[tuple[str, list[str], dict[str, str]]]:
    """(name, command, further environment) of one round, in order."""
    product = [_console_script(), "--home", str(home)]
    return [
        (BASE, [sys.executable, "-c", IMPORTS[BASE]], {}),
        (FLOOR, [sys.executable, "-c", IMPORTS[FLOOR]], {}),
        ("first_run", [*product, "run", "--offline"], {}),
        ("second_run", [*product, "run", "--offline"], {}),
        ("help", [*product[:1], "--help"], {}),
        ("status", [*product, "status"], {}),
        ("query", [*product, "query", QUERY], {}),
        ("definitions", [sys.executable, "-c", DEFINITIONS], {"INDEXHOUSE_HOME": str(home)}),
    ]


def _console_script() -> str:
    """The installed `indexhouse` beside this interpreter."""
    script = Path(sys.executable).with_name("indexhouse")
    if not script.exists():
        sys.exit(f"{script}: is missing; install the project into this environment (`make run` does) and try again")
    return str(script)
