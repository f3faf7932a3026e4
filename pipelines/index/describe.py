"""The method of an index in words: short forms for a node, sentences in English and Chinese for an edition.

Not here: what a step does (impute, normalise, aggregate).
"""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.catalogue.base import Model
from warehouse.catalogue.index import Index
from warehouse.catalogue.method import (
    AllScope,
    BaseRatio,
    Carry,
    Constant,
    CrossSection,
    Denominate,
    Geometric,
    GivenScope,
    Goalposts,
    Linear,
    Mean,
    MinMax,
    PeriodScope,
    PowerMean,
    RankScore,
    ReferenceScope,
    ZScore,
)

Words = tuple[str, str]


def short(step: Model | None) -> str | None:
    """A step as `method(key=value, ...)`, with what differs from the defaults; None for no step."""
    if step is None:
        return None
    shown = step.model_dump(mode="json", exclude_defaults=True)
    name = shown.pop("method", None) or step.model_dump()["method"]
    scope = shown.pop("scope", None)
    parts = [f"{key}={value}" for key, value in sorted(shown.items())]
    if scope:
        parts.append(f"scope={scope['over']}")
    return f"{name}({', '.join(parts)})" if parts else str(name)


def method_words(index: Index, base_period: str | None) -> Words:
    """The whole method of an index, as a reader of a release needs it: English and Chinese."""
    method = index.method
    parts: list[Words] = []
    divided = {node_id: node.denominate for node_id, node in index.nodes.items() if node.denominate}
    parts += [_denominate_words(node_id, step) for node_id, step in sorted(divided.items())]
    parts.append(_impute_words(method.impute))
    parts.append(_normalise_words(method.normalise, base_period))
    parts.append(
        ("Weights as given, rescaled to sum 1 under each parent", "权重为给定值，在每个上级下归一")
        if method.weighting.method == "given"
        else ("Equal weights under each parent", "每个上级下等权")
    )
    parts.append(_aggregate_words(method.aggregate))
    parts.append(("Weights of missing children are spread over those present", "缺失项的权重分摊给其余项"))
    if method.coverage > 0:
        least = f"{100 * method.coverage:g}"
        parts.append((f"No score below {least} % of observed weight", f"实测权重低于{least}%时不计分"))
    for node_id, node in sorted(index.nodes.items()):
        parts += [(f"{node_id}: {en}", f"{node_id}：{zh}") for en, zh in _node_words(node, base_period)]
    return ". ".join(en for en, _ in parts) + ".", "；".join(zh for _, zh in parts) + "。"


def _node_words(node, base_period: str | None) -> list[Words]:  # type: ignore[no-untyped-def]
    found = []
    if node.impute is not None:
        found.append(_impute_words(node.impute))
    if node.normalise is not None:
        found.append(_normalise_words(node.normalise, base_period))
    if node.weighting is not None:
        equal = node.weighting.method == "equal"
        found.append(("equal weights", "等权") if equal else ("weights as given", "给定权重"))
    if node.aggregate is not None:
        found.append(_aggregate_words(node.aggregate))
    if node.coverage is not None:
        least = f"{100 * node.coverage:g}"
        found.append((f"no score below {least} % of observed weight", f"实测权重低于{least}%时不计分"))
    return found


def _denominate_words(node_id: str, step: Denominate) -> Words:
    lag_en = f" of {step.lag} year(s) before" if step.lag else ""
    lag_zh = f"（{step.lag}年前）" if step.lag else ""
    per = f" / {step.scale:g}" if step.scale != 1 else ""
    return f"{node_id} is divided by {step.by}{per}{lag_en}", f"{node_id}除以{step.by}{per}{lag_zh}"


def _impute_words(steps: Sequence[Model]) -> Words:
    words = [_one_impute(step) for step in steps]
    filled = [each for each in words if each[0]]
    if not filled:
        return "Missing values are not filled", "缺失值不填补"
    return (
        "Missing values: " + ", then ".join(en for en, _ in filled),
        "缺失值：" + "，再".join(zh for _, zh in filled),
    )


