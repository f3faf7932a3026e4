"""The method engine against hand-written NumPy and SciPy: which pieces of work, what each may take, how it grows.

Not here: what runs inside the child processes (method_cases, hand_written), showing it (report).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measure import run_child

MODULE = "benchmarks.method_cases"
LARGE_AREAS, LARGE_INDICATORS = 3000, 1000
LARGE_YEARS = (5, 10, 25, 50)
LARGE_LOOPED = 10  # up to so many years the hand-written code runs as well
BASELINE = (1, 30, 40)  # years, areas, indicators of a panel that costs no more than the program itself
MEMORY_TIMES = 3.0


@dataclass(frozen=True)
class Case:
    """A piece of work: at most `seconds`, `times` the hand-written code and `peak_mib`, where these are stated.

    `coinr`: seconds that COINr took for it on a 2-core machine, not measured again here; `rounds` after the first call.
    """

    name: str
    shown: str
    seconds: float | None
    coinr: float | None = None
    times: float | None = None
    peak_mib: float | None = None
    rounds: int = 9
    is_long: bool = False


CASES = (
    Case("panel", "panel 300 areas x 100 indicators x 20 years: treat, min-max, 3 levels", 0.12, 5.8),
    Case("panel_linear", "the same with 15 % gaps, filled linearly", 0.15, 8.3),
    Case("panel_carry", "the same with 15 % gaps, carried forward", 0.15, 22.4),
    Case("frames", "the first one from observations to all frames of an edition", None, rounds=3),
    Case("monte_carlo", "Monte Carlo 51 x 49, 4 levels, 1 000 runs, the index", 0.2, 109.5, times=1.2),
    Case("monte_carlo_all", "the same, intervals of all 11 nodes above the indicators", None),
    Case("million", "the same, 1 000 000 runs, the index", 60.0, peak_mib=1024.0, rounds=0, is_long=True),
    Case("sobol", "Sobol indices 51 x 49, 3 inputs, N = 100 (500 runs)", 0.15, 53.3),
    Case("doubt", "benefit of the doubt with bounds, 35 x 11", 0.5),
    Case("doubt_large", "benefit of the doubt with bounds, 300 x 20", 5.0, rounds=2),
    Case("growth", "2 499 growth rates and trends (5 years)", 0.01, 0.73, rounds=25),
)


@dataclass(frozen=True)
class Timing:
    """Of one case: wall seconds of the first call; medians of wall and cpu, the best wall and the peak of those after
    it, for the engine and the hand-written code (empty: there is none)."""

    case: Case
    first: float
    own: dict[str, float]
    reference: dict[str, float] = field(default_factory=dict)

    def times(self, unit: str) -> float | None:
        """The engine as a multiple of the hand-written code."""
        return self.own[unit] / self.reference[unit] if self.reference else None


@dataclass(frozen=True)
class Large:
    """Scores of a large panel: wall and cpu in seconds; the input array and the peak beyond that of the bare program
    in MiB; wall seconds of the hand-written code where it ran."""

    cells: int
    wall: float
    cpu: float
    array_mib: float
    peak_mib: float
    reference: float | None = None

    @property
    def memory_times(self) -> float:
        return self.peak_mib / self.array_mib


def measure_method(is_quick: bool, say: Callable[[str], None]) -> list[Timing]:
    """Every case in a process of its own; quick: without the long ones, and at most three rounds.

    Exits with a message where engine and hand-written code differ.
    """
    found = []
    for case in CASES:
        if case.is_long and is_quick:
            continue
        got = _json_of(case.name, str(min(case.rounds, 3) if is_quick else case.rounds))
        found.append(Timing(case, got["first"], got["own"], got.get("reference", {})))
        times = found[-1].times("wall")
        say(f"{case.name}: {got['own']['wall']:.3f} s" + (f", {times:.2f} x by hand" if times else ""))
    return found


def measure_large(say: Callable[[str], None]) -> list[Large]:
    """3 000 areas x 1 000 indicators of more and more years, each in a process of its own; needs 4 GB."""
    bare = _json_of("large", *map(str, BASELINE), "0")["peak_mib"]
    found = []
    for years in LARGE_YEARS:
        got = _json_of("large", str(years), str(LARGE_AREAS), str(LARGE_INDICATORS), str(int(years <= LARGE_LOOPED)))
        reference = got["reference"]["wall"] if "reference" in got else None
        peak = got["peak_mib"] - bare
        found.append(Large(got["cells"], got["wall"], got["cpu"], got["array_mib"], peak, reference))
        say(f"{found[-1].cells} cells: {found[-1].wall:.1f} s, {found[-1].memory_times:.2f} x the input array")
    return found


def exponent(small: Large, large: Large) -> float:
    """How the CPU seconds grow with the cells; 1: twice the cells take twice the time."""
    return math.log(large.cpu / small.cpu) / math.log(large.cells / small.cells)


def _json_of(*arguments: str) -> Any:
    cost = run_child([sys.executable, "-m", MODULE, *arguments])
    if cost.status:
        sys.exit(f"python -m {MODULE} {' '.join(arguments)}: exit status {cost.status}: {cost.last_line}")
    return json.loads(cost.output.strip().splitlines()[-1])
