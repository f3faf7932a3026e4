"""Where the report of a release is: written beside the release file, found again, made where it is missing.

Not here: what stands in it (page), the release folder itself (warehouse.releases, warehouse.publish).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.settings import Settings
from pipelines.workspace import home_lock
from warehouse import releases
from warehouse.errors import IndexhouseError
from warehouse.releases import Release, read_release
from warehouse.snapshots import write_atomically

FILE = "report.html"
MANIFEST = "manifest.json"
EXPLAINED = "explain_"


def write_report(file: Path, manifest: Mapping[str, Any], root: Path) -> Path:
    """Write report.html beside a release file.

    In: the file, staged or released, with the pages of explanations beside it that the report is to link to; its
    manifest (for texts of the catalogue that no table holds); the folder of the releases, where the one before is
    looked for. Raises IndexhouseError when it cannot be made.
    """
    from pipelines.reporting.citing import Proof
    from pipelines.reporting.page import page
    from pipelines.reporting.reading import opened

    facts = read_release(file)
    with file.open("rb") as content:
        proof = Proof(file.name, hashlib.file_digest(content, "sha256").hexdigest(), facts.size_bytes)
    target = file.with_name(FILE)
    explained = {path.stem.removeprefix(EXPLAINED) for path in file.parent.glob(f"{EXPLAINED}*.html")}
    try:
        with opened(file, manifest.get("catalogue", {}), _before(root, facts)) as release:
            html = page(release, proof, explained)
    except IndexhouseError:
        raise
    except Exception as error:
        raise IndexhouseError(
            f"{target}: the report cannot be made ({type(error).__name__}: {error}); this is a mistake of the program, "
            "report it with the catalogue that it came from"
        ) from error
    write_atomically(target, html.encode())
    return target


def report_of(settings: Settings, release_id: str | None = None) -> Path:
    """The report of a kept release (default: the current one); made and put into its folder where it is missing.

    Nothing that stands in the folder is changed. Raises IndexhouseError when there is no such release.
    """
    if release_id is None:
        current = releases.current(settings.release)
        if current is None:
            raise IndexhouseError(f"{settings.release}: nothing is published yet; `indexhouse run` makes a release")
        release_id = current.release_id
    file = releases.release_file(settings.release, release_id)
    report = file.with_name(FILE)
    if not report.exists():
        with home_lock(settings), releases.clear_errors(settings.release):
            write_report(file, manifest_of(file.parent), settings.release)
            report.chmod(0o444)
    return report


def _before(root: Path, facts: Release) -> Path | None:
    """The file of the newest release that was built before this one and knew all its time; None without one.

    A release as of a date is compared with none: what it knows less is no revision."""
    if facts.as_of is not None:
        return None
    earlier = [
        each for each in releases.list_releases(root)
        if not each.problem and each.as_of is None and not each.is_rolled_back
        and each.built_at < facts.built_at and each.release_id != facts.release_id
    ]  # fmt: skip
    return earlier[-1].file if earlier else None


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a kept release; empty where it is gone: the report then lacks texts, no numbers."""
    try:
        document: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return document
