"""docs/catalogue.md against the product: every key with its default, every YAML block, every example file, and the
complete small catalogue at its end run from raw files to a release.

Not here: the commands shown in other pages (test_commands).
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from pipelines.sources.read import read_snapshot
from warehouse.catalogue import claim, index, indicator, load, method, source
from warehouse.catalogue.base import Model
from warehouse.catalogue.method import aggregate, normalise, prepare, robustness, scope, weight

DOC = Path(__file__).parents[2] / "docs" / "catalogue.md"
TEXT = DOC.read_text("utf-8")
MODELS = {
    name: each
    for module in (
        indicator,
        source,
        method,
        scope,
        prepare,
        normalise,
        weight,
        aggregate,
        robustness,
        index,
        claim,
    )
    for name, each in vars(module).items()
    if inspect.isclass(each) and issubclass(each, Model) and each.__module__ == module.__name__ and name[0] != "_"
}
FILES = {
    found[1]: found[3]
    for found in re.finditer(r"^\*\*`([^`]+)`\*\*\n\n```(yaml|csv)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
}
BLOCKS = [
    (found[1] or "", found[2])
    for found in re.finditer(r"^```yaml(?: (\w+))?\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
]
EXAMPLES = re.findall(
    r"<!-- example: (\S+) \| (.*?) -->\n```\w+\n(.*?)^```\n\n```yaml Source\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL
)
BASES: dict[str, dict[str, Any]] = {
    "Source": {
        "name_en": "x",
        "provider": "x",
        "licence": "x",
        "priority": 1,
        "fetch": {"kind": "folder", "path": "x"},
        "read": {"format": "csv"},
        "layout": {"area": {"column": 1}, "period": "2018"},
    },
    "Index": {"name_en": "x", "areas": ["CN"], "periods": {"from": 2010}, "nodes": {"gdp": {}}},
    "Publication": {"name_en": "x", "published_on": "2019-10-17", "source_id": "x", "claims": {}},
}


def table_of(name: str) -> dict[str, str]:
    """Key -> default of the table under the mark of a model."""
    found = re.search(rf"<!-- model: {name} -->\n((?:\|.*\n)+)", TEXT)
    assert found, f"docs/catalogue.md has no table <!-- model: {name} -->"
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in found[1].splitlines()[2:]]
    return {cells[0].strip().strip("`"): cells[2].strip().strip("`") for cells in rows}


def shown(default: Any) -> str | None:
    """A default as the page writes it; None where it is a mapping or a list with a page of its own."""
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, (int, float)):
        return f"{default:g}"
    if isinstance(default, BaseModel):
        return None
    if isinstance(default, (tuple, dict)) and default:
        return None
    return str(default) if default else "empty"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_key_of_a_model_stands_in_its_table_with_its_default(name: str) -> None:
    fields = MODELS[name].model_fields
    table = table_of(name)
    assert set(table) == {field.alias or key for key, field in fields.items()}
    for key, field in fields.items():
        expected = "required" if field.is_required() else shown(field.default)
        if expected is not None:
            assert table[field.alias or key] == expected, f"{name}.{key}"


def words_of(annotation: Any) -> set[str]:
    """The words of all literals in an annotation, not of the models inside."""
    if isinstance(annotation, type):
        return set()
    if get_origin(annotation) is Literal:
        return {str(word) for word in get_args(annotation)}
    return set().union(*(words_of(part) for part in get_args(annotation)), set())


@pytest.mark.parametrize("name", sorted(name for name in MODELS if ".method" in MODELS[name].__module__))
def test_every_word_that_a_step_knows_stands_in_its_table(name: str) -> None:
    rows = re.search(rf"<!-- model: {name} -->\n((?:\|.*\n)+)", TEXT)[1]  # type: ignore[index]
    for key, field in MODELS[name].model_fields.items():
        (row,) = re.findall(rf"^\| `{field.alias or key}` \|.*$", rows, re.MULTILINE)
        assert sorted(word for word in words_of(field.annotation) if f"`{word}`" not in row) == [], f"{name}.{key}"


def test_every_table_is_of_a_model() -> None:
    assert set(re.findall(r"<!-- model: (\w+) -->", TEXT)) == set(MODELS)


@pytest.mark.parametrize(("model", "text"), BLOCKS)
def test_every_yaml_block_is_sound(model: str, text: str) -> None:
    data = yaml.safe_load(text)
    assert isinstance(data, dict)
    if model in BASES:
        MODELS[model].model_validate(BASES[model] | data)
    elif model:
        for value in data.values():
            MODELS[model].model_validate(value)


def test_the_words_of_claims_are_complete() -> None:
    section = TEXT.partition("\n## Claims\n")[2]
    for word in (*claim.Measure.__args__, *claim.Qualifier.__args__, *claim.CALLS):
        assert re.search(rf"`[^`]*\b{word}\b[^`]*`", section), word


@pytest.fixture(scope="module")
def shipped() -> load.Catalogue:
    return load.load((Path(load.__file__).parent / "builtin",))


@pytest.mark.parametrize(("name", "counts", "content", "yaml_text"), EXAMPLES)
def test_an_example_file_is_read_as_the_page_says(
    name: str, counts: str, content: str, yaml_text: str, shipped: load.Catalogue
) -> None:
    declared = source.Source.model_validate(BASES["Source"] | yaml.safe_load(yaml_text))
    reading = read_snapshot(as_bytes(name, content), name, declared, shipped)
    assert not reading.rejections
    found = dict(reading.readings["outcome"].value_counts().iter_rows())
    expected = {word: int(count) for word, count in (each.split() for each in counts.split(", "))}
    assert {word: found.get(word, 0) for word in expected} == expected


def as_bytes(name: str, content: str) -> bytes:
    if not name.endswith(".xlsx"):
        return content.encode()
    from openpyxl import Workbook

    book = Workbook()
    for row in content.splitlines():
        cells = row.split(",")
        book.active.append([int(cell) if cell.isdigit() else cell or None for cell in cells])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == 6
    assert len(FILES) == 9


@pytest.mark.slow
def test_the_complete_catalogue_runs_from_raw_files_to_a_release(
    tmp_path: Path, indexhouse: Callable[..., Any]
) -> None:
    for name, content in FILES.items():
        path = tmp_path / "ferries" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")

    def rows(sql: str) -> Any:
        return indexhouse(*start, "query", sql, "--json").json

    start = ["--home", tmp_path / "home", "--catalogue", tmp_path / "ferries"]
    done = indexhouse(*start, "run", "--json")
    assert done.status == 0, done.err
    assert done.json["status"] == "published"
    board = rows("select ref_area, score_rank from scoreboard_ferry_service where time_period = '2023'")
    assert {row["ref_area"]: row["score_rank"] for row in board} == {"XL-N": 1, "XL-S": 2, "XL-E": 3}
    assert rows("select verdict_as_published, verdict_latest from claim") == [
        {"verdict_as_published": "consistent", "verdict_latest": "consistent"}
    ]
    carried = rows("select imputed_from from index_input where is_imputed and ref_area = 'XL-E'")
    assert carried == [{"imputed_from": "2022"}]
    per_head = rows(
        "select obs_value from observation where indicator_id = 'trips_per_resident' and ref_area = 'XL-N' "
        "and time_period = '2023'"
    )
    assert per_head == [{"obs_value": 3.4}]
