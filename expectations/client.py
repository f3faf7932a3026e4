"""The parent's side of validation: starts the worker early, asks it, and never leaves it behind.

Not here: what is expected (plan), judging (worker).
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from expectations.judgement import Result, Suite
from warehouse.errors import IndexhouseError

START_SECONDS = 180.0
ANSWER_SECONDS = 900.0
CLOSE_SECONDS = 2.0
KEPT_LINES = 40
SHOWN_LINES = 6


class Validator:
    """A worker process that judges files. Use as a context manager, or call `close` in a finally clause."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        self._environment = {
            **os.environ,
            "GX_ANALYTICS_ENABLED": "false",
            "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", "")))),
            "PYTHONUTF8": "1",
        }
        # -P: a file in the working folder never stands in for a library
        self._command = list(command or (sys.executable, "-P", "-m", "expectations.worker"))
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._threads: list[threading.Thread] = []
        self._is_ready = False

    def __enter__(self) -> Validator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the worker and return at once; it gets ready meanwhile. Starting twice does nothing."""
        if self._process is not None:
            return
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=pipe, env=self._environment, text=True,
                encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise IndexhouseError(
                f"the validation process cannot be started ({error}); check that {self._command[0]} runs"
            ) from error
        self._threads = [
            threading.Thread(target=_collect_answers, args=(self._process.stdout, self._answers), daemon=True),
            threading.Thread(target=_collect_lines, args=(self._process.stderr, self._last_lines), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def validate(self, file: Path, plan: Sequence[Suite], timeout: float = ANSWER_SECONDS) -> list[Result]:
        """Judge a DuckDB file that nobody has open for writing.

        Out: one Result per expectation, in the order of the plan. No handle on the file stays open.
        Raises: IndexhouseError when the worker cannot start, dies, takes longer than `timeout` seconds, or
        cannot open the file; a check that cannot be run is a failed Result instead.
        """
        self.start()
        if not self._is_ready:
            if not self._next(START_SECONDS, "did not start").get("ready"):
                raise self._failure("gave an answer before it was asked")
            self._is_ready = True
        request = json.dumps(
            {"file": str(file.resolve()), "suites": [suite.as_json() for suite in plan]}, ensure_ascii=False
        )
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            process.stdin.write(request + "\n")
            process.stdin.flush()
        except (OSError, ValueError):
            raise self._failure("ended before it was asked") from None
        answer = self._next(timeout, "did not answer")
        if "error" in answer:
            raise IndexhouseError(
                f"{file}: cannot be validated: {answer['error']}; close what has the file open and run again"
            )
        return [Result(**each) for each in answer["results"]]

    def close(self) -> None:
        """End the worker and wait for it. Closing twice is fine.

        It holds nothing that could be lost: an idle one ends with its input, a busy one is ended.
        """
        process, is_idle = self._process, self._is_ready
        self._process, self._is_ready = None, False
        if process is None:
            return
        try:
            if process.stdin:
                process.stdin.close()
        except OSError:
            pass  # it died with a request in the pipe
        for stop in ([lambda: None] if is_idle else []) + [process.terminate, process.kill]:
            stop()
            try:
                process.wait(CLOSE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        self._threads, self._answers = [], queue.Queue()

    def _next(self, seconds: float, what: str) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise self._failure(f"{what} within {seconds:g} s") from None
        if line is None:
            raise self._failure("ended before it answered")
        try:
            return json.loads(line)
        except ValueError:
            raise self._failure(f"gave an answer that is not JSON ({line[:80]!r})") from None

    def _failure(self, what: str) -> IndexhouseError:
        """The error for a worker that cannot go on; it is ended first, so that its last words are there."""
        process = self._process
        self.close()
        status = process.returncode if process else None
        how = f", exit status {status}"
        if status is not None and status < 0:
            how = f", killed by signal {-status}"
        words = [line for line in self._last_lines if line.strip()][-SHOWN_LINES:]
        last = ("; its last lines: " + " | ".join(words)) if words else "; it said nothing"
        return IndexhouseError(
            f"the validation process {what}{how}{last}; nothing was validated: free memory and run again, "
            "or reinstall the locked requirements when an import failed"
        )


def _collect_answers(stream: IO[str], answers: queue.Queue[str | None]) -> None:
    """Every line of the worker's stdout, and None at its end."""
    for line in stream:
        answers.put(line)
    answers.put(None)


def _collect_lines(stream: IO[str], last_lines: deque[str]) -> None:
    """The last lines of the worker's stderr; reading them all keeps its pipe from filling up."""
    for line in stream:
        last_lines.append(line.rstrip())
