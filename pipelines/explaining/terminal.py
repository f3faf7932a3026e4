"""An explanation drawn for a terminal: the tree with its columns, the lines below each node, wide characters aligned.

Not here: the words (words), the page (page).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pipelines.explaining.origin import Document
from pipelines.explaining.words import Digits, Words, brief, exact, lines_of, together

PIPE_WIDTH, LEAST_NAME, WIDEST_LABEL = 100, 24, 14
COLUMNS: tuple[Words, ...] = (
    ("score", "得分"),
    ("weight", "权重"),
    ("in index", "总权重"),
    ("change", "变化"),
    ("adds", "贡献"),
)
WEIGHT, IN_INDEX = 1, 2  # columns that a narrow terminal does without
GOOD, BAD, QUIET, STRONG, LABEL = "green", "red", "bright_black", "bold", "cyan"


class Row(NamedTuple):
    """One node: the guides before its name and before its lines, name, columns, lines (depth, label, text)."""

    guide: str
    below: str
    name: str
    columns: tuple[str, ...]
    lines: list[tuple[int, str, str]]
    level: int


def draw(document: Document, language: str = "en", is_exact: bool = False, is_brief: bool = False) -> None:
    """Print an explanation. Colours only on a terminal; a pipe gets lines of up to 100 cells."""
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns if is_terminal else PIPE_WIDTH
    console = Console(
        width=width, no_color=bool(os.environ.get("NO_COLOR")) or None, highlight=False, markup=False, emoji=False
    )
    for line in drawn(document, width, language, is_exact, is_brief):
        console.print(line, soft_wrap=True)


def drawn(
    document: Document, width: int, language: str = "en", is_exact: bool = False, is_brief: bool = False
) -> list[Text]:
    """The lines of the answer, none wider than `width` cells (but for a width that nothing fits in)."""
    at = 1 if language == "zh" else 0
    rows = list(_rows(document["tree"], at, exact if is_exact else brief, is_brief))
    return [*_head(document, width, at), *_table(rows, width, at), *_foot(document, width, at, is_exact)]


def _head(document: Document, width: int, at: int) -> Iterator[Text]:
    yield from _styled(together(document["index_en"], document["index_zh"]), width, STRONG)
    edition = (document["edition_en"], document["edition_zh"])[at]
    as_of = (
        f", with what was known on {document['as_of']}" if document["as_of"] else "",
        f"，截至{document['as_of']}所知" if document["as_of"] else "",
    )[at]
    en, zh, period = document["area_en"], document["area_zh"], document["time_period"]
    edition_id, release_id = document["edition_id"], document["release_id"]
    words = (
        f"{together(en, zh)}, {period}; edition {edition_id} ({edition}){as_of}; release {release_id}",
        f"{together(zh, en)}，{period}；版次{edition_id}（{edition}）{as_of}；发布版 {release_id}",
    )
    yield from _styled(words[at], width)
    if len(document["path"]) > 1:
        yield from _styled(("in ", "位于")[at] + " > ".join(document["path"][:-1]), width, QUIET)
    top = document["tree"]
    if top["rank"] is not None and top["areas_ranked"] > 1:
        rank = (f"rank {top['rank']} of {top['areas_ranked']}", f"排名{top['rank']}/{top['areas_ranked']}")
        yield from _styled(rank[at], width)
    yield Text()


def _foot(document: Document, width: int, at: int, is_exact: bool) -> Iterator[Text]:
    yield Text()
    before, own = document["previous_period"], document["tree"]
    if before and own["change"] is not None:
        yield from _styled((
            f"change: since {before}; adds: points that a part adds to the change of the index",
            f"变化：较{before}；贡献：对总指数变化贡献的点数")[at], width, QUIET)  # fmt: skip
    if any(_is_spread(node) for node in _all(own)):
        yield from _styled((
            "* the weight of what is missing is spread over the others", "* 缺失项的权重已分摊给其余项"
        )[at], width, QUIET)  # fmt: skip
    checked = document["checked"]
    if checked["differences"]:
        n = len(checked["differences"])
        yield from _styled((f"computed again, {n} number{'s differ' if n > 1 else ' differs'} from the release:",
                            f"重新计算，{n}个数与发布不一致：")[at], width, BAD)  # fmt: skip
        for text in checked["differences"][:20]:
            yield from _styled(f"  {text}", width, BAD)
    else:
        n = checked["scores"]
        yield from _styled((
            f"computed again from the cells: {n} of {n} scores are those of the release, in all 12 digits",
            f"由源单元格重新计算：{n}个得分全部与发布一致（12位有效数字）")[at], width, GOOD)  # fmt: skip
    if not is_exact:
        yield from _styled((
            "numbers are shortened for reading; --exact and --json give all digits",
            "数字为便于阅读已缩短；--exact和--json给出全部位数")[at], width, QUIET)  # fmt: skip


def _all(node: Document) -> Iterator[Document]:
    yield node
    for child in node["children"]:
        yield from _all(child)


def _is_spread(node: Document) -> bool:
    """Whether the weight that counted is not the nominal one."""
    nominal, used = node["weight_in_parent"], node["weight_used_in_parent"]
    return nominal is not None and used is not None and abs(nominal - used) > 1e-9


# the tree


def _rows(top: Document, at: int, digits: Digits, is_brief: bool) -> Iterator[Row]:
    scores = [abs(node["score"]) for node in _all(top) if node["score"] is not None]
    decimals = _decimals(max(scores, default=0.0))

    def row(node: Document, above: Document | None, guide: str, below: str, level: int) -> Iterator[Row]:
        name = (node["name_en"], node["name_zh"])[at]
        inner = below + ("│  " if node["children"] else "   ")
        lines = [] if is_brief else [
            (line.depth, line.label[at], line.text[at]) for line in lines_of(node, digits, above)
        ]  # fmt: skip
        yield Row(guide, inner, name, _columns(node, decimals), lines, level)
        for child in node["children"]:
            is_last = child is node["children"][-1]
            mark, then = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            yield from row(child, node, below + mark, below + then, level + 1)

    yield from row(top, None, "", "", 0)


def _decimals(largest: float) -> int:
    """Digits after the point so that the largest score has about six significant ones."""
    whole = len(str(int(largest))) if largest >= 1 else 0
    return max(1, min(6, 6 - whole)) if largest else 1


def _columns(node: Document, decimals: int) -> tuple[str, ...]:
    star = "*" if _is_spread(node) else ""
    return (
        "-" if node["score"] is None else f"{node['score']:.{decimals}f}",
        _share(node["weight_used_in_parent"]) + star,
        _share(node["weight_used"]),
        _signed(node["change"], decimals),
        _signed(node["contribution"], decimals),
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.3g} %"


def _signed(value: float | None, decimals: int) -> str:
    if value is None:
        return "-"
    size = f"{abs(value):.{decimals}f}"
    return size if float(size) == 0 else f"{'-' if value < 0 else '+'}{size}"


def _table(rows: list[Row], width: int, at: int) -> Iterator[Text]:
    heads = [words[at] for words in COLUMNS]
    every = zip(heads, *(row.columns for row in rows), strict=True)
    widths = [max(cell_len(text) for text in column) for column in every]
    kept = list(range(len(widths)))
    for optional in (IN_INDEX, WEIGHT):
        if LEAST_NAME + sum(widths[place] + 2 for place in kept) > width:
            kept.remove(optional)
    heads, widths = [heads[place] for place in kept], [widths[place] for place in kept]
    rows = [row._replace(columns=tuple(row.columns[place] for place in kept)) for row in rows]
    wanted = max(cell_len(row.guide) + cell_len(row.name) for row in rows)
    names = max(LEAST_NAME, min(wanted, width - sum(widths) - 2 * len(widths)))
    yield Text(" " * names) + _cells(heads, widths, [QUIET] * len(heads))
    for row in rows:
        yield from _node_lines(row, names, widths)
        yield from _detail_lines(row, width)


def _cells(texts: list[str] | tuple[str, ...], widths: list[int], styles: list[str]) -> Text:
    line = Text()
    for text, width, style in zip(texts, widths, styles, strict=True):
        line.append("  " + " " * (width - cell_len(text)))
        line.append(text, style)
    return line


def _node_lines(row: Row, names: int, widths: list[int]) -> Iterator[Text]:
    """The name, wrapped below itself where it is long, with the columns on its first line."""
    style = STRONG if (row.level < 2 and row.lines) or row.level == 0 else ""
    tones = [_tone(text) for text in row.columns]
    for number, part in enumerate(wrapped(row.name, names - cell_len(row.guide))):
        guide = row.guide if number == 0 else row.below
        line = Text()
        line.append(guide, QUIET)
        line.append(part, style)
        if number == 0:
            line.append(" " * (names - cell_len(guide) - cell_len(part)))
            line += _cells(
                row.columns, widths, [STRONG if row.level == 0 else "", *[""] * (len(tones) - 3), *tones[-2:]]
            )
        yield line


def _tone(text: str) -> str:
    """Of a change: up, down, or neither."""
    return GOOD if text[0] == "+" else BAD if text[0] == "-" and len(text) > 1 else QUIET


def _detail_lines(row: Row, width: int) -> Iterator[Text]:
    """Label and text of every line below a node; texts are wrapped, labels of one depth stand in one column."""
    for (depth, label, text), label_width in zip(row.lines, _label_widths(row.lines), strict=True):
        head = f"{row.below}{'  ' * depth}"
        is_long = cell_len(head) + label_width + 2 + LEAST_NAME > width
        room = width - cell_len(head) - (2 if is_long else label_width + 2)
        if is_long:
            yield Text.assemble((head, QUIET), (label, LABEL))
        for number, part in enumerate(wrapped(text, max(room, 12))):
            line = Text.assemble((head, QUIET))
            if is_long:
                line.append("  ")
            elif number == 0:
                line.append(label + " " * (label_width + 2 - cell_len(label)), LABEL)
            else:
                line.append(" " * (label_width + 2))
            line.append(part)
            yield line


def _label_widths(lines: list[tuple[int, str, str]]) -> list[int]:
    """The width that the label of each line is given: that of the widest among those beside it (of a node's own lines
    among all), unless that is too wide to be a column."""
    own = [number for number, (depth, _, _) in enumerate(lines) if depth == 0]
    found = [cell_len(label) for _, label, _ in lines]
    runs = [own, *(list(run) for depth, run in groupby(range(len(lines)), lambda i: lines[i][0]) if depth)]
    for run in runs:
        widest = max((found[place] for place in run), default=0)
        if widest <= WIDEST_LABEL:
            for place in run:
                found[place] = widest
    return found


def _styled(text: str, width: int, style: str = "") -> Iterator[Text]:
    for part in wrapped(text, width):
        yield Text(part, style)


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` cells, broken at blanks and between wide characters, else anywhere."""
    lines, line = [], ""
    for piece in _pieces(text):
        if cell_len(line) + cell_len(piece.rstrip()) <= width:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = ""
        while cell_len(piece.rstrip()) > width:
            cut = next(n for n in range(len(piece), 0, -1) if cell_len(piece[:n]) <= max(width, 2))
            lines.append(piece[:cut])
            piece = piece[cut:]
        line = piece
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


NO_START = "，。；：、）》”’！？,.;:)%"


def _pieces(text: str) -> Iterator[str]:
    """Parts that stay together: words with the blank after them, single wide characters with closing marks."""
    piece = ""
    for char in text:
        is_wide = cell_len(char) > 1
        if piece and (is_wide or cell_len(piece[-1]) > 1) and char not in NO_START and piece[-1] not in "（《“":
            yield piece
            piece = ""
        piece += char
        if char == " ":
            yield piece
            piece = ""
    if piece:
        yield piece