def _one_impute(step: Model) -> Words:
    if isinstance(step, Carry):
        en = {"forward": "carried forward", "back": "carried back", "both": "carried forward, else back"}
        zh = {"forward": "向后沿用", "back": "向前沿用", "both": "向后沿用，否则向前沿用"}
        age_en = f" up to {step.max_age} period(s)" if step.max_age else ""
        age_zh = f"（至多{step.max_age}期）" if step.max_age else ""
        return en[step.direction] + age_en, zh[step.direction] + age_zh
    if isinstance(step, Linear):
        held = step.ends == "hold"
        return "linear in time" + (", ends held" if held else ""), "按时间线性内插" + ("，两端沿用" if held else "")
    if isinstance(step, CrossSection):
        centre = {"mean": "均值", "median": "中位数"}[step.statistic]
        return f"{step.statistic} of the areas in the period", f"同期各地区{centre}"
    if isinstance(step, Constant):
        return f"set to {step.value:g}", f"取{step.value:g}"
    return "", ""


def _scope_words(scope: object) -> Words:
    if isinstance(scope, PeriodScope):
        return "parameters of each period", "参数逐期估计"
    if isinstance(scope, GivenScope):
        shown = ", ".join(f"{name} {value:g}" for name, value in sorted(scope.values.items()))
        return f"given parameters {shown}", f"给定参数{shown}"
    if isinstance(scope, ReferenceScope):
        periods = f" {scope.periods[0]}-{scope.periods[-1]}" if scope.periods else ""
        areas = f" {', '.join(scope.areas)}" if scope.areas else ""
        return f"parameters frozen on{periods}{areas}", f"参数固定于{periods.strip()}{areas}"
    assert isinstance(scope, AllScope)
    return "parameters over all areas and periods", "参数取自全部地区和时期"


def _normalise_words(step: Model, base_period: str | None) -> Words:
    if isinstance(step, (MinMax, ZScore)):
        en, zh = _scope_words(step.scope)
        if isinstance(step, MinMax):
            return (
                f"Normalised by min-max to {step.lower:g}-{step.upper:g}, {en}",
                f"按最小-最大值标准化到{step.lower:g}-{step.upper:g}，{zh}",
            )
        return (
            f"Normalised by z-score with mean {step.mean:g} and standard deviation {step.sd:g}, {en}",
            f"按z分数标准化（均值{step.mean:g}，标准差{step.sd:g}），{zh}",
        )
    if isinstance(step, BaseRatio):
        period = step.period or base_period
        return (
            f"Each value over its value in {period} ({period} = {step.value:g})",
            f"以{period}年为基期（{period}={step.value:g}）",
        )
    if isinstance(step, Goalposts):
        log = (" of logarithms", "（取对数）") if step.log else ("", "")
        return (
            f"Normalised between the goalposts {step.low:g} and {step.high:g}{log[0]} to 0-{step.scale:g}",
            f"按目标区间{step.low:g}至{step.high:g}{log[1]}标准化到0-{step.scale:g}",
        )
    assert isinstance(step, RankScore)
    name = step.method.replace("_", " ")
    where = ("in each period", "逐期") if step.over == "period" else ("over all periods", "跨全部时期")
    return f"Normalised by {name} {where[0]}", f"按{where[1]}{name}标准化"


def _aggregate_words(step: Model) -> Words:
    if isinstance(step, Geometric):
        floor = (f" (floor {step.floor:g})", f"（下限{step.floor:g}）") if step.floor else ("", "")
        return f"Aggregated by the weighted geometric mean{floor[0]}", f"加权几何平均{floor[1]}"
    if isinstance(step, PowerMean):
        return f"Aggregated by the weighted power mean of power {step.p:g}", f"加权幂平均（幂{step.p:g}）"
    assert isinstance(step, Mean)
    return {
        "arithmetic": ("Aggregated by the weighted arithmetic mean", "加权算术平均"),
        "harmonic": ("Aggregated by the weighted harmonic mean", "加权调和平均"),
        "median": ("Aggregated by the weighted median", "加权中位数"),
        "min": ("Aggregated by the smallest child", "取最小值"),
    }[step.method]
