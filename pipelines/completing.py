"""What the shell may complete after a verb: release, index, edition and source ids, formats.

Names of files and folders only: pressing TAB must not wait for a database or a catalogue. Nothing here raises; where
nothing is known, nothing is offered. Not here: the verbs (cli), the shells (typer).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

_BOARD = "scoreboard_"


def release_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The kept releases, newest data first."""
    folders = sorted((path.parent.name for path in _release(ctx).glob("*/manifest.json")), reverse=True)
    return _starting(folders, incomplete)


def index_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The indices of any kept release: each has a scoreboard."""
    found = {path.stem.removeprefix(_BOARD) for path in _release(ctx).glob(f"*/parquet/{_BOARD}*.parquet")}
    return _starting(sorted(found), incomplete)


def source_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The sources of the catalogue folders: each is a file."""
    from pipelines.settings import BUILTIN

    named = _option(ctx, "catalogue") or os.environ.get("INDEXHOUSE_CATALOGUE", "").split(os.pathsep)
    folders = [BUILTIN if name == "builtin" else Path(name).expanduser() for name in named if name] or [BUILTIN]
    return _starting(sorted({path.stem for folder in folders for path in folder.glob("sources/*.yml")}), incomplete)


def export_formats(incomplete: str) -> list[str]:
    """The forms of `export`."""
    return _starting(["xlsx", "csv", "sdmx-csv", "datapackage"], incomplete)


def query_formats(incomplete: str) -> list[str]:
    """The forms of `query`."""
    return _starting(["table", "csv", "json", "parquet"], incomplete)


def _release(ctx: typer.Context) -> Path:
    home = _option(ctx, "home") or os.environ.get("INDEXHOUSE_HOME") or "data"
    return Path(home).expanduser() / "release"


def _option(ctx: typer.Context, name: str) -> Any:
    return ctx.find_root().params.get(name)


def _starting(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
