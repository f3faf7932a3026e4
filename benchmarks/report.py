"""The figures as Markdown tables, with targets and whether they are met, and the machine that they come from.

Not here: measuring (commands, sizes).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.commands import BASE, FLOOR, PEAK_TARGET_MIB, TARGETS
from benchmarks.measure import Cost
from benchmarks.sizes import FROM_CELLS, LINEAR, STAGES, TARGET_CELLS, TARGET_TIMES, Size, exponents

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: begin (make bench ARGS=--write) -->", "<!-- figures: end -->"
LIBRARIES = ("dagster", "duckdb", "polars", "great-expectations")


def machine(load_before: float) -> list[str]:
    """The words without which no figure means anything."""
    now = datetime.now(UTC)
    kind = next((line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), "")
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    busy = " **Other work was running: wall times are too long, CPU times are nearer the truth.**"
    return [
        f"Measured on {now:%Y-%m-%d %H:%M} UTC: {os.cpu_count()} cores ({kind or platform.machine()}), "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}.",
        f"Load average when it began: {load_before:.1f}." + (busy if load_before > 0.5 * (os.cpu_count() or 1) else ""),
    ]


def command_tables(found: dict[str, Cost]) -> list[str]:
    """Floors, commands against them, and the peak memory of the first run."""
    lines = ["| bare imports | wall s | CPU s | peak MB |", "|---|---:|---:|---:|"]
    for name, shown in ((BASE, "BASE: dagster, duckdb, polars"), (FLOOR, "FLOOR: BASE and great_expectations")):
        cost = found[name]
        lines.append(f"| {shown} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.peak_mib:.0f} |")
    lines += [
        "",
        "| command | wall s | CPU s | peak MB | wall ratio | best ratio | CPU ratio | target | met |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for target in TARGETS:
        cost, floor = found[target.name], found[target.floor]
        ratio = cost.wall / floor.wall
        best = cost.best / floor.best
        verdict = f"**failed**, exit status {cost.status}"
        if cost.status == 0:
            is_clear = (ratio <= target.times) == (best <= target.times)
            verdict = _met(ratio <= target.times) if is_clear else "unclear: noise"
        lines.append(
            f"| {target.shown} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.peak_mib:.0f} | {ratio:.2f} | {best:.2f} | "
            f"{cost.cpu / floor.cpu:.2f} | {target.times:g} x {target.floor.upper()} | {verdict} |"
        )
    peak = found["first_run"].peak_mib
    return [
        *lines,
        "",
        f"Largest process of the first run: {peak:.0f} MB; target {PEAK_TARGET_MIB:.0f} MB: "
        f"{_met(peak <= PEAK_TARGET_MIB)}.",
    ]


def size_tables(sizes: Sequence[Size]) -> list[str]:
    """Stages by size, multiples of the bare load, growth between neighbours."""
    lines = [
        "| file | cells | bare load s | "
        + " | ".join(f"{name} s" for name in STAGES)
        + " | intake s | wall ratio | CPU ratio | peak MB |",
        "|---|---:|---:|" + "---:|" * (len(STAGES) + 4),
    ]
    for size in sizes:
        peak = max(stage["peak_mib"] for stage in size.stages.values())
        each = " | ".join(f"{size.stages[name]['wall']:.2f}" for name in STAGES)
        lines.append(
            f"| {size.form} | {size.cells:,} | {size.bare['wall']:.2f} | {each} | {size.intake('wall'):.2f} | "
            f"{size.times('wall'):.1f} | {size.times('cpu'):.1f} | {peak:.0f} |"
        )
    lines += [
        "",
        "| file | cells | " + " | ".join(f"{name} MB" for name in STAGES) + " | bare load MB | working file MB |",
    ]
    lines.append("|---|---:|" + "---:|" * (len(STAGES) + 2))
    for size in sizes:
        each = " | ".join(f"{size.stages[name]['peak_mib']:.0f}" for name in STAGES)
        lines.append(
            f"| {size.form} | {size.cells:,} | {each} | {size.bare['peak_mib']:.0f} | {size.database_mib:.1f} |"
        )
    lines += ["", "Parts, at the largest size of each form (wall s):", ""]
    for size in {size.form: size for size in sizes}.values():
        parts = ", ".join(f"{name} {part['wall']:.2f}" for name, part in size.parts.items())
        lines.append(f"- {size.form}, {size.cells:,} cells: {parts}")
    lines += [""]
    for size in sizes:
        if abs(size.cells / TARGET_CELLS - 1) < 0.1:
            times = size.times("wall")
            lines.append(
                f"- Intake of {size.cells:,} {size.form} cells: {times:.1f} x the bare load; "
                f"target {TARGET_TIMES:g} x: {_met(times <= TARGET_TIMES)}."
            )
    for small, large, own, floor in exponents(sizes, "wall"):
        verdict = f": {_met(own <= LINEAR)}" if small.cells >= FROM_CELLS else " (fixed costs weigh here)"
        lines.append(
            f"- Growth, {small.form}, {small.cells:,} to {large.cells:,} cells: exponent {own:.2f} "
            f"(bare load {floor:.2f}); target at most 1, with noise {LINEAR:g}{verdict}."
        )
    return lines


def write(figures: str) -> Path:
    """Put the figures between the marks in README.md."""
    text = README.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{after}", "utf-8")
    return README


def _met(is_met: bool) -> str:
    return "met" if is_met else "**not met**"


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
