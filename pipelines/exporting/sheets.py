"""The sheets of the workbook of an index: which rows and columns each shows, and under which labels.

Not here: cells, formats and widths (xlsx), the sentences (words).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipelines.exporting import words
from pipelines.exporting.excerpt import Excerpt
from pipelines.exporting.labels import LABELS, MEANINGS

_TABLES: Mapping[str, tuple[str, ...]] = {
    "scores": ("scoreboard", "index_score", "index_node"),
    "ranks": ("index_score", "rank_interval", "ref_area"),
    "weights": ("index_node", "indicator"),
    "data": ("index_input", "index_node", "snapshot"),
    "observations": ("observation", "indicator", "snapshot"),
    "gaps": ("index_node",),
    "parameters": ("index_parameter",),
    "method": ("index_edition",),
    "sources": ("source",),
    "quality": ("quality",),
}


@dataclass(frozen=True)
class Sheet:
    """One sheet: its names, its rows, how many of its first columns stay in view, Chinese labels that are its own.

    `kinds`: what a column holds, where the type alone does not say it: score, share, rank, measure.
    """

    name_en: str
    name_zh: str
    frame: pl.DataFrame
    frozen: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.name_en} {self.name_zh}"

    def label(self, column: str) -> str:
        return self.labels.get(column) or LABELS.get(column, "")


def sheets(excerpt: Excerpt) -> list[Sheet]:
    """Every sheet with rows of its own, in order; the cover comes from `cover`."""
    found = [
        _scores(excerpt), _ranks(excerpt), _weights(excerpt), _data(excerpt), _observations(excerpt), _gaps(excerpt),
        _parameters(excerpt), _method(excerpt), _sources(excerpt), _quality(excerpt),
    ]  # fmt: skip
    return [*found, _meanings(excerpt, found)]


def cover(excerpt: Excerpt, found: list[Sheet]) -> list[tuple[str, str, str]]:
    """The lines of the first sheet: label, text, and how it looks (title, head, text)."""
    lines = [(words.title(excerpt), "", "title")]
    lines += [("", text, "text") for text in (excerpt.note_en, excerpt.note_zh) if text]
    lines += [
        ("Release 发布版本", excerpt.release_id, "text"),
        ("Data as of 数据截至", str(excerpt.data_vintage), "text"),
    ]
    release = excerpt.tables["release"].row(0, named=True)
    if release["as_of"]:
        lines += [("Only what was known on 仅用当日已知数据", str(release["as_of"]), "text")]
    lines += [("Code 代码版本", release["code_version"], "text"), ("Index 指数", excerpt.index_id, "text")]
    lines += [("Editions 版次", "", "head"), *((name, text, "text") for name, text in words.editions(excerpt))]
    lines += [
        ("Newest scores 最新得分", "", "head"),
        *((name, text, "text") for name, text in words.headlines(excerpt)),
    ]
    lines += [("How to read 阅读说明", "", "head")]
    lines += [("", f"{en}\n{zh}", "text") for en, zh in words.HOW_TO_READ]
    if excerpt.left_out:
        lines += [("Left out 未包含", "", "head"), *(("", f"{en}\n{zh}", "text") for en, zh in words.left_out(excerpt))]
    lines += [("Citation 引用", "", "head"), *(("", text, "text") for text in words.citation(excerpt))]
    lines += [("Sheets 工作表", "", "head")]
    return lines + [(sheet.name, f"{sheet.frame.height} rows 行", "text") for sheet in found]


def _scores(excerpt: Excerpt) -> Sheet:
    """One row per edition, area and period: score, rank, change, coverage, and every node above the indicators."""
    key = ["edition_id", "ref_area", "time_period"]
    scores = excerpt.tables["index_score"]
    nodes = _inner_nodes(excerpt).filter(pl.col("node_kind") != "index").unique("node_id", maintain_order=True)
    board = excerpt.tables[excerpt.scoreboard].select(
        "edition_id", "ref_area", "area_name_en", "area_name_zh", "time_period", "score", "score_rank", "change_abs"
    )
    top = scores.filter(pl.col("node_kind") == "index").select(*key, "coverage")
    frame = board.join(top, on=key, how="left", maintain_order="left")
    labels = {}
    for node, en, zh in nodes.select("node_id", "name_en", "name_zh").iter_rows():
        name = f"{node}.score" if node in frame.columns else node
        labels[name] = zh if zh != en else ""
        part = scores.filter(pl.col("node_id") == node).select(*key, pl.col("score").alias(name))
        frame = frame.join(part, on=key, how="left", maintain_order="left")
    kinds = dict.fromkeys(("score", "change_abs", *labels), "score")
    return Sheet("scores", "得分", frame, 5, labels, kinds | {"coverage": "share", "score_rank": "rank"})


def _ranks(excerpt: Excerpt) -> Sheet:
    """One row per edition, node above the indicators, period and area, the best first, with intervals."""
    key = ["edition_id", "node_id", "ref_area", "time_period"]
    intervals = excerpt.tables["rank_interval"]
    places = _inner_nodes(excerpt).select("edition_id", "node_id", "ordinal")
    frame = (
        excerpt.tables["index_score"]
        .join(places, on=["edition_id", "node_id"], how="inner")
        .join(_area_names(excerpt), on="ref_area", how="left")
    )
    for measure in ("rank", "score"):
        part = intervals.filter(pl.col("measure") == measure).select(
            *key, *(pl.col(p).alias(f"{measure}_{p}") for p in ("p05", "p50", "p95")),
            *(["n_runs"] if measure == "score" else []),
        )  # fmt: skip
        frame = frame.join(part, on=key, how="left")
    columns = [
        "edition_id", "node_id", "time_period", "ref_area", "area_name_en", "area_name_zh", "score_rank",
        "areas_ranked", "rank_p05", "rank_p50", "rank_p95", "score", "score_p05", "score_p50", "score_p95", "n_runs",
    ]  # fmt: skip
    ordered = frame.sort(
        "edition_id", "ordinal", "period_start", "time_period", "score_rank", "ref_area", nulls_last=True
    )
    kinds = dict.fromkeys(("score", "score_p05", "score_p50", "score_p95"), "score")
    ranks = dict.fromkeys(("rank_p05", "rank_p50", "rank_p95"), "measure")
    return Sheet("ranks", "排名", ordered.select(columns), 6, kinds=kinds | ranks)


def _weights(excerpt: Excerpt) -> Sheet:
    units = excerpt.tables["unit"].select("unit_id", pl.col("name_en", "name_zh").name.prefix("unit_"))
    indicators = excerpt.tables["indicator"].select("indicator_id", "definition_en", "definition_zh", "unit_id")
    frame = (
        excerpt.tables["index_node"]
        .join(indicators, on="indicator_id", how="left")
        .join(units, on="unit_id", how="left")
        .sort("edition_id", "ordinal")
        .select(
            "edition_id", "ordinal", "node_id", "name_en", "name_zh", "node_kind", "parent_id", "direction", "weight",
            "weight_in_parent", "weight_effective", "normalisation", "aggregation", "coverage_threshold",
            "unit_name_en", "unit_name_zh", "definition_en", "definition_zh",
        )
    )  # fmt: skip
    shares = ("weight_in_parent", "weight_effective", "coverage_threshold")
    return Sheet("weights", "权重", frame, 3, kinds=dict.fromkeys(shares, "share") | {"weight": "measure"})


def _data(excerpt: Excerpt) -> Sheet:
    """One row per edition, indicator, area and period: every stage, and where the raw value stands."""
    places = excerpt.tables["index_node"].select("edition_id", "node_id", "ordinal", "name_en", "name_zh")
    frame = (
        excerpt.tables["index_input"]
        .join(places, on=["edition_id", "node_id"], how="left")
        .join(_area_names(excerpt), on="ref_area", how="left")
        .join(_file_names(excerpt), on=["source_id", "snapshot_id"], how="left")
        .sort("edition_id", "ordinal", "ref_area", "time_period")
        .select(
            "edition_id", "node_id", "ref_area", "time_period", "name_en", "name_zh", "area_name_en", "area_name_zh",
            "raw", "unit_id", "denominated", "imputed", "treated", "normalised", "weight_effective", "is_imputed",
            "imputed_from", "is_treated", "input_note", "source_id", "vintage", "file_name", "locator",
        )
    )  # fmt: skip
    stages = dict.fromkeys(("raw", "denominated", "imputed", "treated"), "measure")
    return Sheet("data", "数据", frame, 4, kinds=stages | {"normalised": "score", "weight_effective": "share"})


def _observations(excerpt: Excerpt) -> Sheet:
    """One row per indicator, area and period as known today: the index's own, and what they are computed from."""
    names = excerpt.tables["indicator"].select("indicator_id", "name_en", "name_zh")
    frame = (
        excerpt.tables["observation"]
        .join(names, on="indicator_id", how="left")
        .join(_area_names(excerpt), on="ref_area", how="left")
        .join(_file_names(excerpt), on=["source_id", "snapshot_id"], how="left")
        .sort("indicator_id", "ref_area", "freq", "time_period")
        .select(
            "indicator_id", "ref_area", "time_period", "name_en", "name_zh", "area_name_en", "area_name_zh",
            "obs_value", "unit_id", "obs_status", "is_derived", "is_corrected", "source_id", "vintage",
            "vintage_basis", "file_name", "locator",
        )
    )  # fmt: skip
    return Sheet("observations", "观测值", frame, 3, kinds={"obs_value": "measure"})


