"""The figures as Markdown tables, with targets and whether they are met, and the machine that they come from.

Not here: measuring (commands, sizes, method, bi).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from benchmarks.bi import SIZE_TIMES, LargeRelease
from benchmarks.bi import Query as BiQuery
from benchmarks.commands import BASE, FLOOR, PEAK_TARGET_MIB, TARGETS
from benchmarks.measure import Cost
from benchmarks.method import MEMORY_TIMES, Large, Timing, exponent
from benchmarks.sizes import FROM_CELLS, LINEAR, STAGES, TARGET_CELLS, TARGET_TIMES, Size, exponents

README = Path(__file__).with_name("README.md")
PARTS = {
    "figures": "make bench ARGS=--write",
    "method": "make bench ARGS='--only method --write'",
    "large": "make bench ARGS='--only method --large --write'",
    "bi": "make bench ARGS='--only bi --write'",
}
"""Parts of the README that hold figures, and what fills each."""
LIBRARIES = ("dagster", "duckdb", "polars", "great-expectations")
METHOD_LIBRARIES = ("numpy", "scipy", "polars")
BI_LIBRARIES = ("duckdb", "polars")


def machine(load_before: float, libraries_used: Sequence[str] = LIBRARIES) -> list[str]:
    """The words without which no figure means anything."""
    now = datetime.now(UTC)
    kind = next((line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), "")
    libraries = ", ".join(f"{name} {version(name)}" for name in libraries_used)
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


def method_tables(timings: Sequence[Timing]) -> list[str]:
    """Cases of the method engine against hand-written code and their targets."""
    lines = [
        "| work | first call s | s | best s | CPU s | peak MB | by hand s | wall ratio | CPU ratio | COINr s "
        "| target | met |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for timing in timings:
        case, own = timing.case, timing.own
        by_hand = f"{timing.reference['wall']:.3g}" if timing.reference else ""
        ratios = [f"{times:.2f}" if (times := timing.times(unit)) else "" for unit in ("wall", "cpu")]
        lines.append(
            f"| {case.shown} | {timing.first:.3f} | {own['wall']:.3f} | {own['best']:.3f} | {own['cpu']:.3f} | "
            f"{own['peak_mib']:.0f} | {by_hand} | {' | '.join(ratios)} | {case.coinr or ''} | "
            f"{'; '.join(text for text, *_ in _wanted(timing))} | {_verdict(timing)} |"
        )
    busy = [timing for timing in timings if timing.case.is_long]
    return lines + [
        line
        for timing in busy
        for line in ("", f"Cores kept busy in the long run: {timing.own['cpu'] / timing.own['wall']:.2f}.")
    ]


def _wanted(timing: Timing) -> list[tuple[str, float, float, float]]:
    """(target in words, figure by medians, figure by the best round, limit) of a case."""
    case, own, reference = timing.case, timing.own, timing.reference
    found = []
    if case.seconds is not None:
        found.append((f"{case.seconds:g} s", own["wall"], own["best"], case.seconds))
    if case.times is not None:
        ratios = own["wall"] / reference["wall"], own["best"] / reference["best"]
        found.append((f"{case.times:g} x by hand", *ratios, case.times))
    if case.peak_mib is not None:
        found.append((f"{case.peak_mib:.0f} MB", own["peak_mib"], own["peak_mib"], case.peak_mib))
    return found


def _verdict(timing: Timing) -> str:
    wanted = _wanted(timing)
    if not wanted:
        return ""
    if any((middle <= limit) != (best <= limit) for _, middle, best, limit in wanted):
        return "unclear: noise"
    return _met(all(middle <= limit for _, middle, _, limit in wanted))


def large_tables(found: Sequence[Large]) -> list[str]:
    """Scores of large panels: time and memory by the number of cells."""
    lines = [
        "| cells | s | CPU s | by hand s | input MB | peak beyond the program MB | times the input | target | met |",
        "|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for large in found:
        by_hand = "" if large.reference is None else f"{large.reference:.1f}"
        lines.append(
            f"| {large.cells:,} | {large.wall:.1f} | {large.cpu:.1f} | {by_hand} | {large.array_mib:.0f} | "
            f"{large.peak_mib:.0f} | {large.memory_times:.2f} | {MEMORY_TIMES:g} x | "
            f"{_met(large.memory_times <= MEMORY_TIMES)} |"
        )
    neighbours = ", ".join(f"{exponent(small, large):.2f}" for small, large in pairwise(found))
    whole = exponent(found[0], found[-1])
    return [
        *lines,
        "",
        f"Growth of the CPU time, {found[0].cells:,} to {found[-1].cells:,} cells: exponent {whole:.2f} (between "
        f"neighbours {neighbours}); target at most 1, with noise {LINEAR:g}: {_met(whole <= LINEAR)}.",
    ]


def bi_tables(found: LargeRelease, load_before: float) -> list[str]:
    """The documented queries on a large release, then its size against Parquet and what making it took."""
    lines = [
        "| query | large tables | rows | p50 ms | p95 ms | best ms | target p95 ms | met |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for query in found.queries:
        lines.append(
            f"| `{query.name}` | {query.kind} | {query.rows} | {query.p50:.1f} | {query.p95:.1f} | {query.best:.1f} | "
            f"{query.limit:g} | {_bi_verdict(query, load_before)} |"
        )
    rows = ", ".join(f"`{name}` {count:,}" for name, count in found.rows.items())
    megabytes = 1_000_000
    return [
        *lines,
        "",
        f"- Rows: {rows}.",
        f"- File {found.size_bytes / megabytes:,.0f} MB, the same tables as sorted zstd Parquet "
        f"{found.parquet_bytes / megabytes:,.0f} MB: {found.size_times:.2f} x; target {SIZE_TIMES:g} x: "
        f"{_met(found.size_times <= SIZE_TIMES)}.",
        f"- Made in {found.stage_s:.0f} s of staging, {found.verify_s:.0f} s of verifying, {found.publish_s:.0f} s of "
        f"publishing (Parquet included), peak {found.peak_mib:,.0f} MB.",
    ]


def _bi_verdict(query: BiQuery, load_before: float) -> str:
    """A tail is the first thing that other work on the machine spoils: then the median decides whether it is clear."""
    is_busy = load_before > 0.5 * (os.cpu_count() or 1)
    if query.p95 > query.limit and is_busy and query.p50 <= query.limit:
        return "unclear: noise"
    return _met(query.p95 <= query.limit)


def write(parts: Mapping[str, Sequence[str]]) -> Path:
    """Put the lines of each part between its marks in README.md; a part that is not given stays as it is."""
    text = README.read_text("utf-8")
    for name, lines in parts.items():
        begin, end = f"<!-- {name}: begin ({PARTS[name]}) -->", f"<!-- {name}: end -->"
        before, mark, rest = text.partition(begin)
        if not mark or end not in rest:
            raise SystemExit(f"{README}: the marks of '{name}' are missing; put back {begin} and {end}")
        figures = "\n".join(lines).strip()
        text = f"{before}{begin}\n\n{figures}\n\n{end}{rest.partition(end)[2]}"
    README.write_text(text, "utf-8")
    return README


def _met(is_met: bool) -> str:
    return "met" if is_met else "**not met**"


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
