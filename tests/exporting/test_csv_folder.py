"""CSV for spreadsheets, read back and held against the release, cell by cell; what the metadata say.

Not here: the data package (test_datapackage), which has the same tables.
"""

from __future__ import annotations

import json

import polars as pl
import pytest

from pipelines.exporting import csv_folder
from pipelines.exporting.cells import csv_bytes
from pipelines.exporting.excerpt import Excerpt

BOM = b"\xef\xbb\xbf"
PAYLOADS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0"]


@pytest.fixture(scope="module")
def files(excerpt: Excerpt) -> dict[str, bytes]:
    return csv_folder.write(excerpt)


def test_every_table_reads_back_as_it_stands_in_the_release(excerpt: Excerpt, files: dict[str, bytes]) -> None:
    assert len(excerpt.tables) == 20
    for name, frame in excerpt.tables.items():
        content = files[f"{name}.csv"]
        assert content.startswith(BOM), "without the mark Excel shows Chinese as noise"
        read = pl.read_csv(content.removeprefix(BOM), schema=frame.schema)
        assert read.equals(frame), name


def test_the_tables_hold_the_index_and_nothing_else(builtin, excerpt: Excerpt) -> None:
    for name in ("index_score", "index_input", "index_node", "rank_interval", "index_contribution", "coherence"):
        ((rows,),) = builtin.query(f"select count(*)::integer from {name} where index_id = 'beijing_innovation'")
        assert excerpt.tables[name].height == rows > 0, name
        assert set(excerpt.tables[name]["index_id"]) == {"beijing_innovation"}
    assert set(excerpt.tables["growth"]["series_id"]) == {"beijing_innovation"}


def test_one_edition_brings_its_own_rows_only(regional: Excerpt) -> None:
    for name, frame in regional.tables.items():
        if "edition_id" in frame.columns:
            assert set(frame["edition_id"]) == {"latest"}, name
    assert regional.tables["index_score"].height == 14 * 31 * 22


def test_computed_values_bring_the_observations_that_they_are_computed_from(builtin, regional: Excerpt) -> None:
    seen = regional.tables["observation"]
    assert {"gdp", "rd_expenditure"} <= set(seen["indicator_id"]), "inputs of formulas"
    assert "CN" in set(seen["ref_area"]), "an area that a formula names"
    assert set(regional.tables["index_input"]["source_id"].drop_nulls()) == {"derived"}
    assert regional.behind and set(seen["source_id"]) <= set(regional.tables["source"]["source_id"])
    value = seen.filter(indicator_id="gdp", ref_area="CN-BJ", time_period="2018")["obs_value"].item()
    assert builtin.query(
        "select obs_value from observation where indicator_id = 'gdp' and ref_area = 'CN-BJ' and time_period = '2018'"
    ) == [(value,)]


def test_what_differs_between_two_builds_of_one_release_is_left_out(excerpt: Excerpt) -> None:
    assert not {"built_at", "run_id"} & set(excerpt.tables["release"].columns)


def test_missing_is_nothing_and_the_empty_text_is_two_quotes() -> None:
    frame = pl.DataFrame({"a": ["", None], "b": [0.0, None], "c": [True, None]})
    assert csv_bytes(frame) == b'a,b,c\n"",0.0,true\n,,\n'


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(payload: str) -> None:
    frame = pl.DataFrame({"name": [payload, "R&D = 3", "北京"], "value": [-1.5, 2.0, 0.1]})
    read = pl.read_csv(csv_bytes(frame))
    assert read["name"].to_list() == [f"'{payload}", "R&D = 3", "北京"]
    assert read["value"].to_list() == [-1.5, 2.0, 0.1], "numbers are left alone"


def test_hostile_names_do_not_break_a_file(changed, manifest) -> None:
    from pipelines.exporting.excerpt import take

    name = '=1,"two"\r\nthree\n北京'
    quoted = name.replace("'", "''")
    file = changed(f"update ref_area set name_en = '{quoted}'", f"update index_node set name_zh = '{quoted}'")
    taken = take(file, "beijing_innovation", manifest=manifest)
    files = csv_folder.write(taken)
    read = pl.read_csv(files["ref_area.csv"].removeprefix(BOM), schema=taken.tables["ref_area"].schema)
    assert set(read["name_en"]) == {f"'{name}"} and read.height == taken.tables["ref_area"].height


def test_the_metadata_describe_every_column_of_every_file(excerpt: Excerpt, files: dict[str, bytes]) -> None:
    document = json.loads(files["csv-metadata.json"])
    assert document["@context"][0] == "http://www.w3.org/ns/csvw"
    listed = {table["url"]: [c["name"] for c in table["tableSchema"]["columns"]] for table in document["tables"]}
    assert listed == {f"{name}.csv": frame.columns for name, frame in excerpt.tables.items()}
    assert set(listed) == {name for name in files if name.endswith(".csv")}
    for table in document["tables"]:
        assert all(column["dc:description"] for column in table["tableSchema"]["columns"])
    assert excerpt.release_id in document["dc:bibliographicCitation"]


def test_the_page_says_what_whom_to_cite_and_how_to_read(excerpt: Excerpt, files: dict[str, bytes]) -> None:
    page = files["README.md"].decode()
    assert page.startswith("# Beijing Innovation Index (reconstruction) 北京创新指数（重构）\n")
    for row in excerpt.tables["source"].iter_rows(named=True):
        assert row["source_id"] in page and row["licence"] in page
    assert "never zero" in page and "2023: Beijing 北京 401.8 (+30.8)" in page
    assert all(f"| {name} |" in page for name in files if name != "README.md")
