"""Warnings of a run: what is new is told in full, what the last run told already is only counted.

Not here: what is warned of (test_intake), how `status` shows it (tests/cli).
"""

from __future__ import annotations

import pytest

from pipelines import progress


def lines(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().err.splitlines()


def test_a_first_run_tells_every_warning_once(capfd: pytest.CaptureFixture[str]) -> None:
    progress.warn_of(["b is odd", "a is odd", "b is odd"], [])
    assert lines(capfd) == ["warning: b is odd", "warning: a is odd"]


def test_what_the_last_run_told_is_counted_and_what_is_new_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    progress.warn_of(["old 1", "new", "old 2", "old 2"], ["old 1", "old 2", "gone"])
    assert lines(capfd) == [
        "warning: new",
        "warning: 2 more, as in the last run (`indexhouse status` shows them)",
    ]


def test_without_warnings_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    progress.warn_of([], ["gone"])
    assert lines(capfd) == []


def test_a_warning_is_known_by_its_full_text_though_it_is_cut_on_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    long = "word " * 400
    progress.warn_of([f"{long}one", f"{long}two"], [f"{long}one"])
    told, counted = lines(capfd)
    assert len(told) < 600 and told.endswith(" ...") and "1 more" in counted
