"""The release folder: which releases there are, which is current, and the one atomic switch between them.

Layout: <root>/indexhouse.duckdb the current release; latest.json the pointer; <release_id>/ one folder each,
never changed; .history.json what was current in turn, and what was rolled back from. Whoever writes here
holds the lock of the home. Not here: how a release is made and put into its folder (publish).
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from warehouse import db
from warehouse.errors import IndexhouseError, UnknownNameError, suggest
from warehouse.snapshots import write_atomically

FILE = "indexhouse.duckdb"
LATEST = "latest.json"
HISTORY = ".history.json"
PART = ".part-"
RELEASE_ID = re.compile(r"\d{8}-[0-9a-f]{8}")
_FACTS = "release_id, as_of, data_vintage, code_version, catalogue_hash, input_hash, run_id, built_at"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Release:
    """One release as its own file describes it. `problem`: why it cannot be read; the rest is then empty."""

    release_id: str
    file: Path
    size_bytes: int
    as_of: date | None = None
    data_vintage: date = date.min
    code_version: str = ""
    catalogue_hash: str = ""
    input_hash: str = ""
    run_id: str | None = None
    built_at: datetime = datetime.min
    is_current: bool = False
    is_rolled_back: bool = False
    problem: str = ""


class Fence(NamedTuple):
    """Whether a run may make a release current, and if not, why and what to do."""

    allowed: bool
    reason: str


@dataclass
class _History:
    """Release ids that were current, oldest first, and those that were rolled back from."""

    published: list[str] = field(default_factory=list)
    rolled_back: list[str] = field(default_factory=list)


def read_release(file: Path) -> Release:
    """What a release file says about itself. Raises IndexhouseError if it cannot be read or is no release."""
    with db.read_only_release(file) as con:
        found = con.execute("select 1 from duckdb_tables() where table_name = 'release'").fetchall()
        rows = con.execute(f"select {_FACTS} from release").fetchall() if found else []
    if len(rows) != 1:
        raise IndexhouseError(f"{file}: holds no table `release` with one row; it is not a release of indexhouse")
    release_id, *facts = rows[0]
    return Release(release_id, file, file.stat().st_size, *facts)


def current(root: Path) -> Release | None:
    """The release that BI opens, from the file itself; None before the first. Raises if it is damaged."""
    file = root / FILE
    if not file.exists():
        return None
    found = read_release(file)
    return replace(found, is_current=True, is_rolled_back=found.release_id in _read_history(root).rolled_back)


def release_file(root: Path, release_id: str | None = None) -> Path:
    """The file of a kept release, or of the current one. Raises IndexhouseError when there is none."""
    if release_id is None:
        file = root / FILE
        if not file.exists():
            raise IndexhouseError(f"{root}: nothing is published yet; `indexhouse run` makes a release")
        return file
    return _kept(root, release_id).file


def list_releases(root: Path) -> list[Release]:
    """All releases that are kept, oldest build first; an unreadable one comes first, with its problem."""
    now = current(root)
    rolled_back = _read_history(root).rolled_back
    found = []
    for folder in _folders(root):
        is_current = now is not None and now.release_id == folder.name
        try:
            release = read_release(folder / FILE)
        except IndexhouseError as error:
            release = Release(folder.name, folder / FILE, 0, problem=str(error))
        found.append(replace(release, is_current=is_current, is_rolled_back=folder.name in rolled_back))
    return sorted(found, key=lambda release: (release.built_at, release.release_id))


def may_switch(root: Path, release_id: str) -> Fence:
    """Whether a *run* may make a release current; `publish ID` and `rollback` are deliberate and do not ask.

    A run never switches
    - to what was rolled back from: that comes back only by `publish ID`;
    - to a release as of a date;
    - to one that was built before the current one: an orphan that finishes late, or a catalogue put back to
      what it was, whose release exists already;
    - to older data under the same catalogue: snapshots were lost. Another catalogue may well have older data.
    A release without a folder is judged by the first rule only.
    """
    by_hand = f"; `indexhouse publish {release_id}` makes it current all the same"
    if release_id in _read_history(root).rolled_back:
        return Fence(False, f"release {release_id} was rolled back from{by_hand}")
    file = root / release_id / FILE
    now = current(root)
    if not file.exists():
        return Fence(True, "")
    candidate = read_release(file)
    if candidate.as_of is not None:
        return Fence(False, f"release {release_id} is as of {candidate.as_of}{by_hand}")
    if now is None or now.release_id == release_id:
        return Fence(True, "")
    if candidate.built_at < now.built_at:
        return Fence(
            False,
            f"release {release_id} was built {candidate.built_at} UTC, before the current {now.release_id} "
            f"({now.built_at} UTC){by_hand}",
        )
    if candidate.catalogue_hash == now.catalogue_hash and candidate.data_vintage < now.data_vintage:
        return Fence(
            False,
            f"release {release_id} knows data up to {candidate.data_vintage}, the current {now.release_id} "
            f"up to {now.data_vintage}, by the same catalogue; look for lost snapshots{by_hand}",
        )
    return Fence(True, "")


def switch(root: Path, release_id: str) -> Release:
    """Make a kept release current, whatever was before: a copy beside the target, one rename, the pointer.

    Also takes the release off the list of those rolled back from. Raises IndexhouseError for an unknown or
    damaged release, and when the folder cannot be written; the release that was current then still is.
    """
    release = _kept(root, release_id)
    history = _read_history(root)
    if history.published[-1:] != [release_id]:
        history.published = [*history.published[-99:], release_id]
    _replace_current(root, release, history)
    if release_id in history.rolled_back:
        history.rolled_back.remove(release_id)
        _write_history(root, history)
    return replace(release, file=root / FILE, is_current=True)


def rollback(root: Path) -> Release:
    """Make the release current that was so before this one, and remember what was rolled back from.

    Raises IndexhouseError when nothing was current before, or is not kept any more.
    """
    now = current(root)
    if now is None:
        raise IndexhouseError(f"{root}: nothing is published; `indexhouse run` makes a release")
    history = _read_history(root)
    kept = {folder.name for folder in _folders(root)}
    earlier = [i for i in history.published if i in kept and i != now.release_id and i not in history.rolled_back]
    if not earlier:
        others = ", ".join(sorted(kept - {now.release_id})) or "none"
        raise IndexhouseError(
            f"{root}: nothing that was current before {now.release_id} is kept; kept besides it: {others}; "
            "choose one with `indexhouse publish ID`"
        )
    release = _kept(root, earlier[-1])
    history.published = earlier
    history.rolled_back = [*(i for i in history.rolled_back if i != now.release_id), now.release_id]
    _replace_current(root, release, history)
    return replace(release, file=root / FILE, is_current=True)


def heal(root: Path) -> list[str]:
    """Put right what a kill left behind, at the start of a run, under the lock. Out: what was done, in words.

    Temporary files go. The current file decides: history and latest.json follow it. A current file that
    cannot be read is copied again from the folder of the last release that was current.
    """
    if not root.is_dir():
        return []
    done = [f"removed {path.name}" for path in _remove_parts(root)]
    history = _read_history(root)
    try:
        now = current(root)
    except IndexhouseError as error:
        if not history.published or not (root / history.published[-1] / FILE).exists():
            raise
        switch(root, history.published[-1])
        return [*done, f"restored {FILE} from {history.published[-1]}: {error}"]
    tail = [now.release_id] if now else []
    if history.published[-1:] != tail or set(tail) & set(history.rolled_back):
        before = history.published if now else []
        if now and now.release_id in before:
            before = before[: len(before) - 1 - before[::-1].index(now.release_id)]
        _write_history(root, _History([*before, *tail], [i for i in history.rolled_back if i not in tail]))
        done.append("made the history agree with the current release")
    if now and not _points_to(root, now):
        with clear_errors(root):
            os.replace(_prepare_latest(root, now, _sha256(now.file)), root / LATEST)
            fsync(root)
        done.append(f"wrote {LATEST} again")
    return done


def prune(root: Path, keep: int, spare: tuple[str, ...] = ()) -> list[str]:
    """Remove all but the last `keep` release folders, never the current one nor `spare`. Out: removed ids.

    A folder is moved out of sight first, so no reader meets half of one. Unreadable releases count as oldest.
    """
    if len(_folders(root)) <= keep:
        return []
    releases = list_releases(root)
    doomed = releases[: max(0, len(releases) - keep)]
    removed = [r.release_id for r in doomed if not r.is_current and r.release_id not in spare]
    with clear_errors(root):
        for release_id in removed:
            grave = Path(tempfile.mkdtemp(dir=root, prefix=PART))
            os.rename(root / release_id, grave / release_id)
            shutil.rmtree(grave)
    return removed


def marts_hash(parquet_dir: Path) -> dict[str, str]:
    """Table -> SHA-256 of its Parquet file, without `release`: equal inputs give equal hashes everywhere."""
    found = {path.stem: _sha256(path) for path in sorted(parquet_dir.glob("*.parquet")) if path.stem != "release"}
    if not found:
        raise IndexhouseError(f"{parquet_dir}: holds no Parquet files; the release was made without them or is damaged")
    return found


def failpoint(name: str) -> None:
    """End the process on the spot where INDEXHOUSE_FAILPOINT names this point: the tests of kills use it."""
    if os.environ.get("INDEXHOUSE_FAILPOINT") == name:
        os._exit(9)


@contextmanager
def clear_errors(root: Path) -> Iterator[None]:
    """Turn errors of the operating system into one that names the folder and the remedy."""
    try:
        yield
    except OSError as error:
        raise IndexhouseError(f"{error.filename or root}: {_remedy(error, root)}") from error


def fsync(path: Path) -> None:
    """Make a file's content, or a folder's list of names, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remedy(error: OSError, root: Path) -> str:
    untouched = "the current release is as it was"
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return f"cannot be written ({error.strerror}); free space for {root} and run again; {untouched}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"cannot be written ({error.strerror}); give this user write permission on {root}; {untouched}"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"is a file where a folder is needed ({error.strerror}); move it away and run again; {untouched}"
    return f"cannot be written ({error.strerror}); check {root} and run again; {untouched}"


