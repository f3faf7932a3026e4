"""The method of an index in words: short forms for a node, sentences in English and Chinese for an edition.

A method has one entry in the table at the end; a step without one is an error, never silence.
Not here: what a step does (screen, impute, treat, normalise, weigh, aggregate, index_number, doubt).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from warehouse.catalogue.base import IndexhouseError, Model
from warehouse.catalogue.index import Index, Node
from warehouse.catalogue.method.aggregate import (
    BenefitOfTheDoubt,
    Chain,
    Copeland,
    Mean,
    Penalised,
    PositiveMean,
    PowerMean,
    PriceIndex,
    Topsis,
)
from warehouse.catalogue.method.normalise import (
    Ampi,
    BaseRatio,
    DistanceToReference,
    DistanceToTarget,
    FractionOfMax,
    Goalposts,
    MinMax,
    NoNormalisation,
    RankScore,
    ZScore,
)
from warehouse.catalogue.method.prepare import (
    Carry,
    Constant,
    CrossSection,
    Denominate,
    Linear,
    NoImputation,
    NoTreatment,
    RowMean,
    Screen,
    SdLimits,
    TransformStep,
    Winsorise,
)
from warehouse.catalogue.method.robustness import Rebase, Splice
from warehouse.catalogue.method.scope import AllScope, GivenScope, PeriodScope, ReferenceScope
from warehouse.catalogue.method.weight import (
    AhpWeights,
    CriticWeights,
    EntropyWeights,
    EqualWeights,
    GivenWeights,
    PcaWeights,
)

Words = tuple[str, str]


def short(step: Model | None) -> str | None:
    """A step as `method(key=value, ...)`, with what differs from the defaults; None for no step."""
    if step is None:
        return None
    shown = step.model_dump(mode="json", exclude_defaults=True)
    name = shown.pop("method", None) or step.model_dump()["method"]
    scope = shown.pop("scope", None)
    parts = [f"{key}={_value(value)}" for key, value in sorted(shown.items())]
    if scope:
        parts.append(f"scope={scope['over']}")
    return f"{name}({', '.join(parts)})" if parts else str(name)


def method_words(index: Index, base_period: str | None) -> Words:
    """The whole method of an index, as a reader of a release needs it: English and Chinese."""
    parts = list(_sentences(index, base_period))
    return ". ".join(en for en, _ in parts) + ".", "；".join(zh for _, zh in parts) + "。"


def words_of(step: Model, base_period: str | None = None) -> Words:
    """One step in English and Chinese.

    Raises IndexhouseError for a step that has no words: add them to the table of this module.
    """
    if type(step) not in _WORDS:
        raise IndexhouseError(f"describe: {type(step).__name__} has no words; add an entry to its table")
    return _WORDS[type(step)](step, base_period)


def _sentences(index: Index, base_period: str | None) -> Iterator[Words]:
    method = index.method
    for stage in method.order:
        if stage == "screen":
            if method.screen != Screen():
                yield words_of(method.screen)
        elif stage == "denominate":
            for node_id, node in sorted(index.nodes.items()):
                if node.denominate is not None:
                    yield _of_node(node_id, words_of(node.denominate))
        elif stage == "impute":
            yield _impute_words(method.impute)
        elif stage == "treat":
            yield words_of(method.treat)
        else:
            yield words_of(method.normalise, base_period)
    if "normalise" not in method.order:
        yield words_of(NoNormalisation(method="none"))
    yield words_of(method.weighting)
    yield words_of(method.aggregate, base_period)
    yield "Weights of missing children are spread over those present", "缺失项的权重分摊给其余项"
    if method.coverage > 0:
        yield _coverage_words(method.coverage)
    for node_id, node in sorted(index.nodes.items()):
        yield from (_of_node(node_id, words) for words in _node_words(node, method.order, base_period))
    for step in (index.splice, index.rebase):
        if step is not None:
            yield words_of(step)


def _node_words(node: Node, order: Sequence[str], base_period: str | None) -> Iterator[Words]:
    if node.impute is not None and "impute" in order:
        yield _impute_words(node.impute)
    if node.treat is not None and "treat" in order:
        yield words_of(node.treat)
    if node.normalise is not None and "normalise" in order:
        yield words_of(node.normalise, base_period)
    if node.quantity is not None:
        yield f"Quantities are {node.quantity}", f"数量取{node.quantity}"
    if node.weighting is not None:
        yield words_of(node.weighting)
    if node.aggregate is not None:
        yield words_of(node.aggregate, base_period)
    if node.coverage is not None:
        yield _coverage_words(node.coverage)


def _of_node(node_id: str, words: Words) -> Words:
    en, zh = words
    return f"{node_id}: {en[0].lower()}{en[1:]}", f"{node_id}：{zh}"


def _value(value: Any) -> str:
    """A value as YAML has it on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _coverage_words(least: float) -> Words:
    share = f"{100 * least:g}"
    return f"No score below {share} % of observed weight", f"实测权重低于{share}%时不计分"


