"""An index as a folder of CSV files for spreadsheets: one per table, csv-metadata.json (CSV on the Web), README.md.

The CSV files begin with a byte order mark: without it Excel takes UTF-8 for the local code page and shows Chinese as
noise; pandas, R, DuckDB and Polars skip it. Not here: files for programs (datapackage), which have none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipelines.exporting import words
from pipelines.exporting.cells import csv_bytes
from pipelines.exporting.excerpt import Column, Excerpt

METADATA = "csv-metadata.json"
PAGE = "README.md"
_DATATYPES: dict[str, Any] = {
    "VARCHAR": "string",
    "INTEGER": "integer",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": {"base": "dateTime", "format": "yyyy-MM-ddTHH:mm:ssX"},
}
MEANINGS: Mapping[str, tuple[str, str]] = {
    "release": ("the release that this was taken from", "所取自的发布版本"),
    "index_edition": ("editions and the method in words", "版次与方法说明"),
    "index_node": ("the tree with its weights", "指标树与权重"),
    "index_score": ("scores and ranks of every node", "各节点得分与排名"),
    "rank_interval": ("intervals of scores, ranks and changes", "得分、排名与变化的区间"),
    "index_input": ("every stage of every value, with source and place", "每个数值的各处理阶段及来源位置"),
    "index_parameter": ("parameters that the method estimated or was given", "方法估计或给定的参数"),
    "index_contribution": ("what each part contributed to the change", "各部分对变化的贡献"),
    "growth": ("change of every score since the period before", "各得分较上期的变化"),
    "growth_span": ("growth of every score over several periods", "各得分多期增长"),
    "sensitivity": ("which choice of the method matters most", "方法选择的敏感性"),
    "coherence": ("whether the parts belong together", "各部分的内在一致性"),
    "observation": ("observations of the indicators, and of what they are computed from", "指标及其计算输入的观测值"),
    "indicator": ("definitions of the indicators, and of what they are computed from", "指标及其计算输入的定义"),
    "unit": ("units of measure", "计量单位"),
    "ref_area": ("areas", "地区"),
    "source": ("sources with licence and citation", "来源、许可与引用"),
    "snapshot": ("files that the values were read from", "数值所在的文件"),
    "quality": ("checks and their outcome", "检查及结果"),
}
_BOARD = ("the index in one wide table: score, rank, change, pillars", "指数宽表：得分、排名、变化、一级指标")


def write(excerpt: Excerpt) -> dict[str, bytes]:
    """The files of the folder by name."""
    files = {f"{name}.csv": csv_bytes(frame, bom=True) for name, frame in excerpt.tables.items()}
    files[METADATA] = _json(_metadata(excerpt))
    listed = [(f"{name}.csv", *meaning(excerpt, name)) for name in excerpt.tables]
    listed.append((METADATA, "what every column means (W3C CSV on the Web)", "各列含义（W3C CSV on the Web）"))
    files[PAGE] = words.page(excerpt, listed).encode()
    return files


def meaning(excerpt: Excerpt, table: str) -> tuple[str, str]:
    """What a table holds, English and Chinese."""
    return _BOARD if table == excerpt.scoreboard else MEANINGS[table]


def _metadata(excerpt: Excerpt) -> dict[str, Any]:
    en, zh = words.citation(excerpt)
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "dc:title": words.title(excerpt),
        "dc:description": " ".join(f"{en} {zh}" for en, zh in (*words.HOW_TO_READ, *words.left_out(excerpt))),
        "dc:bibliographicCitation": f"{en} {zh}",
        "dc:identifier": f"{excerpt.index_id}/{excerpt.release_id}",
        "dc:modified": excerpt.data_vintage.isoformat(),
        "dc:source": [
            f"{row['name_en']} ({row['source_id']}), {row['provider']}; {row['licence']}"
            for row in excerpt.tables["source"].iter_rows(named=True)
        ],
        "dialect": {"encoding": "utf-8", "lineTerminators": ["\n"]},
        "tables": [_table(excerpt, name) for name in excerpt.tables],
    }


def _table(excerpt: Excerpt, name: str) -> dict[str, Any]:
    en, zh = meaning(excerpt, name)
    columns = excerpt.columns[name]
    schema: dict[str, Any] = {"columns": [_column(column) for column in columns]}
    if key := [column.name for column in columns if column.is_key]:
        schema["primaryKey"] = key
    return {"url": f"{name}.csv", "dc:description": f"{en} {zh}", "tableSchema": schema}


def _column(column: Column) -> dict[str, Any]:
    # An empty key is the empty text, "not applicable"; anywhere else an empty cell is missing.
    absent: dict[str, Any] = {"null": []} if column.is_key and column.type == "VARCHAR" else {}
    return {
        "name": column.name,
        "titles": column.name,
        "datatype": _DATATYPES[column.type],
        **absent,
        "dc:description": f"{column.description_en} {column.description_zh}",
    }


def _json(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()
