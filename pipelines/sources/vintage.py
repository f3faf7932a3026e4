"""From when a file's values were known: declared, printed, assumed by a rule, or the retrieval date.

Not here: vintages across files of one source (core).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from pipelines.sources.layout import search_text
from pipelines.sources.periods import month_end_after, parse_date, period_end
from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.source import Vintage


@dataclass(frozen=True)
class Known:
    """The date of a file and its basis (declared, assumed, retrieved); `lag_months` where each value has its
    own."""

    vintage: date | None
    basis: str
    lag_months: int | None = None


def known_from(rule: Vintage, noted: date | None, file_name: str, title: str, retrieved: date | None) -> Known:
    """Find the declared date of a file; without one, what the rule says.

    In: the source's rule, the date of the file's own note, file name and title text, retrieval date.
    Out: Known; a vintage of None with basis assumed means: newest period plus lag (see assume).
    Raises: RejectedFileError(vintage_conflict) when note and print differ, RejectedFileError(vintage_missing)
    when print is expected.
    """
    printed = _printed(rule, file_name, title, required=noted is None)
    if noted is not None and printed is not None and noted != printed:
        raise RejectedFileError(
            "vintage_conflict", f"files: vintage: {noted}, but '{file_name}' prints {printed}; keep one"
        )
    declared = noted or printed or rule.declared
    if declared is not None:
        return Known(_capped(declared, retrieved), "declared")
    if rule.assumed is None:
        return Known(retrieved, "retrieved")
    if rule.assumed.per == "observation":
        return Known(retrieved, "retrieved", rule.assumed.lag_months)
    return Known(None, "assumed")


def assume(rule: Vintage, newest_period: str | None, retrieved: date | None) -> Known:
    """The assumed date of a file: end of its newest period with a value plus the lag, at the end of a
    month."""
    end = period_end(newest_period) if newest_period else None
    if end is None or rule.assumed is None:
        return Known(retrieved, "retrieved")
    return Known(_capped(month_end_after(end, rule.assumed.lag_months), retrieved), "assumed")


def assumed_for(time_period: str, lag_months: int, retrieved: date | None) -> date | None:
    """The assumed date of one value: end of its own period plus the lag."""
    end = period_end(time_period)
    return None if end is None else _capped(month_end_after(end, lag_months), retrieved)


def _capped(day: date, retrieved: date | None) -> date:
    return min(day, retrieved) if retrieved else day


def _printed(rule: Vintage, file_name: str, title: str, required: bool) -> date | None:
    pattern, texts, where = (rule.file, [file_name], "file") if rule.file else (rule.title, [title], "title")
    if pattern is None:
        return None
    for text in texts:
        for match in re.finditer(pattern, text):
            found = parse_date(match[1] if match.re.groups and match[1] else match[0])
            if found is not None:
                return found
    squeezed = search_text(pattern, texts)
    found = parse_date(squeezed) if squeezed else None
    if found is None and required:
        shown = f"'{squeezed}' is no date" if squeezed else "it is not found"
        raise RejectedFileError("vintage_missing", f"vintage.{where}: '{pattern}': {shown} ({file_name})")
    return found
