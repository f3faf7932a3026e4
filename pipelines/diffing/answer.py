"""The answer of `indexhouse diff` in the format asked for, on stdout.

Not here: comparing (compare), the formats (console, markdown, page).
"""

from __future__ import annotations

import json
from typing import Any

from pipelines.diffing.compare import LIMIT, compare
from pipelines.diffing.console import say
from pipelines.diffing.layout import sections
from pipelines.diffing.markdown import markdown
from pipelines.diffing.page import page
from pipelines.diffing.sides import choose
from pipelines.settings import Settings

FORMATS = ("text", "markdown", "html", "json")


def answer(settings: Settings, old: str | None, new: str | None, form: str, limit: int | None = LIMIT) -> None:
    """Compare and print. Raises IndexhouseError where a side is unknown or cannot be read."""
    document: dict[str, Any] = compare(choose(settings, old, new)).document(limit)
    if form == "json":
        print(json.dumps(document, ensure_ascii=False, indent=1, default=str))
        return
    told = sections(document)
    if form == "text":
        say(told)
    else:
        print(markdown(told) if form == "markdown" else page(told), end="")
