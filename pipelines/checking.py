"""`indexhouse check`: the catalogue, then all expectations on the current data; nothing of the home is changed.

Not here: the cross-checks (warehouse.catalogue.check) and the rules (expectations).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from expectations.judgement import messages
from expectations.plan import release_plan
from pipelines import progress, validation
from pipelines.intake.judge import read_and_judge
from pipelines.intake.look import fetch_sources
from pipelines.marts import release_tables
from pipelines.publishing import read_manifest
from pipelines.settings import Settings, now
from pipelines.workspace import Workspace, open_catalogue
from warehouse import releases
from warehouse.catalogue.load import KINDS, from_document
from warehouse.errors import IndexhouseError


@dataclass(frozen=True)
class CheckReport:
    """What was checked and what was found."""

    entries: int
    checks: int
    errors: int
    warnings: int
    lines: list[str]

    def as_json(self) -> dict[str, Any]:
        return dict(self.__dict__)


def check_everything(settings: Settings) -> CheckReport:
    """Catalogue, every file of the home (or, before the first run, of the catalogue) at the first border, and the
    current release at the second.

    Raises CatalogueError with every problem of the catalogue before any data is looked at.
    """
    catalogue = open_catalogue(settings)
    validation.warm()
    progress.be_quiet()
    lines: list[str] = []
    checks = 0
    with tempfile.TemporaryDirectory(prefix="indexhouse-check-") as folder:
        away = replace(settings, home=Path(folder))
        has_files = any((settings.snapshots / "records").glob("*/*.json"))
        workspace = Workspace(away, catalogue, "check", snapshots=settings.snapshots if has_files else None)
        if not has_files:
            fetch_sources(workspace, sorted(catalogue.sources), offline=True, at=now())
        for source in read_and_judge(workspace):
            lines += [f"warning: {source.source_id}: {text}" for text in source.problems]
        checks += len(workspace.read_json("intake_checks.json"))
        lines += workspace.read_json("intake_messages.json")
    if current := releases.current(settings.release):
        try:
            # a release keeps the promises of the catalogue that it was built from
            manifest = read_manifest(settings.release / current.release_id / "manifest.json")
            built_from = from_document(manifest["catalogue"])
            plan = release_plan(release_tables(built_from).values(), built_from)
            results = validation.validate(settings.release / releases.FILE, plan)
            checks += len(results)
            lines += messages(results)
        except IndexhouseError as error:
            lines.append(f"error: {error}")
    entries = sum(len(getattr(catalogue, kind)) for kind in KINDS)
    errors = sum(line.startswith("error") for line in lines)
    return CheckReport(entries, checks, errors, sum(line.startswith("warning") for line in lines), lines)
