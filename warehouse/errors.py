"""The error family of the product, light to import.

Not here: what each part checks; every part raises these with a message that names place, value and remedy.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class IndexhouseError(Exception):
    """Something the user can act on: the message says what is wrong, where, and what to do."""


class UnknownNameError(IndexhouseError):
    """A name on the command line (of an index, an edition, a release, a source) that does not exist: wrong usage."""


class CatalogueError(IndexhouseError):
    """One or more errors of the catalogue, each as `file: key: what (value); remedy`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error message for an unknown name: the closest known one, or the list of known ones."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    shown = ", ".join(names[:12])
    return f"known: {shown}{', ...' if len(names) > 12 else ''}" if names else "none is declared"
