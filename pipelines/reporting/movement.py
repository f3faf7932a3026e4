"""Figures of what moved the index since the period before: the contributions of its parts.

Not here: how they are computed (pipelines.index.contribute).
"""

from __future__ import annotations

from pipelines.reporting import bars, charts
from pipelines.reporting.chapter import Chapter, Node
from pipelines.reporting.figure import Cell, Column, Figure, Line, Mark, Table, Value, limited, signed
from pipelines.reporting.over_time import AREA, SHOWN_AREAS
from pipelines.reporting.reading import Row
from pipelines.reporting.text import Words, number, period

MOST_STEPS = 30
SHOWN_STEPS = 24
SHOWN_BARS = 40
SHOWN_PARTS = 7
Steps = list[tuple[Words, float | None, bool]]


def figures(chapter: Chapter) -> list[Figure]:
    """The way from the score before to this one for the only or leading area; then all areas by their parts."""
    if chapter.previous_period is None:
        return []
    found = [_one(chapter)] if chapter.focus.change is not None else []
    if not chapter.is_single and len(chapter.pillars) > 1:
        found.append(_all(chapter))
    return [each for each in found if each is not None]


def _one(chapter: Chapter) -> Figure | None:
    area = chapter.focus
    rows = chapter.release.rows(
        "select node_id, contribution, contribution_share from index_contribution where index_id = ? "
        "and edition_id = ? and ref_area = ? and time_period = ? and contribution is not null",
        [chapter.index_id, chapter.main.edition_id, area.ref_area, chapter.period],
    )
    added: dict[str, Row] = {row["node_id"]: row for row in rows}
    before = chapter.score(chapter.main.edition_id, area.ref_area, chapter.previous_period)
    if not added or before is None or area.score is None:
        return None
    steps, rule = _steps(chapter, added)
    then, now = period(chapter.previous_period), period(chapter.period)
    d = chapter.decimals
    parts = [(added[n.node_id]["contribution"], n) for n in chapter.pillars if n.node_id in added]
    up, down = max(parts, key=lambda pair: pair[0]), min(parts, key=lambda pair: pair[0])
    text = Words(
        f"From {number(before, d)} to {number(area.score, d)} ({number(area.change, d, True)}). "
        f"Most came from {up[1].name.en} ({number(up[0], d, True)})",
        f"由{number(before, d)}变为{number(area.score, d)}（{number(area.change, d, True)}）。"
        f"贡献最大的是{up[1].name.zh}（{number(up[0], d, True)}）",
    )
    if down[1] != up[1]:
        text += Words(
            f", least from {down[1].name.en} ({number(down[0], d, True)})",
            f"，最小的是{down[1].name.zh}（{number(down[0], d, True)}）",
        )
    title = Words(f"What moved it, {then.en} to {now.en}", f"变动来源，{then.zh}至{now.zh}")
    if not chapter.is_single:
        title = area.name + Words(": ", "：") + Words(title.en[0].lower() + title.en[1:], title.zh)
    return Figure(
        f"{chapter.index_id}-moved", title, Words("points of the index", "指数点"), text + Words(".", "。"),
        bars.waterfall(steps, before, area.score, then, now, d), _table(chapter, added), (), rule,
    )  # fmt: skip


def _steps(chapter: Chapter, added: dict[str, Row]) -> tuple[Steps, Words | None]:
    """The bars: the indicators under their pillars; where they are too many the pillars; of those the largest."""
    leaves = [node for node in chapter.leaves if node.node_id in added]
    if len(leaves) + len(chapter.pillars) > MOST_STEPS:
        parts = [node for node in chapter.pillars if node.node_id in added]
        by_size = sorted(parts, key=lambda n: -abs(added[n.node_id]["contribution"]))
        kept = by_size[:SHOWN_STEPS]
        steps: Steps = [(n.name, added[n.node_id]["contribution"], False) for n in parts if n in kept]
        if left := by_size[SHOWN_STEPS:]:
            rest = sum(added[n.node_id]["contribution"] for n in left)
            steps.append((Words(f"{len(left)} others", f"其余{len(left)}项"), rest, False))
            return steps, Words(
                f"The {SHOWN_STEPS} largest contributions; the others in one bar.",
                f"贡献最大的{SHOWN_STEPS}项，其余合并。",
            )
        return steps, None
    steps = []
    for pillar in chapter.pillars:
        mine = [node for node in leaves if chapter.pillar_of(node) == pillar]
        if mine == [pillar]:
            steps.append((pillar.name, added[pillar.node_id]["contribution"], False))
        elif mine:
            steps.append((pillar.name, added.get(pillar.node_id, {}).get("contribution"), True))
            steps += [(node.name, added[node.node_id]["contribution"], False) for node in mine]
    return steps, None


