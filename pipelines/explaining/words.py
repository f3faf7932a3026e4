"""An explanation in words, English and Chinese: the lines below each node of the tree.

The same lines stand in the terminal and on the page. Not here: the numbers (tree), where the lines are put (terminal,
page).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pipelines.explaining.origin import Document

Words = tuple[str, str]
Digits = Callable[[float | None], str]
BASIS: dict[str, Words] = {
    "declared": ("as declared", "据公布日期"),
    "retrieved": ("day of retrieval", "取得日期"),
    "assumed": ("assumed from a publication lag", "按发布时滞推定"),
}
STATUS: dict[str, Words] = {
    "B": ("break in the series", "序列断点"),
    "E": ("estimated", "估计值"),
    "F": ("forecast", "预测值"),
    "M": ("missing", "缺失"),
    "P": ("provisional", "暂定值"),
}


class Line(NamedTuple):
    """One line below a node: how deep it stands, what it tells of, its text; both in English and Chinese."""

    depth: int
    label: Words
    text: Words


def brief(value: float | None) -> str:
    """A number for reading: six significant digits, whole numbers in full, a dash for none."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    magnitude = abs(value)
    if magnitude >= 1e5:
        return f"{value:.1f}"
    return f"{value:.6g}"


def exact(value: float | None) -> str:
    """A number in all its digits: reading it again gives the same number."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def together(en: str, zh: str) -> str:
    """Both names, or one where they are the same."""
    return en if en == zh or not zh else f"{en} {zh}"


def lines_of(node: Document, digits: Digits = brief, above: Document | None = None) -> list[Line]:
    """The lines of one node: of an indicator its stages down to the cells, of any other how it is put together.

    `above`: the node above, None for the one on top; what is the same as there is not repeated.
    """
    if "stages" in node:
        return [*_exact(node, digits), *_stages(node, digits), *_notes(node)]
    return [*_exact(node, digits), *_together(node, digits, above), *_notes(node)]


def _exact(node: Document, digits: Digits) -> Iterator[Line]:
    """All digits of the score as published and as its parent is computed from it, and of the weight."""
    if digits is exact and node["computed"] is not None:
        score, computed, weight = (exact(node[key]) for key in ("score", "computed", "weight_given"))
        yield Line(0, ("exact", "全部位数"), (f"score {score}, computed {computed}, weight {weight}",
                                          f"得分{score}，计算值{computed}，权重{weight}"))  # fmt: skip


def _notes(node: Document) -> Iterator[Line]:
    told = {"missing"} if "stages" in node else set()
    if "stages" in node:
        told |= {"its area is screened out", "winsorised", *(stage.get("filled_en", "") for stage in node["stages"])}
    for note in node["notes"]:
        if note["en"] not in told and not note["en"].startswith("transformed by "):
            yield Line(0, ("note", "说明"), (note["en"], note["zh"]))


# an indicator


def _stages(node: Document, digits: Digits) -> Iterator[Line]:
    before: Document = {}
    for stage in node["stages"]:
        kind = stage["stage"]
        if kind == "raw":
            yield from origin_lines(stage["origin"], digits)
        elif kind == "screen" and not stage["is_kept"]:
            shares = [f"{100 * stage[key]:.3g} %" for key in ("availability", "non_zero")]
            en = f"the area is left out: {shares[0]} of the indicators have a value, {shares[1]} of them not zero"
            yield Line(0, ("screened", "筛选"), (en, f"该地区不参评：{shares[0]}的指标有值，其中{shares[1]}非零"))
        elif kind == "denominate":
            yield from _denominated(stage, before, digits)
        elif kind == "impute" and stage["is_imputed"]:
            yield _imputed(stage, digits)
        elif kind == "treat":
            yield from _treated(stage, before, digits)
        elif kind == "normalise":
            yield _normalised(stage, before, digits)
        before = stage
    if node["stages"][-1]["stage"] == "raw" and node["computed"] is not None:
        yield Line(0, ("score", "得分"), ("the value itself", "即数值本身"))


def origin_lines(origin: Document, digits: Digits, depth: int = 0, label: Words = ("value", "数值")) -> Iterator[Line]:
    """Value and unit, then where it comes from; of a formula the same of its inputs, one step deeper."""
    unit_en, unit_zh = ("", "") if origin["unit_id"] == "one" else (f" {origin['unit_en']}", f" {origin['unit_zh']}")
    value = exact(origin["value"]) if origin["kind"] == "observed" else digits(origin["value"])
    value_words = (f"{value}{unit_en}", f"{value}{unit_zh}")
    if origin["value"] is None:
        value_words = ("missing", "缺失")
    if "formula" in origin:
        formula = origin["formula"]
        yield Line(depth, label, (f"{value_words[0]} = {formula}", f"{value_words[1]} = {formula}"))
        for each in origin["inputs"]:
            yield from origin_lines(each, digits, depth + 1, _input_label(each, origin))
        return
    yield Line(depth, label, value_words)
    depth += 1 if depth else 0
    if origin["value"] is not None:
        yield Line(depth, ("source", "来源"), _place(origin))
    if origin.get("correction"):
        yield Line(depth, ("corrected", "更正"), _correction(origin["correction"]))
    yield from _other_vintages(origin, depth)


def _input_label(origin: Document, of: Document) -> Words:
    """The name of a term of a formula, with area and period where they are not those of the whole."""
    other = [origin[key] for key in ("ref_area", "time_period") if origin[key] != of[key]]
    added = f" ({', '.join(other)})" if other else ""
    name = f"{origin['indicator_id']}{added}"
    return name, name


def _place(origin: Document) -> Words:
    en, zh = place_words(origin)
    basis = BASIS[origin["vintage_basis"]]
    status = STATUS.get(origin["obs_status"])
    return (
        f"{en}; known since {origin['vintage']} ({basis[0]})" + (f"; {status[0]}" if status else ""),
        f"{zh}；{origin['vintage']}起已知（{basis[1]}）" + (f"；{status[1]}" if status else ""),
    )


def place_words(place: Document) -> Words:
    """Source, file and place in the file."""
    file = place["file"] or place["snapshot_id"] or ""
    en, zh = f"{place['source_id']}: {file}", f"{place['source_id']}：{file}"
    if place["column"] is not None:
        sheet = place["sheet"] or ""
        if sheet.startswith("table "):
            en, zh = f"{en}, {sheet}", f"{zh}，第{sheet.removeprefix('table ')}个表格"
        elif sheet:
            en, zh = f"{en}, sheet {sheet}", f"{zh}，工作表{sheet}"
        return f"{en}, column {place['column']}, row {place['row']}", f"{zh}，{place['column']}列{place['row']}行"
    return f"{en}, {place['locator']}", f"{zh}，{place['locator']}"


def _correction(correction: Document) -> Words:
    shown = correction["shown"] or "(blank)"
    value = exact(correction["value"])
    return (
        f"the file shows '{shown}', {value} is meant: {correction['why_en']}",
        f"文件中为“{correction['shown'] or '空'}”，应为{value}：{correction['why_zh'] or correction['why_en']}",
    )


def _other_vintages(origin: Document, depth: int) -> Iterator[Line]:
    """What was said before, and by others; and what came too late for the edition."""
    used = origin.get("vintage") or ""
    groups: tuple[tuple[Words, Callable[[Document], bool]], ...] = (
        (("earlier", "此前"), lambda told: told["is_known"] and told["vintage"] < used),
        (("others", "其他来源"), lambda told: told["is_known"] and told["vintage"] >= used),
        (("came later", "此后公布"), lambda told: not told["is_known"]),
    )
    for label, belongs in groups:
        texts = [_vintage(told) for told in origin["vintages"] if not told["is_used"] and belongs(told)]
        if texts:
            yield Line(depth, label, (", ".join(en for en, _ in texts), "，".join(zh for _, zh in texts)))


def _vintage(told: Document) -> Words:
    where = f"{told['vintage']} {told['source_id']} {told['locator']}"
    if told["value"] is None:
        return f"missing ({where})", f"缺失（{where}）"
    value = exact(told["value"])
    return f"{value} ({where})", f"{value}（{where}）"


def _denominated(stage: Document, before: Document, digits: Digits) -> Iterator[Line]:
    divisor = stage["denominator"]
    scale = "" if stage["scale"] == 1 else f" / {brief(stage['scale'])}"
    inner = f"({digits(divisor['value'])}{scale})" if scale else digits(divisor["value"])
    text = f"{digits(before['value'])} / {inner} = {digits(stage['value'])}"
    yield Line(0, ("denominated", "分母化"), (text, text))
    name = f"{divisor['indicator_id']} ({divisor['time_period']})"
    yield from origin_lines(divisor, digits, 1, (name, name))


def _imputed(stage: Document, digits: Digits) -> Line:
    taken, value = stage["from"], digits(stage["value"])
    method = stage["filled_by"]
    label = ("imputed", "插补")
    en, zh = stage["filled_en"], stage["filled_zh"]
    if method == "carry" and taken:
        period, x = taken[0]["period"], digits(taken[0]["value"])
        there, there_zh = ("", "") if x == value else (f" ({x})", f"：{x}")
        return Line(0, label, (f"{value}: {en} from {period}{there}", f"{value}：{zh}（{period}{there_zh}）"))
    if method == "linear" and len(taken) == 2:
        ends = [f"{each['period']}: {digits(each['value'])}" for each in taken]
        return Line(0, label, (f"{value}: {en} ({', '.join(ends)})", f"{value}：{zh}（{'，'.join(ends)}）"))
    if method == "linear" and taken:
        return Line(0, label, (f"{value}: {en} from {taken[0]['period']}", f"{value}：{zh}（{taken[0]['period']}）"))
    if method == "cross_section":
        n = len(taken)
        return Line(0, label, (f"{value}: {en} ({n} areas)", f"{value}：{zh}（{n}个地区）"))
    if method == "row_mean":
        names = ", ".join(each["node_id"] for each in taken[1:])
        return Line(0, label, (f"{value}: {en} ({names})", f"{value}：{zh}（{names}）"))
    return Line(0, label, (f"{value}: {en}", f"{value}：{zh}"))


def _treated(stage: Document, before: Document, digits: Digits) -> Iterator[Line]:
    label: Words = ("treated", "处理")
    facts = stage["parameters"]
    test = ""
    if facts.get("skewness") is not None and facts.get("kurtosis") is not None:
        test = f"skewness {brief(facts['skewness'])}, kurtosis {brief(facts['kurtosis'])}"
    test_zh = test.replace("skewness ", "偏度").replace(", kurtosis ", "，峰度")
    if facts.get("lower_limit") is not None and facts.get("upper_limit") is not None:
        test = f"limits {digits(facts['lower_limit'])} to {digits(facts['upper_limit'])}"
        test_zh = f"界限{digits(facts['lower_limit'])}至{digits(facts['upper_limit'])}"
    rule = stage["rule"]
    if not stage["is_treated"]:
        if stage["value"] is not None and test:
            yield Line(0, label, (f"left as it is by {rule['short']} ({test})", f"{rule['short']}未改变（{test_zh}）"))
        return
    told = test and f" ({test})"
    told_zh = test_zh and f"（{test_zh}）"
    way = f"{digits(before['value'])} -> {digits(stage['value'])}"
    how, how_zh = _transform(stage["transform"], digits)
    yield Line(0, label, (f"{way} by {rule['short']}{how}{told}", f"{way}，{rule['short']}{how_zh}{told_zh}"))


def _transform(transform: Document | None, digits: Digits) -> Words:
    if transform is None:
        return "", ""
    method, low, high = transform["method"], digits(transform["low"]), digits(transform["high"])
    return f": {method}, lowest {low}, highest {high}", f"：{method}，最小{low}，最大{high}"


# on the common scale


def _normalised(stage: Document, before: Document, digits: Digits) -> Line:
    rule, facts = stage["rule"], stage["parameters"]
    formula = _formula(stage, before["value"], digits)
    value = digits(stage["value"])
    scope, scope_zh = _scope(stage["rests_on"])
    text = f"{formula} = {value}" if formula and stage["value"] is not None else value
    if stage["value"] is None:
        text = "-"
    names = "" if formula else ", ".join(f"{name} {digits(x)}" for name, x in facts.items() if x is not None)
    more = ", ".join(filter(None, [rule["short"], names, scope]))
    more_zh = "，".join(filter(None, [rule["short"], names, scope_zh]))
    return Line(0, ("normalised", "标准化"), (f"{text} ({more})", f"{text}（{more_zh}）"))


def _scope(rests_on: Document | None) -> Words:
    if rests_on is None:
        return "", ""
    if "worse" in rests_on:
        return (
            f"better than {rests_on['worse']} of {rests_on['values']} values",
            f"优于{rests_on['values']}个值中的{rests_on['worse']}个",
        )
    if "base_period" in rests_on:
        return f"base {rests_on['base_period']}", f"基期{rests_on['base_period']}"
    first, last = rests_on["first_period"], rests_on["last_period"]
    when = first if first == last else f"{first}-{last}"
    n = rests_on["areas"]
    return f"over {when}, {n} area{'s' if n != 1 else ''}", f"取自{when}，{n}个地区"


def _bracketed(digits: Digits) -> Digits:
    """Numbers as they stand in a formula: those below zero in brackets."""

    def shown(value: float | None) -> str:
        text = digits(value)
        return f"({text})" if value is not None and text.startswith("-") else text

    return shown


def _formula(stage: Document, value: float | None, digits: Digits) -> str:
    """The formula of a normalisation with its numbers; empty where it is no arithmetic."""
    rule, facts = stage["rule"], stage["parameters"]
    method, options = rule["method"], rule["options"]
    up = stage["direction"] > 0
    digits = _bracketed(digits)
    x = digits(value)

    def way(low: Any, high: Any) -> str:
        top, bottom = (f"{x} - {digits(low)}", f"{digits(high)} - {digits(low)}")
        return f"({top}) / ({bottom})" if up else f"({digits(high)} - {x}) / ({bottom})"

    if method == "min_max":
        lower, upper = options["lower"], options["upper"]
        head = "" if lower == 0 else f"{brief(lower)} + "
        return f"{head}{brief(upper - lower)} x {way(facts.get('min'), facts.get('max'))}"
    if method == "z_score":
        sign = "+" if up else "-"
        z = f"({x} - {digits(facts.get('mean'))}) / {digits(facts.get('sd'))}"
        return f"{brief(options['mean'])} {sign} {brief(options['sd'])} x {z}"
    if method in ("goalposts", "scaled"):
        if options.get("log"):
            low, high = (f"ln {digits(facts.get(name))}" for name in ("low", "high"))
            top = f"ln {x} - {low}" if up else f"{high} - ln {x}"
            return f"{brief(options['scale'])} x ({top}) / ({high} - {low})"
        return f"{brief(options['scale'])} x {way(facts.get('low'), facts.get('high'))}"
    if method == "base_ratio":
        base = digits(facts.get("base_value"))
        top, bottom = (x, base) if up else (base, x)
        return f"{brief(options['value'])} x {top} / {bottom}"
    if method == "ampi":
        low, high, ref = (digits(facts.get(name)) for name in ("min", "max", "reference"))
        top = f"{x} - {ref}" if up else f"{ref} - {x}"
        return f"70 + 60 x ({top} + ({high} - {low}) / 2) / ({high} - {low})"
    if method == "fraction_of_max":
        return f"{x} / {digits(facts.get('max'))}" if up else f"{digits(facts.get('min'))} / {x}"
    if method in ("distance_to_target", "distance_to_reference"):
        best = digits(facts.get("target" if method == "distance_to_target" else "reference"))
        worst = digits(facts.get("min" if up else "max"))
        return f"({x} - {worst}) / ({best} - {worst})" if up else f"({worst} - {x}) / ({worst} - {best})"
    return ""


# nodes above the indicators


def _together(node: Document, digits: Digits, above: Document | None) -> Iterator[Line]:
    """How the children were weighed and put together, and what else it rests on."""
    step, weighting = node["aggregation"], node["weighting"]
    label: Words = ("method", "方法")
    is_new = above is None or (above["aggregation"], above["weighting"]) != (step, weighting)
    if is_new:
        en = f"{step['words_en']}. {weighting['words_en']}"
        yield Line(0, label, (en, f"{step['words_zh']}；{weighting['words_zh']}"))
    if node["coverage"] is not None and node["coverage"] < 1 - 1e-9:
        share = f"{100 * node['coverage']:.3g} %"
        threshold = node["coverage_threshold"] or 0
        least = (f", at least {100 * threshold:.3g} %", f"，至少{100 * threshold:.3g} %") if threshold else ("", "")
        yield Line(0, ("coverage", "覆盖率"), (f"{share} of the weight observed, not filled{least[0]}",
                                             f"权重的{share}为实测值{least[1]}"))  # fmt: skip
    if node["rests_on"]:
        yield from _rests(node, digits)
    interval = node["intervals"].get("score")
    if interval and interval["p05"] is not None and above is None:
        yield Line(0, ("interval", "区间"), _interval(node))
    if node["spliced"]:
        yield Line(0, ("spliced", "衔接"), _spliced(node, digits))
    if node["rebased"]:
        at = node["rebased"]
        text = f"{digits(at['score'])} / {digits(at['score_there'])} x {brief(at['value'])}"
        base = f"{at['period']} = {brief(at['value'])}"
        yield Line(0, ("rebased", "换基"), (f"{text} ({base})", f"{text}（{base}）"))


def _interval(node: Document) -> Words:
    score, rank = node["intervals"]["score"], node["intervals"].get("rank")
    low, high = brief(score["p05"]), brief(score["p95"])
    en = f"{low} to {high} in 90 % of {score['n_runs']} runs with other choices of the method"
    zh = f"改变方法选择的{score['n_runs']}次运行中，90%介于{low}与{high}之间"
    if rank and rank["p05"] is not None:
        first, last = brief(rank["p05"]), brief(rank["p95"])
        en += f"; rank {first} to {last}"
        zh += f"；排名{first}至{last}"
    return en, zh


def _rests(node: Document, digits: Digits) -> Iterator[Line]:
    rest, method = node["rests_on"], node["aggregation"]["method"]
    label: Words = ("rests on", "依据")
    if method == "copeland":
        n = len(rest["areas"])
        yield Line(0, label, (f"the scores of all {n} areas of the period, two by two (in --json)",
                              f"当期全部{n}个地区得分的两两比较（见--json）"))  # fmt: skip
    elif method == "topsis":
        for child, at in rest["children"].items():
            text = f"{child}: length {digits(at['length'])}, best {digits(at['best'])}, worst {digits(at['worst'])}"
            zh = f"{child}：长度{digits(at['length'])}，最优{digits(at['best'])}，最劣{digits(at['worst'])}"
            yield Line(0, label, (text, zh))
    elif method == "benefit_of_the_doubt":
        own = ", ".join(f"{child} {digits(weight)}" for child, weight in rest["own_weights"].items())
        yield Line(0, label, (f"its own best weights: {own}", f"本地区最有利的权重：{own}"))
        others = ", ".join(dict.fromkeys(each["ref_area"] for each in rest["limited_by"]))
        if others:
            yield Line(0, label, (f"these weights are limited by {others}", f"权重受{others}限制"))
    elif "linked_to" in rest and "is_chained" not in rest:
        yield from _linked(rest, method, digits)
    elif "linked_to" in rest:
        yield from _priced(rest, digits)
    else:
        yield Line(0, label, (f"base period {rest['base_period']} = {brief(rest['value'])}",
                              f"基期{rest['base_period']}={brief(rest['value'])}"))  # fmt: skip


def _linked(rest: Document, method: str, digits: Digits) -> Iterator[Line]:
    (first, last), there = rest["step"], digits(rest["score_there"])
    en = f"score of {rest['linked_to']}: {there}, and the growth from {first} to {last}"
    yield Line(0, ("rests on", "依据"), (en, f"{rest['linked_to']}得分{there}及{first}至{last}的增长"))
    for part in rest["children"]:
        ends = f"{digits(part['from']['value'])} -> {digits(part['to']['value'])}"
        gap = f" over {part['intervals']} periods" if part["intervals"] > 1 else ""
        gap_zh = f"，跨{part['intervals']}期" if part["intervals"] > 1 else ""
        weight = digits(part["weight"])
        unit = "%" if method == "chain_symmetric" else "(ln)"
        growth = f"{digits(part['growth'])} {unit}"
        en, zh = f"{ends}{gap}: growth {growth}, weight {weight}", f"{ends}{gap_zh}：增长{growth}，权重{weight}"
        yield Line(1, (part["node_id"], part["node_id"]), (en, zh))


def _priced(rest: Document, digits: Digits) -> Iterator[Line]:
    (first, last), there = rest["step"], digits(rest["score_there"])
    en = f"prices and quantities of {first} and {last}, {there} in {rest['linked_to']}"
    yield Line(0, ("rests on", "依据"), (en, f"{first}与{last}的价格和数量，{rest['linked_to']}为{there}"))
    for part in rest["children"]:
        price = f"{digits(part['from']['price'])} -> {digits(part['to']['price'])}"
        amount = f"{digits(part['from']['quantity'])} -> {digits(part['to']['quantity'])}"
        name = part["node_id"]
        yield Line(1, (name, name), (f"price {price}, quantity {amount}", f"价格{price}，数量{amount}"))


def _spliced(node: Document, digits: Digits) -> Words:
    splice = node["spliced"]
    onto = f"{splice['onto']}:{splice['edition']}"
    if splice["is_old"]:
        return f"the score of {onto} stands here", f"此处为{onto}的得分"
    pairs = ", ".join(f"{each['period']} {digits(each['old'])}/{digits(each['new'])}" for each in splice["overlap"])
    return (
        f"{digits(node['computed'])} x {digits(splice['factor'])}, the factor onto {onto} ({pairs})",
        f"{digits(node['computed'])} x {digits(splice['factor'])}（衔接至{onto}的系数；{pairs}）",
    )
