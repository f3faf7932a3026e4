"""What the command says on the terminal: run report, status, check, preview, releases, export.

Not here: finding it out.
"""

from __future__ import annotations

import sys
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from pipelines.run_report import RunReport
from pipelines.settings import Settings
from pipelines.terminal import counted, paint, print_table

if TYPE_CHECKING:
    from pipelines.checking import CheckReport
    from pipelines.exporting.export import Exported
    from pipelines.previewing import Preview
    from warehouse.releases import Release

SHOWN_LINES = 20
SHOWN_WARNINGS = 8
LINE_WIDTH = 150


def _table(columns: list[str], rows: list[list[Any]]) -> None:
    """An aligned table, also with Chinese text, between blank lines; cut to the width of a terminal."""
    print()
    print_table(columns, rows, sys.stdout, cut=True)
    print()


def _good(text: str) -> str:
    return paint(text, "green", sys.stdout)


def _look(text: str) -> str:
    return paint(text, "yellow", sys.stdout)


def _bad(text: str) -> str:
    return paint(text, "red", sys.stdout)


def run_report(settings: Settings, report: RunReport) -> None:
    """The last lines of `run`: what was published, where, and the headline numbers."""
    if report.status == "nothing_changed":
        print(f"nothing changed: release {report.release_id} is up to date, nothing was published")
        if report.message:
            print(report.message)
        return
    if report.warnings:
        told = counted(len(report.warnings), "warning")
        print(f"{paint(told, 'yellow', sys.stderr)}; `indexhouse status` shows them", file=sys.stderr)
    if report.status == "published":
        print(f"{_good('published')} {report.release_id}: {report.file}")
    else:
        print(f"{_look('built')} {report.release_id}, not current: {report.file}")
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
    """`indexhouse status` for people: what needs attention first, and what to do next."""
    release, last = document["current_release"], document["last_run"]
    print(f"home      {document['home']}")
    if release:
        print(f"release   {release['release_id']} (data of {release['data_vintage']}, built {release['built_at']})")
    else:
        print(f"release   {_look('none yet')}: `indexhouse run` makes one")
    if last:
        what = last["release_id"] or last["message"]
        shown = {"failed": _bad, "published": _good}.get(last["status"], str)(last["status"])
        print(f"last run  {shown} at {last['finished_at']} UTC: {what}")
        for problem in last["problems"][:SHOWN_LINES]:
            print(f"          {problem}")
        if last["warnings"]:
            print(f"checks    {_look(counted(len(last['warnings']), 'warning'))} of the last build:")
            for line in last["warnings"][:SHOWN_WARNINGS]:
                print(f"          {shorten(line, LINE_WIDTH, placeholder=' ...')}")
    print(f"running   {'a run goes on now' if document['is_running'] else 'no run at the moment'}")
    alive = _good("alive") if document["is_daemon_alive"] else "not running: `indexhouse serve` starts it"
    print(f"daemon    {alive}")
    attention = [row for row in document["sources"] if row["state"] != "ok"]
    if attention and not release and all(row["state"] == "never" for row in attention):
        print(f"sources   {len(document['sources'])}, none looked at yet")
    else:
        need = f"{len(attention)} need attention"
        print(f"sources   {len(document['sources'])}, {_look(need) if attention else need}")
        if attention:
            _table(["source", "state", "newest file (UTC)", "problem"],
                   [[r["source_id"], r["state"], r["newest_file_at"], r["problem"]] for r in attention])  # fmt: skip
    _table(["schedule", "cron", "next look", "sources"],
           [[r["schedule"], r["cron"], r["next_at"], r["sources"]] for r in document["next_looks"]])  # fmt: skip
    print(f"next: {next_step(document)}")


def next_step(document: dict[str, Any]) -> str:
    """The command that helps most in this state."""
    if document["is_running"]:
        return "wait for the run, then indexhouse status"
    if not document["current_release"]:
        return "indexhouse run --offline (the data that ship; without --offline it also looks on the network)"
    if (document["last_run"] or {}).get("status") == "failed":
        return "indexhouse check (what is wrong with catalogue and data), then indexhouse run"
    failed = [row["source_id"] for row in document["sources"] if row["state"] in ("failed", "stale", "set_aside")]
    if failed:
        return f"indexhouse preview {failed[0]} (what its newest file holds), indexhouse run --source {failed[0]}"
    return 'indexhouse query "select table_name, count(*) as columns from dictionary group by all order by 1"'


def check_report(found: CheckReport) -> None:
    """`indexhouse check` for people."""
    for line in found.lines[:200]:
        print(line)
    errors, warnings = counted(found.errors, "error"), counted(found.warnings, "warning")
    print(f"{found.entries} catalogue entries are sound; {found.checks} expectations on the current data, "
          f"{_bad(errors) if found.errors else errors}, {_look(warnings) if found.warnings else warnings}")  # fmt: skip


def preview(found: Preview, rows: int) -> None:
    """`indexhouse preview` for people: what the file holds, kept rows, rejects with reasons."""
    print(f"{found.source_id}: {found.file_name}: {found.cells} cells: "
          + ", ".join(f"{count} {outcome}" for outcome, count in found.counts.items()))  # fmt: skip
    print(f"vintage {found.vintage or 'the retrieval date'} ({found.vintage_basis})")
    for line in found.file_problems:
        print(f"{_bad('the file is refused:')} {line}")
    for line in found.warnings:
        print(f"{_look('warning:')} {line}")
    columns = ["place", "indicator", "area", "period", "value", "unit", "text"]
    _table(columns, [[r["locator"], r["indicator_id"], r["ref_area"], r["time_period"], r["obs_value"], r["unit_id"],
                      r["raw_text"]] for r in found.kept[:rows]])  # fmt: skip
    if found.rejects:
        _table(["place", "text", "outcome", "reason"],
               [[r["locator"], r["raw_text"], r["outcome"], r["reason_en"]] for r in found.rejects[:rows]])  # fmt: skip


def releases(found: list[Release]) -> None:
    """`indexhouse releases` for people."""
    if not found:
        print("no release yet: `indexhouse run` makes one")
        return
    rows = []
    for each in reversed(found):
        mark = "current" if each.is_current else "rolled back" if each.is_rolled_back else each.problem
        rows.append(
            [each.release_id, each.data_vintage, each.as_of, each.built_at, f"{each.size_bytes / 1e6:.1f} MB", mark]
        )
    _table(["release", "data of", "as of", "built (UTC)", "size", ""], rows)


def exported(done: Exported) -> None:
    """`indexhouse export` for people: where it is, how much, and what had to be left out."""
    size = sum(file.size_bytes for file in done.files)
    shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
    named = "edition" if len(done.editions) == 1 else "editions"
    print(f"{_good('wrote')} {done.place}: {counted(len(done.files), 'file')}, {shown}; {done.index_id}, "
          f"{named} {', '.join(done.editions)}, release {done.release_id}")  # fmt: skip
    for line in done.left_out:
        print(f"{_look('left out:')} {line}")
