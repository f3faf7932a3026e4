"""Charts drawn as SVG for paper and for browsers without scripts: one drawing for both languages, light and dark.

Not here: the specifications (charts) and the live charts of the browser (templates/report.js).
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from pipelines.reporting.charts import CONFIG
from pipelines.reporting.figure import Chart
from pipelines.reporting.text import Words

_TOKEN = re.compile(r"⟦(\d+)⟧")
_TAG = re.compile(r"<[^>]+>")
_LONG = re.compile(r"-?\d+\.\d{2,}")
_EMPTY = re.compile(
    r'<path class="(?:background|foreground)"[^>]*/>'
    r'|<text [^>]*opacity="0"[^>]*>[^<]*</text>'
    r'|(?: xmlns:xlink="[^"]*"| version="1\.1"| pointer-events="none"| aria-[a-z]+="[^"]*"| role="[^"]*"'
    r'| class="[^"]*"| opacity="1"| font-family="[^"]*"| stroke-miterlimit="10")'
)
_GROUP = re.compile(r"<g>((?:(?!<g[ >]|</g>).)*)</g>")
_NOTHING = re.compile(r"<g[^>]*></g>")


def drawn(chart: Chart) -> str:
    """The chart as an SVG element that scales with its place. Every text stands in it in both languages."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg(json.dumps({"config": CONFIG, **chart.spec}, ensure_ascii=False))
    return _TOKEN.sub(lambda match: _twins(chart.texts[int(match[1])]), _slim(svg))


def spec_json(chart: Chart) -> dict[str, Any]:
    """What the browser needs to draw the chart itself."""
    return {"spec": chart.spec, "texts": [list(text) if text.en != text.zh else [text.en] for text in chart.texts],
            "padding": list(chart.padding), "cells": chart.cells}  # fmt: skip


def _twins(text: Words) -> str:
    if text.en == text.zh:
        return escape(text.en)
    return f'<tspan lang="en">{escape(text.en)}</tspan><tspan lang="zh-CN">{escape(text.zh)}</tspan>'


def _slim(svg: str) -> str:
    """Without what no eye sees: empty paths and groups, roles, hidden labels, digits beyond a tenth of a pixel."""
    head, _, body = svg.partition(">")
    width, height = re.findall(r'(?:width|height)="([\d.]+)"', head)[:2]
    body = _EMPTY.sub("", body)
    body = _TAG.sub(lambda tag: _LONG.sub(_tenths, tag[0]), body)
    while (smaller := _NOTHING.sub("", _GROUP.sub(r"\1", body))) != body:
        body = smaller
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true">{body}'


def _tenths(found: re.Match[str]) -> str:
    text = f"{float(found[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
