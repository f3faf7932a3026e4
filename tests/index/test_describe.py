"""The method in words: every step of the vocabulary in two languages, short forms, and whole methods.

Not here: what the steps compute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import TypeAdapter

from pipelines.index.describe import method_words, short, words_of
from warehouse.catalogue.base import IndexhouseError, Model
from warehouse.catalogue.index import Index
from warehouse.catalogue.method import Method
from warehouse.catalogue.method.aggregate import Aggregate
from warehouse.catalogue.method.normalise import Normalise
from warehouse.catalogue.method.prepare import Denominate, Impute, Screen, Treat
from warehouse.catalogue.method.robustness import Rebase, Splice
from warehouse.catalogue.method.weight import Weighting

NEEDED: dict[str, dict[str, Any]] = {
    "goalposts": {"low": 1, "high": 9},
    "distance_to_target": {"target": 5},
    "distance_to_reference": {"area": "CN-BJ"},
    "power_mean": {"p": 2},
    "constant": {"value": 7},
    "boxcox": {"boxcox_lambda": 0.5},
    "ahp": {"pairs": {"a": {"b": 3}}},
}
UNIONS = {"impute": Impute, "treat": Treat, "normalise": Normalise, "weighting": Weighting, "aggregate": Aggregate}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def models_of(union: Any) -> list[type[Model]]:
    """The classes of a discriminated union."""
    if isinstance(union, type):
        return [union]
    return [model for part in get_args(union) for model in models_of(part) if issubclass(model, Model)]


def vocabulary() -> Iterator[Any]:
    """Every method of every union, as a step with what it needs and else the defaults."""
    for stage, union in UNIONS.items():
        for model in models_of(get_args(union)[0]):
            methods = model.model_fields["method"].annotation
            assert get_origin(methods) is Literal
            for method in get_args(methods):
                step = TypeAdapter(union).validate_python({"method": method, **NEEDED.get(method, {})})
                assert type(step) is model
                yield pytest.param(step, id=f"{stage} {method}")
    yield pytest.param(Screen(availability=0.9), id="screen")
    yield pytest.param(Denominate(by="gdp"), id="denominate")
    yield pytest.param(Rebase(period="2015"), id="rebase")
    yield pytest.param(Splice(index="old", periods=("2015",)), id="splice")


STEPS = list(vocabulary())


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_words_in_both_languages(step: Model) -> None:
    en, zh = words_of(step, "2010")
    assert en and not CHINESE.search(en) and "{" not in en
    assert (CHINESE.search(zh) or "Box-Cox" in zh) and "{" not in zh


def test_no_two_steps_have_the_same_words() -> None:
    for language in (0, 1):
        texts = [words_of(parameter.values[0], "2010")[language] for parameter in STEPS]
        assert sorted({text for text in texts if texts.count(text) > 1}) == []


def test_a_step_without_words_is_an_error() -> None:
    class Unheard(Model):
        method: Literal["unheard"] = "unheard"

    with pytest.raises(IndexhouseError, match="Unheard has no words"):
        words_of(Unheard())


@pytest.mark.parametrize(
    ("stage", "given", "expected"),
    [
        ("normalise", "min_max", "min_max"),
        ("normalise", {"method": "min_max", "upper": 10, "scope": {"over": "reference", "areas": ["CN"]}},
         "min_max(upper=10, scope=reference)"),
        ("normalise", {"method": "ampi", "reference": {"area": "CN", "period": 2015}},
         "ampi(reference={area: CN, period: 2015})"),
        ("normalise", {"method": "goalposts", "low": 20, "high": 85, "cap": False},
         "goalposts(cap=false, high=85, low=20)"),
        ("aggregate", {"method": "geometric", "floor": 0.5}, "geometric(floor=0.5)"),
        ("aggregate", {"method": "benefit_of_the_doubt", "bounds": {"a": [0, 0.4]}},
         "benefit_of_the_doubt(bounds={a: [0, 0.4]})"),
        ("treat", {"method": "winsorise", "then": "log_ct"}, "winsorise(then=log_ct)"),
    ],
)  # fmt: skip
def test_a_short_form_shows_what_differs_from_the_defaults(stage: str, given: Any, expected: str) -> None:
    assert short(getattr(Method.model_validate({stage: given}), stage)) == expected


def test_no_step_has_no_short_form() -> None:
    assert short(None) is None


@pytest.mark.parametrize(
    ("stage", "given", "en", "zh"),
    [
        ("treat", {"method": "winsorise", "winmax": 3, "then": "boxcox", "boxcox_lambda": 0.5},
         "Winsorised where |skewness| >= 2 and kurtosis >= 3.5 over all periods, at most 3 points, what still fails by "
         "Box-Cox (0.5) of the original values",
         "全部时期偏度绝对值≥2且峰度≥3.5时缩尾处理，至多3点，仍不通过则对原始值作Box-Cox变换 (0.5)"),
        ("treat", {"method": "sd_limits", "k": 2, "clip": True, "over": "period"},
         "Values beyond mean +/- 2 standard deviations in each period take no part in the parameters and are cut to it",
         "逐期超出均值±2倍标准差的值不参与参数估计并截断到界限"),
        ("normalise", {"method": "z_score", "scope": {"over": "reference", "periods": [2010, 2011], "areas": ["CN"]}},
         "Normalised by z-score with mean 0 and standard deviation 1, parameters frozen on 2010-2011 CN",
         "按z分数标准化（均值0，标准差1），参数固定于2010-2011 CN"),
        ("normalise", {"method": "fraction_of_max", "scope": {"over": "given", "values": {"max": 9, "min": 1}}},
         "Normalised as a fraction of the best value, given parameters max 9, min 1",
         "按占最优值之比标准化，给定参数max 9, min 1"),
        ("normalise", {"method": "ampi", "reference": {"area": "CN"}},
         "Normalised by AMPI, 100 at the value of CN in 2010, 60 points for the range, parameters over all areas and "
         "periods",
         "按AMPI标准化，2010年CN的值为100，极差为60分，参数取自全部地区和时期"),
        ("aggregate", {"method": "ampi", "penalty": "plus"},
         "Aggregated by AMPI: mean plus a penalty for imbalance (variance with n)",
         "AMPI合成：均值加不平衡惩罚（方差除以n）"),
        ("aggregate", {"method": "mpi"},
         "Aggregated by MPI: mean minus a penalty for imbalance (variance with n-1)",
         "MPI合成：均值减不平衡惩罚（方差除以n-1）"),
        ("aggregate", {"method": "benefit_of_the_doubt", "low": 0.1, "high": 0.4, "bounds": {"a": [0, 0.2]}},
         "Aggregated by the benefit of the doubt in each period, share of each child 10-40 %, a 0-20 %",
         "按最有利权重法（benefit of the doubt）逐期合成，各项份额10-40 %，a 0-20 %"),
        ("aggregate", {"method": "chain_symmetric", "value": 60},
         "Chained index of symmetric growth rates (2010 = 60), a child with a gap sits out",
         "对称增长率链式指数（2010=60），有缺口的项不参与"),
        ("aggregate", {"method": "fisher", "chained": True, "base_period": 2015},
         "Fisher price index, chained (2015 = 100)",
         "费雪价格指数，链式（2015=100）"),
    ],
)  # fmt: skip
def test_words_of_a_step_say_its_options(stage: str, given: Any, en: str, zh: str) -> None:
    assert words_of(getattr(Method.model_validate({stage: given}), stage), "2010") == (en, zh)


def index_with(**keys: Any) -> Index:
    nodes = {"top": {}, "one": {"parent": "top"}, "two": {"parent": "top"}}
    return Index.model_validate(
        {"name_en": "x", "areas": ["CN"], "periods": {"from": 2010}, "nodes": nodes} | keys,
    )


def test_a_whole_method_is_told_in_the_order_of_its_stages() -> None:
    nodes = {
        "top": {"aggregate": "geometric", "weighting": "pca", "coverage": 0.5},
        "one": {"parent": "top", "denominate": {"by": "people", "lag": 1}, "treat": "sqrt", "quantity": "units_sold"},
        "two": {"parent": "top", "impute": [{"method": "constant", "value": 3}], "normalise": "rank"},
    }
    index = index_with(
        nodes=nodes,
        method={
            "screen": {"availability": 0.9, "drop": ["XX"]},
            "impute": ["linear", "row_mean"],
            "treat": "winsorise",
            "order": ["treat", "screen", "denominate", "impute", "normalise"],
            "coverage": 0.25,
        },
        splice={"index": "old", "periods": [2012]},
        rebase={"period": 2015},
    )
    en, zh = method_words(index, None)
    assert en.split(". ") == [
        "Winsorised where |skewness| >= 2 and kurtosis >= 3.5 over all periods, at most 5 points",
        "Areas with values for less than 90 % of the indicators (over all periods) are left out; "
        "left out in any case: XX",
        "one: divided by people of 1 year(s) before",
        "Missing values: linear in time, then mean of the other indicators of the same parent",
        "Normalised by min-max to 0-100, parameters over all areas and periods",
        "Weights as given, rescaled to sum 1 under each parent",
        "Aggregated by the weighted arithmetic mean",
        "Weights of missing children are spread over those present",
        "No score below 25 % of observed weight",
        "one: transformed by square root where |skewness| >= 2 and kurtosis >= 3.5 over all periods",
        "one: quantities are units_sold",
        "top: weights of the first principal component, parameters over all areas and periods",
        "top: aggregated by the weighted geometric mean",
        "top: no score below 50 % of observed weight",
        "two: missing values: set to 3",
        "two: normalised by rank in each period",
        "Spliced onto old (latest) on 2012",
        "Rebased to 2015 = 100.",
    ]
    assert len(zh.split("；")) == 18 and zh.endswith("换基：2015=100。")


def test_a_stage_that_does_not_run_is_not_told() -> None:
    en, zh = method_words(index_with(method={"order": ["impute"], "treat": "winsorise", "normalise": "rank"}), None)
    assert "Winsorised" not in en and "rank" not in en
    assert "Values enter as they are" in en and "数值不作标准化" in zh


def test_a_screen_that_leaves_nobody_out_is_not_told() -> None:
    assert "left out" not in method_words(index_with(), None)[0]
    assert words_of(Screen()) == ("All areas take part", "全部地区参评")
    assert words_of(Screen(keep=("CN",)))[0] == "Kept in any case: CN"
