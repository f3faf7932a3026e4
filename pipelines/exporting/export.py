"""`indexhouse export`: one index of a release, in one form, into a file or folder.

Not here: what is in it (excerpt), how each form is written (xlsx, csv_folder, sdmx_csv, datapackage).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.exporting import words
from pipelines.exporting.excerpt import Excerpt, take
from pipelines.settings import Settings
from warehouse.errors import IndexhouseError
from warehouse.releases import read_release, release_file

FORMATS = ("xlsx", "csv", "sdmx-csv", "datapackage")
WORKBOOK = ".xlsx"


@dataclass(frozen=True)
class WrittenFile:
    """One file of an export."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Exported:
    """What was written: where, which index, editions and release, which files, and what had to be left out."""

    index_id: str
    release_id: str
    editions: tuple[str, ...]
    format: str
    place: str
    files: tuple[WrittenFile, ...]
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def export_index(
    settings: Settings,
    index_id: str,
    form: str,
    release_id: str | None = None,
    edition_id: str | None = None,
    output: Path | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write one index of a release. In: `form`, one of FORMATS; `output`, for a workbook its file (*.xlsx) or a folder
    to put it into, for the other forms the folder of the files; the working folder where it is None.

    The same release gives the same bytes. A file that is there with other content is replaced only with `overwrite`;
    other files in the folder are left alone. Raises UnknownNameError for an index, edition or release that does not
    exist, IndexhouseError when nothing is published or the place cannot be written.
    """
    file = release_file(settings.release, release_id)
    release_id = release_id or read_release(file).release_id
    excerpt = take(file, index_id, edition_id, settings.release / release_id / "manifest.json")
    name = "_".join([index_id, *([edition_id] if edition_id else []), release_id])
    folder, files = _content(excerpt, form, name, output)
    _write(folder, files, overwrite)
    place = folder / next(iter(files)) if form == "xlsx" else folder
    return Exported(
        index_id, release_id, tuple(excerpt.tables["index_edition"]["edition_id"]), form, str(place),
        tuple(WrittenFile(str(folder / path), len(data), hashlib.sha256(data).hexdigest())
              for path, data in files.items()),
        tuple(en for en, _ in words.left_out(excerpt)),
    )  # fmt: skip


def _content(excerpt: Excerpt, form: str, name: str, output: Path | None) -> tuple[Path, dict[str, bytes]]:
    """The folder to write into, and the files by their path below it."""
    if form == "xlsx":
        from pipelines.exporting import xlsx

        is_file = output is not None and output.suffix.lower() == WORKBOOK and not output.is_dir()
        if output is not None and is_file:
            return output.parent, {output.name: xlsx.write(excerpt)}
        return output or Path(), {f"{name}{WORKBOOK}": xlsx.write(excerpt)}
    if output is not None and output.is_file():
        raise IndexhouseError(f"--output {output}: is a file, {form} needs a folder; name another place")
    folder = output or Path(f"{name}_{form.replace('-', '_')}")
    if form == "csv":
        from pipelines.exporting import csv_folder

        return folder, csv_folder.write(excerpt)
    if form == "sdmx-csv":
        from pipelines.exporting import sdmx_csv

        return folder, sdmx_csv.write(excerpt)
    from pipelines.exporting import datapackage

    return folder, datapackage.write(excerpt)


def _write(folder: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    """Every file beside its place first, then each under its name: a failure half-way leaves no torn file."""
    with _clear_errors(folder):
        if not overwrite:
            for path, content in files.items():
                if (folder / path).exists() and (folder / path).read_bytes() != content:
                    raise IndexhouseError(
                        f"{folder / path}: is there already with other content; name another --output, "
                        "or replace it with --overwrite"
                    )
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".indexhouse-") as part:
            for path, content in files.items():
                (Path(part) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(part) / path).write_bytes(content)
            for path in files:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(part) / path, folder / path)


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the operating system into one that names the place and the remedy."""
    try:
        yield
    except OSError as error:
        raise IndexhouseError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); make room or name another --output"
        ) from error
