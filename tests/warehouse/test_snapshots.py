"""The snapshot store: bytes by hash, records of retrievals, damage on disk, collapse of equal neighbours.

Not here: fetching and reading.
"""

from __future__ import annotations

import itertools
import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import IndexhouseError
from warehouse.snapshots import CorruptSnapshotError, Record, SnapshotStore, collapse, write_atomically

AT = datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "snapshots")


def record(store: SnapshotStore, content: bytes = b"a,b\n1,2\n", name: str = "a.csv", at: datetime = AT) -> Record:
    return Record("alpha", at, name, store.put(content), len(content), f"raw/{name}", "text/csv", {"etag": "x"})


def stored(store: SnapshotStore, record: Record) -> Path:
    return store.root / record.sha256[:2] / record.sha256


def test_bytes_come_back_as_they_were_and_the_record_with_them(store: SnapshotStore) -> None:
    kept = record(store)
    assert store.add(kept)
    again = SnapshotStore(store.root)
    assert again.records("alpha") == [kept]
    assert again.records("alpha")[0].headers == {"etag": "x"}
    assert again.read(kept) == b"a,b\n1,2\n"
    assert kept.snapshot_id == kept.sha256[:16]
    assert store.sources() == ["alpha"]


def test_the_same_retrieval_is_kept_once_and_each_difference_is_another(store: SnapshotStore) -> None:
    first = record(store)
    assert store.add(first)
    assert not store.add(first)
    assert store.add(record(store, name="b.csv")), "the same bytes under another name"
    assert store.add(record(store, at=AT.replace(year=2027))), "the same bytes at another time"
    assert store.add(record(store, b"other")), "other bytes at the same time"
    assert len(store.records("alpha")) == 4
    assert len(list(store.root.glob("??/*"))) == 2


def test_records_come_in_the_order_of_their_retrieval(store: SnapshotStore) -> None:
    for at in (AT.replace(day=9), AT, AT.replace(day=5)):
        store.add(record(store, at=at))
    assert [r.retrieved_at.day for r in store.records("alpha")] == [2, 5, 9]
    newest = store.latest("alpha", "raw/a.csv")
    assert newest and newest.retrieved_at.day == 9
    assert store.latest("alpha", "raw/none.csv") is None
    assert store.records("nobody") == []


def test_changed_bytes_are_named_and_put_right_when_they_are_brought_again(store: SnapshotStore) -> None:
    kept = record(store)
    path = stored(store, kept)
    for damaged in (b"a,b\n1,3\n", b""):
        path.chmod(0o644)
        path.write_bytes(damaged)
        with pytest.raises(CorruptSnapshotError, match=r"alpha / a\.csv were changed on disk; restore the file"):
            store.read(kept)
        store.put(b"a,b\n1,2\n")
        assert store.read(kept) == b"a,b\n1,2\n"


def test_missing_bytes_are_named(store: SnapshotStore) -> None:
    kept = record(store)
    stored(store, kept).unlink()
    assert not store.has(kept.sha256)
    with pytest.raises(CorruptSnapshotError, match=r"alpha / a\.csv cannot be read .*restore the file"):
        store.read(kept)


def test_stored_bytes_are_not_writable_and_are_not_written_twice(store: SnapshotStore) -> None:
    kept = record(store)
    path = stored(store, kept)
    before = path.stat()
    assert not before.st_mode & 0o222
    store.put(b"a,b\n1,2\n")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"source_id": "alpha"}', b'{"retrieved_at": "no date"}'])
def test_a_damaged_record_is_named(store: SnapshotStore, content: bytes) -> None:
    store.add(record(store))
    (path,) = store.root.glob("records/alpha/*.json")
    path.write_bytes(content)
    with pytest.raises(CorruptSnapshotError, match=rf"{path.name}: is not a readable record"):
        SnapshotStore(store.root).records("alpha")


def test_remains_of_a_killed_writer_are_no_records(store: SnapshotStore) -> None:
    kept = record(store)
    store.add(kept)
    (store.root / "records" / "alpha" / ".part-abc").write_bytes(b'{"source')
    assert store.records("alpha") == [kept]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.json"
    write_atomically(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IndexhouseError, match=r"some\.json: cannot be written \(No space left on device\); free space"):
        write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["some.json"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"checked_at": 5, "problem": ""}'])
def test_a_damaged_note_of_the_last_look_counts_as_never_looked(store: SnapshotStore, content: bytes) -> None:
    assert store.last_check("alpha") == (None, "")
    store.note_check("alpha", AT, "no answer")
    assert store.last_check("alpha") == (AT, "no answer")
    (store.root / "checked" / "alpha.json").write_bytes(content)
    assert store.last_check("alpha") == (None, "")


@given(st.text("ABC", max_size=12))
def test_only_equal_neighbours_are_one(letters: str) -> None:
    ordered = [(n, Record("alpha", AT, f"{n}.csv", letter * 64, 1, "")) for n, letter in enumerate(letters)]
    kept = [r.sha256[0] for _, r in collapse(ordered)]
    assert kept == [letter for letter, _ in itertools.groupby(letters)]
    first_of_run = [n for n, letter in enumerate(letters) if n == 0 or letters[n - 1] != letter]
    assert [n for n, _ in collapse(ordered)] == first_of_run, "the first of equal neighbours stands"