def _gaps(excerpt: Excerpt) -> Sheet:
    """One row per edition and indicator: how many of its values were observed, filled, treated, and are missing."""
    nodes = excerpt.tables["index_node"].select("edition_id", "node_id", "ordinal", "name_en", "name_zh")
    frame = (
        excerpt.tables["index_input"]
        .group_by("edition_id", "node_id")
        .agg(
            values_observed=pl.col("source_id").is_not_null().sum().cast(pl.Int32),
            values_filled=pl.col("is_imputed").sum().cast(pl.Int32),
            values_treated=pl.col("is_treated").sum().cast(pl.Int32),
            values_missing=pl.col("normalised").is_null().sum().cast(pl.Int32),
        )
        .join(nodes, on=["edition_id", "node_id"], how="left")
        .sort("edition_id", "ordinal")
        .select(
            "edition_id", "node_id", "name_en", "name_zh", "values_observed", "values_filled", "values_treated",
            "values_missing",
        )
    )  # fmt: skip
    return Sheet("gaps", "缺口", frame, 2)


def _parameters(excerpt: Excerpt) -> Sheet:
    frame = excerpt.tables["index_parameter"].select(
        "edition_id", "node_id", "time_period", "parameter", "parameter_value"
    )
    return Sheet("parameters", "参数", frame, 2, kinds={"parameter_value": "measure"})


