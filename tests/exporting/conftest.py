"""The two indices of the built-in release as excerpts, and copies of its file in which a test changes something.

Not here: the release itself (tests/conftest.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines.exporting.excerpt import Excerpt, take


@pytest.fixture(scope="session")
def manifest(builtin) -> Path:
    (path,) = builtin.folder.glob("*/manifest.json")
    return path


@pytest.fixture(scope="session")
def excerpt(builtin, manifest: Path) -> Excerpt:
    """Beijing, all editions: one area, observed values with cells."""
    return take(builtin.file, "beijing_innovation", manifest=manifest)


@pytest.fixture(scope="session")
def regional(builtin, manifest: Path) -> Excerpt:
    """The provinces, one edition: 31 areas, every value computed from others."""
    return take(builtin.file, "china_regional_innovation", "latest", manifest)


@pytest.fixture
def changed(builtin, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the release file after some statements."""

    def change(*statements: str) -> Path:
        file = tmp_path / "indexhouse.duckdb"
        shutil.copyfile(builtin.file, file)
        file.chmod(0o644)
        with duckdb.connect(str(file)) as con:
            for statement in statements:
                con.execute(statement)
        return file

    return change