def _impute_words(steps: Sequence[Model]) -> Words:
    words = [words_of(step) for step in steps if not isinstance(step, NoImputation)]
    if not words:
        return "Missing values are not filled", "缺失值不填补"
    return "Missing values: " + ", then ".join(en for en, _ in words), "缺失值：" + "，再".join(zh for _, zh in words)


Speaker = Callable[[Any, str | None], Words]


def _text(en: str, zh: str, names: Mapping[str, Words] | None = None) -> Speaker:
    """Words by filling in two templates: `s` is the step, `name` that of its method, `scope` and `over` where its
    parameters are taken, `base` its base period and value."""

    def speak(step: Any, base_period: str | None) -> Words:
        facts: dict[str, Words] = {}
        if names is not None:
            facts["name"] = names[step.method]
        if hasattr(step, "scope"):
            facts["scope"] = _scope_words(step.scope)
        if hasattr(step, "over"):
            facts["over"] = _OVER[step.over]
        if hasattr(step, "base_period"):
            period = step.base_period or base_period
            facts["base"] = f"{period or 'first period'} = {step.value:g}", f"{period or '首期'}={step.value:g}"
        return (
            en.format(s=step, **{key: fact[0] for key, fact in facts.items()}),
            zh.format(s=step, **{key: fact[1] for key, fact in facts.items()}),
        )

    return speak


_OVER: dict[str, Words] = {"all": ("over all periods", "全部时期"), "period": ("in each period", "逐期")}


def _scope_words(scope: Model) -> Words:
    if isinstance(scope, GivenScope):
        shown = ", ".join(f"{name} {value:g}" for name, value in sorted(scope.values.items()))
        return f"given parameters {shown}", f"给定参数{shown}"
    if isinstance(scope, ReferenceScope):
        ends = dict.fromkeys((*scope.periods[:1], *scope.periods[-1:]))
        shown = " ".join(filter(None, ["-".join(ends), ", ".join(scope.areas)]))
        return f"parameters frozen on {shown}", f"参数固定于{shown}"
    return {
        AllScope: ("parameters over all areas and periods", "参数取自全部地区和时期"),
        PeriodScope: ("parameters of each period", "参数逐期估计"),
    }[type(scope)]


def _screen(step: Screen, base_period: str | None) -> Words:
    where, asked = _OVER[step.over], []
    if step.availability > 0:
        share = f"{100 * step.availability:g}"
        asked.append((f"values for less than {share} % of the indicators", f"有值指标不足{share}%"))
    if step.non_zero > 0:
        share = f"{100 * step.non_zero:g}"
        asked.append((f"less than {share} % of their values other than zero", f"非零值不足{share}%"))
    texts = []
    if asked:
        en, zh = (either.join(part[n] for part in asked) for n, either in enumerate((" or ", "或")))
        texts.append((f"areas with {en} ({where[0]}) are left out", f"{where[1]}{zh}的地区不参评"))
    if step.keep:
        texts.append((f"kept in any case: {', '.join(step.keep)}", f"始终保留：{'、'.join(step.keep)}"))
    if step.drop:
        texts.append((f"left out in any case: {', '.join(step.drop)}", f"始终剔除：{'、'.join(step.drop)}"))
    if not texts:
        return "All areas take part", "全部地区参评"
    together = "; ".join(en for en, _ in texts)
    return together[0].upper() + together[1:], "，".join(zh for _, zh in texts)