def _method(excerpt: Excerpt) -> Sheet:
    frame = excerpt.tables["index_edition"].select(
        "edition_id", "name_en", "name_zh", "variant_of", "first_period", "last_period", "base_period",
        "method_version", "method_en", "method_zh",
    )  # fmt: skip
    return Sheet("method", "方法", frame, 1)


def _sources(excerpt: Excerpt) -> Sheet:
    counts = excerpt.tables["index_input"].group_by("source_id").agg(values_used=pl.len().cast(pl.Int32))
    used = {source: words.role(excerpt, source) for source in excerpt.tables["source"]["source_id"]}
    english, chinese = ({source: pair[n] for source, pair in used.items()} for n in (0, 1))
    frame = (
        excerpt.tables["source"]
        .join(counts, on="source_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("values_used").fill_null(0),
            used_for_en=pl.col("source_id").replace_strict(english, return_dtype=pl.String),
            used_for_zh=pl.col("source_id").replace_strict(chinese, return_dtype=pl.String),
        )
        .select(
            "source_id", "name_en", "name_zh", "provider", "licence", "redistribute", "citation", "url",
            "latest_vintage", "values_used", "used_for_en", "used_for_zh",
        )
    )  # fmt: skip
    return Sheet("sources", "来源", frame, 1)


def _quality(excerpt: Excerpt) -> Sheet:
    """The checks of this index and of the tables behind it, failed ones first."""
    frame = excerpt.tables["quality"].sort(pl.col("status") == "passed", "check_id").select(
        "check_id", "status", "severity", "table_name", "expectation", "rows_checked", "rows_failed", "observed"
    )  # fmt: skip
    return Sheet("quality", "质量", frame, 1)


def _meanings(excerpt: Excerpt, found: list[Sheet]) -> Sheet:
    """What every column of every sheet means."""
    rows: list[dict[str, Any]] = []
    for sheet in found:
        tables = [excerpt.scoreboard if name == "scoreboard" else name for name in _TABLES[sheet.name_en]]
        known = {column.name: column for name in reversed(tables) for column in excerpt.columns[name]}
        for name in sheet.frame.columns:
            described = known.get(name)
            en, zh = (described.description_en, described.description_zh) if described else _meaning(sheet, name)
            rows.append({"sheet": sheet.name, "column": name, "meaning_en": en, "meaning_zh": zh})
    schema = {"sheet": pl.String, "column": pl.String, "meaning_en": pl.String, "meaning_zh": pl.String}
    return Sheet("columns", "字段", pl.DataFrame(rows, schema=schema), 2)


def _meaning(sheet: Sheet, name: str) -> tuple[str, str]:
    if name in MEANINGS:
        return MEANINGS[name]
    if name in sheet.labels:
        return "Score of the node of that name; empty where coverage is below its threshold.", "该节点的得分。"
    kind = "area" if name.startswith("area_") else "unit" if name.startswith("unit_") else "node"
    zh = {"area": "地区", "unit": "单位", "node": "节点"}[kind]
    language = ("Chinese", "中文") if name.endswith("_zh") else ("English", "英文")
    return f"Name of the {kind} in {language[0]}.", f"{zh}的{language[1]}名称。"


def _inner_nodes(excerpt: Excerpt) -> pl.DataFrame:
    return excerpt.tables["index_node"].filter(pl.col("node_kind") != "indicator").sort("edition_id", "ordinal")


def _file_names(excerpt: Excerpt) -> pl.DataFrame:
    files = excerpt.tables["snapshot"].unique(["source_id", "snapshot_id"], keep="first", maintain_order=True)
    return files.select("source_id", "snapshot_id", "file_name")


def _area_names(excerpt: Excerpt) -> pl.DataFrame:
    return excerpt.tables["ref_area"].select("ref_area", area_name_en="name_en", area_name_zh="name_zh")
