"""The tutorial and the how-to pages worked through as a reader would, on a home of their own.

The tutorial begins in an empty folder; every how-to page with a console block begins where the tutorial ends. After a
change `make test JOBS=0 ARGS="tests/docs/test_sessions.py --rewrite-pages"` writes the present answers into the pages.

Not here: how a page is worked through (sessions), pages that ask the built-in release (test_commands).
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"tests_docs_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


sessions = beside("sessions")
TUTORIAL = DOCS / "tutorial.md"
HOW_TO = [page for page in sorted((DOCS / "how-to").glob("*.md")) if "```console" in page.read_text("utf-8")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The folder of the tutorial and what differed in it; worked through by the first test that asks."""
    return {"folder": tmp_path_factory.mktemp("tutorial")}


@pytest.fixture
def tutorial(
    finished: dict[str, Any],
    indexhouse: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> dict[str, Any]:
    if "differences" not in finished:
        session = sessions.Session(finished["folder"], indexhouse, monkeypatch)
        rewrite = request.config.getoption("--rewrite-pages", default=False)
        finished["differences"] = session.work_through(TUTORIAL, rewrite)
        finished["where"] = session.where
    return finished


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(tutorial: dict[str, Any]) -> None:
    assert tutorial["differences"] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_page_does_what_it_says(
    page: Path,
    tutorial: dict[str, Any],
    indexhouse: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    folder = tmp_path / tutorial["where"].name
    shutil.copytree(tutorial["where"], folder)
    monkeypatch.setenv("INDEXHOUSE_HOME", str(folder / "home"))
    monkeypatch.setenv("INDEXHOUSE_CATALOGUE", str(folder / "mine"))
    session = sessions.Session(folder, indexhouse, monkeypatch)
    assert session.work_through(page, request.config.getoption("--rewrite-pages", default=False)) == []


@pytest.mark.parametrize("page", [TUTORIAL, *sorted((DOCS / "how-to").glob("*.md"))], ids=lambda page: page.stem)
def test_every_yaml_block_of_a_page_is_saved_as_a_file(page: Path) -> None:
    text = page.read_text("utf-8")
    saved = [match for match in sessions.STEP.finditer(text) if match["path"]]
    assert text.count("```yaml\n") + text.count("```csv\n") == len(saved), "each has its file's name in bold before it"
    for match in saved:
        if match["path"].endswith(".yml"):
            assert isinstance(yaml.safe_load(match["content"]), dict)


@pytest.mark.parametrize(
    ("shown", "found", "same"),
    [
        ("", "anything", True),
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("d\n...\na\n", "a\nb\nc\nd\n", False),
        ("release 20240301-0123abcd\n", "release 20240301-ffffffff\n", True),
        ("wrote mine/areas.yml\n", "wrote /some/where/mine/areas.yml\n", True),
    ],
)
def test_an_answer_is_held_against_the_shown_one(shown: str, found: str, same: bool) -> None:
    assert sessions.agrees(shown, found) is same
