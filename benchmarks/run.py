"""`python -m benchmarks.run`: measure commands, intake, method, BI queries; print the tables, keep them when asked to.

Not here: what is measured (commands, sizes, method, bi) and how it is shown (report).
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks import report
from benchmarks.bi import measure_bi
from benchmarks.commands import measure_commands
from benchmarks.measure import Cost
from benchmarks.method import measure_large, measure_method
from benchmarks.sizes import measure_sizes

SIZES, QUICK_SIZES = "1e4,1e5,1e6,1e7", "1e4,1e5"


def main() -> None:
    """Run what is asked for; progress on stderr, tables on stdout. Exit status 1 when a command failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure against bare floors.")
    parser.add_argument("--quick", action="store_true", help=f"one repeat, sizes {QUICK_SIZES}")
    parser.add_argument("--cells", help=f"sizes of the synthetic source, comma separated (default {SIZES})")
    parser.add_argument("--repeat", type=int, help="rounds of each command (default 5); sizes take at most 3")
    parser.add_argument("--only", choices=("commands", "sizes", "method", "bi"), help="leave the other parts out")
    parser.add_argument("--large", action="store_true", help="also score panels of up to 1.5e8 cells (needs 4 GB)")
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/README.md")
    arguments = parser.parse_args()
    repeats = arguments.repeat or (1 if arguments.quick else 5)
    try:
        listed = arguments.cells or (QUICK_SIZES if arguments.quick else SIZES)
        cells = [int(float(text)) for text in listed.split(",")]
    except ValueError:
        parser.error(f"--cells {arguments.cells}: give numbers like 1e5,1e6")
    if arguments.write and arguments.only in ("commands", "sizes"):
        parser.error("--write keeps commands and sizes together; leave --only out, or write --only method or --only bi")
    if arguments.write and arguments.quick:
        parser.error("--quick leaves figures out, so --write would lose them; give one of both")
    costs: dict[str, Cost] = {}
    parts: dict[str, list[str]] = {}
    if arguments.only not in ("method", "bi"):
        parts["figures"] = report.machine(os.getloadavg()[0])
    if arguments.only in (None, "commands"):
        costs = measure_commands(repeats, _say)
        parts["figures"] += ["", f"### Commands (medians of {repeats} rounds)", "", *report.command_tables(costs)]
    if arguments.only in (None, "sizes"):
        rounds = min(repeats, 3)
        sizes = measure_sizes(cells, rounds, _say)
        parts["figures"] += ["", f"### Intake by size (medians of {rounds})", "", *report.size_tables(sizes)]
    if arguments.only in (None, "method"):
        about = report.machine(os.getloadavg()[0], report.METHOD_LIBRARIES)
        timings = measure_method(arguments.quick, _say)
        parts["method"] = [*about, "", "### Method", "", *report.method_tables(timings)]
        if arguments.large:
            about = report.machine(os.getloadavg()[0], report.METHOD_LIBRARIES)
            parts["large"] = [*about, "", "### Large panels", "", *report.large_tables(measure_large(_say))]
    if arguments.only in (None, "bi"):
        load = os.getloadavg()[0]
        about = report.machine(load, report.BI_LIBRARIES)
        tables = report.bi_tables(measure_bi(arguments.quick, _say), load)
        parts["bi"] = [*about, "", "### Ten queries", "", *tables]
    print("\n\n".join("\n".join(lines) for lines in parts.values()))
    if arguments.write:
        _say(f"kept in {report.write(parts)}")
    failed = {name: cost for name, cost in costs.items() if cost.status}
    for name, cost in failed.items():
        _say(f"{name}: exit status {cost.status}: {cost.last_line}")
    sys.exit(1 if failed else 0)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
