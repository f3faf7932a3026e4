"""Text, tables and legends as HTML: everything escaped, every text in both languages, every table with its scopes.

Not here: the page around them (page, templates).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Any

from markupsafe import Markup

from pipelines.reporting.figure import Cell, Column, Group, Line, Mark, Table, Value
from pipelines.reporting.text import Words

SHORT_ROWS = 34
SHORT_COLUMNS = 9
_CLASSES = {"number": "n", "text": "", "wide": "wide", "code": "code"}
_JOINT = re.compile(r"(?<=[a-z0-9])([._])(?=[a-z])(?![^<]*>)")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_IN_SCRIPT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_WHY = {False: Words("why", "理由"), True: Words("found", "情况")}


def both(text: Words | str | None) -> Markup:
    """A text in both languages, of which the page shows one; once where they are the same."""
    return Markup(_both(text))


def asis(text: str | None) -> Markup:
    """A text that exists in one language only, marked with it and shown in both."""
    return Markup(_asis(text or ""))


def script_json(document: Any) -> Markup:
    """A document as JSON that cannot end the script element that it stands in."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_IN_SCRIPT))


def table(found: Table, kind: str = "") -> Markup:
    """A table with caption and scopes in a box that scrolls; what was left out is said below it.

    `kind`: boxed for a long one that scrolls in itself, quiet where a heading says what the caption would.
    """
    caption_id = escape(f"{found.table_id}-caption")
    parts = [
        f'<div class="{f"scroll {kind}".strip()}" role="region" tabindex="0" aria-labelledby="{caption_id}">',
        f'<table id="{escape(found.table_id)}"><caption id="{caption_id}">{_both(found.caption)}</caption>',
        f"<thead>{_heads(found.columns)}</thead>",
        *_bodies(found.lines, found.columns),
        "</table></div>",
        *(f'<p class="note">{_both(note)}</p>' for note in (found.cut, found.note) if note is not None),
    ]
    return Markup("".join(parts))


def is_short(found: Table) -> bool:
    """Whether a table that is folded away on the screen is printed all the same."""
    return len(found.lines) <= SHORT_ROWS and len(found.columns) <= SHORT_COLUMNS


def swatch(mark: Mark) -> Markup:
    """How one entry of a legend is drawn, as a picture of its own."""
    colour = escape(mark.colour)
    if mark.shape == "line":
        dash = f' stroke-dasharray="{" ".join(map(str, mark.dash))}"' if mark.dash else ""
        inner = f'<line x1="0" y1="6" x2="26" y2="6" stroke="{colour}" stroke-width="2.4"{dash}/>'
    elif mark.shape == "diamond":
        inner = f'<path d="M13 1l5 5-5 5-5-5z" fill="{colour}"/>'
    elif mark.shape == "dot":
        inner = f'<circle cx="13" cy="6" r="4.5" fill="{colour}"/>'
    else:
        opacity = ' opacity=".25"' if mark.shape == "area" else ""
        inner = f'<rect x="3" y="1" width="20" height="10" fill="{colour}"{opacity}/>'
    return Markup(f'<svg class="swatch" viewBox="0 0 26 12" width="26" height="12" aria-hidden="true">{inner}</svg>')


def _both(text: Words | str | None) -> str:
    if text is None or isinstance(text, str):
        return escape(text or "")
    if text.en == text.zh:
        return escape(text.en)
    return f'<span lang="en">{escape(text.en)}</span><span lang="zh-CN">{escape(text.zh)}</span>'


def _asis(text: str) -> str:
    if not text:
        return ""
    language = "zh-CN" if len(_CHINESE.findall(text)) * 3 > len(text) else "en"
    return f'<span class="asis" lang="{language}">{escape(text)}</span>'


def _heads(columns: Sequence[Column]) -> str:
    """One row of heads, or two where some columns share a head above them."""
    if not any(column.over for column in columns):
        return f"<tr>{''.join(map(_head, columns))}</tr>"
    upper, lower = [], []
    for over, members in groupby(columns, key=lambda column: column.over):
        mine = list(members)
        if over is None:
            upper += [_head(column, ' rowspan="2"') for column in mine]
            continue
        upper.append(f'<th scope="colgroup" class="over" colspan="{len(mine)}">{_both(over)}</th>')
        lower += [_head(column) for column in mine]
    return f"<tr>{''.join(upper)}</tr><tr>{''.join(lower)}</tr>"


def _head(column: Column, more: str = "") -> str:
    return f'<th scope="col" class="{_CLASSES[column.kind]}"{more}>{_both(column.head)}</th>'


def _bodies(lines: Sequence[Line], columns: Sequence[Column]) -> Iterator[str]:
    """One body of rows, or one for each group, which its heading opens."""
    is_open = False
    for line in lines:
        if isinstance(line, Group):
            yield "</tbody><tbody>" if is_open else "<tbody>"
            yield f'<tr class="group"><th scope="rowgroup" colspan="{len(columns)}">{_both(line.text)}</th></tr>'
        else:
            if not is_open:
                yield "<tbody>"
            pairs = zip(line, columns, strict=True)
            yield f"<tr>{''.join(_cell(value, column, n == 0) for n, (value, column) in enumerate(pairs))}</tr>"
        is_open = True
    if is_open:
        yield "</tbody>"


def _cell(value: Value, column: Column, is_first: bool) -> str:
    cell = value if isinstance(value, Cell) else None
    content = _content(cell, column) if cell else _both(value)  # type: ignore[arg-type]
    if column.kind == "code" and cell is None:
        content = _breakable(content)
    names = " ".join(filter(None, (_CLASSES[column.kind], cell.kind if cell else "")))
    attributes = f' class="{names}"' if names else ""
    if cell and cell.share is not None:
        attributes += f' style="--share:{cell.share:.2f}"'
    return f'<th scope="row"{attributes}>{content}</th>' if is_first else f"<td{attributes}>{content}</td>"


def _content(cell: Cell, column: Column) -> str:
    content = _asis(cell.text.en) if cell.is_asis else _both(cell.text)
    if column.kind == "code" or cell.kind == "code":
        content = _breakable(content)
    if cell.kind.startswith("verdict"):
        content = f'<span class="badge">{content}</span>'
    if cell.link:
        content = f'<a href="{escape(cell.link)}" rel="noopener noreferrer">{content}</a>'
    if cell.below is not None:
        content += f'<span class="below">{_breakable(_both(cell.below))}</span>'
    if cell.more is not None:
        content += _more(cell)
    if cell.kind == "hindsight":
        content += '<abbr class="hind" title="hindsight 事后所知">‡</abbr>'
    return content


def _more(cell: Cell) -> str:
    """The longer text of a cell: open where it must be read, else folded away."""
    assert cell.more is not None
    text = _asis(cell.more.en) if cell.is_asis else _both(cell.more)
    if cell.kind == "told":
        return f'<p class="more">{text}</p>'
    return f'<details class="more"><summary>{_both(_WHY[cell.is_asis])}</summary>{text}</details>'


def _breakable(content: str) -> str:
    """A code that may be broken after a dot or an underscore, and nowhere else."""
    return _JOINT.sub(r"\1<wbr>", content)
