"""A comparison as one HTML page that needs nothing else: no network, no script; printable, light and dark.

Not here: what is said (layout), other formats (console, markdown), the report of a release (report).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from pipelines.diffing.layout import Items, Paragraph, Section, Table, Text

STYLE = """
:root{color-scheme:light dark;--ink:#1c1f23;--dim:#5a6270;--line:#d5d9e0;--paper:#fff;--soft:#f4f6f9;--up:#1f6fb2;
--down:#b4471f}
@media (prefers-color-scheme:dark){:root{--ink:#e7e9ec;--dim:#a2abb8;--line:#3a414c;--paper:#15181c;--soft:#1f242b;
--up:#6db3ec;--down:#f0946b}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:70rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI","Noto Sans CJK SC","Microsoft YaHei",sans-serif}
h1{font-size:1.45rem;line-height:1.3;margin:.5rem 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
p{margin:.5rem 0}
.switch{display:flex;gap:1rem;justify-content:flex-end;color:var(--dim);font-size:.9rem;border:0;margin:0;padding:0}
ol,ul{padding-left:1.6rem}li{margin:.45rem 0;overflow-wrap:anywhere}
.bar{display:block;height:.35rem;margin:.3rem 0 .9rem;border-radius:2px;background:var(--up);min-width:2px}
.bar.down{background:var(--down)}
.wide{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.2rem 0 .4rem}
th,td{padding:.25rem .8rem .25rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600;white-space:nowrap}
.n{text-align:right;white-space:nowrap}
.up{color:var(--up)}.down-text{color:var(--down)}
.more{color:var(--dim);font-size:.85rem}
:root:has(#in-en:checked) [lang=zh],:root:has(#in-zh:checked) [lang=en]{display:none}
@page{size:A4;margin:16mm}
@media print{:root{--ink:#000;--dim:#444;--line:#bbb;--paper:#fff;--soft:#fff;--up:#1f6fb2;--down:#b4471f}
body{max-width:none;padding:0;font-size:10pt}.switch{display:none}.wide{overflow:visible}tr,li{break-inside:avoid}
h2{break-after:avoid}table{font-size:8.5pt}td{overflow-wrap:anywhere}}
"""
SWITCH = (
    '<fieldset class="switch"><legend hidden>Language</legend>'
    '<label><input type="radio" name="language" id="in-en" checked> English</label>'
    '<label><input type="radio" name="language" id="in-zh"> 中文</label>'
    '<label><input type="radio" name="language" id="in-both"> English + 中文</label></fieldset>'
)


def page(sections: Sequence[Section]) -> str:
    """The whole page."""
    title = escape(sections[0].heading[0])
    body = "\n".join(line for section in sections for line in _section(section))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{SWITCH}\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _section(section: Section) -> Iterator[str]:
    yield f"<h{section.level}>{_both(section.heading)}</h{section.level}>"
    for block in section.blocks:
        if isinstance(block, Paragraph):
            yield f"<p>{_both(block.words)}</p>"
        elif isinstance(block, Items):
            yield from _items(block)
        else:
            yield from _table(block)


def _items(block: Items) -> Iterator[str]:
    tag = "ol" if block.is_numbered else "ul"
    largest = max((abs(size) for size in block.sizes), default=0.0)
    yield f"<{tag}>"
    for place, words in enumerate(block.items):
        bar = ""
        if largest:
            effect = block.sizes[place]
            kind = "bar down" if effect < 0 else "bar"
            bar = f'<span class="{kind}" aria-hidden="true" style="width:{100 * abs(effect) / largest:.1f}%"></span>'
        yield f"<li>{_both(words)}{bar}</li>"
    yield f"</{tag}>"


def _table(block: Table) -> Iterator[str]:
    yield '<div class="wide" tabindex="0"><table>'
    if block.title[0]:
        yield f"<caption>{_both(block.title)}</caption>"
    numbers = ['<th scope="col" class="n">' if numeric else '<th scope="col">' for numeric in block.numeric]
    heads = "".join(f"{tag}{_both(name)}</th>" for tag, name in zip(numbers, block.columns, strict=True))
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for row in block.rows:
        yield "<tr>" + "".join(_cell(cell, block.numeric[place]) for place, cell in enumerate(row)) + "</tr>"
    yield "</tbody></table></div>"
    if block.more[0]:
        yield f'<p class="more">{_both(block.more)}</p>'


def _cell(cell: Text, numeric: bool) -> str:
    if not numeric:
        return f"<td>{_both(cell)}</td>"
    text = _both(cell)
    sign = " up" if text.startswith("+") else " down-text" if text.startswith("−") else ""
    return f'<td class="n{sign}">{text}</td>'


def _both(cell: Text) -> str:
    """Text of one language for all, or one span a language, of which the switch shows one."""
    if isinstance(cell, str):
        return escape(cell)
    en, zh = cell
    if en == zh:
        return escape(en)
    return f'<span lang="en">{escape(en)}</span> <span lang="zh">{escape(zh)}</span>'
