"""Building an old release again from its manifest, in a folder of its own, and proving that its tables are byte-equal.

Not here: the steps (intake, marts, publishing) and the hashes (warehouse.releases).
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipelines import publishing, validation
from pipelines.intake.judge import read_and_judge
from pipelines.intake.load import load_core
from pipelines.marts import families
from pipelines.settings import Settings
from pipelines.version import code_version
from pipelines.workspace import Workspace, home_lock
from warehouse import releases
from warehouse.catalogue.load import from_document
from warehouse.errors import IndexhouseError, UnknownNameError, suggest
from warehouse.publish import write_parquet
from warehouse.snapshots import Record


@dataclass(frozen=True)
class Proof:
    """Release that was built again, and how many of its tables (all but `release`) are byte-equal."""

    release_id: str
    equal_tables: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rebuild(settings: Settings, release_id: str) -> Proof:
    """Build a release again and compare. Raises IndexhouseError naming the version to install under other code, the
    tables that differ, or the snapshot that is gone."""
    folder = settings.release / release_id
    if not (folder / "manifest.json").exists():
        known = [path.parent.name for path in settings.release.glob("*/manifest.json")]
        raise UnknownNameError(f"release '{release_id}' is not kept; {suggest(release_id, known)}")
    manifest = publishing.read_manifest(folder / "manifest.json")
    if manifest["code_version"] != code_version():
        package, _, source_hash = manifest["code_version"].partition("+")
        raise IndexhouseError(
            f"{release_id} was built by indexhouse {manifest['code_version']}, this is {code_version()}; "
            f"install version {package} (source hash {source_hash}) and run rebuild again"
        )
    validation.warm()
    with home_lock(settings), tempfile.TemporaryDirectory(prefix="indexhouse-rebuild-") as place:
        workspace = Workspace(
            replace(settings, home=Path(place)),
            from_document(manifest["catalogue"]),
            "rebuild",
            date.fromisoformat(manifest["as_of"]) if manifest["as_of"] else None,
            pinned=_records(manifest["records"]),
            snapshots=settings.snapshots,
        )
        built = _build(workspace)
        if built != release_id:
            raise IndexhouseError(f"{release_id}: the same inputs gave {built}; the manifest was changed")
        write_parquet(workspace.file(publishing.FILE), Path(place) / "parquet")
        return _compare(
            release_id, releases.marts_hash(folder / "parquet"), releases.marts_hash(Path(place) / "parquet")
        )


def _records(rows: list[dict[str, Any]]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for row in rows:
        record = Record(**(row | {"retrieved_at": datetime.fromisoformat(row["retrieved_at"])}))
        found.setdefault(record.source_id, []).append(record)
    return {source_id: sorted(records) for source_id, records in found.items()}


def _build(workspace: Workspace) -> str:
    """Every step of the build but publishing, in order; returns the release id."""
    read_and_judge(workspace)
    load_core(workspace)
    for family in families(workspace.catalogue):
        family.build(workspace)
    return publishing.build_candidate(workspace).release_id


def _compare(release_id: str, kept: dict[str, str], built: dict[str, str]) -> Proof:
    different = sorted(name for name in kept.keys() | built.keys() if kept.get(name) != built.get(name))
    if different:
        raise IndexhouseError(f"{release_id}: built again, these tables differ: {', '.join(different)}")
    return Proof(release_id, len(kept))
