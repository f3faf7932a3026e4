"""What a release knows about the entries of a catalogue: series, vintages, files, scores; nothing where none is out.

Every question is asked once per page, so that a release of any size is read in small pieces.
Not here: how pages show it (pages).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from warehouse.db import Connection

Row = dict[str, Any]
MOST_AREAS = 300
MOST_VINTAGES = 60


@dataclass(frozen=True)
class Series:
    """The values of one area in the order of time, in the unit of the indicator; a gap is None."""

    ref_area: str
    values: tuple[float | None, ...]
    first: str
    last: str
    count: int
    latest: float | None
    source_id: str


@dataclass(frozen=True)
class IndicatorFacts:
    """What a release holds of one indicator. `cut`: how many further areas there are."""

    freq: str = ""
    first: str = ""
    last: str = ""
    values: int = 0
    series: tuple[Series, ...] = ()
    cut: int = 0
    vintages: tuple[Row, ...] = ()
    vintages_cut: int = 0
    revisions: int = 0
    sources: tuple[Row, ...] = ()


@dataclass(frozen=True)
class SourceFacts:
    """What a release holds of one source."""

    snapshots: tuple[Row, ...] = ()
    indicators: tuple[Row, ...] = ()
    quarantined: tuple[Row, ...] = ()


@dataclass(frozen=True)
class IndexFacts:
    """What a release holds of one index: its editions, the tree and the scores of each."""

    editions: tuple[Row, ...] = ()
    nodes: dict[str, list[Row]] = field(default_factory=dict)
    scores: dict[str, tuple[Series, ...]] = field(default_factory=dict)
    ranks: dict[str, dict[str, int]] = field(default_factory=dict)


class Facts:
    """The facts of one release, or none of them where `con` is None."""

    def __init__(self, con: Connection | None) -> None:
        self._con = con

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement as dictionaries by column; none without a release."""
        if self._con is None:
            return []
        found = self._con.execute(sql, list(parameters))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def release(self) -> Row | None:
        rows = self.rows("select release_id, as_of, data_vintage, catalogue_hash, built_at from release")
        return rows[0] if rows else None

    def counts(self) -> dict[str, int]:
        """Indicator -> how many values are in use."""
        found = self.rows("select indicator_id, count(*)::integer as n from observation group by all")
        return {row["indicator_id"]: row["n"] for row in found}

    def area_counts(self) -> dict[str, int]:
        found = self.rows("select ref_area, count(*)::integer as n from observation group by all")
        return {row["ref_area"]: row["n"] for row in found}

    def indicator(self, indicator_id: str) -> IndicatorFacts:
        """Series at the frequency that has the most values, one per area; vintages newest first."""
        observed = self.rows(
            "select ref_area, freq, time_period, period_start, obs_value, source_id from observation "
            "where indicator_id = ? order by ref_area, period_start, time_period",
            [indicator_id],
        )
        if not observed:
            return IndicatorFacts()
        by_freq: dict[str, list[Row]] = {}
        for row in observed:
            by_freq.setdefault(row["freq"], []).append(row)
        freq, rows = max(by_freq.items(), key=lambda item: (len(item[1]), item[0]))
        series = _series(rows, "obs_value")
        vintages = self.rows(
            "select source_id, vintage, vintage_basis, count(*)::integer as n, "
            "count(*) filter (where is_corrected)::integer as corrected from observation_vintage "
            "where indicator_id = ? group by all order by vintage desc, source_id",
            [indicator_id],
        )
        revisions = self.rows("select count(*)::integer as n from revision where indicator_id = ?", [indicator_id])
        sources = self.rows(
            "select source_id, count(*)::integer as n from observation where indicator_id = ? "
            "group by all order by n desc, source_id",
            [indicator_id],
        )
        return IndicatorFacts(
            freq=freq,
            first=str(min((row["period_start"], row["time_period"]) for row in rows)[1]),
            last=str(max((row["period_start"], row["time_period"]) for row in rows)[1]),
            values=len(observed),
            series=series[:MOST_AREAS],
            cut=max(0, len(series) - MOST_AREAS),
            vintages=tuple(vintages[:MOST_VINTAGES]),
            vintages_cut=max(0, len(vintages) - MOST_VINTAGES),
            revisions=revisions[0]["n"],
            sources=tuple(sources),
        )

    def source(self, source_id: str) -> SourceFacts:
        """Files newest first; the indicators that it said something about; what is quarantined, by reason."""
        return SourceFacts(
            tuple(
                self.rows(
                    "select file_name, vintage, vintage_basis, retrieved_at, size_kb, rows_in, rows_loaded, "
                    "rows_unchanged, rows_quarantined, rows_excluded from snapshot where source_id = ? "
                    "order by vintage desc, retrieved_at desc, file_name",
                    [source_id],
                )
            ),
            tuple(
                self.rows(
                    "select v.indicator_id, count(*)::integer as n, coalesce(any_value(o.n), 0)::integer as used "
                    "from observation_vintage v left join (select indicator_id, source_id, count(*) as n "
                    "from observation group by all) o on v.indicator_id = o.indicator_id "
                    "and v.source_id = o.source_id where v.source_id = ? "
                    "group by v.indicator_id order by v.indicator_id",
                    [source_id],
                )
            ),
            tuple(
                self.rows(
                    "select reason_code, reason_en, reason_zh, count(*)::integer as n from quarantine "
                    "where source_id = ? group by all order by n desc, reason_code",
                    [source_id],
                )
            ),
        )

    def index(self, index_id: str) -> IndexFacts:
        """Editions in the order of the release; of each the tree and the score of every area over time."""
        editions = self.rows(
            "select edition_id, name_en, name_zh, variant_of, as_of, first_period, last_period, base_period, "
            "method_version, method_en, method_zh from index_edition where index_id = ? "
            "order by variant_of is not null, as_of is null, as_of, edition_id",
            [index_id],
        )
        found = IndexFacts(tuple(editions))
        for edition in editions:
            key = [index_id, edition["edition_id"]]
            found.nodes[edition["edition_id"]] = self.rows(
                "select node_id, parent_id, node_level, node_kind, indicator_id, name_en, name_zh, direction, "
                "weight_in_parent, weight_effective, normalisation, aggregation from index_node "
                "where index_id = ? and edition_id = ? order by ordinal",
                key,
            )
            scores = self.rows(
                "select ref_area, time_period, period_start, score, score_rank, '' as source_id from index_score "
                "where index_id = ? and edition_id = ? and node_id = index_id "
                "order by ref_area, period_start, time_period",
                key,
            )
            found.scores[edition["edition_id"]] = _series(scores, "score")
            last = max((row["period_start"] for row in scores), default=date.min)
            found.ranks[edition["edition_id"]] = {
                row["ref_area"]: row["score_rank"] for row in scores if row["period_start"] == last
            }
        return found

    def claims(self, publication_id: str) -> list[Row]:
        return self.rows(
            "select claim_id, statement_en, statement_zh, verdict_as_published, verdict_latest, reason_en, reason_zh "
            "from claim where publication_id = ? order by claim_id",
            [publication_id],
        )


def _series(rows: list[Row], column: str) -> tuple[Series, ...]:
    """One series per area; the values stand at the periods of all areas together, missing ones are None."""
    periods = sorted({(row["period_start"], row["time_period"]) for row in rows})
    place = {period: position for position, period in enumerate(periods)}
    by_area: dict[str, list[Row]] = {}
    for row in rows:
        by_area.setdefault(row["ref_area"], []).append(row)
    found = []
    for ref_area, own in by_area.items():
        values: list[float | None] = [None] * len(periods)
        for row in own:
            values[place[row["period_start"], row["time_period"]]] = row[column]
        known = [row for row in own if row[column] is not None] or own
        first, last = known[0], known[-1]
        found.append(
            Series(ref_area, tuple(values), first["time_period"], last["time_period"], len(known), last[column],
                   last["source_id"])
        )  # fmt: skip
    return tuple(found)