def _denominate(step: Denominate, base_period: str | None) -> Words:
    lag = (f" of {step.lag} year(s) before", f"（{step.lag}年前）") if step.lag else ("", "")
    per = f" / {step.scale:g}" if step.scale != 1 else ""
    return f"Divided by {step.by}{per}{lag[0]}", f"除以{step.by}{per}{lag[1]}"


def _carry(step: Carry, base_period: str | None) -> Words:
    en, zh = {
        "forward": ("carried forward", "向后沿用"),
        "back": ("carried back", "向前沿用"),
        "both": ("carried forward, else back", "向后沿用，否则向前沿用"),
    }[step.direction]
    age = (f" up to {step.max_age} period(s)", f"（至多{step.max_age}期）") if step.max_age else ("", "")
    return en + age[0], zh + age[1]


def _linear(step: Linear, base_period: str | None) -> Words:
    held = (", ends held", "，两端沿用") if step.ends == "hold" else ("", "")
    return "linear in time" + held[0], "按时间线性内插" + held[1]


def _cross_section(step: CrossSection, base_period: str | None) -> Words:
    whose = ("of the group ", "同组") if step.within == "group" else ("", "各")
    centre = {"mean": "均值", "median": "中位数"}[step.statistic]
    return f"{step.statistic} of the areas {whose[0]}in the period", f"同期{whose[1]}地区{centre}"


_TRANSFORM: dict[str, Words] = {
    "log_ct": ("ln(x - min + 0.01 range)", "对数变换ln(x-最小值+0.01极差)"),
    "log_ct_orig": ("ln(x - min + 1)", "对数变换ln(x-最小值+1)"),
    "log_ct_plus": ("ln(x - min + 0.01 range), mirrored for negative skewness", "对数变换（负偏时镜像）"),
    "log_gii": ("the logarithm of the GII", "GII对数变换"),
    "boxcox": ("Box-Cox", "Box-Cox变换"),
    "sqrt": ("square root", "平方根变换"),
}
_FAILS = _text(
    "where |skewness| >= {s.skew:g} and kurtosis >= {s.kurtosis:g} {over}",
    "{over}偏度绝对值≥{s.skew:g}且峰度≥{s.kurtosis:g}时",
)


def _transform(method: str, power: float | None) -> Words:
    exponent = "" if power is None else f" ({power:g})"
    en, zh = _TRANSFORM[method]
    return en + exponent, zh + exponent


def _winsorise(step: Winsorise, base_period: str | None) -> Words:
    fails, points = _FAILS(step, None), step.winmax
    en, zh = f"Winsorised {fails[0]}, at most {points} points", f"{fails[1]}缩尾处理，至多{points}点"
    if step.then is not None:
        then = _transform(step.then, step.boxcox_lambda)
        on = {"original": ("original", "原始"), "winsorised": ("winsorised", "缩尾后")}[step.then_on]
        en += f", what still fails by {then[0]} of the {on[0]} values"
        zh += f"，仍不通过则对{on[1]}值作{then[1]}"
    return en, zh


def _transformed(step: TransformStep, base_period: str | None) -> Words:
    en, zh = _transform(step.method, step.boxcox_lambda)
    fails = ("", "") if step.when == "always" else _FAILS(step, None)
    return f"Transformed by {en} {fails[0]}".rstrip(), f"{fails[1]}作{zh}"


def _sd_limits(step: SdLimits, base_period: str | None) -> Words:
    done = [("take no part in the parameters", "不参与参数估计")] if step.exclude else []
    done += [("are cut to it", "截断到界限")] if step.clip else []
    en, zh = (both.join(part[n] for part in done) for n, both in enumerate((" and ", "并")))
    where = _OVER[step.over]
    return (
        f"Values beyond mean +/- {step.k:g} standard deviations {where[0]} {en}",
        f"{where[1]}超出均值±{step.k:g}倍标准差的值{zh}",
    )


def _goalposts(step: Goalposts, base_period: str | None) -> Words:
    log = (" of logarithms", "（取对数）") if step.log else ("", "")
    cut = ("cut at both ends", "两端截断") if step.cap else ("not cut", "不截断")
    return (
        f"Normalised between the goalposts {step.low:g} and {step.high:g}{log[0]} to 0-{step.scale:g}, {cut[0]}",
        f"按目标区间{step.low:g}至{step.high:g}{log[1]}标准化到0-{step.scale:g}，{cut[1]}",
    )


