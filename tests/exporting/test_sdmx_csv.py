"""SDMX-CSV 2.0: the columns of the standard, the values of the release, codes that the structure message knows.

The form was read back with the library sdmx1, which is no part of the product. Not here: CSV as such (test_csv_folder).
"""

from __future__ import annotations

import io

import polars as pl
import pytest
from defusedxml.ElementTree import fromstring

from pipelines.exporting import sdmx_csv
from pipelines.exporting.excerpt import Excerpt
from pipelines.exporting.sdmx_structure import structure_message

FIRST = ["STRUCTURE", "STRUCTURE_ID", "ACTION"]
KEYS = {
    "observations.csv": ["FREQ", "REF_AREA", "INDICATOR", "TIME_PERIOD"],
    "inputs.csv": ["FREQ", "REF_AREA", "INDICATOR", "EDITION", "TIME_PERIOD"],
    "scores.csv": ["FREQ", "REF_AREA", "NODE", "EDITION", "TIME_PERIOD"],
}
STR = "{http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure}"


@pytest.fixture(scope="module")
def files(excerpt: Excerpt) -> dict[str, bytes]:
    return sdmx_csv.write(excerpt)


def read(files: dict[str, bytes], name: str) -> pl.DataFrame:
    texts = pl.read_csv(io.BytesIO(files[name]), infer_schema=False)
    return texts.with_columns(pl.col("OBS_VALUE").cast(pl.Float64))


@pytest.mark.parametrize("name", list(KEYS))
def test_a_message_begins_as_the_standard_says_and_has_each_key_once(files, excerpt: Excerpt, name: str) -> None:
    frame, key = read(files, name), KEYS[name]
    assert frame.columns[: 3 + len(key) + 1] == [*FIRST, *key, "OBS_VALUE"]
    assert {"OBS_STATUS", "DECIMALS"} <= set(frame.columns)
    assert set(frame["STRUCTURE"]) == {"dataflow"} and set(frame["ACTION"]) == {"I"}
    kind = {"observations.csv": "OBSERVATION", "inputs.csv": "INPUT", "scores.csv": "SCORE"}[name]
    assert set(frame["STRUCTURE_ID"]) == {f"INDEXHOUSE:BEIJING_INNOVATION_{kind}(1.0.0)"}
    assert (
        frame.height and frame.select(key).is_unique().all() and frame.select(key).equals(frame.select(key).sort(key))
    )


def test_the_scores_are_those_of_the_release(builtin, files) -> None:
    expected = builtin.query(
        """select ref_area, node_id, edition_id, time_period, score from index_score
           where index_id = 'beijing_innovation'"""
    )
    found = read(files, "scores.csv").select("REF_AREA", "NODE", "EDITION", "TIME_PERIOD", "OBS_VALUE").rows()
    assert sorted(found) == sorted(expected)


def test_the_inputs_are_the_raw_values_of_each_edition(builtin, files) -> None:
    expected = builtin.query(
        """select i.ref_area, n.indicator_id, i.edition_id, i.time_period, i.raw, i.source_id, i.vintage::varchar
           from index_input i join index_node n using (index_id, edition_id, node_id)
           where i.index_id = 'beijing_innovation' and i.raw is not null"""
    )
    columns = ["REF_AREA", "INDICATOR", "EDITION", "TIME_PERIOD", "OBS_VALUE", "DATA_SOURCE", "VINTAGE"]
    assert sorted(read(files, "inputs.csv").select(columns).rows()) == sorted(expected)


def test_status_and_decimals_are_those_of_the_observation(builtin, files) -> None:
    expected = builtin.query(
        """select indicator_id, ref_area, time_period, obs_value, obs_status,
                  case when decimals is not null then greatest(decimals, 0)::varchar end
           from observation where ref_area = 'CN-BJ' and indicator_id = 'sci_papers'"""
    )
    columns = ["INDICATOR", "REF_AREA", "TIME_PERIOD", "OBS_VALUE", "OBS_STATUS", "DECIMALS"]
    found = read(files, "observations.csv").filter(INDICATOR="sci_papers", REF_AREA="CN-BJ").select(columns)
    assert found.height > 10 and sorted(found.rows()) == sorted(expected)


def test_a_missing_score_is_empty_with_a_status_never_zero(changed, manifest) -> None:
    from pipelines.exporting.excerpt import take

    file = changed("update index_score set score = null where time_period = '2015'")
    frame = read(sdmx_csv.write(take(file, "beijing_innovation", "latest", manifest)), "scores.csv")
    gone = frame.filter(TIME_PERIOD="2015")
    assert gone.height and gone["OBS_VALUE"].is_null().all() and set(gone["OBS_STATUS"]) == {"O"}
    assert frame.filter(pl.col("TIME_PERIOD") != "2015")["OBS_VALUE"].is_not_null().all()


def test_the_structure_defines_every_column_and_every_code(excerpt: Excerpt, files) -> None:
    root = fromstring(files["structure.xml"])
    codes = {each.get("id"): {c.get("id") for c in each.iter(f"{STR}Code")} for each in root.iter(f"{STR}Codelist")}
    for name in KEYS:
        frame = read(files, name)
        flow = frame["STRUCTURE_ID"][0].split(":")[1].split("(")[0]
        definition = next(d for d in root.iter(f"{STR}DataStructure") if d.get("id") == f"DSD_{flow}")
        parts = [
            part
            for kind in ("Dimension", "TimeDimension", "Attribute", "PrimaryMeasure")
            for part in definition.iter(f"{STR}{kind}")
            if part.get("id")
        ]
        assert {part.get("id") for part in parts} == set(frame.columns) - set(FIRST)
        for part in parts:
            for listed in part.findall(f"{STR}LocalRepresentation/{STR}Enumeration/Ref"):
                assert set(frame[part.get("id")].drop_nulls()) <= codes[listed.get("id")], part.get("id")
    assert {flow.get("id") for flow in root.iter(f"{STR}Dataflow")} == {
        "BEIJING_INNOVATION_OBSERVATION", "BEIJING_INNOVATION_INPUT", "BEIJING_INNOVATION_SCORE",
    }  # fmt: skip


def test_the_structure_bears_no_time_but_that_of_the_release(excerpt: Excerpt) -> None:
    first = structure_message(excerpt)
    assert first == structure_message(excerpt)
    assert f"<mes:Prepared>{excerpt.data_vintage}T00:00:00</mes:Prepared>".encode() in first


def test_names_that_xml_cannot_carry_do_not_break_the_structure(changed, manifest) -> None:
    from pipelines.exporting.excerpt import take

    file = changed("update index_node set name_en = '<a>&' || chr(11) || chr(27) || '\"' where node_kind = 'pillar'")
    root = fromstring(sdmx_csv.write(take(file, "beijing_innovation", "latest", manifest))["structure.xml"])
    assert any("<a>&" in (name.text or "") for name in root.iter() if name.tag.endswith("}Name"))
