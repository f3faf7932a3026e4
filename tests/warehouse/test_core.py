"""The change log against a naive model of what DESIGN says of time, revisions and accounting, on random histories.

Not here: the working file itself (test_core_file), reading files (tests/sources), the first border (test_intake).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import snapshots
from warehouse.core import RECORD_INPUT, Core

AREAS, PERIODS, INDICATORS = ("CN", "CN-BJ", "CN-SH"), ("2010", "2011", "2012"), ("gdp", "rd")
DAYS = [date(2011, 6, 30), date(2012, 6, 30), date(2012, 12, 31), date(2013, 6, 30), date(2014, 6, 30)]
AS_OF = [None, date(2011, 1, 1), DAYS[1], date(2012, 9, 1), DAYS[3]]
READING = {
    "indicator_id": pl.String, "ref_area": pl.String, "freq": pl.String, "time_period": pl.String,
    "obs_value": pl.Float64, "decimals": pl.Int32, "unit_id": pl.String, "obs_status": pl.String, "vintage": pl.Date,
    "vintage_basis": pl.String, "locator": pl.String, "raw_text": pl.String, "is_corrected": pl.Boolean,
    "outcome": pl.String, "reason_code": pl.String, "reason_en": pl.String, "reason_zh": pl.String,
}  # fmt: skip
Key = tuple[str, str, str, str]
Row = dict[str, Any]


@dataclass
class File:
    """One collapsed record as intake hands it over, its cells beside it."""

    source_id: str
    snapshot_id: str
    retrieved_at: datetime
    vintage: date
    basis: str
    is_complete: bool
    cells: list[Row]
    is_rejected: bool = False
    sequence: int = 0
    sha256: str = field(default="", repr=False)

    @property
    def order(self) -> tuple[Any, ...]:
        return (self.vintage, self.retrieved_at, self.snapshot_id)

    @property
    def arrival(self) -> tuple[Any, ...]:
        return (self.retrieved_at, self.snapshot_id, self.sequence)

    @property
    def each_is_dated(self) -> bool:
        return any(cell["vintage_basis"] for cell in self.cells)

    @property
    def each_is_assumed(self) -> bool:
        return any(cell["vintage_basis"] == "assumed" for cell in self.cells)


# random histories


def cell(rng: random.Random, key: Key, number: int, outcome: str, vintage: date | None, basis: str | None) -> Row:
    is_value = outcome == "value"
    return {
        "indicator_id": key[0], "ref_area": key[1], "freq": key[2], "time_period": key[3],
        "obs_value": float(rng.choice((1, 1, 2, 3))) if is_value else None, "decimals": 0, "unit_id": "u",
        "obs_status": rng.choice(("A", "A", "A", "A", "E")), "vintage": vintage, "vintage_basis": basis,
        # a long table names its row, not its cell: one place for several readings
        "locator": f"C{number // 2}", "raw_text": f"t{number}", "is_corrected": False, "outcome": outcome,
        "reason_code": "" if is_value else f"why_{outcome}", "reason_en": "", "reason_zh": "",
    }  # fmt: skip


def content(rng: random.Random, mode: str) -> list[Row]:
    """The cells of one file: a block of areas and periods with holes, blanks and cells that are set aside."""
    cells: list[Row] = []
    areas = rng.sample(AREAS, rng.randint(1, len(AREAS)))
    periods = rng.sample(PERIODS, rng.randint(1, len(PERIODS)))
    for indicator_id in rng.sample(INDICATORS, rng.randint(1, 2)):
        for key in [(indicator_id, area, "A", period) for area in areas for period in periods]:
            outcome = rng.choices(("value", "missing", "", "excluded", "quarantined"), (12, 3, 3, 1, 1))[0]
            if not outcome:
                continue
            days: list[date | None] = [None]
            basis = {"row": "declared", "assumed": "assumed"}.get(mode)
            if mode == "row":
                days = [date(2011, 1, 31), rng.choice(DAYS)][rng.choice((0, 1, 1)) :]
            if mode == "assumed":
                days = [date(int(key[3]) + 1, 3, 31)]
            cells += [cell(rng, key, len(cells) + n, outcome, day, basis) for n, day in enumerate(days)]
    if rng.random() < 0.3:
        cells.append(cell(rng, ("", "", "", ""), 99, "quarantined", None, None))
    rng.shuffle(cells)
    return cells


def source_history(rng: random.Random, source_id: str) -> list[File]:
    """2 to 6 retrievals of 1 to 4 different files, collapsed and in sequence."""
    mode, is_complete = rng.choice(("retrieved", "declared", "row", "assumed")), rng.random() < 0.7
    contents = []
    for number in range(rng.randint(1, 4)):
        own = "declared" if mode == "assumed" and rng.random() < 0.2 else mode
        sha256 = f"{rng.getrandbits(64):016x}{number}"
        contents.append((sha256, own, rng.choice(DAYS), content(rng, own), rng.random() < 0.1))
    files = {}
    for _ in range(rng.randint(2, 6)):
        sha256, own, declared, cells, is_rejected = rng.choice(contents)
        retrieved_at = datetime.combine(rng.choice(DAYS), datetime.min.time()).replace(hour=rng.choice((0, 12)))
        day = retrieved_at.date()
        given = [min(c["vintage"], day) for c in cells if c["outcome"] == "value" and c["vintage"]]
        vintage = max(given) if given else min(declared, day) if own == "declared" else day
        basis = "declared" if own == "declared" else "retrieved"
        files[sha256, retrieved_at] = File(source_id, sha256[:16], retrieved_at, vintage, basis, is_complete, cells,
                                           is_rejected, sha256=sha256)  # fmt: skip
    kept = [file for file, _ in snapshots.collapse((f, f) for f in sorted(files.values(), key=lambda f: f.order))]
    for sequence, file in enumerate(kept, 1):
        file.sequence = sequence
    return kept


@dataclass
class World:
    sources: dict[str, list[File]]
    priorities: list[tuple[str, str, int]]

    @property
    def files(self) -> list[File]:
        return [file for source in self.sources.values() for file in source]


def world(seed: int) -> World:
    rng = random.Random(seed)
    names = ["alpha", "beta", "gamma"][: rng.randint(1, 3)]
    priorities = [(name, "", rng.randint(1, 2)) for name in names]
    priorities += [(name, "rd", rng.randint(0, 3)) for name in names if rng.random() < 0.4]
    return World({name: source_history(rng, name) for name in names}, priorities)


# the naive model


@dataclass
class Told:
    """What one record says of one key at one date; a value of None withdraws it."""

    file: File
    cell: Row | None
    day: date
    basis: str

    @property
    def content(self) -> tuple[float | None, str]:
        return (self.cell["obs_value"], self.cell["obs_status"]) if self.cell else (None, "O")


def key_of(row: Row) -> Key:
    return (row["indicator_id"], row["ref_area"], row["freq"], row["time_period"])


def told_by_source(files: list[File]) -> dict[Key, list[Told]]:
    told: dict[Key, list[Told]] = defaultdict(list)
    accepted = sorted((f for f in files if not f.is_rejected), key=lambda f: f.arrival)
    for file in accepted:
        retrieved = file.retrieved_at.date()
        for row in (row for row in file.cells if row["outcome"] == "value"):
            day, basis = min(row["vintage"] or file.vintage, retrieved), row["vintage_basis"] or file.basis
            if row["vintage_basis"] == "assumed" and told[key_of(row)]:
                day, basis = retrieved, "retrieved"
            told[key_of(row)].append(Told(file, row, day, basis))
    for file in (f for f in accepted if f.is_complete):
        spanned = [key_of(row) for row in file.cells if row["outcome"] in ("value", "missing")]
        mentioned = {key_of(row) for row in file.cells if row["outcome"] != "missing"}
        for key in told:
            has_area = any((k[0], k[1], k[2]) == (key[0], key[1], key[2]) for k in spanned)
            has_period = any((k[0], k[2], k[3]) == (key[0], key[2], key[3]) for k in spanned)
            if has_area and has_period and key not in mentioned:
                day, basis = min(file.vintage, file.retrieved_at.date()), file.basis
                if file.each_is_dated and any(row["outcome"] == "value" for row in file.cells):
                    basis = "declared"
                if file.each_is_assumed:
                    day, basis = file.retrieved_at.date(), "retrieved"
                told[key].append(Told(file, None, day, basis))
    return told


def changes(told: list[Told]) -> tuple[list[Told], list[Told]]:
    """(rows of the change log, every value that agrees with the last one of its date)."""
    rows, agreeing, now = [], [], (None, "O")
    for day in sorted({t.day for t in told}):
        of_day = sorted((t for t in told if t.day == day), key=lambda t: t.file.arrival)
        same = [t for t in of_day if t.content == of_day[-1].content]
        agreeing += [t for t in same if t.cell]
        if same[0].content != now and not (same[0].cell is None and now[0] is None):
            rows.append(same[0])
        now = same[0].content
    return rows, agreeing


def modelled(world: World) -> dict[str, Any]:
    log: dict[tuple[str, Key], list[Told]] = {}
    loaded, agreeing, newest = Counter(), Counter(), {}
    for source_id, files in world.sources.items():
        for key, told in told_by_source(files).items():
            rows, same = changes(told)
            log[source_id, key] = rows
            loaded.update((source_id, t.file.sequence) for t in rows if t.cell)
            agreeing.update((source_id, t.file.sequence) for t in same)
            for t in (t for t in told if t.cell and t.file.each_is_dated):
                place = (source_id, t.file.sequence)
                newest[place] = max(newest.get(place, (date.min, "")), (t.day, t.basis))
    records = {}
    for file in world.files:
        place, outcomes = (file.source_id, file.sequence), Counter(row["outcome"] for row in file.cells)
        rows_in = len(file.cells)
        counts = (rows_in, 0, 0, rows_in, 0)
        if not file.is_rejected:
            unloaded = agreeing[place] - loaded[place]
            excluded = outcomes["excluded"] + outcomes["missing"] + outcomes["value"] - agreeing[place]
            counts = (rows_in, loaded[place], unloaded, outcomes["quarantined"], excluded)
        records[place] = (*newest.get(place, (file.vintage, file.basis)), *counts)
    return {"log": log, "records": records}


def log_rows(model: dict[str, Any], as_of: date | None) -> dict[tuple[str, Key], list[Told]]:
    known = {place: [t for t in rows if as_of is None or t.day <= as_of] for place, rows in model["log"].items()}
    return {place: rows for place, rows in known.items() if rows}


def in_force(world: World, model: dict[str, Any], as_of: date | None) -> dict[Key, tuple[str, Told]]:
    own = {(source, indicator): priority for source, indicator, priority in world.priorities}
    best: dict[Key, tuple[Any, ...]] = {}
    for (source_id, key), rows in log_rows(model, as_of).items():
        if rows[-1].cell:
            priority = own.get((source_id, key[0]), own[source_id, ""])
            rank = (priority, -rows[-1].day.toordinal(), source_id)
            best[key] = min(best.get(key, (rank, source_id, rows[-1])), (rank, source_id, rows[-1]), key=lambda b: b[0])
    return {key: (source_id, told) for key, (_, source_id, told) in best.items()}


# the two beside each other


def record_frame(files: list[File], folder: Path) -> pl.DataFrame:
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for file in files:
        path = folder / f"{file.source_id}-{file.sequence}.parquet"
        pl.DataFrame(file.cells, schema=READING).write_parquet(path)
        rows.append({
            "source_id": file.source_id, "sequence": file.sequence, "vintage": file.vintage,
            "retrieved_at": file.retrieved_at, "snapshot_id": file.snapshot_id, "vintage_basis": file.basis,
            "file_name": f"{file.snapshot_id}.csv", "media_type": "", "size_kb": 1.0, "rows_in": len(file.cells),
            "is_complete": file.is_complete, "is_rejected": file.is_rejected,
            "reason_code": "rejected_whole" if file.is_rejected else "", "reason_en": "", "reason_zh": "",
            "readings": str(path),
        })  # fmt: skip
    return pl.DataFrame(rows, schema=RECORD_INPUT)


def rebuild(core: Core, world: World, folder: Path, only: set[str] | None = None, state: str = "1") -> None:
    names = only if only is not None else set(world.sources)
    frame = record_frame([file for file in world.files if file.source_id in names], folder)
    core.rebuild(frame, dict.fromkeys(sorted(names), state), world.priorities)


def contents(core: Core) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that can be asked of the working file, at every date."""
    found = {f"core.{t}": core.con.execute(f"select * from core.{t} order by all").fetchall()
             for t in ("observation", "record", "reject")}  # fmt: skip
    for as_of in AS_OF:
        preferred = core.observation_as_of(as_of)
        found[f"as_of {as_of}"] = preferred.rows()
        found[f"vintage {as_of}"] = core.observation_vintage(as_of, preferred).rows()
        for name in ("revision", "snapshot", "quarantine"):
            found[f"{name} {as_of}"] = core.frame(name, as_of).rows()
    return found