def _target(step: DistanceToTarget, base_period: str | None) -> Words:
    en, zh = _scope_words(step.scope)
    cut = (", at most 1", "，最高为1") if step.cap else ("", "")
    return (
        f"Normalised by the distance covered to the target {step.target:g}{cut[0]}, {en}",
        f"按达到目标值{step.target:g}的程度标准化{cut[1]}，{zh}",
    )


def _base_ratio(step: BaseRatio, base_period: str | None) -> Words:
    period = step.period or base_period
    return (
        f"Each value over its value in {period} ({period} = {step.value:g})",
        f"以{period}年为基期（{period}={step.value:g}）",
    )


def _ampi(step: Ampi, base_period: str | None) -> Words:
    en, zh = _scope_words(step.scope)
    period = step.reference.period or base_period
    when = (f" in {period}", f"{period}年") if period else ("", "")
    if step.reference.value is not None:
        centre = (f"{step.reference.value:g}", f"{step.reference.value:g}")
    elif step.reference.area is not None:
        centre = (f"the value of {step.reference.area}{when[0]}", f"{when[1]}{step.reference.area}的值")
    else:
        centre = (f"the mean of the areas{when[0]}", f"{when[1]}各地区均值")
    return (
        f"Normalised by AMPI, 100 at {centre[0]}, 60 points for the range, {en}",
        f"按AMPI标准化，{centre[1]}为100，极差为60分，{zh}",
    )


def _pca(step: PcaWeights, base_period: str | None) -> Words:
    en, zh = _scope_words(step.scope)
    zero = (", negative loadings as 0", "，负载荷取0") if step.negative == "zero" else ("", "")
    return f"Weights of the first principal component{zero[0]}, {en}", f"第一主成分赋权{zero[1]}，{zh}"


def _positive_mean(step: PositiveMean, base_period: str | None) -> Words:
    floor = (f" (floor {step.floor:g})", f"（下限{step.floor:g}）") if step.floor else ("", "")
    name = {"geometric": "加权几何平均", "harmonic": "加权调和平均"}[step.method]
    return f"Aggregated by the weighted {step.method} mean{floor[0]}", name + floor[1]


def _penalised(step: Penalised, base_period: str | None) -> Words:
    ddof = step.ddof if step.ddof is not None else {"mpi": 1, "ampi": 0}[step.method]
    sign, n, name = {"minus": "减", "plus": "加"}[step.penalty], "n-1" if ddof else "n", step.method.upper()
    return (
        f"Aggregated by {name}: mean {step.penalty} a penalty for imbalance (variance with {n})",
        f"{name}合成：均值{sign}不平衡惩罚（方差除以{n}）",
    )


def _doubt(step: BenefitOfTheDoubt, base_period: str | None) -> Words:
    where = _OVER[step.over]
    shown = [f"{name} {100 * low:g}-{100 * high:g} %" for name, (low, high) in sorted(step.bounds.items())]
    each = f"{100 * step.low:g}-{100 * step.high:g} %"
    return (
        f"Aggregated by the benefit of the doubt {where[0]}, share of each child {', '.join([each, *shown])}",
        f"按最有利权重法（benefit of the doubt）{where[1]}合成，各项份额{'，'.join([each, *shown])}",
    )


def _chain(step: Chain, base_period: str | None) -> Words:
    rates = {"chain_symmetric": ("symmetric growth rates", "对称增长率"), "chain_geometric": ("ratios", "加权几何环比")}
    gaps = {
        "bridge": ("gaps are bridged", "缺口均摊到各期"),
        "sit_out": ("a child with a gap sits out", "有缺口的项不参与"),
    }
    return _text(
        f"Chained index of {{name}} ({{base}}), {gaps[step.gaps][0]}",
        f"{{name}}链式指数（{{base}}），{gaps[step.gaps][1]}",
        rates,
    )(step, base_period)


