"""The two sides of a comparison: releases with their catalogue and tables, and the editions built from them.

Not here: comparing them (values, corners, compare), choosing what was known on a day (claims.evidence).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from pipelines.claims.evidence import Knowledge, preferred
from pipelines.index.build import edition_of
from pipelines.marts.indices import editions_of
from pipelines.settings import Settings
from warehouse.catalogue.index import Edition, Index, Variant
from warehouse.catalogue.load import Catalogue, from_document
from warehouse.db import QueryError, quote, read_only_release
from warehouse.errors import IndexhouseError, UnknownNameError, suggest
from warehouse.releases import FILE, Release, current, list_releases, read_release

MANIFEST = "manifest.json"
TABLES = ("observation_vintage", "index_score", "snapshot")
_EDITION = re.compile(r"([a-z][a-z0-9_]*):([a-z0-9][a-z0-9_.-]*)")


class Side:
    """One release: its facts, its catalogue, its tables, each read when it is first asked for."""

    def __init__(self, file: Path, facts: Release, catalogue: Catalogue) -> None:
        self.file, self.facts, self.catalogue = file, facts, catalogue
        self._known: dict[date | None, pl.DataFrame] = {}

    @cached_property
    def size(self) -> int:
        """How many statements of its sources the release holds."""
        with read_only_release(self.file) as con:
            found = con.execute("select count(*) from observation_vintage").fetchone()
        return int(found[0]) if found else 0

    @property
    def release_id(self) -> str:
        return self.facts.release_id

    @cached_property
    def _tables(self) -> dict[str, pl.DataFrame]:
        try:
            with read_only_release(self.file) as con:
                return {name: con.sql(f"select * exclude (release_id) from {quote(name)}").pl() for name in TABLES}
        except QueryError as error:
            raise IndexhouseError(
                f"{self.file}: a table cannot be read ({(str(error).splitlines() or [''])[0]}); the release was built "
                f"by indexhouse {self.facts.code_version}, which may have other tables"
            ) from None

    @cached_property
    def vintages(self) -> pl.DataFrame:
        return self._tables["observation_vintage"].drop("superseded_on", "is_preferred")

    @cached_property
    def scores(self) -> pl.DataFrame:
        return self._tables["index_score"]

    @cached_property
    def snapshots(self) -> pl.DataFrame:
        return self._tables["snapshot"]

    def known(self, as_of: date | None) -> pl.DataFrame:
        """The observed values in force at a date, one row per key; None: at the release's own."""
        if as_of not in self._known:
            priority = Knowledge.of(self.catalogue).priority
            self._known[as_of] = preferred(self.vintages, as_of, priority)
        return self._known[as_of]


@dataclass(frozen=True)
class Subject:
    """One edition of one index in one release: the index with the changes of a variant made and without Monte Carlo
    runs, which no score depends on."""

    side: Side
    index_id: str
    index: Index
    edition: Edition

    @property
    def name(self) -> str:
        return f"{self.index_id}:{self.edition.id}"

    @property
    def observed(self) -> pl.DataFrame:
        """The observed values that the edition knows."""
        return self.side.known(self.edition.as_of)

    @property
    def ends(self) -> tuple[str | None, str | None]:
        """The last period of edition and index; None: the newest there is."""
        return self.edition.to, self.index.periods.last

    def published(self) -> pl.DataFrame:
        """The scores in the release, in the columns of `index_score`."""
        mine = (pl.col("index_id") == self.index_id) & (pl.col("edition_id") == self.edition.id)
        return self.side.scores.filter(mine)


def subject_of(side: Side, index_id: str, edition_id: str) -> Subject | None:
    """An edition of a release; None where the release has none of that name."""
    index = side.catalogue.indices.get(index_id)
    for each in editions_of(index) if index else []:
        if each.id == edition_id:
            assert index is not None
            changed = index.with_changes(each.changes) if isinstance(each, Variant) else index
            edition = edition_of(index, each) if isinstance(each, Variant) else each
            return Subject(side, index_id, changed.model_copy(update={"uncertainty": None}), edition)
    return None


@dataclass(frozen=True)
class Choice:
    """What is compared: two releases, and for two editions of one index also those."""

    old: Side
    new: Side
    editions: tuple[Subject, Subject] | None = None


