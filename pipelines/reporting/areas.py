"""Figures of the areas in the newest period: ranks with intervals, small multiples, parts side by side.

Not here: the course over time (over_time), contributions (movement). Nothing for an index of one area.
"""

from __future__ import annotations

from pipelines.reporting import charts
from pipelines.reporting.chapter import AreaScore, Chapter
from pipelines.reporting.figure import Cell, Column, Figure, Line, Table, Value, limited, signed
from pipelines.reporting.over_time import AREA, SHOWN_AREAS, axis_of, values_of
from pipelines.reporting.text import Words, listed, number, period, same, span

SHOWN_DOTS = 60
SHOWN_PLOTS = 40
SHOWN_PARTS = 12
LEAST_PLOTS = 4


def figures(chapter: Chapter) -> list[Figure]:
    """Ranks, then one plot for each area, then the parts of each."""
    if chapter.is_single:
        return []
    found = [_ranks(chapter), _plots(chapter), _parts(chapter)]
    return [each for each in found if each is not None]


def _ranks(chapter: Chapter) -> Figure:
    """Ranks with their intervals where there are any, else scores."""
    scored = [area for area in chapter.areas if area.score is not None]
    has_rank = any("rank" in area.interval for area in scored)
    dots = [_dot(area, has_rank, chapter) for area in scored[:SHOWN_DOTS]]
    if has_rank:
        top = max([chapter.areas_ranked, *(area.interval["rank"].high for area in scored if "rank" in area.interval)])
        chart = charts.intervals(dots, (0.5, top + 0.5), Words("Rank", "排名"))
        unit = Words("Rank, 1 is best; bar: 90 % interval; right: score", "排名，1为最优；横条：90%区间；右侧：得分")
    else:
        chart = charts.intervals(dots, None, Words("Score", "得分"), chapter.decimals)
        unit = Words("Score", "得分")
        if any("score" in area.interval for area in scored):
            unit += Words("; bar: 90 % interval", "；横条：90%区间")
    note = None
    if len(scored) > SHOWN_DOTS:
        note = Words(
            f"The chart shows the first {SHOWN_DOTS} of {len(scored)} areas.",
            f"图中为{len(scored)}个地区中的前{SHOWN_DOTS}个。",
        )
    kept, cut = limited(_rank_lines(chapter), SHOWN_AREAS, Words("the best ranked ones", "排名最前者"))
    when = period(chapter.period)
    title = Words(f"Ranks and how sure they are, {when.en}", f"排名及其可靠程度，{when.zh}") if has_rank else Words(
        f"Areas by score, {when.en}", f"各地区得分，{when.zh}")  # fmt: skip
    return Figure(
        f"{chapter.index_id}-ranks", title, unit, _said(chapter, scored, has_rank), chart if len(scored) > 1 else None,
        Table(f"{chapter.index_id}-ranks-table", Words(f"Scores and ranks, {when.en}", f"得分与排名，{when.zh}"),
              _rank_columns(chapter), kept, None, cut),
        (), note,
    )  # fmt: skip


def _dot(area: AreaScore, has_rank: bool, chapter: Chapter) -> charts.Dot:
    interval = area.interval.get("rank" if has_rank else "score")
    decimals = 0 if has_rank else chapter.decimals
    value = (None if area.rank is None else float(area.rank)) if has_rank else area.score
    low, high = interval.ends if interval else (None, None)
    between = f" ({number(low, decimals)}–{number(high, decimals)})" if interval else ""
    score = number(area.score, chapter.decimals)
    return charts.Dot(area.name, value, low, high, score, number(value, decimals) + between)


def _said(chapter: Chapter, scored: list[AreaScore], has_rank: bool) -> Words:
    first = listed([area.name for area in scored[:3]])
    lead = Words(f"In front: {first.en}.", f"居前者：{first.zh}。")
    if not has_rank:
        return lead
    firm = sum(1 for a in scored if (i := a.interval.get("rank")) and i.high - i.low <= 2)
    return lead + Words(f" The interval of {firm} of {len(scored)} areas is no wider than two places.",
                        f"{len(scored)}个地区中有{firm}个的排名区间不超过两位。")  # fmt: skip


def _rank_columns(chapter: Chapter) -> list[Column]:
    has = {measure for area in chapter.areas for measure in area.interval}
    columns = [Column(Words("Rank", "排名")), AREA, Column(Words("Score", "得分"))]
    if "score" in has:
        columns.append(Column(Words("90 % interval of the score", "得分90%区间")))
    if "rank" in has:
        columns.append(Column(Words("90 % interval of the rank", "排名90%区间")))
    if chapter.previous_period:
        columns += [
            Column(
                Words(f"Change on {period(chapter.previous_period).en}", f"比{period(chapter.previous_period).zh}变化")
            )
        ]
        if "change" in has:
            columns.append(Column(Words("90 % interval of the change", "变化90%区间")))
        columns.append(
            Column(Words(f"Rank in {period(chapter.previous_period).en}", f"{period(chapter.previous_period).zh}排名"))
        )
    return [*columns, Column(Words("Coverage, %", "覆盖率，%"))]


