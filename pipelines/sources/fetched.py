"""What fetching brings back: files, places that have nothing new, and problems.

Not here: bringing them (fetch for files and folders, http for addresses).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipelines.sources.reasons import Problem

# (source_id, origin) -> what the last record of that origin kept of the answer's headers: etag, last-modified
StoreLookup = Callable[[str, str], Mapping[str, str] | None]


@dataclass(frozen=True)
class Fetched:
    """One file that was brought: its bytes, where from, its name, when (UTC), media type, headers worth
    keeping."""

    content: bytes
    origin: str
    file_name: str
    retrieved_at: datetime
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FetchResult:
    """`fetched` files in the order of their origin; `unchanged` origins (304); `problems`: the last good file
    of that origin stands in."""

    fetched: list[Fetched] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
