"""Help, usage errors and settings: what the command says before it does anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

VERBS = (
    "run",
    "status",
    "check",
    "preview",
    "new",
    "query",
    "export",
    "explain",
    "releases",
    "publish",
    "rollback",
    "report",
    "rebuild",
    "diff",
    "docs",
    "serve",
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(indexhouse: Callable, verb: str) -> None:
    answer = indexhouse(verb, "--help")
    assert answer.status == 0
    assert f"indexhouse {verb}" in answer.out and answer.err == ""


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "serve"])
def test_every_verb_that_answers_offers_json(indexhouse: Callable, verb: str) -> None:
    assert "--json" in indexhouse(verb, "--help").out


def test_help_lists_the_verbs_and_the_general_options(indexhouse: Callable) -> None:
    out = indexhouse("--help").out
    for word in (*VERBS, "--home", "--catalogue", "--debug"):
        assert word in out, word


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("run", "--as-of", "yesterday"),
        ("query",),
        ("run", "--nonsense"),
        ("query", "select 1", "--format", "xml"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_wrong_usage_ends_with_2_and_no_traceback(indexhouse: Callable, arguments: tuple[str, ...]) -> None:
    answer = indexhouse(*arguments)
    assert answer.status == 2
    assert answer.out == "" and "Traceback" not in answer.err
    assert answer.err.strip()


@pytest.mark.parametrize("arguments", [("nonsense",), ("run", "--nonsense"), ("query", "select 1", "--format", "xml")])
def test_wrong_usage_is_told_in_plain_lines(indexhouse: Callable, arguments: tuple[str, ...]) -> None:
    lines = indexhouse(*arguments).err.splitlines()
    assert lines[0].startswith("Usage: ")
    assert lines[-1].startswith("Error: ") and arguments[-1] in lines[-1]
    assert all(mark.isascii() for mark in "".join(lines)), "no box is drawn"


@pytest.mark.parametrize(
    ("name", "value"),
    [("INDEXHOUSE_TIMEZONE", "Mars/Base"), ("INDEXHOUSE_EXECUTOR", "fast"), ("INDEXHOUSE_KEEP", "none")],
)
def test_a_wrong_setting_is_named_with_its_value(
    indexhouse: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    answer = indexhouse("--home", tmp_path, "status")
    assert answer.status == 2
    (line,) = answer.errors
    assert name in line and value in line and "use" in line


def test_an_executor_that_is_not_offered_is_answered_with_those_that_are(
    indexhouse: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INDEXHOUSE_EXECUTOR", "celery")
    answer = indexhouse("--home", tmp_path / "home", "run", "--offline")
    assert answer.status == 2 and answer.out == ""
    assert answer.errors == [
        "error: INDEXHOUSE_EXECUTOR: 'celery' is unknown; use one of in_process, multiprocess, dask"
    ]
    assert not (tmp_path / "home").exists()


def test_no_word_of_colour_reaches_a_pipe(indexhouse: Callable, small) -> None:
    for verb in (["status"], ["releases"], ["query", "select * from release"]):
        assert "\033[" not in indexhouse(*small.options, *verb).out
