"""Progress lines of a run on the terminal: one line a step, with counts and time.

Not here: Dagster's own event log, which keeps the same facts for good.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from textwrap import shorten

STEPS = ("fetch", "read", "core", "observations", "claims", "indices", "growth", "candidate", "publish")
WARNING_WIDTH = 480
_quiet = False


class Note:
    """What a step has to say when it ends."""

    def __init__(self) -> None:
        self.text = ""

    def say(self, text: str) -> None:
        self.text = text


def be_quiet(quiet: bool = True) -> None:
    """Print no progress lines in this process (used by the server's runs and by tests)."""
    global _quiet
    _quiet = quiet


@contextmanager
def step(name: str) -> Iterator[Note]:
    """Time a step and print `[ 3/ 9] core ... 1.2 s` on stderr when it ends."""
    note, started = Note(), time.perf_counter()
    mark = "FAILED"
    try:
        yield note
        mark = "ok"
    finally:
        if not _quiet:
            place = f"[{STEPS.index(name) + 1}/{len(STEPS)}]"
            seconds = time.perf_counter() - started
            print(f"{place} {name:<12} {mark:<6} {seconds:5.1f} s  {note.text}".rstrip(), file=sys.stderr, flush=True)


def warn_of(texts: Iterable[str], known: Iterable[str]) -> None:
    """Warn of what is new; what the last run told already is only counted."""
    before = set(known)
    fresh = [text for text in dict.fromkeys(texts) if text not in before]
    for text in fresh:
        warn(text)
    if repeated := len(set(texts) & before):
        warn(f"{repeated} more, as in the last run (`indexhouse status` shows them)")


def warn(text: str) -> None:
    """One warning line on stderr, cut where it gets too long to read."""
    shown = shorten(text, WARNING_WIDTH, placeholder=" ...") if len(text) > WARNING_WIDTH else text
    print(f"warning: {shown}", file=sys.stderr, flush=True)
