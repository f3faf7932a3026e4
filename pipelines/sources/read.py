"""One file of a source from bytes to readings: reader, layout, vintage and conform tied together.

Not here: fetching (fetch), keeping snapshots (warehouse.snapshots), comparing files of one source (core).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import polars as pl
from pydantic import ValidationError

from pipelines.sources.conform import READING_SCHEMA, conform
from pipelines.sources.convert import CORRECTION_SCHEMA
from pipelines.sources.layout import read_cells
from pipelines.sources.lookup import Lookup, Terms, lookup_of
from pipelines.sources.readers import read_grids
from pipelines.sources.reasons import Problem, RejectedFileError, problem
from pipelines.sources.vintage import known_from
from warehouse.catalogue.base import CatalogueError
from warehouse.catalogue.source import Bundled, Layout, Read, Source


@dataclass(frozen=True)
class FileRules:
    """How one file of a source is read, its notes applied."""

    read: Read
    layout: Layout
    vintage: date | None
    retrieved: date | None
    approve_volume: bool


@dataclass(frozen=True)
class Reading:
    """What one file says.

    `readings`: one row a value cell (conform.READING_SCHEMA). `vintage` with `vintage_basis` declared |
    assumed | retrieved; None where only the retrieval date can tell and none is given. `rejections`: why the
    whole file is refused (then readings may be empty); `warnings`: what a person should look at.
    `corrections`: each cell that holds the key of a correction (convert.CORRECTION_SCHEMA).
    """

    readings: pl.DataFrame
    vintage: date | None
    vintage_basis: str
    rejections: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    corrections: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CORRECTION_SCHEMA))

    @property
    def is_rejected(self) -> bool:
        return bool(self.rejections)


def read_snapshot(
    content: bytes, file_name: str, source: Source, catalogue: Terms | Lookup, retrieved: date | None = None
) -> Reading:
    """Read one file of a source.

    In: its bytes and name, the source, the catalogue (areas, indicators, units), the retrieval date where it
    is known (a declared one of the source or of the file's note wins; no vintage is later). Out: Reading; a
    file that cannot be used is a Reading with rejections, never an exception.
    Raises: CatalogueError when a file's note does not fit the source's models.
    """
    rules = file_rules(source, file_name)
    retrieved = rules.retrieved or retrieved
    if isinstance(source.fetch, Bundled):
        retrieved = rules.retrieved or source.fetch.retrieved
    lookup = lookup_of(catalogue)
    try:
        grids = read_grids(content, rules.read)
        conditions = dict.fromkeys(
            column
            for rule in source.exclude
            if rule.files is None or fnmatchcase(file_name, rule.files)
            for column in rule.where
        )
        cells = read_cells(grids, rules.layout, file_name, lookup, rules.read.format == "html", list(conditions))
        known = known_from(source.vintage, rules.vintage, file_name, cells.title, retrieved)
    except RejectedFileError as rejection:
        return Reading(pl.DataFrame(schema=READING_SCHEMA), None, "retrieved", (rejection.problem,))
    result = conform(cells, source, rules.layout, lookup, file_name, known, retrieved)
    rejections = _rejections(result.readings, source)
    return Reading(
        result.readings,
        result.known.vintage,
        result.known.basis,
        tuple(rejections),
        tuple(dict.fromkeys(result.warnings)),
        result.corrections,
    )


def file_rules(source: Source, file_name: str) -> FileRules:
    """Apply the notes of a file to its source; later notes win.

    `read` and `layout` of a note replace single keys; `layout.header` is merged key by key.
    Raises: CatalogueError naming the note and the key.
    """
    read: dict[str, Any] = {}
    layout: dict[str, Any] = {}
    vintage = retrieved = None
    approve = False
    for note in source.files:
        if not any(fnmatchcase(name, note.match) for name in (file_name, PurePosixPath(file_name).name)):
            continue
        read |= note.read
        header = {**layout.get("header", {}), **note.layout.get("header", {})}
        layout |= note.layout
        if header:
            layout["header"] = header
        vintage, retrieved = note.vintage or vintage, note.retrieved or retrieved
        approve = approve or note.approve_volume
    try:
        return FileRules(
            Read.model_validate(source.read.model_dump(exclude_unset=True) | read) if read else source.read,
            _merged_layout(source.layout, layout) if layout else source.layout,
            vintage,
            retrieved,
            approve,
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise CatalogueError(
            [f"files: the note for '{file_name}': {place}: {first['msg']}; correct the note's read or layout"]
        ) from None


def _merged_layout(base: Layout, changes: dict[str, Any]) -> Layout:
    data = base.model_dump(exclude_unset=True)
    if "header" in changes:
        kept = dict(data.get("header", {}))
        if {"find", "row"} & set(changes["header"]):
            kept = {k: v for k, v in kept.items() if k not in ("find", "row")}
        changes = {**changes, "header": {**kept, **changes["header"]}}
    return Layout.model_validate({**data, **changes})


def _rejections(readings: pl.DataFrame, source: Source) -> list[Problem]:
    counts = dict(readings["outcome"].value_counts().iter_rows())
    quarantined, values = counts.get("quarantined", 0), counts.get("value", 0)
    judged = quarantined + values
    if judged and 100 * quarantined > source.max_quarantined_pct * judged:
        codes = readings.filter(pl.col("outcome") == "quarantined")["reason_code"].value_counts(sort=True)
        shown = ", ".join(f"{code} {count}" for code, count in codes.head(5).iter_rows())
        return [
            problem(
                "too_many_rejects",
                f"{quarantined} of {judged} printed values ({shown}); max_quarantined_pct is "
                f"{source.max_quarantined_pct:g}",
            )
        ]
    if not values and not counts.get("excluded", 0):
        return [problem("no_values", f"{readings.height} cells, all blank")]
    return []
