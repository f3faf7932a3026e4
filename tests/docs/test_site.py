"""The site of docs/: its map, anchors, settings and lock; the Chinese pages beside the English ones; generated pages.

Building it is `make docs`, in an environment of its own, strict about links. Not here: what the pages say and show
(test_commands, test_sessions, test_catalogue_doc, test_method_doc, test_notebook).
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from pipelines import cli_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIG = yaml.safe_load((DOCS / "mkdocs" / "mkdocs.yml").read_text("utf-8"))
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
TWINS = ["tutorial.md", "glossary.md"]


def nav(entries: Any) -> list[str]:
    if isinstance(entries, str):
        return [entries]
    parts = entries.values() if isinstance(entries, dict) else entries
    return [page for part in parts for page in nav(part)]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings as GitHub makes them; of a repeated one the later ones get a number."""
    found: dict[str, int] = {}
    for _, text in HEADING.findall(prose(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", unescape(text)).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return set(found) | {f"{name}-{n}" for name, last in found.items() for n in range(1, last + 1)}


def test_the_navigation_holds_every_page_once() -> None:
    listed = nav(CONFIG["nav"])
    assert len(listed) == len(set(listed))
    generated = {"project/readme.md", "project/changelog.md", "project/licence.md", "project/benchmarks.md"}
    generated |= {f"notebooks/{path.stem}.md" for path in (DOCS / "notebooks").glob("*.ipynb")}
    assert set(listed) == generated | {page.relative_to(DOCS).as_posix() for page in PAGES}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    for target in re.findall(r"(?<!\\)\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.is_file(), target
        if anchor and other.suffix == ".md":
            assert anchor in anchors(other), target


def test_nothing_of_the_site_comes_from_elsewhere() -> None:
    assert CONFIG["theme"]["font"] is False
    assert CONFIG["strict"] is True and CONFIG["use_directory_urls"] is False
    text = "".join(path.read_text("utf-8") for path in (DOCS / "mkdocs").iterdir() if path.suffix != ".py")
    assert not re.search(r"https?://", text)
    assert "```mermaid" not in "".join(prose(page) + page.read_text("utf-8") for page in PAGES), (
        "drawn by a script from afar"
    )
    assert {"en", "zh"} <= set(next(p["search"] for p in CONFIG["plugins"] if "search" in p)["lang"])


def test_the_lock_of_the_site_has_hashes_and_no_address() -> None:
    text = (DOCS / "requirements.lock").read_text("utf-8")
    blocks = [block for block in re.split(r"\n(?=[^\s#])", text) if block.strip()]
    pins = {}
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block
        pin = Requirement(re.split(r"\s*\\\n", block)[0])
        pins[pin.name] = next(iter(pin.specifier)).version
    assert "://" not in text
    for line in (DOCS / "requirements.in").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            assert wanted.specifier.contains(pins[wanted.name]), line


@pytest.mark.parametrize("name", TWINS)
def test_a_chinese_page_is_built_like_the_english_one(name: str, request: pytest.FixtureRequest) -> None:
    english, chinese = DOCS / name, DOCS / "zh" / name
    blocks = FENCE.findall(english.read_text("utf-8"))
    if request.config.getoption("--rewrite-pages", default=False):
        fresh = iter(blocks)
        chinese.write_text(FENCE.sub(lambda _: next(fresh), chinese.read_text("utf-8")), "utf-8")
    assert [len(level) for level, _ in HEADING.findall(prose(chinese))] == [
        len(level) for level, _ in HEADING.findall(prose(english))
    ]
    assert FENCE.findall(chinese.read_text("utf-8")) == blocks
    saved = re.compile(r"^\*\*`[^`]+`\*\*.*$", re.MULTILINE)
    assert saved.findall(prose(chinese)) == saved.findall(prose(english))
    assert prose(chinese).count("\n| ") == prose(english).count("\n| ")


def test_the_glossaries_hold_the_same_terms() -> None:
    def rows(page: Path) -> list[list[str]]:
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.read_text("utf-8").splitlines()]
        return [row for row in cells if len(row) == 3]

    english, chinese = rows(DOCS / "glossary.md"), rows(DOCS / "zh" / "glossary.md")
    assert len(english) > 60
    assert [row[:2] for row in english if row[0] != "term"] == [row[1::-1] for row in chinese if row[1] != "英文"]
    assert len({row[0] for row in english}) == len([row for row in english if row[0] not in ("term", "---")]) + 2


def test_the_page_of_the_command_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_page.main(["--check"]) == 0, capsys.readouterr().err


def test_the_page_of_the_command_names_every_verb_and_option() -> None:
    from typer.main import get_command

    from pipelines import cli

    text = cli_page.page()
    for name, verb in get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert f"indexhouse {name}" in section, name
        for param in verb.params:
            for option in param.opts:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}`" in section, f"{name} {option}"
