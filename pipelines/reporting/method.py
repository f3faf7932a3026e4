"""How an index is made: the method in words and formulas, the tree with weights, indicators, what it hangs on.

Not here: computing it (pipelines.index), how sure it is (robustness), the sources of the whole release (quality).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.reporting import formulas, robustness
from pipelines.reporting.chapter import Chapter, Edition, said
from pipelines.reporting.figure import Cell, Column, Line, Table, Value, limited
from pipelines.reporting.text import MISSING, Words, number, same, significant, words

SHOWN_NODES = 250
SHOWN_PARAMETERS = 150
_NAME = re.compile(r"[a-z][a-z0-9_]*")
DIRECTIONS: dict[int | None, Words] = {
    1: Words("more is better", "正向"),
    -1: Words("less is better", "逆向"),
    0: Words("neither", "中性"),
}
KINDS = {
    "index": Words("index", "总指数"),
    "pillar": Words("pillar", "一级"),
    "sub_pillar": Words("sub-pillar", "二级"),
    "indicator": Words("indicator", "指标"),
}
METHODS = {
    "none": Words("as it is", "不标准化"),
    "min_max": Words("min-max", "最小-最大值"),
    "z_score": Words("z-score", "z分数"),
    "rank": Words("rank", "排名"),
    "borda": Words("Borda count", "Borda计分"),
    "percentile_rank": Words("percentile rank", "百分位排名"),
    "goalposts": Words("goalposts", "目标区间"),
    "distance_to_target": Words("distance to target", "目标距离"),
    "distance_to_reference": Words("distance to a reference", "参照距离"),
    "fraction_of_max": Words("fraction of the best", "占最优值之比"),
    "base_ratio": Words("ratio to the base period", "定基比"),
    "ampi": Words("AMPI", "AMPI"),
    "arithmetic": Words("arithmetic mean", "算术平均"),
    "geometric": Words("geometric mean", "几何平均"),
    "harmonic": Words("harmonic mean", "调和平均"),
    "power_mean": Words("power mean", "幂平均"),
    "median": Words("median", "中位数"),
    "min": Words("lowest part", "取最小值"),
    "copeland": Words("Copeland", "Copeland法"),
    "mpi": Words("MPI", "MPI"),
    "topsis": Words("TOPSIS", "TOPSIS法"),
    "benefit_of_the_doubt": Words("benefit of the doubt", "最有利权重法"),
    "chain_symmetric": Words("chain of symmetric growth rates", "对称增长率链式"),
    "chain_geometric": Words("chain of ratios", "几何链式"),
    "laspeyres": Words("Laspeyres", "拉氏指数"),
    "paasche": Words("Paasche", "帕氏指数"),
    "fisher": Words("Fisher", "费雪指数"),
    "tornqvist": Words("Törnqvist", "特恩奎斯特指数"),
}
OPTIONS = {
    "scope=reference": Words("frozen on a reference", "参数固定于参照期"),
    "scope=period": Words("each period", "逐期"),
    "scope=given": Words("given parameters", "给定参数"),
}


@dataclass(frozen=True)
class Shown:
    """A formula ready for the page: its name, its MathML, the same as a line of text, and what the letters mean."""

    name: Words
    mathml: str
    line: str
    where: Words


@dataclass(frozen=True)
class Method:
    """Everything about how one index is made."""

    steps: list[Words]
    formulas: list[Shown]
    tables: list[Table]
    differing: list[tuple[Words, Words]]


def method(chapter: Chapter) -> Method:
    """The method of the main edition; editions by another method in a sentence each."""
    parts = (_tree, _indicators, _editions, robustness.choices, robustness.left_out, robustness.coherence, _parameters)
    found = [part(chapter) for part in parts]
    return Method(
        sentences(chapter.main),
        _formulas(chapter),
        [table for table in found if table is not None and table.lines],
        [(said(each), each.method) for each in chapter.others if each.version != chapter.main.version],
    )


def sentences(edition: Edition) -> list[Words]:
    """The method in a list of sentences; as one where the two languages do not have as many."""
    en = [part.strip().rstrip(".") + "." for part in edition.method.en.split(". ") if part.strip()]
    zh = [part.strip() + "。" for part in edition.method.zh.replace("；", "。").split("。") if part.strip()]
    if not en and not zh:
        return []
    return [Words(*pair) for pair in zip(en, zh, strict=True)] if len(en) == len(zh) else [edition.method]


def plain(method_text: str | None) -> str:
    """The name of a method without its options: min_max(scope=reference) is min_max."""
    return (method_text or "").partition("(")[0]


def method_name(method_text: str | None) -> Words:
    """A method as a reader knows it, with its options as the tables have them."""
    name = METHODS.get(plain(method_text), same(plain(method_text) or MISSING))
    options = (method_text or "").partition("(")[2].removesuffix(")")
    if not options:
        return name
    told = OPTIONS.get(options, same(options))
    return name + Words(f" ({told.en})", f"（{told.zh}）")


def _formulas(chapter: Chapter) -> list[Shown]:
    found = []
    for kind, known in (("normalisation", formulas.NORMALISE), ("aggregation", formulas.AGGREGATE)):
        for name in dict.fromkeys(plain(getattr(node, kind)) for node in chapter.nodes):
            if formula := known.get(name):
                what = (
                    Words("Score of an indicator: ", "指标得分：")
                    if kind == "normalisation"
                    else Words("Putting together: ", "合成：")
                )
                found.append(_shown(what + METHODS.get(name, same(name)), formula))
    found.append(_shown(Words("Growth per year", "年均增长"), formulas.GROWTH))
    if any(plain(node.aggregation) == "arithmetic" for node in chapter.nodes):
        found.append(_shown(Words("Contribution of a part", "各部分贡献"), formulas.CONTRIBUTION))
    return found


def _shown(name: Words, formula: formulas.Formula) -> Shown:
    return Shown(name, formulas.mathml(formula.line), formula.line, formula.where)


def _tree(chapter: Chapter) -> Table:
    sources = _sources(chapter)
    lines: list[Line] = []
    for node in chapter.nodes:
        how = node.normalisation if node.kind == "indicator" else node.aggregation
        cells: list[Value] = [Cell(node.name, kind=f"level{min(node.level, 4)}"), KINDS.get(node.kind, same(node.kind))]
        for weight in (node.weight_in_parent, node.weight_effective):
            cells.append(number(None if weight is None else 100 * weight, 2))
        cells += [DIRECTIONS.get(node.direction, ""), method_name(how),
                  ", ".join(sources.get(node.node_id, ()))]  # fmt: skip
        lines.append(cells)
    kept, cut = limited(lines, SHOWN_NODES, Words("in the order of the tree", "按树中次序"))
    columns = [
        Column(Words("Part", "部分"), "text"),
        Column(Words("Level", "层级"), "text"),
        Column(Words("Weight in parent, %", "在上级中的权重，%")),
        Column(Words("Weight in the index, %", "在总指数中的权重，%")),
        Column(Words("Direction", "方向"), "text"),
        Column(Words("Scale or mean", "标准化或合成"), "text"),
        Column(Words("Sources", "来源"), "code"),
    ]
    note = None
    if any(node.weight_effective is None for node in chapter.nodes):
        note = Words("No weight: the method sets it for each area.", "无权重者由方法逐地区确定。")
    return Table(
        f"{chapter.index_id}-tree", Words("The tree and its weights", "指标体系与权重"), columns, kept, note, cut
    )


def _sources(chapter: Chapter) -> dict[str, list[str]]:
    """Node -> sources of its values, the most frequent first; for computed values those of what they are made from."""
    rows = chapter.release.rows(
        "select node_id, source_id, count(*) as cells from index_input where index_id = ? and edition_id = ? "
        "and source_id is not null group by all order by node_id, cells desc, source_id",
        [chapter.index_id, chapter.main.edition_id],
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["node_id"], []).append(row["source_id"])
    computed = {node.node_id: node.indicator_id for node in chapter.leaves if "derived" in found.get(node.node_id, ())}
    if computed:
        behind = _behind(chapter)
        for node_id, indicator_id in computed.items():
            mine = [source_id for source_id in found[node_id] if source_id != "derived"]
            found[node_id] = list(dict.fromkeys([*mine, *behind(indicator_id or "")]))
    return found


def _behind(chapter: Chapter) -> Callable[[str], list[str]]:
    """Indicator -> sources of everything that its formula is made from, down to what was observed."""
    formulas_of = {
        row["indicator_id"]: row["formula"]
        for row in chapter.release.rows("select indicator_id, formula from indicator where formula is not null")
    }
    observed: dict[str, list[str]] = {}
    for row in chapter.release.rows(
        "select indicator_id, source_id, count(*) as cells from observation where not is_derived "
        "group by all order by indicator_id, cells desc, source_id"
    ):
        observed.setdefault(row["indicator_id"], []).append(row["source_id"])

    def sources(indicator_id: str) -> list[str]:
        waiting, seen, result = [indicator_id], {indicator_id}, dict[str, None]()
        while waiting:
            name = waiting.pop(0)
            result |= dict.fromkeys(observed.get(name, ()))
            inner = [word for word in _NAME.findall(formulas_of.get(name) or "") if word not in seen]
            seen |= set(inner)
            waiting += [word for word in inner if word in observed or word in formulas_of]
        return list(result)

    return sources


def _indicators(chapter: Chapter) -> Table:
    rows = chapter.release.rows(
        "select indicator_id, definition_en, definition_zh, unit_id, formula from indicator "
        "where indicator_id in (select indicator_id from index_node where index_id = ? and edition_id = ?)",
        [chapter.index_id, chapter.main.edition_id],
    )
    known = {row["indicator_id"]: row for row in rows}
    lines: list[Line] = []
    has_formula = any(row["formula"] for row in rows)
    for node in chapter.leaves:
        if row := known.get(node.indicator_id or ""):
            cells: list[Value] = [node.name, words(row["definition_en"], row["definition_zh"]) or same(MISSING),
                                  chapter.release.unit(row["unit_id"])]  # fmt: skip
            lines.append([*cells, Cell(same(row["formula"] or ""), "code")] if has_formula else cells)
    columns = [Column(Words("Indicator", "指标"), "text"), Column(Words("Definition", "定义"), "wide"),
               Column(Words("Unit", "单位"), "text")]  # fmt: skip
    if has_formula:
        columns.append(Column(Words("Formula", "公式"), "code"))
    kept, cut = limited(lines, SHOWN_NODES, Words("in the order of the tree", "按树中次序"))
    return Table(f"{chapter.index_id}-indicators", Words("What is measured", "指标定义"), columns, kept, None, cut)


def _editions(chapter: Chapter) -> Table | None:
    if len(chapter.editions) < 2:
        return None
    lines: list[Line] = [
        [
            same(edition.edition_id), edition.name,
            str(edition.as_of) if edition.as_of else Words("all that is known", "全部已知数据"),
            f"{edition.first}–{edition.last}", edition.variant_of or "", Cell(same(edition.version), "code"),
        ]
        for edition in chapter.editions
    ]  # fmt: skip
    columns = [
        Column(Words("Edition", "版次"), "code"), Column(Words("Name", "名称"), "text"),
        Column(Words("Data to", "数据截至"), "text"), Column(Words("Periods", "时期"), "text"),
        Column(Words("Variant of", "所变版次"), "text"), Column(Words("Method version", "方法版本"), "code"),
    ]  # fmt: skip
    note = Words("Equal method versions: the scores differ by the data alone.", "方法版本相同者，得分差异仅来自数据。")
    return Table(f"{chapter.index_id}-edition-list", Words("Editions", "版次"), columns, lines, note)


def _parameters(chapter: Chapter) -> Table | None:
    rows = chapter.release.rows(
        "select node_id, time_period, parameter, parameter_value from index_parameter where index_id = ? "
        "and edition_id = ? order by node_id, parameter, time_period",
        [chapter.index_id, chapter.main.edition_id],
    )
    order = {node.node_id: n for n, node in enumerate(chapter.nodes)}
    names = {node.node_id: node.name for node in chapter.nodes}
    rows.sort(key=lambda row: order.get(row["node_id"], len(order)))
    lines: list[Line] = [
        [names.get(row["node_id"], same(row["node_id"])), Cell(same(row["parameter"]), "code"), row["time_period"],
         significant(row["parameter_value"], 6)]
        for row in rows
    ]  # fmt: skip
    kept, cut = limited(lines, SHOWN_PARAMETERS, Words("in the order of the tree", "按树中次序"))
    columns = [
        Column(Words("Part", "部分"), "text"), Column(Words("Parameter", "参数"), "code"),
        Column(Words("Period", "时期"), "text"), Column(Words("Value", "数值")),
    ]  # fmt: skip
    note = Words("Without a period: the same in all periods.", "无时期者适用于全部时期。")
    return Table(
        f"{chapter.index_id}-parameters",
        Words("Numbers that the method uses", "方法所用参数"),
        columns,
        kept,
        note,
        cut,
    )
