"""Data of a source that may not be passed on are in no form of an export, and every form says so.

Not here: what the release itself holds.
"""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from pipelines.exporting import csv_folder, datapackage, sdmx_csv, xlsx
from pipelines.exporting.excerpt import STAGES, Excerpt, take

PAPERS = "yearbook_international_papers"
FORBID_PAPERS = f"update source set redistribute = false where source_id = '{PAPERS}'"


@pytest.fixture
def without_papers(changed, manifest) -> Excerpt:
    return take(changed(FORBID_PAPERS), "beijing_innovation", manifest=manifest)


def test_values_parameters_and_observations_of_the_source_are_gone_and_scores_stay(
    excerpt: Excerpt, without_papers: Excerpt
) -> None:
    (only,) = without_papers.left_out
    assert only.indicator_id == "sci_papers" and only.sources == (PAPERS,)
    before, after = excerpt.tables["index_input"], without_papers.tables["index_input"]
    papers = after.filter(node_id="sci_papers")
    assert papers.height and papers.select(STAGES).null_count().row(0) == (papers.height,) * 4
    others = after.filter(after["node_id"] != "sci_papers")
    assert others.equals(before.filter(before["node_id"] != "sci_papers"))
    assert "sci_papers" not in set(without_papers.tables["index_parameter"]["node_id"])
    assert "sci_papers" not in set(without_papers.tables["observation"]["indicator_id"])
    assert without_papers.tables["index_score"].equals(excerpt.tables["index_score"])
    observed = without_papers.tables["quality"].filter(table_name="observation")["observed"]
    assert observed.is_null().all(), "checks quote values"


def test_no_form_holds_a_value_of_the_source(excerpt: Excerpt, without_papers: Excerpt) -> None:
    numbers = {str(int(raw)) for raw in excerpt.tables["index_input"].filter(node_id="sci_papers")["raw"].drop_nulls()}
    assert len(numbers) > 10 and all(len(number) > 4 for number in numbers)
    texts = []
    for form in (csv_folder, datapackage, sdmx_csv):
        texts += [content.decode("utf-8-sig") for content in form.write(without_papers).values()]
    with zipfile.ZipFile(io.BytesIO(xlsx.write(without_papers))) as book:
        texts += [book.read(name).decode() for name in book.namelist()]
    assert any("<worksheet" in text for text in texts)
    cells = "\n".join(texts).replace(">", ",").replace("<", ",").replace("\n", ",").split(",")
    values = {cell.removesuffix(".0") for cell in cells}
    assert not numbers & values


def test_every_form_says_what_is_left_out_and_why(without_papers: Excerpt) -> None:
    for form in (csv_folder, datapackage, sdmx_csv):
        page = form.write(without_papers)["README.md"].decode()
        assert "## Left out 未包含" in page and "sci_papers" in page and PAPERS in page
    package = json.loads(datapackage.write(without_papers)["datapackage.json"])
    assert package["left_out"] == [{"indicator_id": "sci_papers", "sources": [PAPERS]}]
    with zipfile.ZipFile(io.BytesIO(xlsx.write(without_papers))) as book:
        assert "its values before normalisation are left out" in book.read("xl/sharedStrings.xml").decode()


def test_what_is_computed_from_such_a_source_is_left_out_too(changed, manifest) -> None:
    forbid = "update source set redistribute = false where source_id = 'nbs_gdp'"
    taken = take(changed(forbid), "china_regional_innovation", "latest", manifest)
    names = {each.indicator_id for each in taken.left_out}
    assert {"rd_intensity_computed", "gdp"} <= names
    values = taken.tables["index_input"]
    assert values.filter(node_id="rd_intensity_computed")["raw"].is_null().all()
    assert values.filter(node_id="enterprise_share_of_rd")["raw"].is_not_null().any(), "has nothing to do with GDP"
    assert taken.tables["observation"].filter(source_id="nbs_gdp").is_empty()
    assert taken.tables["observation"].filter(indicator_id="rd_intensity_computed").is_empty()


def test_nothing_is_left_out_where_all_licences_allow_it(excerpt: Excerpt, regional: Excerpt) -> None:
    assert excerpt.left_out == regional.left_out == ()