histories = st.integers(0, 10**9)
thorough = settings(max_examples=50, derandomize=True, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
brief = settings(thorough, max_examples=8)


@thorough
@given(histories)
def test_the_change_log_and_every_view_of_it_are_those_of_the_model(tmp_path: Path, seed: int) -> None:
    history = world(seed)
    model = modelled(history)
    with Core(Path(":memory:"), threads=1) as core:
        rebuild(core, history, tmp_path)
        observation = core.con.sql("select * from core.observation").pl().rows(named=True)
        expected_log = Counter(
            (source_id, key, t.day, *t.content, t.file.snapshot_id, t.cell["locator"] if t.cell else "", t.basis)
            for (source_id, key), rows in model["log"].items()
            for t in rows
        )
        assert expected_log == Counter(
            (r["source_id"], key_of(r), r["vintage"], r["obs_value"], r["obs_status"], r["snapshot_id"], r["locator"],
             r["vintage_basis"]) for r in observation
        )  # fmt: skip
        columns = "vintage, vintage_basis, rows_in, rows_loaded, rows_unchanged, rows_quarantined, rows_excluded"
        records = core.con.execute(f"select source_id, sequence, {columns} from core.record").fetchall()
        assert {(r[0], r[1]): r[2:] for r in records} == model["records"]
        assert core.unbalanced() == []
        for as_of in AS_OF:
            compare_views(core, history, model, as_of)


def compare_views(core: Core, history: World, model: dict[str, Any], as_of: date | None) -> None:
    preferred = core.observation_as_of(as_of)
    best = in_force(history, model, as_of)
    assert {key_of(r): (r["source_id"], r["vintage"], r["obs_value"], r["obs_status"], r["snapshot_id"])
            for r in preferred.rows(named=True)} == {
        key: (source_id, t.day, *t.content, t.file.snapshot_id) for key, (source_id, t) in best.items()
    }  # fmt: skip
    assert preferred.height == len(best)

    vintages, revisions = Counter(), Counter()
    for (source_id, key), rows in log_rows(model, as_of).items():
        for n, t in enumerate(rows):
            until = rows[n + 1].day if n + 1 < len(rows) else None
            is_best = key in best and best[key][1] is t
            vintages[source_id, key, t.day, *t.content, until, is_best] += 1
            if n:
                before, value = rows[n - 1], t.content[0]
                change = None if value is None or before.content[0] is None else value - before.content[0]
                pct = None if change is None else round(100 * change / before.content[0], 9)
                revisions[source_id, key, t.day, before.day, value, before.content[0], change, pct] += 1
    assert vintages == Counter(
        (r["source_id"], key_of(r), r["vintage"], r["obs_value"], r["obs_status"], r["superseded_on"],
         r["is_preferred"])
        for r in core.observation_vintage(as_of, preferred).rows(named=True)
    )  # fmt: skip
    assert revisions == Counter(
        (r["source_id"], key_of(r), r["vintage"], r["previous_vintage"], r["obs_value"], r["previous_value"],
         r["change_abs"], None if r["change_pct"] is None else round(r["change_pct"], 9))
        for r in core.frame("revision", as_of).rows(named=True)
    )  # fmt: skip

    known = known_records(history, model, as_of)
    listed = core.frame("snapshot", as_of).rows(named=True)
    assert sorted((r["source_id"], r["snapshot_id"], r["retrieved_at"]) for r in listed) == sorted(
        (f.source_id, f.snapshot_id, f.retrieved_at) for f in known
    )
    aside = {(f.source_id, f.snapshot_id, row["locator"], row["reason_code"]) for f in known if not f.is_rejected
             for row in f.cells if row["outcome"] == "quarantined"}  # fmt: skip
    aside |= {(f.source_id, f.snapshot_id, "", "rejected_whole") for f in known if f.is_rejected}
    quarantine = core.frame("quarantine", as_of).rows(named=True)
    found = [(r["source_id"], r["snapshot_id"], r["locator"], r["reason_code"]) for r in quarantine]
    assert sorted(aside) == sorted(found)
    assert {(r["source_id"], r["snapshot_id"]) for r in preferred.rows(named=True)} <= {
        (r["source_id"], r["snapshot_id"]) for r in listed
    }


def known_records(history: World, model: dict[str, Any], as_of: date | None) -> list[File]:
    """Records dated until as_of, and the first of a snapshot that states a value known by then."""
    held = {(source, t.file.snapshot_id) for (source, _), rows in log_rows(model, as_of).items() for t in rows}
    known, met = [], set()
    for file in sorted(history.files, key=lambda f: (f.source_id, f.sequence)):
        vintage, place = model["records"][file.source_id, file.sequence][0], (file.source_id, file.snapshot_id)
        is_first = not file.is_rejected and place not in met
        if not file.is_rejected:
            met.add(place)
        if as_of is None or vintage <= as_of or (is_first and place in held):
            known.append(file)
    return known


@brief
@given(histories)
def test_the_order_of_arrival_changes_nothing(tmp_path: Path, seed: int) -> None:
    history, rng = world(seed), random.Random(seed)
    with Core(Path(":memory:"), threads=1) as core:
        rebuild(core, history, tmp_path / "one")
        expected = contents(core)
    for file in history.files:
        rng.shuffle(file.cells)
    files = history.files
    rng.shuffle(files)
    with Core(Path(":memory:"), threads=1) as core:
        frame = record_frame(files, tmp_path / "two")
        core.rebuild(frame, dict.fromkeys(reversed(history.sources), "1"), reversed(history.priorities))
        assert contents(core) == expected


@brief
@given(histories)
def test_loading_only_what_changed_gives_the_state_of_loading_everything(tmp_path: Path, seed: int) -> None:
    before, after = world(seed), world(seed + 1)
    shared = {name: files for name, files in before.sources.items() if name in after.sources and name != "alpha"}
    after.sources.update(shared)
    with Core(Path(":memory:"), threads=1) as core:
        rebuild(core, after, tmp_path)
        expected, expected_states = contents(core), core.source_states()
    with Core(Path(":memory:"), threads=1) as core:
        rebuild(core, before, tmp_path)
        rebuild(core, after, tmp_path, only=set(after.sources) - set(shared))
        assert contents(core) == expected
        assert core.source_states() == expected_states


def test_the_histories_hold_what_they_are_meant_to_try() -> None:
    """Otherwise the comparison above would compare nothing."""
    seen: Counter[str] = Counter()
    for seed in range(120):
        history = world(seed)
        for files in history.sources.values():
            ids = [f.snapshot_id for f in files]
            seen["a snapshot comes again"] += len(set(ids)) < len(ids)
            seen["equal retrieval times"] += len({f.retrieved_at for f in files}) < len(files)
            seen["equal dates"] += len({f.vintage for f in files}) < len(files)
            seen["rejected"] += any(f.is_rejected for f in files)
            seen["each assumed"] += sum(f.each_is_assumed for f in files) > 1
            for rows in (changes(told)[0] for told in told_by_source(files).values()):
                values = [t.content[0] for t in rows]
                seen["withdrawn"] += None in values
                seen["back again"] += None in values[:-1]
                seen["revised"] += len(rows) > 1
                seen["status alone"] += any(a.content[0] == b.content[0] for a, b in pairwise(rows))
    assert all(count >= 8 for count in seen.values()), seen


@pytest.fixture
def files() -> list[File]:
    """Two files of one complete source: the second revises one value and drops another."""
    rng = random.Random(0)
    keys = [("gdp", area, "A", "2010") for area in AREAS] + [("gdp", "CN", "A", "2011")]
    first = [cell(rng, key, n, "value", None, None) | {"obs_value": 10.0 + n} for n, key in enumerate(keys)]
    second = [row | {"obs_value": 99.0} if n == 0 else row for n, row in enumerate(first) if n != 1]
    second += [cell(rng, ("gdp", "CN-BJ", "A", "2011"), 9, "value", None, None)]
    times = [datetime(2012, 1, 1), datetime(2013, 1, 1)]
    return [File("alpha", f"{n:016x}", at, at.date(), "retrieved", True, cells, sequence=n + 1)
            for n, (at, cells) in enumerate(zip(times, (first, second), strict=True))]  # fmt: skip


def test_a_failed_load_leaves_everything_as_it_was(tmp_path: Path, files: list[File]) -> None:
    history = World({"alpha": files}, [("alpha", "", 1)])
    with Core(tmp_path / "w.duckdb") as core:
        rebuild(core, history, tmp_path)
        expected = contents(core)
        frame = record_frame(files, tmp_path).with_columns(readings=pl.lit(str(tmp_path / "gone.parquet")))
        with pytest.raises(Exception, match=r"gone\.parquet"):
            core.rebuild(frame, {"alpha": "2"}, [("alpha", "", 2)])
        assert contents(core) == expected
        assert core.source_states() == {"alpha": "1"}


def test_a_source_without_any_file_is_known_and_stays_known(tmp_path: Path) -> None:
    with Core(tmp_path / "w.duckdb") as core:
        core.rebuild(pl.DataFrame(schema=RECORD_INPUT), {"alpha": "1"}, [("alpha", "", 1)])
        core.rebuild(pl.DataFrame(schema=RECORD_INPUT), {}, [("alpha", "", 1)])
        assert core.source_states() == {"alpha": "1"}


def test_a_value_without_a_status_counts_as_normal(tmp_path: Path, files: list[File]) -> None:
    for row in files[0].cells:
        row["obs_status"] = None
    for row in files[1].cells:
        row["obs_status"] = "A"
    with Core(tmp_path / "w.duckdb") as core:
        rebuild(core, World({"alpha": files}, [("alpha", "", 1)]), tmp_path)
        assert core.accounting() == {"in": 8, "loaded": 6, "unchanged": 2, "quarantined": 0, "excluded": 0}


@pytest.mark.parametrize("basis", ["declared", None], ids=["column of dates", "dates alone"])
def test_a_sole_file_that_states_a_key_at_two_dates_goes_through_the_change_log(
    tmp_path: Path, basis: str | None
) -> None:
    rng, told = random.Random(0), [(DAYS[0], 10.0), (DAYS[1], 10.0), (DAYS[2], 12.0)]
    cells = [cell(rng, ("gdp", "CN", "A", "2010"), n, "value", day, basis) | {"obs_value": value, "obs_status": "A"}
             for n, (day, value) in enumerate(told)]  # fmt: skip
    at = datetime(2013, 1, 1)
    only = File("alpha", "a" * 16, at, DAYS[2], "declared", True, cells, sequence=1)
    with Core(tmp_path / "w.duckdb") as core:
        rebuild(core, World({"alpha": [only]}, [("alpha", "", 1)]), tmp_path)
        found = core.con.execute("select vintage, obs_value from core.observation order by all").fetchall()
        assert found == [(DAYS[0], 10.0), (DAYS[2], 12.0)], "the same value again is no change"
        assert core.accounting() == {"in": 3, "loaded": 2, "unchanged": 1, "quarantined": 0, "excluded": 0}
        assert core.unbalanced() == []
        assert core.observation_as_of(DAYS[1])["obs_value"].to_list() == [10.0]


def test_one_source_with_a_key_twice_leaves_the_plain_ones_beside_it_alone(tmp_path: Path) -> None:
    rng, at = random.Random(0), datetime(2013, 1, 1)
    keys = [("gdp", area, "A", "2010") for area in AREAS]
    plain = [cell(rng, key, n, "value", None, None) for n, key in enumerate(keys)]
    twice = [row | {"vintage": day, "obs_value": 1.0, "obs_status": "A"} for row in plain for day in DAYS[:2]]
    history = World(
        {name: [File(name, name[0] * 16, at, at.date(), "retrieved", True, cells, sequence=1)]
         for name, cells in (("alpha", plain), ("beta", twice))},
        [("alpha", "", 1), ("beta", "", 2)],
    )  # fmt: skip
    with Core(tmp_path / "w.duckdb") as core:
        rebuild(core, history, tmp_path)
        rows = core.con.execute("select source_id, rows_loaded, rows_unchanged from core.record order by all")
        assert rows.fetchall() == [("alpha", 3, 0), ("beta", 3, 3)]
