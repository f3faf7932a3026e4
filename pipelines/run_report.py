"""What the last run did, kept as one small file that `status` reads without opening anything else.

Not here: Dagster's run history, and the judgements (table quality).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.settings import Settings, now
from warehouse.snapshots import write_atomically

FILE = "last_run.json"


@dataclass(frozen=True)
class RunReport:
    """How a run ended: published, built (not switched to), nothing_changed, failed. `set_aside`: sources with a file
    that was not accepted, so that an earlier one stands in."""

    status: str
    release_id: str = ""
    run_id: str = ""
    started_at: str = ""
    finished_at: str = ""
    message: str = ""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    headlines: list[dict[str, Any]] = field(default_factory=list)
    file: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def nothing_changed(settings: Settings, release_id: str, started_at: str, message: str = "") -> RunReport:
    """Keep that a run found nothing to do; what the last build warned of still holds."""
    last = last_report(settings) or RunReport("nothing_changed")
    report = RunReport("nothing_changed", release_id, "", started_at, message=message, warnings=last.warnings,
                       set_aside=last.set_aside)  # fmt: skip
    return keep_report(settings, report)


def keep_report(settings: Settings, report: RunReport) -> RunReport:
    """Keep the report of a run; it gets the present time as its end where it has none."""
    finished = report if report.finished_at else RunReport(**(report.as_json() | {"finished_at": now().isoformat()}))
    content = json.dumps(finished.as_json(), ensure_ascii=False, indent=1).encode()
    write_atomically(settings.home / FILE, content)
    return finished


def last_warnings(settings: Settings) -> list[str]:
    """What the last run warned of, in full; also when it found nothing changed."""
    report = last_report(settings)
    return report.warnings if report else []


def last_report(settings: Settings) -> RunReport | None:
    """The report of the last run, None before the first one or when the file is damaged."""
    try:
        return RunReport(**json.loads((settings.home / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
