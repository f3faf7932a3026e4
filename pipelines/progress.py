"""Progress lines of a run on the terminal: one line a step, with counts and time.

Not here: Dagster's own event log, which keeps the same facts for good.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

STEPS = ("fetch", "read", "core", "observations", "claims", "indices", "growth", "candidate", "publish")
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


def warn(text: str) -> None:
    """One warning line on stderr."""
    print(f"warning: {text}", file=sys.stderr, flush=True)
