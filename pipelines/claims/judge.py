"""Verdicts on every statement of a publication, as published and with the latest data: the table `claim`.

Not here: picking values (evidence), computing (compute), wording (reason); no files, no database.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import polars as pl

from pipelines.claims.compute import Computed, compute
from pipelines.claims.evidence import Knowledge, Panel, preferred
from pipelines.claims.interval import Interval, NothingFitsError, UndefinedError, point
from pipelines.claims.reason import Finding, describe
from pipelines.claims.stated import stated_interval, verdict_of
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.claim import Claim, Publication, names_in
from warehouse.catalogue.load import Catalogue

CLAIM_SCHEMA = {
    "publication_id": pl.String, "claim_id": pl.String, "statement_en": pl.String, "statement_zh": pl.String,
    "indicator_id": pl.String, "ref_area": pl.String, "comparator_area": pl.String, "time_period": pl.String,
    "measure": pl.String, "formula": pl.String, "qualifier": pl.String, "stated_value": pl.Float64,
    "stated_low": pl.Float64, "stated_high": pl.Float64, "computed_published_low": pl.Float64,
    "computed_published_high": pl.Float64, "computed_latest_low": pl.Float64,
    "computed_latest_high": pl.Float64,
    "verdict_as_published": pl.String, "verdict_latest": pl.String, "is_vintage_dependent": pl.Boolean,
    "reason_en": pl.String, "reason_zh": pl.String,
}  # fmt: skip

NOTHING_FITS = ("no whole number fits the statements that it joins", "没有整数能同时符合所涉及的各项表述")


def judge(catalogue: Catalogue, rows: pl.DataFrame, as_of: date | None = None) -> pl.DataFrame:
    """Judge all statements of all publications of a catalogue.

    In: rows of `observation_vintage` of all sources, one per key, source and vintage; as_of: the day of the
    release, None for everything known.
    Out: one row per (publication_id, claim_id), sorted, in the columns of the contract table `claim` (without
    release_id).
    A publication that is younger than as_of is judged with the data of as_of.
    """
    knowledge = Knowledge.of(catalogue)
    parts = [
        judge_publication(publication_id, publication, rows, knowledge, as_of)
        for publication_id, publication in sorted(catalogue.claims.items())
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=CLAIM_SCHEMA)


def judge_publication(
    publication_id: str,
    publication: Publication,
    rows: pl.DataFrame,
    knowledge: Knowledge,
    as_of: date | None = None,
) -> pl.DataFrame:
    """Judge one publication: see `judge`. Its own sources are never evidence."""
    relevant = rows.filter(pl.col("indicator_id").is_in(sorted(_indicators_used(publication, knowledge))))
    published_on = publication.published_on if as_of is None else min(publication.published_on, as_of)
    then, today = (
        Panel(preferred(relevant, day, knowledge.priority, publication.own_sources)) for day in (published_on, as_of)
    )
    records = []
    for claim_id, claim in sorted(publication.statements.items()):
        findings = [_find(publication_id, claim_id, claim, publication, panel, knowledge) for panel in (then, today)]
        records.append(_record(publication_id, claim_id, claim, findings[0], findings[1], published_on, knowledge))
    return pl.DataFrame(records, schema=CLAIM_SCHEMA, orient="row")


def _indicators_used(publication: Publication, knowledge: Knowledge) -> set[str]:
    """Every indicator that a formula mentions, and what those are computed from in turn."""
    waiting = [c.expression for c in publication.statements.values() if c.expression]
    found: set[str] = set()
    while waiting:
        for name in names_in(waiting.pop()).indicators - found:
            found.add(name)
            if name in knowledge.formulas:
                waiting.append(knowledge.formulas[name])
    return found


def _find(
    publication_id: str,
    claim_id: str,
    claim: Claim,
    publication: Publication,
    panel: Panel,
    knowledge: Knowledge,
) -> Finding:
    """One judgement of one statement on the values of one panel."""
    stated = stated_interval(claim)
    if claim.not_testable:
        why = claim.not_testable
        return Finding("not_testable", None, Computed(), stated, _unstopped(why.reason_en), _unstopped(why.reason_zh))
    assert stated is not None
    try:
        basis = compute(claim, publication, panel, knowledge)
    except UndefinedError as error:
        why_en, why_zh = f"not testable, {error.reason_en}", f"无法检验，{error.reason_zh}"
        return Finding("not_testable", None, Computed(), stated, why_en, why_zh)
    except NothingFitsError:
        return Finding("inconsistent", None, Computed(), stated, *NOTHING_FITS)
    except IndexhouseError as error:
        raise IndexhouseError(f"claims/{publication_id}.yml: {claim_id}: {error}") from None
    if basis.value is None:
        return Finding("not_testable", None, basis, stated)
    computed = (basis.value * point(1 / knowledge.factors.get(claim.unit, 1.0))).rounded()
    return Finding(verdict_of(claim, computed, stated), computed, basis, stated)


def _record(
    publication_id: str,
    claim_id: str,
    claim: Claim,
    then: Finding,
    today: Finding,
    published_on: date,
    knowledge: Knowledge,
) -> tuple[Any, ...]:
    reason_en, reason_zh = describe(then, today, published_on.isoformat(), knowledge)
    if claim.not_testable:
        reason_en, reason_zh = claim.not_testable.reason_en, claim.not_testable.reason_zh
    reason_en += f" {claim.note_en}" if claim.note_en else ""
    reason_zh += claim.note_zh or claim.note_en
    depends = "not_testable" not in (then.verdict, today.verdict) and then.verdict != today.verdict
    return (
        publication_id, claim_id, claim.statement_en, claim.statement_zh, claim.indicator, claim.ref_area,
        claim.comparator_area, claim.time_period, claim.measure, claim.expression, claim.qualifier,
        claim.stated_value, *_ends(then.stated), *_ends(then.computed), *_ends(today.computed),
        then.verdict, today.verdict, depends, reason_en, reason_zh,
    )  # fmt: skip


def _ends(x: Interval | None) -> tuple[float | None, float | None]:
    """Ends for the table: rounded to 12 significant digits, None for infinity and for no interval."""
    if x is None:
        return None, None
    x = x.rounded()
    return (None if math.isinf(x.low) else x.low), (None if math.isinf(x.high) else x.high)


def _unstopped(text: str) -> str:
    return text.rstrip(".。")