def _table(chapter: Chapter, added: dict[str, Row]) -> Table:
    lines: list[Line] = []
    for node in chapter.nodes[1:]:
        row = added.get(node.node_id)
        if row is None:
            continue
        share = None if row["contribution_share"] is None else 100 * row["contribution_share"]
        lines.append([
            Cell(node.name, kind=f"level{min(node.level, 4)}"), signed(row["contribution"], chapter.decimals + 1),
            number(share, 1),
        ])  # fmt: skip
    kept, cut = limited(lines, SHOWN_AREAS, Words("in the order of the tree", "按树中次序"))
    caption = Words("Contributions to the change", "对变化的贡献")
    note = Words(
        "The indicators sum to the change of the index; those of a part sum to the part.",
        "各指标之和为总指数的变化；某部分的指标之和为该部分的贡献。",
    )
    columns = [
        Column(Words("Part", "部分"), "text"),
        Column(Words("Points", "点")),
        Column(Words("Share of the change, %", "占变化的比重，%")),
    ]
    return Table(f"{chapter.index_id}-moved-table", caption, columns, kept, note, cut)


def _all(chapter: Chapter) -> Figure | None:
    """Every area: its change, and what each part added."""
    rows = chapter.release.rows(
        "select c.node_id, c.ref_area, c.contribution from index_contribution c "
        "join index_node n using (index_id, edition_id, node_id) "
        "where c.index_id = ? and c.edition_id = ? and c.time_period = ? and n.parent_id = ? "
        "and c.contribution is not null",
        [chapter.index_id, chapter.main.edition_id, chapter.period, chapter.root.node_id],
    )
    added = {(row["ref_area"], row["node_id"]): row["contribution"] for row in rows}
    size = {node.node_id: sum(abs(v) for (_, n), v in added.items() if n == node.node_id) for node in chapter.pillars}
    largest = sorted(chapter.pillars, key=lambda n: -size[n.node_id])
    single = largest if len(largest) <= SHOWN_PARTS + 1 else largest[:SHOWN_PARTS]
    shown = [node for node in chapter.pillars if node in single]
    rest = [node for node in chapter.pillars if node not in single]
    marks = [Mark(node.name, charts.SERIES[n], "bar") for n, node in enumerate(shown)]
    if rest:
        marks.append(Mark(Words(f"{len(rest)} other parts", f"其余{len(rest)}个部分"), charts.MUTED, "bar"))
    moved = [area for area in chapter.areas if area.change is not None and any(a == area.ref_area for a, _ in added)]
    moved.sort(key=lambda area: (-(area.change or 0.0), area.ref_area))
    if not moved:
        return None

    def parts_of(ref_area: str) -> list[float | None]:
        values = [added.get((ref_area, node.node_id)) for node in shown]
        return [*values, _total(added, ref_area, rest)] if rest else values

    drawn = moved
    note = None
    if len(moved) > SHOWN_BARS:
        far = sorted(moved, key=lambda area: -abs(area.change or 0.0))[:SHOWN_BARS]
        drawn = [area for area in moved if area in far]
        note = Words(
            f"The chart shows the {SHOWN_BARS} areas that changed most.", f"图中为变化最大的{SHOWN_BARS}个地区。"
        )
    d = chapter.decimals
    lines: list[Line] = []
    for area in moved:
        cells: list[Value] = [area.name, signed(area.change, d)]
        lines.append([*cells, *(signed(value, d) for value in parts_of(area.ref_area))])
    kept, cut = limited(lines, SHOWN_AREAS, Words("the largest rises", "升幅最大者"))
    then, now = period(chapter.previous_period), period(chapter.period)
    first, last = moved[0], moved[-1]
    most, least = number(first.change, d, True), number(last.change, d, True)
    text = Words(
        f"Largest rise: {first.name.en} ({most}); at the other end: {last.name.en} ({least}).",
        f"升幅最大的是{first.name.zh}（{most}），另一端是{last.name.zh}（{least}）。",
    )
    return Figure(
        f"{chapter.index_id}-moved-all",
        Words(f"What moved each area, {then.en} to {now.en}", f"各地区变动来源，{then.zh}至{now.zh}"),
        Words("points of the index; dot: sum", "指数点；圆点：合计"),
        text,
        bars.parts_by_area([(a.name, a.change, parts_of(a.ref_area)) for a in drawn], marks, d),
        Table(
            f"{chapter.index_id}-moved-all-table",
            Words("Change by area and part", "各地区各部分的变化"),
            [AREA, Column(Words("Change", "变化")), *(Column(mark.name) for mark in marks)],
            kept,
            None,
            cut,
        ),
        tuple(marks),
        note,
    )


def _total(added: dict[tuple[str, str], float], ref_area: str, nodes: list[Node]) -> float | None:
    known = [added[ref_area, node.node_id] for node in nodes if (ref_area, node.node_id) in added]
    return sum(known) if known else None
