"""How an installation is: last run, sources and their age, next looks, the daemon, the current release.

Reads small files only; neither Dagster nor the working file is opened.
Not here: showing it (say), judging it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from pipelines.cadence import groups
from pipelines.run_report import last_report
from pipelines.settings import Settings, now
from warehouse.catalogue.load import Catalogue, load
from warehouse.snapshots import SnapshotStore

OVERDUE_DAYS = {"daily": 3, "weekly": 14, "monthly": 62, "quarterly": 184, "yearly": 730}


def status_of(settings: Settings) -> dict[str, Any]:
    """Everything that `indexhouse status` shows, as one document."""
    catalogue = load(settings.catalogue)
    report = last_report(settings)
    return {
        "home": str(settings.home),
        "current_release": current_release(settings),
        "last_run": report.as_json() if report else None,
        "is_running": is_locked(settings, ".lock"),
        "is_daemon_alive": is_locked(settings, ".serve.lock"),
        "sources": source_ages(settings, catalogue, now(), report.set_aside if report else []),
        "next_looks": next_looks(settings, catalogue, datetime.now(UTC)),
    }


def current_release(settings: Settings) -> dict[str, Any] | None:
    """What latest.json says; None before the first release."""
    try:
        document: dict[str, Any] = json.loads((settings.release / "latest.json").read_bytes())
    except (OSError, ValueError):
        return None
    return document


def is_locked(settings: Settings, name: str) -> bool:
    """Whether a living process holds a lock of the home."""
    path = settings.home / name
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def source_ages(settings: Settings, catalogue: Catalogue, at: datetime, set_aside: list[str]) -> list[dict[str, Any]]:
    """Sources that need attention, worst first: failed (the last look failed), stale (older than max_age_days),
    set_aside (a file was not accepted, an earlier one stands in), overdue (nothing new for much longer than the
    cadence), never (no file yet)."""
    store, found = SnapshotStore(settings.snapshots), []
    for source_id, source in sorted(catalogue.sources.items()):
        records = store.records(source_id)
        checked_at, problem = store.last_check(source_id)
        newest = max((r.retrieved_at for r in records), default=None)
        seen = max((t for t in (newest, checked_at if not problem else None) if t), default=None)
        state = "ok"
        if newest is None:
            state = "never"
        elif problem:
            state = "failed"
        elif source.max_age_days and seen and at - seen > timedelta(days=source.max_age_days):
            state = "stale"
        elif source_id in set_aside:
            state, problem = "set_aside", "a file was not accepted: see the table quarantine"
        elif (
            source.fetch.kind != "bundled"
            and source.cadence in OVERDUE_DAYS
            and (at - newest > timedelta(days=OVERDUE_DAYS[source.cadence]))
        ):
            state = "overdue"
        found.append({"source_id": source_id, "state": state, "files": len(records), "newest_file_at": newest,
                      "checked_at": checked_at, "max_age_days": source.max_age_days, "problem": problem})  # fmt: skip
    order = ("failed", "stale", "never", "set_aside", "overdue", "ok")
    return sorted(found, key=lambda row: (order.index(row["state"]), row["source_id"]))


def next_looks(settings: Settings, catalogue: Catalogue, at: datetime) -> list[dict[str, Any]]:
    """When each schedule looks at its sources next, in the installation's time zone."""
    from cronsim import CronSim

    local = at.astimezone(ZoneInfo(settings.timezone))
    return [
        {"schedule": name, "cron": cron, "next_at": next(CronSim(cron, local)).isoformat(), "sources": len(sources)}
        for (name, cron), sources in sorted(groups(catalogue).items())
    ]