def _rank_lines(chapter: Chapter) -> list[Line]:
    has = {measure for area in chapter.areas for measure in area.interval}
    lines: list[Line] = []
    for area in chapter.areas:
        ends = {measure: interval.ends for measure, interval in area.interval.items()}
        cells: list[Value] = [number(area.rank, 0), area.name, number(area.score, chapter.decimals)]
        if "score" in has:
            cells.append(span(ends.get("score"), chapter.decimals))
        if "rank" in has:
            cells.append(span(ends.get("rank"), 0))
        if chapter.previous_period:
            cells.append(signed(area.change, chapter.decimals))
            if "change" in has:
                cells.append(span(ends.get("change"), chapter.decimals, True))
            cells.append(number(area.previous_rank, 0))
        lines.append([*cells, number(None if area.coverage is None else 100 * area.coverage, 0)])
    return lines


def _plots(chapter: Chapter) -> Figure | None:
    """Small multiples on common scales; their numbers stand in the table of the index over time."""
    periods = [p for p in chapter.periods if any(
        chapter.score(chapter.main.edition_id, a.ref_area, p) is not None for a in chapter.areas)]  # fmt: skip
    shown = [area for area in chapter.areas if area.score is not None][:SHOWN_PLOTS]
    if len(shown) < LEAST_PLOTS or len(periods) < 3:
        return None
    series = [
        (area.name + same(f"  {number(area.score, chapter.decimals)}"), values_of(chapter, chapter.main, area.ref_area))
        for area in shown
    ]
    note = Words("The numbers stand in the table of the index over time, above.", "数值见上文指数走势的表。")
    if len(shown) < len(chapter.areas):
        note = Words(f"The first {len(shown)} areas by rank. ", f"排名前{len(shown)}的地区。") + note
    return Figure(
        f"{chapter.index_id}-plots",
        Words("Every area on the same scale", "各地区走势（同一刻度）"),
        chapter.unit,
        Words(
            f"One small plot for each of {len(shown)} areas, from {period(periods[0]).en} to "
            f"{period(periods[-1]).en}, best ranked first.",
            f"{len(shown)}个地区各一小图，{period(periods[0]).zh}至{period(periods[-1]).zh}，按排名排列。",
        ),
        charts.small_multiples(axis_of(chapter, periods), series, chapter.decimals),
        None,
        (),
        note,
    )


def _parts(chapter: Chapter) -> Figure | None:
    """The parts of each area side by side, the darker the higher; a table that is its own picture."""
    pillars = chapter.pillars[:SHOWN_PARTS]
    if len(pillars) < 2:
        return None
    rows = chapter.release.rows(
        "select s.node_id, s.ref_area, s.score, s.score_rank from index_score s "
        "join index_node n using (index_id, edition_id, node_id) "
        "where s.index_id = ? and s.edition_id = ? and s.time_period = ? and n.parent_id = ?",
        [chapter.index_id, chapter.main.edition_id, chapter.period, chapter.root.node_id],
    )
    scores = {(row["node_id"], row["ref_area"]): row for row in rows}
    lines: list[Line] = []
    limits = {}
    for node in pillars:
        known = [r["score"] for (n, _), r in scores.items() if n == node.node_id and r["score"] is not None]
        limits[node.node_id] = (min(known, default=0.0), max(known, default=0.0))
    for area in chapter.areas:
        cells: list[Value] = [area.name, number(area.score, chapter.decimals)]
        for node in pillars:
            row = scores.get((node.node_id, area.ref_area))
            score = row["score"] if row else None
            low, high = limits[node.node_id]
            share = (score - low) / (high - low) if score is not None and high > low else None
            cells.append(Cell(same(number(score, chapter.decimals)), share=share))
        lines.append(cells)
    kept, cut = limited(lines, SHOWN_AREAS, Words("the best ranked ones", "排名最前者"))
    note = None
    if len(pillars) < len(chapter.pillars):
        note = Words(
            f"The first {len(pillars)} of {len(chapter.pillars)} parts.",
            f"{len(chapter.pillars)}个部分中的前{len(pillars)}个。",
        )
    when = period(chapter.period)
    return Figure(
        f"{chapter.index_id}-pillars",
        Words(f"The parts of every area, {when.en}", f"各地区的各部分得分，{when.zh}"),
        chapter.unit,
        Words(
            "Each column is shaded on its own: the darker, the higher the score.", "每列单独着色：颜色越深，得分越高。"
        ),
        None,
        Table(
            f"{chapter.index_id}-pillars-table",
            Words("Scores of the parts by area", "各地区各部分得分"),
            [AREA, Column(Words("Index", "总指数")), *(Column(node.name) for node in pillars)],
            kept,
            note,
            cut,
        ),
    )
