"""Releases of any shape for the tests of the report, staged without a run, and reports read as a browser reads them.

Not here: the assertions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lxml import html

from pipelines.reporting.writing import write_report
from warehouse import publish, tables

BUILT = datetime(2026, 1, 2, 3, 4, 5)
METHOD = (
    "Normalised by min-max to 0-100. Aggregated by the weighted arithmetic mean.",
    "按最小-最大值标准化；加权算术平均。",
)


@dataclass
class Shape:
    """What a made-up release looks like: one index over areas, indicators and periods.

    `gaps`: (area number, period) without a score; `flat`: indicators right below the index; `prefix`: begins every
    name; `claims`: statements of one publication; `factor` multiplies every score (a later release).
    """

    areas: int = 3
    indicators: int = 4
    periods: tuple[str, ...] = ("2018", "2019", "2020", "2021")
    pillars: int = 2
    has_intervals: bool = True
    is_english_only: bool = False
    gaps: frozenset[tuple[int, str]] = frozenset()
    prefix: str = ""
    claims: int = 0
    indices: int = 1
    number: int = 1
    factor: float = 1.0
    catalogue: dict[str, Any] = field(default_factory=dict)

    @property
    def release_id(self) -> str:
        return f"20260101-{self.number:08x}"

    def names(self, what: str, number: int) -> dict[str, str]:
        english = f"{self.prefix}{what} {number}"
        return {"name_en": english, "name_zh": english if self.is_english_only else f"{self.prefix}{what}之{number}"}

    def score(self, area: int, node: int, period: str) -> float | None:
        if (area, period) in self.gaps:
            return None
        year = int(period[:4]) + (int(period[-1]) / 4 if "Q" in period else 0)
        return self.factor * (20 + 60 * ((area * 7 + node * 3) % 11) / 11 + (year - 2018) * (1 + area % 5))


def write(folder: Path, shape: Shape) -> Path:
    """Stage a release of this shape; returns its file."""
    boards = {f"idx{n}": [(f"p{k}", f"P {k}", f"部{k}") for k in range(shape.pillars)] for n in range(shape.indices)}
    declared = tables.tables(boards)
    frames: dict[str, pl.DataFrame | Path] = {name: pl.DataFrame() for name in declared}
    frames |= {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in _facts(shape).items() if rows}
    collected: dict[str, list[dict[str, Any]]] = {}
    for n in range(shape.indices):
        for name, rows in _index(shape, f"idx{n}").items():
            collected.setdefault(name, []).extend(rows)
    frames |= {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in collected.items() if rows}
    frames["dictionary"] = tables.dictionary_rows(declared)
    file = folder / shape.release_id / "indexhouse.duckdb"
    publish.stage(file, frames, declared, shape.release_id)
    return file


def _facts(shape: Shape) -> dict[str, list[dict[str, Any]]]:
    """The tables that are not about an index."""
    source = {
        "source_id": "src", "name_en": f"{shape.prefix}Source", "name_zh": f"{shape.prefix}来源", "provider": "Office",
        "licence": "CC0", "redistribute": False, "citation": "Office (2020)", "url": "https://example.org/data",
        "cadence": "yearly", "max_age_days": 400, "file_scope": "complete", "priority": 1,
        "latest_vintage": date(2026, 1, 1), "latest_retrieved_at": datetime(2026, 1, 1),
    }  # fmt: skip
    snapshot = {
        "source_id": "src", "vintage": date(2026, 1, 1), "retrieved_at": datetime(2026, 1, 1), "snapshot_id": "0" * 16,
        "vintage_basis": "declared", "file_name": "a.csv", "media_type": "text/csv", "size_kb": 1.0, "rows_in": 10,
        "rows_loaded": 7, "rows_unchanged": 1, "rows_quarantined": 1, "rows_excluded": 1,
    }  # fmt: skip
    check = {"check_id": "release.x", "table_name": "observation", "column_name": None, "expectation": "all is well",
             "severity": "warning", "status": "failed", "rows_checked": 10, "rows_failed": 1,
             "observed": f"{shape.prefix}one row"}  # fmt: skip
    claims = [
        {
            "publication_id": "page", "claim_id": f"F{n:03}", "statement_en": f"{shape.prefix}It grew by {n} %.",
            "statement_zh": None if shape.is_english_only else f"增长{n}%。",
            "indicator_id": "ind0", "ref_area": "A000",
            "comparator_area": None, "time_period": "2020", "measure": "level", "formula": "ind0", "qualifier": "over",
            "stated_value": float(n), "stated_low": None, "stated_high": None, "computed_published_low": 1.0,
            "computed_published_high": 1.25, "computed_latest_low": None, "computed_latest_high": 3.0,
            "verdict_as_published": "consistent", "verdict_latest": ("inconsistent", "not_testable")[n % 2],
            "is_vintage_dependent": n % 2 == 0,
            "reason_en": "1 from X, A 2020 = 1 (src, assumed known 2021-06-30 - hindsight): inside.",
            "reason_zh": None,
        }
        for n in range(shape.claims)
    ]  # fmt: skip
    return {
        "release": [{"release_id": shape.release_id, "as_of": None, "data_vintage": date(2026, 1, 1),
                     "code_version": "0.1.0+aaaaaaaa", "catalogue_hash": "c", "input_hash": f"i{shape.number}",
                     "run_id": None, "built_at": BUILT.replace(minute=shape.number)}],
        "source": [source], "snapshot": [snapshot], "quality": [check],
        "unit": [{"unit_id": "u", **shape.names("unit", 0), "base_unit_id": "u", "factor": 1.0}],
        "ref_area": [{"ref_area": f"A{n:03}", **shape.names("area", n), "kind": "province", "parent_area": None}
                     for n in range(shape.areas)],
        "indicator": [
            {"indicator_id": f"ind{n}", **shape.names("indicator", n), "definition_en": None, "definition_zh": None,
             "unit_id": "u", "direction": 1, "kind": "flow", "formula": None, "denominator_id": None,
             "plausible_min": None, "plausible_max": None, "max_yearly_change_pct": None}
            for n in range(shape.indicators)
        ],
        "observation": [
            {"indicator_id": f"ind{k}", "ref_area": f"A{a:03}", "freq": "A", "time_period": p,
             "period_start": _start(p), "period_year": int(p[:4]), "obs_value": shape.score(a, k, p), "decimals": None,
             "unit_id": "u", "obs_status": "A", "source_id": "src", "snapshot_id": "0" * 16, "locator": "A1",
             "vintage": date(2026, 1, 1), "vintage_basis": "declared", "is_corrected": False, "is_derived": False}
            for k in range(min(3, shape.indicators)) for a in range(shape.areas) for p in shape.periods
        ],
        "claim": claims,
    }  # fmt: skip


def _start(period: str) -> date:
    return date(int(period[:4]), 3 * int(period[-1]) - 2 if "Q" in period else 1, 1)


def _index(shape: Shape, index_id: str) -> dict[str, list[dict[str, Any]]]:
    """The tables of one index with one edition."""
    key = {"index_id": index_id, "edition_id": "latest"}
    parents = {f"p{n}": index_id for n in range(shape.pillars)}
    leaves = {f"ind{n}": f"p{n % shape.pillars}" if shape.pillars else index_id for n in range(shape.indicators)}
    tree = [(index_id, None), *parents.items(), *leaves.items()]
    kinds = {index_id: "index"} | dict.fromkeys(parents, "pillar") | dict.fromkeys(leaves, "indicator")
    children = {node: sum(1 for _, parent in tree if parent == node) for node, _ in tree}
    weights: dict[str, float] = {}
    nodes, scores, growth, spans, contributions, intervals, inputs = [], [], [], [], [], [], []
    for n, (node, parent) in enumerate(tree):
        inner = 1.0 if parent is None else 1 / children[parent]
        weights[node] = inner * (weights[parent] if parent else 1.0)
        is_leaf = kinds[node] == "indicator"
        nodes.append({
            **key, "node_id": node, "parent_id": parent, "node_level": 0 if parent is None else 2 if is_leaf else 1,
            "node_kind": kinds[node], "indicator_id": node if is_leaf else None, **shape.names(kinds[node], n),
            "direction": 1 if is_leaf else None, "weight": 1.0, "weight_in_parent": inner,
            "weight_effective": weights[node], "normalisation": "min_max" if is_leaf else None,
            "aggregation": None if is_leaf else "arithmetic",
            "coverage_threshold": None if is_leaf else 0.5, "ordinal": n,
        })  # fmt: skip
        for p, before in zip(shape.periods, (None, *shape.periods[:-1]), strict=True):
            when = {"time_period": p, "period_start": _start(p), "period_year": int(p[:4])}
            found = {a: shape.score(a, n, p) for a in range(shape.areas)}
            ranked = sorted((v for v in found.values() if v is not None), reverse=True)
            for a, score in found.items():
                place = {**key, "node_id": node, "ref_area": f"A{a:03}"}
                rank = None if score is None else ranked.index(score) + 1
                scores.append({**place, **when, "node_level": nodes[-1]["node_level"], "node_kind": kinds[node],
                               "score": score, "score_rank": rank, "areas_ranked": len(ranked), "coverage": 1.0,
                               "method_version": "m"})  # fmt: skip
                earlier = shape.score(a, n, before) if before else None
                change = score - earlier if score is not None and earlier is not None else None
                if n == 0:
                    growth.append({"series_kind": "index", "series_id": index_id, "edition_id": "latest",
                                   "node_id": node, "ref_area": f"A{a:03}", **when, "obs_value": score,
                                   "previous_period": before if earlier is not None else None,
                                   "previous_value": earlier, "change_abs": change, "change_pct": None})  # fmt: skip
                elif p == shape.periods[-1] and change is not None:
                    contributions.append({
                        **place, "time_period": p, "node_kind": kinds[node], "previous_period": before,
                        "contribution": change * weights[node], "contribution_share": 0.5,
                    })  # fmt: skip
                if n == 0 and shape.has_intervals and score is not None:
                    intervals += [
                        {**place, "time_period": p, "measure": m, "point": v, "p05": v - 1, "p50": v, "p95": v + 1,
                         "signal_to_noise": None, "n_runs": 100, "seed": 1}
                        for m, v in (("score", score), ("rank", float(rank or 0)), ("change", change))
                        if v is not None and (m != "rank" or shape.areas > 1)
                    ]  # fmt: skip
                if is_leaf and p == shape.periods[-1]:
                    inputs.append({**place, **when, "raw": score, "denominated": score, "imputed": None,
                                   "treated": score,
                                   "normalised": score, "weight_effective": weights[node], "is_imputed": False,
                                   "imputed_from": None, "is_treated": False, "input_note": None, "unit_id": "u",
                                   "source_id": "src", "snapshot_id": None, "locator": None,
                                   "vintage": date(2026, 1, 1)})  # fmt: skip
        if n < 1 + shape.pillars and len(shape.periods) > 1:
            for a in range(shape.areas):
                first, last = shape.score(a, n, shape.periods[0]), shape.score(a, n, shape.periods[-1])
                if first and last:
                    years = len(shape.periods) - 1.0
                    spans.append({
                        "series_kind": "index", "series_id": index_id, "edition_id": "latest", "node_id": node,
                        "ref_area": f"A{a:03}", "from_period": shape.periods[0], "to_period": shape.periods[-1],
                        "n_years": years, "start_value": first, "end_value": last, "multiple": last / first,
                        "total_pct": 100 * (last / first - 1), "cagr_pct": 100 * ((last / first) ** (1 / years) - 1),
                        "change_per_interval": (last - first) / years, "trend_pct": None, "linear_trend_pct": None,
                    })  # fmt: skip
    edition = {**key, "name_en": "Latest", "name_zh": "最新版", "variant_of": None, "as_of": None,
               "first_period": shape.periods[0], "last_period": shape.periods[-1], "base_period": None,
               "method_version": "m", "method_en": METHOD[0], "method_zh": METHOD[1]}  # fmt: skip
    return {"index_edition": [edition], "index_node": nodes, "index_score": scores, "growth": growth,
            "growth_span": spans, "index_contribution": contributions, "rank_interval": intervals,
            "index_input": inputs}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A report as a browser has it: the file, its text, its parsed document."""

    file: Path

    @property
    def text(self) -> str:
        return self.file.read_text("utf-8")

    @property
    def document(self) -> html.HtmlElement:
        return html.fromstring(self.file.read_bytes(), parser=html.HTMLParser(encoding="utf-8"))

    def rows(self, table_id: str, language: str = "en") -> list[list[str]]:
        """The cells of a table as a reader of one language sees them, without what opens on a click."""
        (found,) = self.document.xpath(f"//table[@id='{table_id}']")
        return [[seen(cell, language) for cell in row] for row in found.xpath("./tbody/tr[not(@class='group')]")]


def seen(element: html.HtmlElement, language: str) -> str:
    """The text of an element in one language."""
    hidden = {"en": "zh-CN", "zh-CN": "en"}[language]
    parts = element.xpath(
        f".//text()[not(ancestor::*[@lang='{hidden}'][not(contains(@class, 'asis'))]) "
        "and not(ancestor::details[@class='more']) and not(ancestor::abbr)]"
    )
    return "".join(parts).strip()


@pytest.fixture(scope="session")
def make_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Page]:
    """Stage a release of a shape and write its report; `root`: beside the releases that are there already."""

    def make(root: Path | None = None, **shape: Any) -> Page:
        found = Shape(**shape)
        folder = root or tmp_path_factory.mktemp("release")
        return Page(write_report(write(folder, found), {"catalogue": found.catalogue}, folder))

    return make


@pytest.fixture(scope="session")
def builtin_page(builtin) -> Page:
    """The report of the built-in release, as the run itself published it."""
    (file,) = builtin.folder.glob("*/report.html")
    return Page(file)
