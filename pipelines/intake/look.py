"""Looking at the sources: what is new is kept in the snapshot store, a source that fails leaves the others alone.

Not here: the fetching itself (sources.fetch).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from pipelines import progress
from pipelines.sources.fetch import fetch
from pipelines.sources.fetched import Fetched
from pipelines.workspace import Workspace
from warehouse.catalogue.source import Bundled, Http
from warehouse.errors import IndexhouseError
from warehouse.snapshots import Record, SnapshotStore


@dataclass(frozen=True)
class FetchOutcome:
    """What looking at one source brought; `gone`: files that it had before and no longer has."""

    source_id: str
    files: int = 0
    new_records: int = 0
    problem: str = ""
    gone: tuple[str, ...] = ()


def fetch_sources(workspace: Workspace, selected: list[str], offline: bool, at: datetime) -> list[FetchOutcome]:
    """Look at every selected source and keep what is new; the order of the outcomes is that of `selected`.

    Offline, sources that need the network are not looked at. A source that fails does not stop the others.
    """
    catalogue = workspace.catalogue
    chosen = [s for s in selected if not (offline and isinstance(catalogue.sources[s].fetch, Http))]
    with progress.step("fetch") as note, ThreadPoolExecutor(max_workers=8) as pool:
        looks = pool.map(lambda source_id: _fetch_one(workspace, source_id, at), chosen)
        outcomes = list(note.over(looks, "sources", len(chosen)))
        brought, failed = sum(o.new_records for o in outcomes), [o for o in outcomes if o.problem]
        note.say(f"{len(outcomes)} sources, {brought} new files" + (f", {len(failed)} failed" if failed else ""))
    for outcome in failed:
        progress.warn(outcome.problem)
    for outcome in outcomes:
        if outcome.gone and not outcome.problem:
            progress.warn(
                f"{outcome.source_id}: {len(outcome.gone)} files are no longer there, the first {outcome.gone[0]}; "
                "what was retrieved of them stays in use"
            )
    return outcomes


def _fetch_one(workspace: Workspace, source_id: str, at: datetime) -> FetchOutcome:
    source, store = workspace.catalogue.sources[source_id], workspace.store
    problems: list[str] = []
    files = new = 0
    gone: set[str] = set()
    try:
        result = fetch(
            source, source_id, workspace.catalogue.folders, lambda key, origin: _headers(store, key, origin), at
        )
        problems = [problem.reason_en for problem in result.problems]
        files = len(result.fetched) + len(result.unchanged)
        if not isinstance(source.fetch, Http):
            gone = {record.origin for record in store.records(source_id)} - {item.origin for item in result.fetched}
        for item in result.fetched:
            new += _keep(workspace, source_id, item)
    except IndexhouseError as error:
        problems.append(str(error))
    problem = "; ".join(problems)
    is_timed = source.max_age_days is not None or isinstance(source.fetch, Http)
    if is_timed or problem or store.last_check(source_id)[1]:
        store.note_check(source_id, at, problem)
    told = problem and f"{source_id}: {problem}; the last good files stand in"
    return FetchOutcome(source_id, files, new, told, tuple(sorted(gone)))


def _headers(store: SnapshotStore, source_id: str, origin: str) -> dict[str, str] | None:
    """What the last answer from a place said of itself (ETag, Last-Modified), while its bytes are still here."""
    newest = store.latest(source_id, origin)
    return newest.headers if newest and store.has(newest.sha256) else None


def _keep(workspace: Workspace, source_id: str, item: Fetched) -> bool:
    """Keep one fetched file; False when the newest retrieval from the same place has the same bytes.

    Raises IndexhouseError when a bundled file has other bytes under the same retrieval date.
    """
    store = workspace.store
    newest = store.latest(source_id, item.origin)
    sha256 = store.put(item.content)
    record = Record(source_id, item.retrieved_at, item.file_name, sha256, len(item.content), item.origin,
                    item.media_type, item.headers)  # fmt: skip
    if newest is not None and newest.sha256 == sha256:
        return False
    is_bundled = isinstance(workspace.catalogue.sources[source_id].fetch, Bundled)
    if is_bundled and newest is not None and newest.retrieved_at == record.retrieved_at:
        raise IndexhouseError(
            f"{item.file_name} has other bytes than before under the same retrieval date "
            f"({item.retrieved_at:%Y-%m-%d}); give the changed file a new `retrieved` under files:"
        )
    return store.add(record)
