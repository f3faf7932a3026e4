"""How a comparison is told: sections of paragraphs, lists and tables in English and Chinese, for every format alike.

Not here: the document itself (compare), turning sections into a format (console, markdown, page).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.diffing.words import (
    CHANGE_NAMES,
    PART_NAMES,
    WHY,
    Words,
    counted,
    level,
    percent,
    period_words,
    points,
    printed,
)

SHOWN_FILES = 3
ALL_PARTS = ("data", "method", "interaction", "code", "unsplit")
Text = str | Words


@dataclass(frozen=True)
class Paragraph:
    words: Words


@dataclass(frozen=True)
class Items:
    """A list; numbered where the order means something; `sizes` for a bar beside each."""

    items: tuple[Words, ...]
    is_numbered: bool = False
    sizes: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """Columns with their names, right-aligned where `numeric` says so; cells are plain or in both languages. `more`
    says how many rows are not shown; `elastic` is the column that a narrow window may cut."""

    title: Words
    columns: tuple[Words, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Text, ...], ...]
    more: Words = ("", "")
    elastic: int | None = None


@dataclass(frozen=True)
class Section:
    heading: Words
    blocks: tuple[Paragraph | Items | Table, ...] = field(default=())
    level: int = 2


def sections(document: Mapping[str, Any]) -> list[Section]:
    """The whole answer, title first."""
    title = Section(_title(document), tuple(_facts(document)), 1)
    if document["is_same"]:
        return [title, _nothing(document)]
    told = [_index(each, document["limit"]) for each in document["indices"] if not _is_quiet(each)]
    return [
        title, _in_short(document), _causes(document), _sources(document), _values(document), *told,
        *_catalogue(document), _rules(document),
    ]  # fmt: skip


def _nothing(document: Mapping[str, Any]) -> Section:
    en, zh = "No value, no file, no method, no score changed.", "数值、文件、方法、得分均无变化。"
    versions = [document[side]["code_version"] for side in ("old", "new")]
    if versions[0] != versions[1]:
        en = f"{en} Only the code is another: {versions[0]} → {versions[1]}."
        zh = f"{zh}仅代码不同：{versions[0]}→{versions[1]}。"
    return Section(("Nothing changed", "没有变化"), (Paragraph((en, zh)),))


def _is_quiet(each: Mapping[str, Any]) -> bool:
    """Whether nothing is to be told of an edition but that it stayed as it was."""
    told = [each["only_old"], each["only_new"], each["notes"], each["method"]["changes"]]
    counts = [each["counts"][key] for key in ("scores_moved", "appeared", "disappeared")]
    return not any(told) and not any(counts)


def _title(document: Mapping[str, Any]) -> Words:
    old, new = document["old"], document["new"]
    if document["kind"] == "editions":
        pair = f"{old['index_id']}:{old['edition_id']} → {new['index_id']}:{new['edition_id']}"
    else:
        pair = f"{old['release_id']} → {new['release_id']}"
    return f"What changed: {pair}", f"变化：{pair}"


def _facts(document: Mapping[str, Any]) -> Iterator[Table]:
    columns: list[Words] = [("", ""), ("release", "版本"), ("data of", "数据截至"), ("as of", "时点"), ("code", "代码"),
                            ("built (UTC)", "生成时间")]  # fmt: skip
    rows: list[tuple[Text, ...]] = []
    for key, name in (("old", ("old", "旧")), ("new", ("new", "新"))):
        facts = document[key]
        as_of = facts.get("edition_as_of") or facts["as_of"]
        rows.append((name, facts["release_id"], str(facts["data_vintage"]), str(as_of or ""), facts["code_version"],
                     f"{facts['built_at']:%Y-%m-%d %H:%M}"))  # fmt: skip
    yield Table(("", ""), tuple(columns), (False,) * 6, tuple(rows))


def _in_short(document: Mapping[str, Any]) -> Section:
    items = [_headline(each, row) for each in document["indices"] if not _is_quiet(each) for row in each["headline"]]
    if quiet := [each for each in document["indices"] if _is_quiet(each)]:
        names = [", ".join(f"{each[name]} {each['new_edition']}" for each in quiet) for name in ("name_en", "name_zh")]
        items.append((f"As before: {names[0]}.", f"未变化：{names[1]}。"))
    if not items:
        items.append(("No index has a score on both sides.", "没有指数在两侧都有得分。"))
    return Section(("In short", "概要"), (Items(tuple(items)),))


def _headline(each: Mapping[str, Any], row: Mapping[str, Any]) -> Words:
    period = period_words(row["time_period"])
    edition = _editions(each)
    scores = f"{level(row['score_old'])} → {level(row['score_new'])}"
    ranks = f"{row['rank_old']} → {row['rank_new']}" if row["rank_old"] and each["counts"]["areas"] > 1 else ""
    told = [(PART_NAMES[part], row[f"score_{part}"]) for part in ALL_PARTS if row[f"score_{part}"]]
    if not row["score_total"]:
        parts = ("unchanged", "不变")
    else:
        split = [" + ".join(f"{name[n]} {points(value)}" for name, value in told) for n in (0, 1)]
        total = points(row["score_total"])
        parts = (f"{total} = {split[0]}", f"{total} = {split[1]}")
    en = f"{each['name_en']}, {edition}: {row['area_name_en']} {period[0]}: {scores} ({parts[0]})"
    zh = f"{each['name_zh']}（{edition}）：{row['area_name_zh']}{period[1]}：{scores}（{parts[1]}）"
    return (f"{en}, rank {ranks}", f"{zh}，排名{ranks}") if ranks else (en, zh)


def _causes(document: Mapping[str, Any]) -> Section:
    found = document["causes"]
    items = tuple((row["en"], row["zh"]) for row in found["rows"])
    if not items:
        none = ("No score of an index moved that both sides have.", "两侧共有的指数得分均未变化。")
        return Section(("Causes", "原因"), (Paragraph(none),))
    blocks: list[Paragraph | Items | Table] = [Items(items, True, tuple(row["effect"] for row in found["rows"]))]
    if more := _more(found, len(items))[0]:
        blocks.append(Paragraph((more, _more(found, len(items))[1])))
    title = f"The {len(items)} largest causes" if len(items) > 1 else "The cause"
    return Section((title, f"最主要的{len(items)}个原因"), tuple(blocks))


def _sources(document: Mapping[str, Any]) -> Section:
    found = document["sources"]
    if not found["rows"]:
        nothing = ("No source brought or lost anything.", "没有来源带来或失去任何内容。")
        return Section(("Sources", "数据来源"), (Paragraph(nothing),))
    rows: list[tuple[Text, ...]] = []
    for row in found["rows"]:
        files = row["file_names"]
        names = ", ".join(files[:SHOWN_FILES]) + (f" (+{len(files) - SHOWN_FILES})" if len(files) > SHOWN_FILES else "")
        state = {"new": ("new: ", "新来源："), "gone": ("gone: ", "已移除："), "": ("", "")}[row["change"]]
        shown = (state[0] + row["source_id"], state[1] + row["source_id"])
        numbers = [row[key] for key in ("files_new", "rows_in", "rows_loaded", "values_new", "values_revised",
                                        "values_withdrawn", "values_moved")]  # fmt: skip
        rows.append((shown, *(str(number or "") for number in numbers), names))
    columns: tuple[Words, ...] = (
        ("source", "来源"), ("files", "新文件"), ("cells", "单元格"), ("loaded", "入库"), ("new", "新增"),
        ("revised", "修订"), ("gone", "撤回"), ("taken", "换用"), ("names", "文件名"),
    )  # fmt: skip
    table = Table(("", ""), columns, (False, *(True,) * 7, False), tuple(rows), _more(found, len(rows)), 8)
    return Section(("What the sources brought", "各来源带来的内容"), (table,))


def _values(document: Mapping[str, Any]) -> Section:
    found = document["values"]
    counts = counted(found["counts"])
    heading = ("Values that changed", "变化的数值")
    if not counts[0]:
        nothing = ("No observed value in force changed.", "现行观测值没有变化。")
        return Section(heading, (Paragraph(nothing),))
    blocks: list[Paragraph | Items | Table] = [Paragraph((f"{counts[0]}.", f"{counts[1]}。"))]
    listed = found["indicators"]
    is_told = document["kind"] == "releases"
    rows = tuple(
        ((row["indicator_name_en"], row["indicator_name_zh"]),
         *(str(row[name] or "") for name in ("revised", "new", "withdrawn", "moved")),
         f"{row['from_period']}–{row['to_period']}" if row["from_period"] != row["to_period"] else row["to_period"],
         str(row["areas"]), percent(row["largest_pct"]).lstrip("+"), *([", ".join(row["indices"])] if is_told else []))
        for row in listed["rows"]
    )  # fmt: skip
    columns: tuple[Words, ...] = (
        ("indicator", "指标"), ("revised", "修订"), ("new", "新增"), ("gone", "撤回"), ("moved", "换用"),
        ("periods", "时期"), ("areas", "地区"), ("largest", "最大幅度"), *([("used by", "用于")] if is_told else []),
    )  # fmt: skip
    numeric = (False, True, True, True, True, False, True, True, *([False] if is_told else []))
    blocks.append(Table(("By indicator", "按指标"), columns, numeric, rows, _more(listed, len(rows)),
                        len(columns) - 1 if is_told else None))  # fmt: skip
    blocks.append(_value_rows(found))
    return Section(heading, tuple(blocks))


def _value_rows(found: Mapping[str, Any]) -> Table:
    rows = []
    for row in found["rows"]:
        side = "new" if row["new_obs_value"] is not None else "old"
        place = " ".join(filter(None, (row[f"{side}_locator"], row[f"{side}_file_name"])))
        why = WHY[row["why"]] if row["why"] else CHANGE_NAMES[row["change"]]
        rows.append((
            (row["indicator_name_en"], row["indicator_name_zh"]), (row["area_name_en"], row["area_name_zh"]),
            row["time_period"], printed(row["old_obs_value"], row["old_decimals"]),
            printed(row["new_obs_value"], row["new_decimals"]), percent(row["change_pct"]), why, place,
        ))  # fmt: skip
    columns: tuple[Words, ...] = (
        ("indicator", "指标"), ("area", "地区"), ("period", "时期"), ("old", "旧值"), ("new", "新值"),
        ("change", "变化"), ("by", "缘由"), ("place", "位置"),
    )  # fmt: skip
    numeric = (False, False, False, True, True, True, False, False)
    title = ("One by one: revisions first, the largest share first", "逐项：先列修订，按变幅从大到小")
    return Table(title, columns, numeric, tuple(rows), _more(found, len(rows)), len(columns) - 1)


def _index(each: Mapping[str, Any], limit: int | None) -> Section:
    heading = (f"{each['name_en']}, {_editions(each)}", f"{each['name_zh']}（{_editions(each)}）")
    blocks: list[Paragraph | Items | Table] = [Paragraph(_counts(each))]
    if each["method"]["changes"]:
        rows = tuple((part["en"], part["zh"]) for part in each["method"]["changes"][:limit])
        blocks += [Paragraph(("The method changed:", "方法变化：")), Items(rows)]
        if len(each["method"]["changes"]) > len(rows):
            blocks.append(Paragraph(_more({"total": len(each["method"]["changes"])}, len(rows))))
    if each["moves"]["rows"]:
        blocks.append(_cells(each, "moves", ("Scores of the index that moved most", "指数得分变化最大者"), "score"))
    if each["ranks"]["rows"]:
        blocks.append(_cells(each, "ranks", ("Ranks that moved most (+ is down)", "排名变化最大者（+为下降）"), "rank"))
    if each["nodes"]["rows"]:
        title = ("Nodes below the index: the largest move of each", "指数以下各节点：各自最大的变化")
        blocks.append(_cells(each, "nodes", title, "score", is_below=True))
    parts = [*each["data"]["rows"], *each["method"]["parts"]]
    if parts:
        blocks.append(_parts(each, parts))
    for key, words in (
        ("appeared", ("Scores that only the new side has", "仅新侧有的得分")),
        ("disappeared", ("Scores that only the old side has", "仅旧侧有的得分")),
    ):
        if each[key]["rows"]:
            blocks.append(_lone(each[key], words))
    for key, side in (
        ("only_old", ("Only in the old one", "仅旧侧有")),
        ("only_new", ("Only in the new one", "仅新侧有")),
    ):
        if each[key]:
            told = [(_ONLY[kind], ", ".join(ids)) for kind, ids in each[key].items()]
            en, zh = "; ".join(f"{name[0]} {ids}" for name, ids in told), "；".join(f"{n[1]} {ids}" for n, ids in told)
            blocks.append(Paragraph((f"{side[0]}: {en}.", f"{side[1]}：{zh}。")))
    blocks += [Paragraph((f"Note: {note}", f"说明：{note}")) for note in each["notes"]]
    return Section(heading, tuple(blocks))


def _counts(each: Mapping[str, Any]) -> Words:
    counts, means = each["counts"], each["mean_abs"]
    if not counts["scores_moved"]:
        return (f"None of {counts['scores']} scores of index and nodes moved.",
                f"指数及各节点的{counts['scores']}个得分均未变化。")  # fmt: skip
    told = [(PART_NAMES[name], means[name]) for name in ("total", *ALL_PARTS) if means[name]]
    en = ", ".join(f"{name[0]} {points(value).lstrip('+')}" for name, value in told)
    zh = "，".join(f"{name[1]}{points(value).lstrip('+')}" for name, value in told)
    ranks = (f", {counts['index_ranks_moved']} of its ranks", f"，排名变化{counts['index_ranks_moved']}个")
    ranks = ranks if counts["areas"] > 1 else ("", "")
    mean = (
        (f" Mean absolute change of the index in points: {en}.", f"指数平均绝对变化（分）：{zh}。")
        if told
        else ("", "")
    )
    return (
        f"{counts['scores_moved']} of {counts['scores']} scores of index and nodes moved; of the index itself "
        f"{counts['index_scores_moved']} of {counts['index_scores']} scores{ranks[0]}.{mean[0]}",
        f"指数及各节点的{counts['scores']}个得分中有{counts['scores_moved']}个变化；其中指数得分{counts['index_scores']}个，"
        f"变化{counts['index_scores_moved']}个{ranks[1]}。{mean[1]}",
    )


def _cells(each: Mapping[str, Any], key: str, title: Words, measure: str, is_below: bool = False) -> Table:
    """Scores or ranks of cells with the parts of their change; parts that are nowhere anything are left out."""
    found = each[key]
    shown = [part for part in ALL_PARTS if any(row[f"{measure}_{part}"] for row in found["rows"])]
    tell = points if measure == "score" else _places
    tell_level = level if measure == "score" else str
    rows = []
    for row in found["rows"]:
        node: tuple[Text, ...] = ((row["node_name_en"], row["node_name_zh"]),) if is_below else ()
        rows.append((
            *node, (row["area_name_en"], row["area_name_zh"]), row["time_period"],
            tell_level(row[f"{measure}_old"]), tell_level(row[f"{measure}_new"]), tell(row[f"{measure}_total"]),
            *(tell(row[f"{measure}_{part}"]) for part in shown),
        ))  # fmt: skip
    first: tuple[Words, ...] = (("node", "节点"),) if is_below else ()
    columns = (*first, ("area", "地区"), ("period", "时期"), ("old", "旧"), ("new", "新"), PART_NAMES["total"],
               *(PART_NAMES[part] for part in shown))  # fmt: skip
    numeric = (*(False,) * (len(first) + 2), *(True,) * (3 + len(shown)))
    return Table(title, columns, numeric, tuple(rows), _more(found, len(rows)))


def _parts(each: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Table:
    rows: list[tuple[Text, ...]] = []
    for row in parts:
        kind = PART_NAMES[row["kind"]]
        rows.append((kind, (row["name_en"], row["name_zh"]), points(row["effect"]), (row["area_en"], row["area_zh"]),
                     row["time_period"], points(row["mean_abs"]).lstrip("+"), str(row["scores_moved"])))  # fmt: skip
        for node in row["nodes"]:
            if node["node_id"] != row["id"]:
                rows.append(("", (f"  through {node['name_en']}", f"  经由{node['name_zh']}"),
                             points(node["effect"]), "", "", "", ""))  # fmt: skip
    columns: tuple[Words, ...] = (
        ("change of", "类别"), ("what", "内容"), ("largest", "最大影响"), ("area", "地区"), ("period", "时期"),
        ("mean", "平均"), ("scores", "得分数"),
    )  # fmt: skip
    title = ("What moved the index, in points", "各项变化对指数的影响（分）")
    return Table(title, columns, (False, False, True, False, False, True, True), tuple(rows),
                 _more(each["data"], len(each["data"]["rows"])))  # fmt: skip


def _lone(found: Mapping[str, Any], title: Words) -> Table:
    rows = tuple(
        ((row["node_name_en"], row["node_name_zh"]), (row["area_name_en"], row["area_name_zh"]), row["time_period"],
         level(row["score_old"] if row["score_new"] is None else row["score_new"]))
        for row in found["rows"]
    )  # fmt: skip
    columns = (("node", "节点"), ("area", "地区"), ("period", "时期"), ("score", "得分"))
    return Table(title, columns, (False, False, False, True), rows, _more(found, len(rows)))


_ONLY: dict[str, Words] = {"nodes": ("nodes", "节点"), "areas": ("areas", "地区"), "periods": ("periods", "时期")}
_KINDS: dict[str, Words] = {
    "units": ("units", "单位"), "areas": ("areas", "地区"), "indicators": ("indicators", "指标"),
    "sources": ("sources", "来源"), "indices": ("indices", "指数"), "claims": ("claims", "陈述"),
}  # fmt: skip


def _catalogue(document: Mapping[str, Any]) -> Iterator[Section]:
    """Entries of the catalogue that differ, and editions that only one side has."""
    items: list[Words] = []
    verbs = {"added": ("added", "新增"), "removed": ("removed", "删除"), "changed": ("changed", "修改")}
    limit = document["limit"]
    for kind, lists in document["catalogue"].items():
        for verb, ids in lists.items():
            if ids:
                more = f" (+{len(ids) - limit})" if limit is not None and len(ids) > limit else ""
                names = ", ".join(ids[:limit]) + more
                items.append(
                    (f"{_KINDS[kind][0]} {verbs[verb][0]}: {names}", f"{verbs[verb][1]}{_KINDS[kind][1]}：{names}")
                )
    for key, words in (("only_old", ("editions gone", "已移除的版次")), ("only_new", ("editions added", "新增的版次"))):
        if names := ", ".join(document[key]["editions"]):
            items.append((f"{words[0]}: {names}", f"{words[1]}：{names}"))
    if items:
        yield Section(("The catalogue", "目录"), (Items(tuple(items)),))


def _rules(document: Mapping[str, Any]) -> Section:
    limit = document["limit"]
    shown = (
        (f"Each list shows its first {limit} rows; `--all` shows all, `--top N` another number.",
         f"每个列表显示前{limit}行；--all显示全部，--top N显示N行。")
        if limit is not None else ("All rows are shown.", "已显示全部行。")
    )  # fmt: skip
    return Section(("How to read this", "说明"), (Items((
        ("data: the old method on the new data, minus on the old data. method: the new method on the old data, minus "
         "the old method on it. interaction: what is left of the change. code: what the installed code makes of both "
         "sides differs from what they publish by this. They sum to the total.",
         "数据：旧方法用新数据减旧方法用旧数据。方法：新方法用旧数据减旧方法用旧数据。交互：变化的其余部分。代码：按所装代码重算两侧与其"
         "公布值之差。各部分之和等于合计。"),
        ("The data change is split over the observed indicators by changing them one after the other, in their order "
         "and in the reverse of it, and taking the mean; the method change likewise over its parts. The size of a "
         "cause is its largest effect on any score of the index.",
         "数据变化按观测指标分解：按顺序与逆序逐个替换，取两次的平均；方法变化同样按其组成部分分解。原因的大小为其对指数任一得分的最大"
         "影响。"),
        shown,
    )),))  # fmt: skip


def _editions(each: Mapping[str, Any]) -> str:
    old, new = each["old_edition"], each["new_edition"]
    return str(old) if old == new else f"{old} → {new}"


def _places(value: int | None) -> str:
    return "" if value is None else points(value, 0)


def _more(found: Mapping[str, Any], shown: int) -> Words:
    """How many rows there are beyond those shown."""
    rest = found["total"] - shown
    return (f"{shown} of {found['total']} shown", f"共{found['total']}项，显示{shown}项") if rest > 0 else ("", "")
