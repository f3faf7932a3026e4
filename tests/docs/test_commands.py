"""The pages against the product: every shown command gives the shown answer, links lead somewhere, tables are complete.

A block fenced as ```console holds one command after `$ ` and its answer on stdout. Release ids, times and the place of
the home differ from run to run and are masked; a line `...` stands for any number of lines. After a change of the data
`make test JOBS=0 ARGS="tests/docs --rewrite-pages"` writes the present answers into the pages.

Not here: docs/catalogue.md (test_catalogue_doc), pages that are worked through on a home of their own (test_sessions).
"""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import say, settings
from pipelines.run_report import RunReport
from warehouse import tables_page
from warehouse.catalogue import load
from warehouse.catalogue.source import Source

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
WORKED_THROUGH = {DOCS / "tutorial.md", DOCS / "zh" / "tutorial.md", *(DOCS / "how-to").glob("*.md")}
BUILTIN = Path(load.__file__).parent / "builtin"
CONSOLE = re.compile(r"^```console\n\$ (indexhouse [^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = [
    pytest.param(page, command, answer, id=f"{page.stem}: {command[:60]}")
    for page in PAGES
    if page not in WORKED_THROUGH
    for command, answer in CONSOLE.findall(page.read_text("utf-8"))
]
MASKS = (
    (r"\b\d{8}-[0-9a-f]{8}\b", "ID"),
    (r"\S*/release/", "release/"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "TIME"),
)


def masked(text: str) -> list[str]:
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return [line for line in lines if line.strip("─ ")]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "command", "answer"), SHOWN)
def test_a_shown_command_gives_the_shown_answer(
    page: Path, command: str, answer: str, builtin: Any, indexhouse: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    said = _said(shlex.split(command)[1:], builtin, indexhouse)
    found, expected = masked(said), masked(answer)
    if request.config.getoption("--rewrite-pages", default=False) and "..." not in expected and found != expected:
        lines = [re.sub(r"\S*/release/", "data/release/", line).rstrip() for line in said.splitlines() if line.strip()]
        block = f"$ {command}\n".join(("```console\n", "{}```"))
        text = page.read_text("utf-8")
        page.write_text(text.replace(block.format(answer), block.format("\n".join(lines) + "\n")), "utf-8")
    elif "..." in expected:
        assert [line for line in expected if line != "..." and line not in found] == []
    else:
        assert found == expected


def _said(arguments: list[str], builtin: Any, indexhouse: Callable[..., Any]) -> str:
    """What a command prints on the built-in release; that of the first run is said again from its report."""
    if arguments == ["run", "--offline"]:
        with redirect_stdout(io.StringIO()) as text:
            say.run_report(settings.Settings(builtin.home, ()), RunReport(**builtin.report))
        return text.getvalue()
    done = indexhouse("--home", builtin.home, *arguments)
    assert done.status == 0, done.err
    answer: str = done.out
    return answer


@pytest.mark.slow
def test_the_sizes_that_the_pages_name_are_those_of_the_release(builtin: Any) -> None:
    ((sources, files, cells),) = builtin.query(
        "select count(distinct source_id), count(*), sum(rows_in)::integer from snapshot"
    )
    whole = f"{sources} sources, {files} files, {cells:,} value cells".replace(",", " ").replace("  ", ", ")
    assert whole in (ROOT / "README.md").read_text("utf-8")
    assert f"{sources} sources, {files} files, real bytes" in (ROOT / "docs" / "sources.md").read_text("utf-8")


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?\.\w+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_no_page_holds_a_path_of_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(^|[\s(\"'])/(home|root|tmp|Users|work|var)/", page.read_text("utf-8")), page.name


def test_the_map_names_every_page() -> None:
    listed = set(re.findall(r"\]\(([^)#]+)", (DOCS / "index.md").read_text("utf-8")))
    pages = {page.relative_to(DOCS).as_posix() for page in [*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb")]}
    assert sorted(pages - listed - {"index.md"}) == []


def test_the_page_of_tables_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert tables_page.main(["--check"]) == 0, capsys.readouterr().err


def test_the_page_of_sources_names_every_source_with_its_priority() -> None:
    text = (ROOT / "docs" / "sources.md").read_text("utf-8")
    rows = {cells[1].strip(" `"): cells for line in text.splitlines() if (cells := line.split("|"))[1:]}
    sources = load.load((BUILTIN,)).sources
    assert sorted(set(sources) - set(rows)) == []
    for source_id, source in sources.items():
        assert rows[source_id][2].strip() == str(source.priority), source_id


def test_the_source_of_the_readme_is_sound() -> None:
    block = re.search(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block and len(block[1].splitlines()) <= 5
    assert Source.model_validate(yaml.safe_load(block[1])).layout.value == "gdp"


def test_every_verb_and_variable_stands_in_operations() -> None:
    from typer.main import get_command

    from pipelines import cli

    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for verb in get_command(cli.app).commands:  # type: ignore[attr-defined]
        assert f"`{verb}" in text, verb
    read = "".join(path.read_text("utf-8") for path in Path(settings.__file__).parent.rglob("*.py"))
    for variable in set(re.findall(r"INDEXHOUSE_[A-Z_]+[A-Z]", read)):
        assert variable in text, variable