def _kept(root: Path, release_id: str) -> Release:
    names = [folder.name for folder in _folders(root)]
    if release_id not in names:
        raise UnknownNameError(f"{root}: release '{release_id}' is not kept; {suggest(release_id, names)}")
    release = read_release(root / release_id / FILE)
    if release.release_id != release_id:
        raise IndexhouseError(f"{release.file}: is release {release.release_id}; restore the folder from a backup")
    return release


def _replace_current(root: Path, release: Release, history: _History) -> None:
    """Data on disk, the intention in the history, the rename, the pointer: heal() relies on this order.

    After the first rename nothing needs space on the disk any more.
    """
    target = root / FILE
    part = root / f"{PART}{FILE}"
    with clear_errors(root):
        try:
            part.unlink(missing_ok=True)
            sha256 = _copy(release.file, part)
            _write_history(root, history)
            pointer = _prepare_latest(root, release, sha256)
            _remove_stray_wal(target)
            failpoint("before_rename")
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            (root / f"{PART}{LATEST}").unlink(missing_ok=True)
            raise
        failpoint("after_rename")
        fsync(root)
        failpoint("before_latest")
        os.replace(pointer, root / LATEST)
        fsync(root)
        failpoint("after_latest")


def _copy(source: Path, part: Path) -> str:
    """Copy a file, mode 0444 and on disk; return its SHA-256."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, part.open("xb") as writer:
        while block := reader.read(1 << 20):
            digest.update(block)
            writer.write(block)
        writer.flush()
        os.fchmod(writer.fileno(), 0o444)
        failpoint("before_data_fsync")
        os.fsync(writer.fileno())
        failpoint("after_data_fsync")
    return digest.hexdigest()


def _remove_stray_wal(target: Path) -> None:
    """A write-ahead log beside a replaced file would be replayed into the new one."""
    stray = target.with_name(target.name + ".wal")
    if stray.exists():
        stray.unlink()
        _log.warning("%s: removed; somebody opened the release for writing, open it read only", stray)


def _prepare_latest(root: Path, release: Release, sha256: str) -> Path:
    """The next latest.json, complete and on disk under another name."""
    document = {
        "release_id": release.release_id,
        "file": f"{release.release_id}/{FILE}",
        "sha256": sha256,
        "size_bytes": release.size_bytes,
        "built_at": release.built_at.isoformat() + "Z",
        "data_vintage": release.data_vintage.isoformat(),
    }
    part = root / f"{PART}{LATEST}"
    part.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    part.chmod(0o644)
    fsync(part)
    return part


def _points_to(root: Path, release: Release) -> bool:
    try:
        document = json.loads((root / LATEST).read_bytes())
        return (document["release_id"], document["size_bytes"]) == (release.release_id, release.size_bytes)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _read_history(root: Path) -> _History:
    path = root / HISTORY
    if not path.exists():
        return _History()
    try:
        document = json.loads(path.read_bytes())
        return _History(list(document["published"]), list(document["rolled_back"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexhouseError(
            f"{path}: cannot be read ({error}); restore it from a backup, or remove it: `rollback` then "
            "knows of nothing before, and a release that was rolled back from may come back"
        ) from None


def _write_history(root: Path, history: _History) -> None:
    document = {"published": history.published, "rolled_back": history.rolled_back}
    write_atomically(root / HISTORY, (json.dumps(document, indent=1) + "\n").encode())


def _folders(root: Path) -> list[Path]:
    return [path for path in sorted(root.glob("*")) if RELEASE_ID.fullmatch(path.name) and path.is_dir()]


def _remove_parts(root: Path) -> list[Path]:
    """Remove what an interrupted write left: files and folders whose name begins with .part-, a stray log."""
    strays = sorted(root.glob(f"{PART}*"))
    with clear_errors(root):
        for stray in strays:
            if stray.is_dir():
                shutil.rmtree(stray)
            else:
                stray.unlink()
        _remove_stray_wal(root / FILE)
    return strays


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
