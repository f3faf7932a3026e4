"""The Frictionless data package: hashes, schemas, keys and references hold for the files that lie beside it.

Not here: the content of the tables (test_csv_folder).
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import polars as pl
import pytest

from pipelines.exporting import datapackage
from pipelines.exporting.excerpt import Excerpt

TYPES = {
    "string": pl.String, "integer": pl.Int32, "number": pl.Float64, "boolean": pl.Boolean, "date": pl.Date,
    "datetime": pl.Datetime("us"),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(regional: Excerpt) -> dict[str, bytes]:
    return datapackage.write(regional)


@pytest.fixture(scope="module")
def package(files: dict[str, bytes]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files["datapackage.json"])
    return document


@pytest.fixture(scope="module")
def frames(files: dict[str, bytes], package: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """Each resource, read by its own schema."""
    return {
        resource["name"]: pl.read_csv(
            io.BytesIO(files[resource["path"]]),
            schema={field["name"]: TYPES[field["type"]] for field in resource["schema"]["fields"]},
        )
        for resource in package["resources"]
    }


def test_the_hash_and_size_of_every_resource_are_those_of_its_file(files, package) -> None:
    assert {resource["path"] for resource in package["resources"]} == {n for n in files if n.startswith("data/")}
    for resource in package["resources"]:
        content = files[resource["path"]]
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert resource["bytes"] == len(content)
        assert not content.startswith(b"\xef\xbb\xbf"), "programs want no byte order mark"


def test_every_resource_reads_by_its_schema_as_the_release_has_it(regional: Excerpt, frames) -> None:
    assert set(frames) == set(regional.tables)
    for name, frame in frames.items():
        assert frame.equals(regional.tables[name]), name


def test_keys_are_unique_and_references_are_met(package, frames) -> None:
    referred = 0
    for resource in package["resources"]:
        schema, frame = resource["schema"], frames[resource["name"]]
        if key := schema.get("primaryKey"):
            assert frame.select(key).is_unique().all(), resource["name"]
            assert frame.select(key).null_count().sum_horizontal().item() == 0
        for reference in schema.get("foreignKeys", []):
            (field,) = reference["fields"]
            known = set(frames[reference["reference"]["resource"]][field])
            assert set(frame[field].drop_nulls()) - {""} <= known, (resource["name"], field)
            referred += 1
    assert referred > 5


def test_an_empty_key_is_told_from_a_missing_value(package) -> None:
    schema = next(r["schema"] for r in package["resources"] if r["name"] == "index_parameter")
    period = next(field for field in schema["fields"] if field["name"] == "time_period")
    value = next(field for field in schema["fields"] if field["name"] == "parameter_value")
    assert period["missingValues"] == [] and "missingValues" not in value and schema["missingValues"] == [""]


def test_the_package_says_what_it_is_and_where_it_comes_from(package, regional: Excerpt) -> None:
    assert package["name"] == "china_regional_innovation" and package["version"] == regional.release_id
    assert {source["source_id"] for source in package["sources"]} == set(regional.tables["source"]["source_id"])
    assert all(source["licence"] for source in package["sources"])
    assert package["left_out"] == []
    assert "created" not in package, "a time would differ between two exports of one release"
