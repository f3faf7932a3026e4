"""Writing the pages into a folder: only into an empty one or one of its own, and without what an earlier time left.

Not here: what the pages say (pages).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.documenting.facts import Facts
from pipelines.documenting.pages import pages
from pipelines.settings import Settings
from pipelines.workspace import open_catalogue
from warehouse import db, releases
from warehouse.errors import IndexhouseError

LIST = ".indexhouse-pages"
FOLDER = "docs"


@dataclass(frozen=True)
class WrittenPages:
    """Where the pages are and what they show; `release_id` None: nothing is published yet."""

    folder: Path
    pages: int
    release_id: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "first_page": str(self.folder / "index.html"),
            "pages": self.pages,
            "release_id": self.release_id,
        }


def write_pages(settings: Settings, folder: Path | None = None) -> WrittenPages:
    """Write the pages of the catalogue in use and the current release; default folder: docs/ of the home.

    Raises CatalogueError for a catalogue that is not sound, IndexhouseError for a folder that holds other things or
    cannot be written, and for a release that cannot be read.
    """
    folder = (folder or settings.home / FOLDER).expanduser().absolute()
    catalogue = open_catalogue(settings)
    before = _earlier(folder)
    with _facts(settings) as facts:
        release = facts.release()
        made = dict(pages(catalogue, facts))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The list comes first, so that a folder in which the writing was cut short is still known as one of these.
        _write_list(folder, before | set(made))
        for name, text in made.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        for name in before - set(made):
            (folder / name).unlink(missing_ok=True)
        _write_list(folder, set(made))
    except OSError as error:
        raise IndexhouseError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); name another folder: --output DIR"
        ) from None
    count = sum(name.endswith(".html") for name in made)
    return WrittenPages(folder, count, release["release_id"] if release else None)


@contextmanager
def _facts(settings: Settings) -> Iterator[Facts]:
    if releases.current(settings.release) is None:
        yield Facts(None)
        return
    with db.read_only_release(releases.release_file(settings.release)) as con:
        yield Facts(con)


def _write_list(folder: Path, names: set[str]) -> None:
    (folder / LIST).write_text("".join(f"{name}\n" for name in sorted(names)), "utf-8")


def _earlier(folder: Path) -> set[str]:
    """The files that an earlier time wrote. Raises IndexhouseError for a folder with files of somebody else."""
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return set()
        return {name for name in (folder / LIST).read_text("utf-8").split("\n") if _is_inside(name)}
    except OSError as error:
        what = "is a file" if folder.is_file() else "holds files that `indexhouse docs` did not write"
        raise IndexhouseError(f"{folder}: {what} ({error.strerror}); name another folder: --output DIR") from None


def _is_inside(name: str) -> bool:
    """Whether a name of the list stays in the folder: the list is a file that anybody may have edited."""
    path = Path(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts
