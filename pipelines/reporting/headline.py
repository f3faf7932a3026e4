"""The headline numbers of each index: the newest score, its change, how sure they are, who leads.

Not here: the lines that a run prints (pipelines.marts.headlines).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.reporting.chapter import AreaScore, Chapter, Interval
from pipelines.reporting.growing import intervals
from pipelines.reporting.text import Words, listed, number, period, same, span

LEADERS = 3


@dataclass(frozen=True)
class Number:
    """One large number: what it is, the number, and a line below it."""

    label: Words
    value: str
    detail: Words | None = None
    kind: str = ""


@dataclass(frozen=True)
class Headline:
    """One index in a few numbers and a sentence."""

    chapter: Chapter
    lead: Words
    numbers: list[Number]


def headline(chapter: Chapter) -> Headline:
    """The newest period of the main edition of an index."""
    return _one(chapter) if chapter.is_single else _many(chapter)


def _one(chapter: Chapter) -> Headline:
    area, d, when = chapter.focus, chapter.decimals, period(chapter.period)
    base = Words("", "") if chapter.base_value is None else Words(f" ({chapter.unit.en})", f"（{chapter.unit.zh}）")
    lead = Words(f"{area.name.en} stood at {number(area.score, d)} in {when.en}{base.en}",
                 f"{when.zh}{area.name.zh}为{number(area.score, d)}{base.zh}")  # fmt: skip
    if area.change is not None:
        before = period(chapter.previous_period)
        size = number(abs(area.change), d)
        direction = Words("above", "提高") if area.change > 0 else Words("below", "下降")
        if round(area.change, d) == 0:
            lead += Words(f", as in {before.en}", f"，与{before.zh}持平")
        else:
            lead += Words(f", {size} {direction.en} {before.en}", f"，比{before.zh}{direction.zh}{size}")
    numbers = [
        Number(
            Words(f"Index, {when.en}", f"指数，{when.zh}"),
            number(area.score, d),
            _between(area.interval.get("score"), d),
        )
    ]
    if area.change is not None:
        numbers.append(
            Number(
                Words(f"Change on {period(chapter.previous_period).en}", f"比{period(chapter.previous_period).zh}变化"),
                number(area.change, d, True),
                _between(area.interval.get("change"), d, True),
                _kind(area.change),
            )
        )
    return Headline(chapter, lead + Words(".", "。"), [*numbers, *_since_start(chapter)])


def _since_start(chapter: Chapter) -> list[Number]:
    """Growth per year since the first score, with its number of intervals."""
    rows = chapter.release.rows(
        "select from_period, n_years, cagr_pct from growth_span where series_kind = 'index' and series_id = ? "
        "and edition_id = ? and node_id = ? and ref_area = ? and to_period = ? and cagr_pct is not null "
        "order by n_years desc limit 1",
        [chapter.index_id, chapter.main.edition_id, chapter.root.node_id, chapter.focus.ref_area, chapter.period],
    )
    return [
        Number(
            Words(f"Growth a year since {period(r['from_period']).en}", f"{period(r['from_period']).zh}以来年均增长"),
            f"{number(r['cagr_pct'], 1, True)} %",
            intervals(r["n_years"]),
        )
        for r in rows
    ]


def _many(chapter: Chapter) -> Headline:
    d, when = chapter.decimals, period(chapter.period)
    scored = [area for area in chapter.areas if area.score is not None]
    first, rest = scored[0], scored[1:LEADERS]
    lead = Words(f"{first.name.en} leads {len(scored)} areas in {when.en} with {number(first.score, d)}",
                 f"{when.zh}{len(scored)}个地区中，{first.name.zh}以{number(first.score, d)}居首")  # fmt: skip
    if rest:
        after = listed(
            [Words(f"{a.name.en} ({number(a.score, d)})", f"{a.name.zh}（{number(a.score, d)}）") for a in rest]
        )
        lead += Words(f", ahead of {after.en}", f"，其次为{after.zh}")
    lead += Words(".", "。") + _movers(scored, chapter)
    return Headline(chapter, lead, [_place(area, chapter) for area in scored[:LEADERS]])


def _movers(scored: list[AreaScore], chapter: Chapter) -> Words:
    moved = [area for area in scored if area.change is not None]
    if len(moved) < 2:
        return Words("", "")
    d, before = chapter.decimals, period(chapter.previous_period)
    top, low = max(moved, key=lambda a: a.change or 0.0), min(moved, key=lambda a: a.change or 0.0)
    if round(top.change or 0.0, d) == round(low.change or 0.0, d):
        return Words("", "")
    most, least = number(top.change, d, True), number(low.change, d, True)
    return Words(
        f" Since {before.en}, {top.name.en} moved up most ({most}), {low.name.en} least ({least}).",
        f"与{before.zh}相比，{top.name.zh}升幅最大（{most}），{low.name.zh}最小（{least}）。",
    )


def _place(area: AreaScore, chapter: Chapter) -> Number:
    d = chapter.decimals
    parts = []
    if area.change is not None:
        change = number(area.change, d, True)
        sure = area.interval.get("change")
        text = Words(f"change {change}", f"变化{change}")
        if sure:
            ends = span(sure.ends, d, True)
            text += Words(f" ({ends.en})", f"（{ends.zh}）")
        parts.append(text)
    if rank := area.interval.get("rank"):
        ends = span(rank.ends, 0)
        parts.append(Words(f"rank {ends.en}", f"排名区间{ends.zh}"))
    detail = Words("; ".join(p.en for p in parts), "；".join(p.zh for p in parts)) if parts else None
    return Number(same(f"{area.rank}  ") + area.name if area.rank else area.name, number(area.score, d), detail)


def _between(interval: Interval | None, decimals: int, sign: bool = False) -> Words | None:
    if interval is None:
        return None
    ends = span(interval.ends, decimals, sign)
    return Words(f"90 % interval {ends.en}", f"90%区间{ends.zh}")


def _kind(change: float) -> str:
    return "up" if change > 0 else "down" if change < 0 else ""
