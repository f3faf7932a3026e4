"""What the command says on the terminal: run report, status, check, preview, releases.

Not here: finding it out.
"""

from __future__ import annotations

import os
import sys
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from pipelines.run_report import RunReport
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.checking import CheckReport
    from pipelines.previewing import Preview
    from warehouse.releases import Release

SHOWN_LINES = 20
SHOWN_WARNINGS = 8
LINE_WIDTH = 150


def _table(columns: list[str], rows: list[list[Any]]) -> None:
    """An aligned table, also with Chinese text; colours only on a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    width = None if sys.stdout.isatty() else 160
    Console(width=width, no_color=bool(os.environ.get("NO_COLOR")) or None, highlight=False, markup=False).print(table)


def run_report(settings: Settings, report: RunReport) -> None:
    """The last lines of `run`: what was published, where, and the headline numbers."""
    if report.status == "nothing_changed":
        print(f"nothing changed: release {report.release_id} is up to date, nothing was published")
        if report.message:
            print(report.message)
        return
    if report.warnings:
        print(f"{len(report.warnings)} warnings; `indexhouse status` shows them", file=sys.stderr)
    if report.status == "published":
        print(f"published {report.release_id}: {report.file}")
    else:
        print(f"built {report.release_id}, not current: {report.file}")
        print(f"`indexhouse publish {report.release_id}` makes it current")
    for line in report.headlines:
        print(_headline(line))
    print('next: indexhouse query "select table_name, count(*) as columns from dictionary group by all order by 1"')


def _headline(line: dict[str, Any]) -> str:
    leaders = line["leaders"]
    parts = []
    for each in leaders if line["areas"] > 1 else leaders[:1]:
        change = each["change_abs"]
        moved = "" if change is None else f" ({change:+.1f})"
        rank = f"{each['score_rank']}. " if line["areas"] > 1 else ""
        parts.append(f"{rank}{each['area_name_en']} {each['area_name_zh']} {each['score']:.1f}{moved}")
    return (
        f"{line['name_en']} {line['name_zh']}, edition {line['edition_id']}, {line['time_period']}: {', '.join(parts)}"
    )


def status(document: dict[str, Any]) -> None:
    """`indexhouse status` for people: what needs attention first."""
    release, last = document["current_release"], document["last_run"]
    print(f"home      {document['home']}")
    if release:
        print(f"release   {release['release_id']} (data of {release['data_vintage']}, built {release['built_at']})")
    else:
        print("release   none yet: `indexhouse run` makes one")
    if last:
        what = last["release_id"] or last["message"]
        print(f"last run  {last['status']} at {last['finished_at']} UTC: {what}")
        for problem in last["problems"][:SHOWN_LINES]:
            print(f"          {problem}")
        if last["warnings"]:
            print(f"checks    {len(last['warnings'])} warnings of the last build:")
            for line in last["warnings"][:SHOWN_WARNINGS]:
                print(f"          {shorten(line, LINE_WIDTH, placeholder=' ...')}")
    print(f"running   {'a run goes on now' if document['is_running'] else 'no run at the moment'}")
    print(f"daemon    {'alive' if document['is_daemon_alive'] else 'not running: `indexhouse serve` starts it'}")
    attention = [row for row in document["sources"] if row["state"] != "ok"]
    print(f"sources   {len(document['sources'])}, {len(attention)} need attention")
    if attention:
        _table(["source", "state", "newest file (UTC)", "problem"],
               [[r["source_id"], r["state"], r["newest_file_at"], r["problem"]] for r in attention])  # fmt: skip
    _table(["schedule", "cron", "next look", "sources"],
           [[r["schedule"], r["cron"], r["next_at"], r["sources"]] for r in document["next_looks"]])  # fmt: skip


def check_report(found: CheckReport) -> None:
    """`indexhouse check` for people."""
    for line in found.lines[:200]:
        print(line)
    print(f"{found.entries} catalogue entries are sound; {found.checks} expectations on the current data, "
          f"{found.errors} errors, {found.warnings} warnings")  # fmt: skip


def preview(found: Preview, rows: int) -> None:
    """`indexhouse preview` for people: what the file holds, kept rows, rejects with reasons."""
    print(f"{found.source_id}: {found.file_name}: {found.cells} cells: "
          + ", ".join(f"{count} {outcome}" for outcome, count in found.counts.items()))  # fmt: skip
    print(f"vintage {found.vintage or 'the retrieval date'} ({found.vintage_basis})")
    for line in found.file_problems:
        print(f"the file is refused: {line}")
    for line in found.warnings:
        print(f"warning: {line}")
    columns = ["place", "indicator", "area", "period", "value", "unit", "text"]
    _table(columns, [[r["locator"], r["indicator_id"], r["ref_area"], r["time_period"], r["obs_value"], r["unit_id"],
                      r["raw_text"]] for r in found.kept[:rows]])  # fmt: skip
    if found.rejects:
        _table(["place", "text", "outcome", "reason"],
               [[r["locator"], r["raw_text"], r["outcome"], r["reason_en"]] for r in found.rejects[:rows]])  # fmt: skip


def releases(found: list[Release]) -> None:
    """`indexhouse releases` for people."""
    rows = []
    for each in reversed(found):
        mark = "current" if each.is_current else "rolled back" if each.is_rolled_back else each.problem
        rows.append(
            [each.release_id, each.data_vintage, each.as_of, each.built_at, f"{each.size_bytes / 1e6:.1f} MB", mark]
        )
    _table(["release", "data of", "as of", "built (UTC)", "size", ""], rows)
