"""Figures of an index over time: its editions against each other, or its areas; and its parts.

Not here: the newest period (areas), why it moved (movement).
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.reporting import charts
from pipelines.reporting.chapter import Chapter, Edition, said
from pipelines.reporting.figure import Column, Figure, Line, Mark, Table, Value, limited, signed
from pipelines.reporting.text import Words, listed, number, period, same, short_period, span

SHOWN_EDITIONS = 6
SHOWN_LINES = 8
LEADERS = 5
SHOWN_AREAS = 250
SHOWN_PERIODS = 24
SHOWN_PAIRS = 60
PERIOD = Column(Words("Period", "时期"), "code")
AREA = Column(Words("Area", "地区"), "text")


def figures(chapter: Chapter) -> list[Figure]:
    """What the index did over time. Nothing for a single period."""
    found = []
    if chapter.is_single:
        found.append(_one_area(chapter))
        if len(chapter.pillars) > 1:
            found.append(_parts(chapter))
    else:
        found.append(_many_areas(chapter))
        if compared := _compared(chapter):
            found.append(compared)
    return [each for each in found if each.table is not None and each.table.lines]


def axis_of(chapter: Chapter, periods: Sequence[str] | None = None) -> charts.Axis:
    return charts.Axis(chapter.periods if periods is None else periods, chapter.place)


def values_of(chapter: Chapter, edition: Edition, ref_area: str) -> dict[str, float | None]:
    """Period -> score of an area in an edition."""
    return {p: row["score"] for p, row in chapter.scores.get(edition.edition_id, {}).get(ref_area, {}).items()}


def compared_edition(chapter: Chapter) -> tuple[Edition, str] | None:
    """The edition that the main one is held against, and the newest period that both have."""
    for edition in chapter.others:
        mine, other = (chapter.scores.get(e.edition_id, {}) for e in (chapter.main, edition))
        common = [
            p for p in chapter.periods
            if any(chapter.score(edition.edition_id, a, p) is not None for a in other)
            and any(chapter.score(chapter.main.edition_id, a, p) is not None for a in mine)
        ]  # fmt: skip
        if common:
            return edition, common[-1]
    return None


def _one_area(chapter: Chapter) -> Figure:
    """Every edition of the only area, with the interval of the main one and published series beside it."""
    area = chapter.focus.ref_area
    editions = chapter.editions[:SHOWN_EDITIONS]
    series = [
        charts.Series(Mark(said(edition), charts.SERIES[n], "line", charts.DASHES[n]),
                      values_of(chapter, edition, area), is_strong=n == 0)
        for n, edition in enumerate(editions)
    ]  # fmt: skip
    band = _band(chapter, area)
    points = _benchmarks(chapter)
    legend = [each.mark for each in (*series, *points)]
    if band:
        legend.insert(1, Mark(Words("90 % interval", "90%区间"), "var(--accent)", "area"))
    many = len(chapter.periods) > 1
    return Figure(
        f"{chapter.index_id}-time",
        Words("The index over time", "指数走势"),
        chapter.unit,
        _course(chapter, values_of(chapter, chapter.main, area)),
        charts.lines(axis_of(chapter), series, chapter.decimals, band, points) if many else None,
        _edition_table(chapter, editions, band, points),
        tuple(legend) if many else (),
        _benchmark_note(chapter),
    )


def _course(chapter: Chapter, values: dict[str, float | None]) -> Words:
    known = [(p, v) for p in chapter.periods if (v := values.get(p)) is not None]
    (first, low), (last, high) = known[0], known[-1]
    d = chapter.decimals
    if len(known) == 1:
        return Words(f"{number(high, d)} in {period(last).en}.", f"{period(last).zh}为{number(high, d)}。")
    top = max(known, key=lambda pair: pair[1])
    more = Words("", "")
    if top[0] not in (first, last):
        more = Words(f", with its highest value, {number(top[1], d)}, in {period(top[0]).en}",
                     f"，最高值为{period(top[0]).zh}的{number(top[1], d)}")  # fmt: skip
    return Words(
        f"From {number(low, d)} in {period(first).en} to {number(high, d)} in {period(last).en}{more.en}.",
        f"由{period(first).zh}的{number(low, d)}变为{period(last).zh}的{number(high, d)}{more.zh}。",
    )


def _band(chapter: Chapter, area: str) -> dict[str, tuple[float, float]]:
    """Period -> interval of the score of the main edition."""
    rows = chapter.release.rows(
        "select time_period, p05, p95 from rank_interval where index_id = ? and edition_id = ? and node_id = ? "
        "and ref_area = ? and measure = 'score' and p05 is not null and p95 is not null",
        [chapter.index_id, chapter.main.edition_id, chapter.root.node_id, area],
    )
    found = {row["time_period"]: (row["p05"], row["p95"]) for row in rows}
    return {p: found[p] for p in chapter.periods if p in found}


def _benchmarks(chapter: Chapter) -> list[charts.Series]:
    """Published series that the catalogue shows beside the index."""
    found = []
    for n, entry in enumerate(chapter.release.entry("indices", chapter.index_id).get("benchmarks", [])):
        rows = chapter.release.rows(
            "select time_period, obs_value from observation where indicator_id = ? and ref_area = ? "
            "and obs_value is not null",
            [entry.get("indicator"), entry.get("area")],
        )
        values = {row["time_period"]: row["obs_value"] for row in rows if row["time_period"] in chapter.place}
        if values:
            mark = Mark(chapter.release.indicator(entry["indicator"]), charts.SERIES[5 + n % 3], "diamond")
            found.append(charts.Series(mark, dict(values)))
    return found


def _benchmark_note(chapter: Chapter) -> Words | None:
    entries = chapter.release.entry("indices", chapter.index_id).get("benchmarks", [])
    notes = [Words(e.get("note_en") or e["note_zh"], e.get("note_zh") or e["note_en"])
             for e in entries if e.get("note_en") or e.get("note_zh")]  # fmt: skip
    return Words(" ".join(n.en for n in notes), "".join(n.zh for n in notes)) if notes else None


def _edition_table(
    chapter: Chapter, editions: list[Edition], band: dict[str, tuple[float, float]], points: list[charts.Series]
) -> Table:
    area, d = chapter.focus.ref_area, chapter.decimals
    against = compared_edition(chapter)
    columns = [PERIOD, *(Column(said(edition)) for edition in editions)]
    if band:
        columns.insert(2, Column(Words("90 % interval", "90%区间")))
    if against:
        columns.append(Column(Words(f"Difference to {against[0].edition_id}", f"与{against[0].edition_id}版之差")))
    columns += [Column(each.mark.name) for each in points]
    lines: list[Line] = []
    for p in reversed(chapter.periods):
        scores = [chapter.score(edition.edition_id, area, p) for edition in editions]
        if all(score is None for score in scores) and not any(p in each.values for each in points):
            continue
        cells: list[Value] = [short_period(p), *(number(score, d) for score in scores)]
        if band:
            cells.insert(2, span(band.get(p), d))
        if against:
            then = chapter.score(against[0].edition_id, area, p)
            cells.append(number(scores[0] - then if scores[0] is not None and then is not None else None, d, True))
        cells += [number(each.values.get(p), d) for each in points]
        lines.append(cells)
    shown, cut = limited(lines, SHOWN_AREAS, Words("the newest ones", "最新者"))
    left = len(chapter.editions) - len(editions)
    note = (
        Words(f"{left} more editions stand in the table index_score.", f"另有{left}个版次见index_score表。")
        if left
        else None
    )
    caption = Words("Score by edition, newest period first", "各版次得分（最新时期在前）")
    return Table(f"{chapter.index_id}-time-table", caption, columns, shown, note, cut)


def _parts(chapter: Chapter) -> Figure:
    """The pillars of the only area over time."""
    area, d = chapter.focus.ref_area, chapter.decimals
    rows = chapter.release.rows(
        "select s.node_id, s.time_period, s.score, i.p05, i.p95 from index_score s "
        "join index_node n using (index_id, edition_id, node_id) "
        "left join rank_interval i on i.index_id = s.index_id and i.edition_id = s.edition_id "
        "and i.node_id = s.node_id and i.ref_area = s.ref_area and i.time_period = s.time_period "
        "and i.measure = 'score' "
        "where s.index_id = ? and s.edition_id = ? and s.ref_area = ? and n.parent_id = ?",
        [chapter.index_id, chapter.main.edition_id, area, chapter.root.node_id],
    )
    scores = {(row["node_id"], row["time_period"]): row for row in rows}
    heaviest = sorted(chapter.pillars, key=lambda node: -(node.weight_effective or 0.0))[:SHOWN_LINES]
    shown = [node for node in chapter.pillars if node in heaviest]
    series = [
        charts.Series(
            Mark(node.name, charts.SERIES[n], "line", charts.DASHES[n]),
            {p: row["score"] for p in chapter.periods if (row := scores.get((node.node_id, p)))},
        )
        for n, node in enumerate(shown)
    ]
    columns = [Column(Words("Part", "部分"), "text"), Column(Words("Weight, %", "权重，%")),
               Column(period(chapter.period)), Column(Words("90 % interval", "90%区间"))]  # fmt: skip
    before = chapter.previous_period
    if before:
        columns += [Column(period(before)), Column(Words("Change", "变化"))]
    has_interval = any(row["p05"] is not None for row in rows if row["time_period"] == chapter.period)
    if not has_interval:
        columns.pop(3)
    lines: list[Line] = []
    for node in chapter.pillars:
        row = scores.get((node.node_id, chapter.period), {})
        value = row.get("score")
        weight = None if node.weight_effective is None else 100 * node.weight_effective
        cells: list[Value] = [node.name, number(weight), number(value, d)]
        if has_interval:
            cells.append(span((row.get("p05"), row.get("p95")), d))
        if before:
            then = scores.get((node.node_id, before), {}).get("score")
            change = value - then if value is not None and then is not None else None
            cells += [number(then, d), number(change, d, True)]
        lines.append(cells)
    kept, cut = limited(lines, SHOWN_AREAS, Words("in the order of the tree", "按树中次序"))
    cut_lines = None
    if len(shown) < len(chapter.pillars):
        cut_lines = Words(
            f"The chart shows the {len(shown)} parts of the largest weight.", f"图中为权重最大的{len(shown)}个部分。"
        )
    ranked = sorted(
        (n for n in chapter.pillars if scores.get((n.node_id, chapter.period), {}).get("score") is not None),
        key=lambda n: -scores[n.node_id, chapter.period]["score"],
    )
    return Figure(
        f"{chapter.index_id}-parts", Words("Its parts over time", "各部分走势"), chapter.unit,
        _extremes(ranked[0].name, ranked[-1].name, chapter) if ranked else same(""),
        charts.lines(axis_of(chapter), series, d) if len(chapter.periods) > 1 else None,
        Table(f"{chapter.index_id}-parts-table", Words("Scores of the parts", "各部分得分"), columns, kept, None, cut),
        tuple(each.mark for each in series) if len(chapter.periods) > 1 else (), cut_lines,
    )  # fmt: skip


def _extremes(high: Words, low: Words, chapter: Chapter) -> Words:
    when = period(chapter.period)
    return Words(f"Highest in {when.en}: {high.en}; lowest: {low.en}.", f"{when.zh}最高为{high.zh}，最低为{low.zh}。")


def _many_areas(chapter: Chapter) -> Figure:
    """All areas of the main edition; the leading ones in colour."""
    coloured = chapter.areas[: SHOWN_LINES if chapter.is_few else LEADERS]
    series = [
        charts.Series(
            Mark(area.name, charts.SERIES[n], "line", charts.DASHES[n]), values_of(chapter, chapter.main, area.ref_area)
        )
        for n, area in enumerate(coloured)
    ]
    rest = [
        charts.Series(
            Mark(area.name, charts.MUTED), values_of(chapter, chapter.main, area.ref_area), is_background=True
        )
        for area in chapter.areas[len(coloured) : SHOWN_AREAS]
    ]
    legend = [each.mark for each in series]
    if rest:
        legend.append(Mark(Words("other areas", "其他地区"), charts.MUTED))
    periods = [p for p in chapter.periods if any(
        chapter.score(chapter.main.edition_id, a.ref_area, p) is not None for a in chapter.areas)]  # fmt: skip
    shown = periods[-SHOWN_PERIODS:]
    lines: list[Line] = [
        [
            area.name,
            *(number(chapter.score(chapter.main.edition_id, area.ref_area, p), chapter.decimals) for p in shown),
        ]
        for area in chapter.areas
    ]
    kept, cut = limited(lines, SHOWN_AREAS, Words("the best ranked ones", "排名最前者"))
    note = None
    if len(shown) < len(periods):
        note = Words(
            f"The last {len(shown)} of {len(periods)} periods.", f"{len(periods)}个时期中的最近{len(shown)}个。"
        )
    named = listed([area.name for area in coloured[:3]])
    alternative = Words(
        f"In front in {period(chapter.period).en}: {named.en}.", f"{period(chapter.period).zh}居前者为{named.zh}。"
    )
    return Figure(
        f"{chapter.index_id}-time", Words("The index over time", "指数走势"), chapter.unit, alternative,
        charts.lines(axis_of(chapter, periods), [*rest, *series], chapter.decimals) if len(periods) > 1 else None,
        Table(f"{chapter.index_id}-time-table", Words("Score by area and period", "各地区各时期得分"),
              [AREA, *(Column(same(short_period(p))) for p in shown)], kept, note, cut),
        tuple(legend) if len(periods) > 1 else (),
    )  # fmt: skip


def _compared(chapter: Chapter) -> Figure | None:
    """Each area in an earlier edition and in the main one, in the newest period of both."""
    against = compared_edition(chapter)
    if against is None:
        return None
    edition, p = against
    d = chapter.decimals
    found = []
    for area in chapter.areas:
        now = chapter.scores[chapter.main.edition_id].get(area.ref_area, {}).get(p, {})
        then = chapter.scores[edition.edition_id].get(area.ref_area, {}).get(p, {})
        if now.get("score") is not None or then.get("score") is not None:
            found.append((area, then, now))
    found.sort(key=lambda each: (each[2].get("score_rank") or 10**9, each[0].ref_area))
    lines: list[Line] = []
    for area, then, now in found:
        both = then.get("score") is not None and now.get("score") is not None
        moved = then["score_rank"] - now["score_rank"] if both and then["score_rank"] and now["score_rank"] else None
        lines.append([
            area.name, number(then.get("score"), d), number(now.get("score"), d),
            number(now["score"] - then["score"] if both else None, d, True), number(then.get("score_rank"), 0),
            number(now.get("score_rank"), 0), signed(moved, 0),
        ])  # fmt: skip
    kept, cut = limited(lines, SHOWN_AREAS, Words("the best ranked ones", "排名最前者"))
    marks = (
        Mark(said(edition), charts.SERIES[1], "diamond"),
        Mark(said(chapter.main), charts.ACCENT, "dot"),
    )
    changed = sum(1 for _, then, now in found if then.get("score_rank") != now.get("score_rank"))
    when = period(p)
    note = None
    if len(found) > SHOWN_PAIRS:
        note = Words(f"The chart shows the first {SHOWN_PAIRS} areas by rank.", f"图中为排名前{SHOWN_PAIRS}的地区。")
    columns = [
        AREA,
        Column(Words(f"Score, {edition.edition_id}", f"得分，{edition.edition_id}版")),
        Column(Words(f"Score, {chapter.main.edition_id}", f"得分，{chapter.main.edition_id}版")),
        Column(Words("Difference", "差")),
        Column(Words(f"Rank, {edition.edition_id}", f"排名，{edition.edition_id}版")),
        Column(Words(f"Rank, {chapter.main.edition_id}", f"排名，{chapter.main.edition_id}版")),
        Column(Words("Places gained", "名次变动")),
    ]
    return Figure(
        f"{chapter.index_id}-editions",
        Words(f"Editions compared, {when.en}", f"版次比较，{when.zh}"),
        chapter.unit,
        Words(
            f"{changed} of {len(found)} areas have another rank than in edition {edition.edition_id}.",
            f"{len(found)}个地区中有{changed}个的排名与{edition.edition_id}版不同。",
        ),
        charts.pairs(
            [(a.name, then.get("score"), now.get("score")) for a, then, now in found[:SHOWN_PAIRS]], *marks, d
        ),
        Table(
            f"{chapter.index_id}-editions-table",
            Words("Scores and ranks by edition", "各版次得分与排名"),
            columns,
            kept,
            None,
            cut,
        ),
        marks,
        note,
    )
