"""Pieces of the report: numbers and periods in words, formulas, colours, charts as Vega-Lite has them.

Not here: whole pages.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from lxml import etree

from pipelines.reporting import bars, charts, drawing, formulas, page, text
from pipelines.reporting.figure import Chart, Mark
from pipelines.reporting.text import Words
from warehouse.catalogue.method.aggregate import Aggregate
from warehouse.catalogue.method.normalise import Normalise


@pytest.mark.parametrize(
    ("value", "decimals", "sign", "shown"),
    [
        (None, 1, False, "–"), (0.04, 1, True, "0.0"), (-0.04, 1, True, "0.0"), (-1.25, 1, False, "−1.2"),
        (1.0, 1, True, "+1.0"), (9999.5, 1, False, "9999.5"), (12345.678, 1, False, "12,345.7"),
        (-12345.0, 0, True, "−12,345"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_readers(value: float | None, decimals: int, sign: bool, shown: str) -> None:
    assert text.number(value, decimals, sign) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0"),
        (6.17, "6.17"),
        (241282.0, "241,282"),
        (0.01234567, "0.01235"),
        (1e-7, "1.000e−07"),
        (-5.5, "−5.5"),
    ],
)
def test_numbers_of_unknown_size_keep_their_significant_digits(value: float | None, shown: str) -> None:
    assert text.significant(value) == shown


@pytest.mark.parametrize(
    ("code", "english", "chinese"),
    [
        ("2023", "2023", "2023年"), ("2023-Q1", "Q1 2023", "2023年第1季度"), ("2023-S2", "H2 2023", "2023年下半年"),
        ("2023-05", "May 2023", "2023年5月"), ("2014-01-01/P5Y", "2014–2018", "2014–2018年"),
        ("2019-10-17", "17 October 2019", "2019年10月17日"), ("2023-W01", "2023-W01", "2023-W01"), (None, "–", "–"),
    ],
)  # fmt: skip
def test_periods_are_said_in_both_languages(code: str | None, english: str, chinese: str) -> None:
    assert text.period(code) == Words(english, chinese)


def test_a_list_is_joined_as_each_language_does() -> None:
    parts = [Words("A", "甲"), Words("B", "乙"), Words("C", "丙")]
    assert text.listed(parts) == Words("A, B and C", "甲、乙和丙")
    assert text.listed(parts[:1]) == parts[0] and text.listed([]) == Words("", "")


def test_text_is_cut_by_its_width_on_the_screen() -> None:
    assert text.shortened("Beijing", 7) == "Beijing"
    assert text.shortened("Heilongjiang", 8) == "Heilong…"
    assert text.shortened("黑龙江省", 5) == "黑…"


def methods(union: Any) -> set[str]:
    """The names of the methods that the catalogue knows."""
    members = union.__args__[0].__args__ if hasattr(union, "__args__") else union.__origin__.__args__
    found: set[str] = set()
    for member in members:
        found |= set(member.model_fields["method"].annotation.__args__)
    return found


def test_every_method_of_the_catalogue_has_its_formula() -> None:
    assert methods(Normalise) == set(formulas.NORMALISE)
    assert methods(Aggregate) == set(formulas.AGGREGATE)


@pytest.mark.parametrize("name", [*formulas.NORMALISE, *formulas.AGGREGATE])
def test_every_formula_is_sound_mathml(name: str) -> None:
    for known in (formulas.NORMALISE, formulas.AGGREGATE):
        if name in known:
            tree = etree.fromstring(formulas.mathml(known[name].line))
            for element in tree.iter("mfrac", "msub", "msup", "munder"):
                assert len(element) == 2
            assert all(len(element) == 3 for element in tree.iter("msubsup"))
            assert known[name].where.en and known[name].where.zh


def test_a_formula_is_read_as_it_is_written() -> None:
    assert formulas.mathml("y = {x - min}/2^{1:n}") == (
        '<math displaystyle="true"><mi>y</mi><mo>=</mo><mfrac><mrow><mi>x</mi><mo>−</mo><mi>min</mi></mrow>'
        "<msup><mn>2</mn><mrow><mn>1</mn><mo>/</mo><mi>n</mi></mrow></msup></mfrac></math>"
    )


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * c for c in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palettes() -> list[dict[str, str]]:
    """The colours of the style sheet, light and dark."""
    style = (page.TEMPLATES / "style.css").read_text("utf-8")
    found = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(found) == 2
    return [found[0], found[0] | found[1]]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(theme: int) -> None:
    colours = palettes()[theme]
    for name in ("ink", "ink2", "accent", "up", "down", "bad", "s2"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
        if name in ("ink", "ink2"):
            assert contrast(colours[name], colours["tint"]) >= 4.5, name
    for name in ("good", "fair", "bad", "untested"):
        assert contrast(colours[name], colours["on-bar"]) >= 4.5, name
    for n in range(1, 9):
        assert contrast(colours[f"s{n}"], colours["paper"]) >= 3, n


AXIS = charts.Axis(["2020", "2021", "2022"], {"2020": 2020.0, "2021": 2021.0, "2022": 2022.0})
ONE, TWO = Words("one", "一"), Words("two", "二")
VALUES: dict[str, float | None] = {"2020": 1.0, "2021": None, "2022": 3.0}
DRAWN: dict[str, Chart] = {
    "lines": charts.lines(
        AXIS,
        [charts.Series(Mark(ONE, "var(--s1)"), VALUES),
         charts.Series(Mark(TWO, "var(--muted)"), VALUES, is_background=True)],
        1, {"2020": (0.5, 1.5)}, [charts.Series(Mark(TWO, "var(--s6)", "diamond"), {"2021": 2.0})],
    ),
    "short_axis": charts.lines(
        charts.Axis(["2020-Q1", "2020-Q2"], {"2020-Q1": 2020.0, "2020-Q2": 2020.25}),
        [charts.Series(Mark(ONE, "var(--s1)"), {"2020-Q1": 1.0, "2020-Q2": 2.0})], 1,
    ),
    "intervals": charts.intervals(
        [charts.Dot(ONE, 1.0, 1.0, 2.0, "9", "1 (1–2)"), charts.Dot(TWO, 2.0, None, None, "8", "2")], (0.5, 2.5), ONE
    ),
    "pairs": charts.pairs([(ONE, 1.0, 2.0), (TWO, None, 1.0)], Mark(ONE, "var(--s2)"), Mark(TWO, "var(--s1)"), 1),
    "small_multiples": charts.small_multiples(AXIS, [(ONE, VALUES), (TWO, VALUES)], 1),
    "waterfall": bars.waterfall([(ONE, 1.0, True), (TWO, 1.0, False)], 2.0, 3.0, ONE, TWO, 1),
    "parts_by_area": bars.parts_by_area([(ONE, 1.0, [2.0, -1.0])], [Mark(ONE, "var(--s1)"), Mark(TWO, "var(--s2)")], 1),
    "verdicts": bars.verdicts([(ONE, [1, 2])], [Mark(ONE, "var(--good)"), Mark(TWO, "var(--bad)")]),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_every_chart_is_sound_vega_lite(name: str) -> None:
    import altair

    altair.Chart.from_dict({"config": charts.CONFIG, **DRAWN[name].spec})


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_speaks_both_languages_and_needs_nothing(name: str) -> None:
    svg = drawing.drawn(DRAWN[name])
    etree.fromstring(svg)
    assert "⟦" not in svg and "url(" not in svg and "href" not in svg and " id=" not in svg
    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= {"none"} | set(re.findall(r"var\(--[\w-]+\)", svg)) | {
        "transparent"
    }
    assert svg.count('lang="en"') == svg.count('lang="zh-CN"')


def test_two_areas_of_one_name_stay_two(tmp_path: Any) -> None:
    chart = charts.small_multiples(AXIS, [(ONE, VALUES), (ONE, VALUES)], 1)
    first, second = (chart.texts[int(token.strip("⟦⟧"))] for token in chart.spec["facet"]["sort"])
    assert first.en != second.en and first.zh != second.zh
    assert first.en.strip("\u200b") == second.en.strip("\u200b") == "one"


def test_digits_within_a_text_are_not_shortened() -> None:
    chart = bars.waterfall([(Words("1.2345", "1.2345"), 0.125, False)], 1.0, 1.125, ONE, TWO, 3)
    svg = drawing.drawn(chart)
    assert ">1.2345<" in svg and ">+0.125<" in svg and ">1.125<" in svg


def test_the_charting_library_is_the_one_that_draws_on_paper() -> None:
    import vl_convert

    assert (page.TEMPLATES / "vega.js").read_text("utf-8") == vl_convert.javascript_bundle()
