"""An index as a Frictionless data package: datapackage.json with schemas and hashes, CSV for programs (no byte order
mark), README.md.

Not here: the CSV itself (cells), CSV for spreadsheets (csv_folder).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import polars as pl

from pipelines.exporting import words
from pipelines.exporting.cells import csv_bytes
from pipelines.exporting.csv_folder import PAGE, meaning
from pipelines.exporting.excerpt import Column, Excerpt

DESCRIPTOR = "datapackage.json"
FOLDER = "data"
_TYPES = {
    "VARCHAR": "string",
    "INTEGER": "integer",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "datetime",
}
_REFERENCES = {"indicator_id": "indicator", "unit_id": "unit", "ref_area": "ref_area", "source_id": "source"}


def write(excerpt: Excerpt) -> dict[str, bytes]:
    """The files of the package by name."""
    files = {f"{FOLDER}/{name}.csv": csv_bytes(frame) for name, frame in excerpt.tables.items()}
    resources = [_resource(excerpt, name, files[f"{FOLDER}/{name}.csv"]) for name in excerpt.tables]
    listed = [(f"{FOLDER}/{name}.csv", *meaning(excerpt, name)) for name in excerpt.tables]
    files[PAGE] = words.page(excerpt, listed).encode()
    files[DESCRIPTOR] = (json.dumps(_package(excerpt, resources), ensure_ascii=False, indent=1) + "\n").encode()
    return files


def _package(excerpt: Excerpt, resources: list[dict[str, Any]]) -> dict[str, Any]:
    en, zh = words.citation(excerpt)
    notes = [f"{en} {zh}" for en, zh in (*words.HOW_TO_READ, *words.left_out(excerpt))]
    about = [text for text in (excerpt.note_en, excerpt.note_zh) if text]
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": excerpt.index_id,
        "id": f"{excerpt.index_id}/{excerpt.release_id}",
        "title": words.title(excerpt),
        "description": "\n\n".join([*about, *notes]),
        "version": excerpt.release_id,
        "sources": [_source(row) for row in excerpt.tables["source"].iter_rows(named=True)],
        "keywords": ["composite index", "综合指数", excerpt.index_id],
        "citation": f"{en} {zh}",
        "left_out": [{"indicator_id": each.indicator_id, "sources": list(each.sources)} for each in excerpt.left_out],
        "resources": resources,
    }


def _source(row: dict[str, Any]) -> dict[str, Any]:
    document = {
        "title": f"{row['name_en']} {row['name_zh']}" if row["name_en"] != row["name_zh"] else row["name_en"],
        "path": row["url"],
        "source_id": row["source_id"],
        "provider": row["provider"],
        "licence": row["licence"],
        "citation": row["citation"],
    }
    return {key: value for key, value in document.items() if value is not None}


def _resource(excerpt: Excerpt, name: str, content: bytes) -> dict[str, Any]:
    en, zh = meaning(excerpt, name)
    return {
        "name": name,
        "path": f"{FOLDER}/{name}.csv",
        "description": f"{en} {zh}",
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "schema": _schema(excerpt, name),
    }


def _schema(excerpt: Excerpt, name: str) -> dict[str, Any]:
    frame, columns = excerpt.tables[name], excerpt.columns[name]
    schema: dict[str, Any] = {"fields": [_field(frame, column) for column in columns], "missingValues": [""]}
    if key := [column.name for column in columns if column.is_key]:
        schema["primaryKey"] = key
    references = [
        {"fields": [field], "reference": {"resource": table, "fields": [field]}}
        for field, table in _REFERENCES.items()
        if field in frame.columns and table != name and _all_known(frame, excerpt.tables[table], field)
    ]
    if references:
        schema["foreignKeys"] = references
    return schema


def _field(frame: pl.DataFrame, column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": _TYPES[column.type],
        "description": f"{column.description_en} {column.description_zh}",
    }
    if column.unit_id:
        field["unit"] = column.unit_id
    if column.is_key:
        field["constraints"] = {"required": True}
        if column.type == "VARCHAR" and "" in frame[column.name]:
            field["missingValues"] = []  # the empty text is a key here: "not applicable"
    return field


def _all_known(frame: pl.DataFrame, listed: pl.DataFrame, field: str) -> bool:
    return (
        frame.filter(pl.col(field).is_not_null() & (pl.col(field) != "")).join(listed, on=field, how="anti").is_empty()
    )