def _price_index(step: PriceIndex, base_period: str | None) -> Words:
    names = {
        "laspeyres": ("Laspeyres", "拉氏"),
        "paasche": ("Paasche", "帕氏"),
        "fisher": ("Fisher", "费雪"),
        "tornqvist": ("Törnqvist", "特恩奎斯特"),
    }
    how = ("chained", "链式") if step.chained else ("direct", "定基")
    return _text(f"{{name}} price index, {how[0]} ({{base}})", f"{{name}}价格指数，{how[1]}（{{base}}）", names)(
        step, base_period
    )


def _splice(step: Splice, base_period: str | None) -> Words:
    periods = ", ".join(step.periods)
    return (
        f"Spliced onto {step.index} ({step.edition}) on {periods}",
        f"与{step.index}（{step.edition}）在{periods}衔接",
    )


_RANKS: dict[str, Words] = {
    "rank": ("rank", "排名"),
    "borda": ("Borda count", "Borda计分"),
    "percentile_rank": ("percentile rank", "百分位排名"),
}
_MEANS: dict[str, Words] = {
    "arithmetic": ("weighted arithmetic mean", "加权算术平均"),
    "median": ("weighted median", "加权中位数"),
    "min": ("smallest child", "取最小值"),
}
_WORDS: dict[type[Model], Speaker] = {
    Screen: _screen,
    Denominate: _denominate,
    NoImputation: _text("not filled", "不填补"),
    Carry: _carry,
    Linear: _linear,
    CrossSection: _cross_section,
    RowMean: _text("mean of the other indicators of the same parent", "同一上级下其他指标的均值"),
    Constant: _text("set to {s.value:g}", "取{s.value:g}"),
    NoTreatment: _text("Outliers are not treated", "不处理异常值"),
    Winsorise: _winsorise,
    TransformStep: _transformed,
    SdLimits: _sd_limits,
    NoNormalisation: _text("Values enter as they are", "数值不作标准化"),
    MinMax: _text(
        "Normalised by min-max to {s.lower:g}-{s.upper:g}, {scope}",
        "按最小-最大值标准化到{s.lower:g}-{s.upper:g}，{scope}",
    ),
    ZScore: _text(
        "Normalised by z-score with mean {s.mean:g} and standard deviation {s.sd:g}, {scope}",
        "按z分数标准化（均值{s.mean:g}，标准差{s.sd:g}），{scope}",
    ),
    RankScore: _text("Normalised by {name} {over}", "按{over}{name}标准化", _RANKS),
    Goalposts: _goalposts,
    DistanceToTarget: _target,
    DistanceToReference: _text(
        "Normalised by the distance to {s.area} = 1, {scope}", "按与{s.area}（=1）的距离标准化，{scope}"
    ),
    FractionOfMax: _text("Normalised as a fraction of the best value, {scope}", "按占最优值之比标准化，{scope}"),
    BaseRatio: _base_ratio,
    Ampi: _ampi,
    GivenWeights: _text("Weights as given, rescaled to sum 1 under each parent", "权重为给定值，在每个上级下归一"),
    EqualWeights: _text("Equal weights under each parent", "每个上级下等权"),
    EntropyWeights: _text(
        "Entropy weights (epsilon {s.epsilon:g}), {scope}", "熵权法赋权（epsilon={s.epsilon:g}），{scope}"
    ),
    CriticWeights: _text("CRITIC weights, {scope}", "CRITIC法赋权，{scope}"),
    AhpWeights: _text(
        "Weights of the analytic hierarchy process, consistency ratio at most {s.max_ratio:g}",
        "层次分析法赋权，一致性比率不超过{s.max_ratio:g}",
    ),
    PcaWeights: _pca,
    Mean: _text("Aggregated by the {name}", "{name}", _MEANS),
    PositiveMean: _positive_mean,
    PowerMean: _text("Aggregated by the weighted power mean of power {s.p:g}", "加权幂平均（幂{s.p:g}）"),
    Copeland: _text("Aggregated by Copeland outranking in each period", "按Copeland法逐期两两比较合成"),
    Penalised: _penalised,
    Topsis: _text("Aggregated by TOPSIS, ideal points {over}", "按TOPSIS法合成（理想点：{over}）"),
    BenefitOfTheDoubt: _doubt,
    Chain: _chain,
    PriceIndex: _price_index,
    Rebase: _text("Rebased to {s.period} = {s.value:g}", "换基：{s.period}={s.value:g}"),
    Splice: _splice,
}
