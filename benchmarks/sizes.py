"""The intake of synthetic sources by size, against a bare load of the same file, and how it grows.

Not here: what runs inside the child processes (intake, synthetic), showing it (report).
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import run_child

STAGES = ("catalogue", "fetch", "read", "judge", "core")
INTAKE = ("fetch", "read", "judge", "core")
FORMS = ("long", "wide")
TARGET_CELLS = 1_000_000
TARGET_TIMES = 6.0
LINEAR = 1.1  # an exponent up to here counts as linear; the rest is noise of the machine
ONCE_FROM = 5_000_000  # from here on, one repeat
FROM_CELLS = 50_000  # below, fixed costs hide the growth


@dataclass(frozen=True)
class Size:
    """Medians of one form and size. `stages` and `bare`: wall, cpu in seconds and peak_mib."""

    form: str
    cells: int
    bare: dict[str, float]
    stages: dict[str, dict[str, float]]
    parts: dict[str, dict[str, float]]
    database_mib: float

    def intake(self, unit: str) -> float:
        return sum(self.stages[name][unit] for name in INTAKE)

    def times(self, unit: str) -> float:
        """Whole intake as a multiple of the bare load."""
        return self.intake(unit) / self.bare[unit]


def measure_sizes(sizes: Sequence[int], repeats: int, say: Callable[[str], None]) -> list[Size]:
    """Every form at every size, from small to large; bare load and intake take turns.

    Exits with a message when an intake does not load every cell.
    """
    found = []
    for form in FORMS:
        for cells in sorted(sizes):
            found.append(_measure(form, cells, 1 if cells >= ONCE_FROM else repeats))
            say(f"{form} {found[-1].cells} cells: {found[-1].times('wall'):.1f} x the bare load")
    return found


def exponents(sizes: Sequence[Size], unit: str) -> list[tuple[Size, Size, float, float]]:
    """(smaller, larger, exponent of the intake, exponent of the bare load) between neighbours of one form.

    1: twice the cells take twice the time.
    """
    pairs = [(a, b) for a, b in pairwise(sizes) if a.form == b.form]
    return [
        (a, b, _exponent(a, b, a.intake(unit), b.intake(unit)), _exponent(a, b, a.bare[unit], b.bare[unit]))
        for a, b in pairs
    ]


def _exponent(a: Size, b: Size, small: float, large: float) -> float:
    return math.log(large / small) / math.log(b.cells / a.cells)


def _measure(form: str, cells: int, repeats: int) -> Size:
    bares, wholes = [], []
    with tempfile.TemporaryDirectory(prefix="indexhouse-bench-") as folder:
        catalogue = Path(folder) / "catalogue"
        _json_of("benchmarks.synthetic", str(catalogue), "--cells", str(cells), "--form", form)
        for number in range(repeats):
            home = Path(folder) / f"home-{number}"
            bares.append(_json_of("benchmarks.intake", "bare", str(catalogue / "raw" / "synthetic.csv"), form))
            wholes.append(_json_of("benchmarks.intake", "whole", str(catalogue), str(home)))
    for whole in wholes:
        if whole["problems"] or whole["loaded"] != bares[0]["rows"]:
            sys.exit(f"{form} {cells}: {whole['loaded']} of {bares[0]['rows']} cells loaded: {whole['problems']}")
    return Size(
        form,
        bares[0]["rows"],
        _middle([each["stages"]["bare"] for each in bares]),
        {name: _middle([each["stages"][name] for each in wholes]) for name in STAGES},
        {name: _middle([each["parts"][name] for each in wholes]) for name in wholes[0]["parts"]},
        wholes[0]["database_mib"],
    )


def _middle(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(row[key] for row in rows) for key in rows[0]}


def _json_of(module: str, *arguments: str) -> Any:
    cost = run_child([sys.executable, "-m", module, *arguments])
    if cost.status:
        sys.exit(f"python -m {module} {' '.join(arguments)}: exit status {cost.status}: {cost.last_line}")
    return json.loads(cost.output.strip().splitlines()[-1])
