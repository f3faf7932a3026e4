"""A comparison as Markdown: release notes, an issue, a page of documentation.

Not here: what is said (layout), other formats (console, page).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipelines.diffing.layout import Items, Paragraph, Section, Table, Text

_MARKS = re.compile(r"([\\`*_\[\]<>|#])")


def markdown(sections: Sequence[Section]) -> str:
    """The text, both languages beside each other; tables as GitHub reads them."""
    return "\n".join(line for section in sections for line in _section(section)).strip() + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"{'#' * section.level} {_joined(section.heading)}"
    yield ""
    for block in section.blocks:
        if isinstance(block, Paragraph):
            yield "  \n".join(_plain(text) for text in dict.fromkeys(block.words))
        elif isinstance(block, Items):
            for number, words in enumerate(block.items, start=1):
                mark = f"{number}. " if block.is_numbered else "- "
                yield mark + f"  \n{' ' * len(mark)}".join(_plain(text) for text in dict.fromkeys(words))
        else:
            yield from _table(block)
        yield ""


def _table(block: Table) -> Iterator[str]:
    if block.title[0]:
        yield f"**{_joined(block.title)}**"
        yield ""
    yield _row([_joined(name) for name in block.columns])
    yield _row(["---:" if numeric else "---" for numeric in block.numeric])
    yield from (_row([_joined(cell) for cell in row]) for row in block.rows)
    if block.more[0]:
        yield ""
        yield _joined(block.more)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _joined(cell: Text) -> str:
    texts = (cell,) if isinstance(cell, str) else dict.fromkeys(cell)
    return " ".join(_plain(text.strip()) for text in texts if text.strip())


def _plain(text: str) -> str:
    """Text that stands for itself, whatever marks it holds."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
