"""Progress of a run on the terminal: one line a step, with counts and time; while a step works, how long is left.

The moving line is for a terminal only. Not here: Dagster's own event log, which keeps the same facts for good.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import shorten
from typing import TypeVar

from pipelines.terminal import is_live, paint, width_of

STEPS = ("fetch", "read", "core", "observations", "claims", "indices", "growth", "candidate", "publish")
WARNING_WIDTH = 480
BEATS_PER_SECOND = 4
_CLEAR = "\r\033[K"
_quiet = False
_times_file: Path | None = None
_writing = threading.RLock()
Item = TypeVar("Item")


class Note:
    """What a step has to say when it ends, and how far it is until then."""

    def __init__(self) -> None:
        self.text = ""
        self.done = self.total = 0
        self.what = ""

    def say(self, text: str) -> None:
        self.text = text

    def over(self, items: Iterable[Item], what: str, total: int = 0) -> Iterator[Item]:
        """The same items, counted as they pass; `total` where they have no length of their own."""
        self.done, self.total, self.what = 0, total or (len(items) if isinstance(items, Sized) else 0), what
        for item in items:
            yield item
            self.done += 1


def be_quiet(quiet: bool = True) -> None:
    """Print no progress lines in this process (used by the server's runs and by tests)."""
    global _quiet
    _quiet = quiet


def remember(file: Path) -> None:
    """Keep how long each step takes in a small file, to tell the next run how much time is left; on a terminal only."""
    global _times_file
    _times_file = file if is_live(sys.stderr) else None


@contextmanager
def step(name: str) -> Iterator[Note]:
    """Time a step and print `[3/9] core ... 1.2 s` on stderr when it ends; on a terminal a line moves until then."""
    note, started = Note(), time.perf_counter()
    mark = "FAILED"
    try:
        with _moving_line(name, note, started):
            yield note
        mark = "ok"
    finally:
        seconds = time.perf_counter() - started
        if mark == "ok":
            _keep_time(name, seconds)
        if not _quiet:
            shown = paint(f"{mark:<6}", "green" if mark == "ok" else "red", sys.stderr)
            _print(f"{_place(name)} {name:<12} {shown} {seconds:5.1f} s  {note.text}".rstrip())


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
    _print(f"{paint('warning:', 'yellow', sys.stderr)} {shown}")


def in_words(seconds: float) -> str:
    """A span of time as a person says it: 40 s, 3 min, 2 h."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


def time_left(name: str, elapsed: float, done: int, total: int, times: dict[str, float]) -> float | None:
    """Seconds until the last step ends; None where nothing is known.

    This step counts by what it has done so far or else by its last time, those after it by theirs. Fetching counts for
    itself: what follows depends on what it brings.
    """
    if done and done < total:
        own = elapsed * (total - done) / done
    elif name in times:
        own = max(times[name] - elapsed, 0.0)
    else:
        return None
    later = () if name == "fetch" else STEPS[STEPS.index(name) + 1 :]
    return own + sum(times.get(each, 0.0) for each in later)


def _place(name: str) -> str:
    return f"[{STEPS.index(name) + 1}/{len(STEPS)}]"


def _print(line: str) -> None:
    """A line on stderr; a moving line makes way for it."""
    with _writing:
        clear = _CLEAR if is_live(sys.stderr) else ""
        print(f"{clear}{line}", file=sys.stderr, flush=True)


@contextmanager
def _moving_line(name: str, note: Note, started: float) -> Iterator[None]:
    """While the block works, tell every moment how far it is; nothing unless somebody looks on."""
    if _quiet or not is_live(sys.stderr):
        yield
        return
    ended, times = threading.Event(), _times()

    def move() -> None:
        while not ended.wait(1 / BEATS_PER_SECOND):
            line = moment(name, note, time.perf_counter() - started, times)
            with _writing:
                if not ended.is_set():
                    print(f"{_CLEAR}{line[: (width_of(sys.stderr) or 80) - 1]}", end="", file=sys.stderr, flush=True)

    mover = threading.Thread(target=move, name="progress", daemon=True)
    mover.start()
    try:
        yield
    finally:
        ended.set()
        mover.join()
        with _writing:
            print(_CLEAR, end="", file=sys.stderr, flush=True)


def moment(name: str, note: Note, elapsed: float, times: dict[str, float]) -> str:
    """The moving line: step, how much is done, time passed, time left."""
    counts = f"{note.done} of {note.total} {note.what}, " if note.total else ""
    left = time_left(name, elapsed, note.done, note.total, times)
    until = "" if left is None else f", about {in_words(left)} left"
    return f"{_place(name)} {name:<12} {counts}{elapsed:.0f} s{until}"


def _times() -> dict[str, float]:
    """Seconds of each step of earlier runs; empty where nothing is remembered."""
    if _times_file is None:
        return {}
    try:
        document = json.loads(_times_file.read_bytes())
        return {name: float(document[name]) for name in STEPS if name in document}
    except (OSError, ValueError, TypeError):
        return {}


def _keep_time(name: str, seconds: float) -> None:
    if _times_file is not None:
        with suppress(OSError):
            _times_file.write_text(json.dumps(_times() | {name: round(seconds, 1)}), "utf-8")
