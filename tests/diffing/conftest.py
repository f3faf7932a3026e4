"""What the tests of comparisons share: three releases of the small catalogue, and releases altered in memory.

Not here: the small and the built-in catalogue (tests/conftest.py).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pytest

from pipelines import progress
from pipelines.diffing.compare import Comparison, compare
from pipelines.diffing.corners import Corners
from pipelines.diffing.sides import Choice, Side, open_side, subject_of
from pipelines.marts.indices import editions_of
from pipelines.run import run
from pipelines.settings import Settings
from warehouse.catalogue.load import from_document

OLD_GDP, NEW_GDP = "2425.5", "2910.6"


@dataclass(frozen=True)
class Releases:
    """The small catalogue, published three times: as it is; with GDP of Beijing in 2018 a fifth higher, by a newer
    file; and then with the weight of the pillar output at 1 instead of 3."""

    small: Any
    base: str
    revised: str
    weighted: str

    def side(self, release_id: str) -> Side:
        return open_side(self.small.release, release_id)

    def compared(self, old: str, new: str, trust: bool = True) -> Comparison:
        return compare(Choice(self.side(old), self.side(new)), trust)


@pytest.fixture(scope="session")
def small_releases(published_small: Any, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    small = published_small.copy(tmp_path_factory.mktemp("diffing") / "small")
    settings = Settings(small.home, (small.catalogue,))
    progress.be_quiet()
    ((base,),) = small.query("select release_id from release")
    text = (small.inbox / "figures-2021-03-01.csv").read_text("utf-8")
    assert text.count(OLD_GDP) == 1
    small.put("inbox/figures-2022-03-01.csv", text.replace(OLD_GDP, NEW_GDP))
    revised = run(settings, offline=True)
    small.edit("indices/strength.yml", lambda index: index["nodes"]["output"].update(weight=1))
    weighted = run(settings, offline=True)
    assert (revised.status, weighted.status) == ("published", "published")
    return Releases(small, base, revised.release_id, weighted.release_id)


@pytest.fixture(scope="session")
def builtin_side(builtin: Any) -> Side:
    return open_side(builtin.folder, builtin.report["release_id"])


def altered_side(
    side: Side,
    catalogue: Callable[[dict[str, Any]], object] | None = None,
    values: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
    release_id: str = "20990101-00000000",
) -> Side:
    """A release as it would be with another catalogue, or with other statements of its sources, built in memory."""
    document = copy.deepcopy(side.catalogue.document)
    if catalogue is not None:
        catalogue(document)
    made = Side(side.file, replace(side.facts, release_id=release_id), from_document(document))
    made.__dict__["vintages"] = values(side.vintages) if values is not None else side.vintages
    made.__dict__["snapshots"] = side.snapshots
    parts = []
    for index_id, index in sorted(made.catalogue.indices.items()):
        for edition in editions_of(index):
            subject = subject_of(made, index_id, edition.id)
            assert subject is not None
            parts.append(Corners(trust=False).computed(subject, subject))
    made.__dict__["scores"] = pl.concat(parts)
    return made


@pytest.fixture(scope="session")
def alter() -> Callable[..., Side]:
    return altered_side