def choose(settings: Settings, old: str | None, new: str | None) -> Choice:
    """Find the two sides that a user names: release ids, or INDEX:EDITION twice.

    Without names the previous and the current release; one release id stands against the current one, one edition
    against the last edition of its index. Raises IndexhouseError naming what is unknown and what there is.
    """
    named = [name for name in (old, new) if name]
    if any(":" in name for name in named):
        return _editions(settings, named)
    if not named:
        named = list(_last_two(settings.release))
    if len(named) == 1:
        now = current(settings.release)
        if now is None:
            raise IndexhouseError(f"{settings.release}: nothing is published yet; `indexhouse run` makes a release")
        named.append(now.release_id)
    old_side, new_side = (open_side(settings.release, each) for each in named)
    return Choice(old_side, new_side)


def open_side(root: Path, release_id: str) -> Side:
    """A kept release. Raises IndexhouseError when it is unknown, damaged, or of a version with another catalogue."""
    folder = root / release_id
    if not (folder / MANIFEST).exists():
        known = [path.parent.name for path in root.glob(f"*/{MANIFEST}")]
        raise UnknownNameError(f"release '{release_id}' is not kept; {suggest(release_id, known)}")
    from pipelines.publishing import read_manifest  # which writes the notes of a release, by what is here

    manifest = read_manifest(folder / MANIFEST)
    try:
        catalogue = from_document(manifest["catalogue"])
    except (ValidationError, KeyError) as error:
        version = str(manifest.get("code_version", "")).partition("+")[0]
        raise IndexhouseError(
            f"{folder / MANIFEST}: this version does not read its catalogue ({(str(error).splitlines() or [''])[0]}); "
            f"install version {version} to compare it"
        ) from None
    return Side(folder / FILE, read_release(folder / FILE), catalogue)


def _last_two(root: Path) -> tuple[str, str]:
    """The current release, and the newest before it that was once fit to be current."""
    kept = list_releases(root)
    now = next((each for each in kept if each.is_current), None)
    if now is None:
        raise IndexhouseError(f"{root}: nothing is published yet; `indexhouse run` makes a release")
    earlier = [each for each in kept if not each.problem and each.as_of is None and not each.is_rolled_back
               and (each.built_at, each.release_id) < (now.built_at, now.release_id)]  # fmt: skip
    if not earlier:
        raise IndexhouseError(
            f"{root}: no release before the current {now.release_id} is kept; name two releases "
            "(`indexhouse releases` lists them), or two editions: indexhouse diff INDEX:EDITION INDEX:EDITION"
        )
    return earlier[-1].release_id, now.release_id


def _editions(settings: Settings, named: list[str]) -> Choice:
    now = current(settings.release)
    if now is None:
        raise IndexhouseError(f"{settings.release}: nothing is published yet; `indexhouse run` makes a release")
    side = open_side(settings.release, now.release_id)
    found = [_edition(side, name) for name in named]
    if len(found) == 1:
        last = side.catalogue.indices[found[0].index_id].editions[-1].id
        other = subject_of(side, found[0].index_id, last)
        assert other is not None
        found.append(other)
    if found[0].index_id != found[1].index_id:
        raise UnknownNameError(
            f"{named[0]} and {named[1]} are editions of two indices, whose scores have nothing in common; "
            "name two editions of one index"
        )
    return Choice(side, side, (found[0], found[1]))


def _edition(side: Side, name: str) -> Subject:
    match = _EDITION.fullmatch(name)
    if match is None:
        raise UnknownNameError(f"'{name}' is neither a release id nor INDEX:EDITION; name two of one kind")
    index_id, edition_id = match.groups()
    indices: Mapping[str, Index] = side.catalogue.indices
    if index_id not in indices:
        raise UnknownNameError(f"{name}: index '{index_id}' is unknown; {suggest(index_id, indices)}")
    found = subject_of(side, index_id, edition_id)
    if found is None:
        known = [each.id for each in editions_of(indices[index_id])]
        raise UnknownNameError(f"{name}: edition '{edition_id}' is unknown; {suggest(edition_id, known)}")
    return found


def with_periods_of(method: Subject, data: Subject) -> Subject:
    """The method of one edition up to the last period of another: where a series ends is a matter of data."""
    periods = method.index.periods.model_copy(update={"last": data.index.periods.last})
    index = method.index.model_copy(update={"periods": periods})
    return replace(method, index=index, edition=method.edition.model_copy(update={"to": data.edition.to}))


def node_words(subject: Subject, node_id: str) -> tuple[str, str] | None:
    """The names of a node: its own, else those of its indicator; None where the index has no such node."""
    if node_id == subject.index_id:
        return subject.index.name_en, subject.index.name_zh
    node = subject.index.nodes.get(node_id)
    if node is None:
        return None
    indicator = subject.side.catalogue.indicators.get(node.indicator or node_id)
    labels = node if node.name_en or indicator is None else indicator
    return labels.name_en or node_id, labels.name_zh or node_id
