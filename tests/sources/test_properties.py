"""Whatever the bytes are: a rejection or one outcome for every cell, and the order of rows does not matter."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.sources.conform import OUTCOMES, READING_SCHEMA
from pipelines.sources.numbers import parse_numbers
from pipelines.sources.periods import month_end_after, parse_date, parse_period, period_end
from pipelines.sources.read import read_snapshot
from pipelines.sources.reasons import REASONS
from warehouse.catalogue.source import Marks

WIDE = {
    "header": {"find": "^地区"},
    "footer": ["^注"],
    "area": {"column": "地区"},
    "period": {"header": r"(\d{4})"},
    "indicator": "gdp",
}
SOURCES = {
    "csv": ("gdp_1993_2017_downloaded_2018-12_gb18030.csv", {"format": "csv", "encoding": "gb18030"}),
    "tabs": ("technology_market.csv", {"format": "csv"}),
    "xls": ("patents_in_force-2013.xls", {"format": "excel"}),
    "xlsx": ("hand-2018.xlsx", {"format": "excel"}),
    "html": ("bulletin-2018.html", {"format": "html"}),
}


def _mutate(content: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    data = bytearray(content)
    for _ in range(chance.choice((1, 3, 20))):
        kind, at = chance.randrange(5), chance.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + chance.choice((1, 7, len(data) // 3))]
        elif kind == 2:
            data[at:at] = bytes(chance.choice((b"\n", b",", b'"', b"\x00", b"\xff\xfe", b"-", "北".encode())))
        elif kind == 3:
            data[at : at + 40] = data[at // 2 : at // 2 + 40]
        else:
            data[at:at] = data[at : at + chance.choice((3, 300))]
        if not data:
            break
    return bytes(data)


def _check_whole(reading):
    frame = reading.readings
    assert dict(frame.schema) == READING_SCHEMA
    assert set(frame["outcome"]) <= set(OUTCOMES)
    reasoned = frame.filter(pl.col("outcome") != "value")
    assert (reasoned["reason_code"] != "").all() and set(reasoned["reason_code"]) <= set(REASONS)
    values = frame.filter(pl.col("outcome") == "value")
    assert values["obs_value"].is_finite().all() and values["obs_value"].null_count() == 0
    assert (frame.filter(pl.col("outcome") != "value")["obs_value"].is_null()).all()
    keys = values.select("indicator_id", "ref_area", "freq", "time_period")
    assert keys.n_unique() == keys.height or keys.height == 0
    assert (values["ref_area"] != "").all() and (values["time_period"] != "").all()
    assert frame["locator"].n_unique() == frame.height


@pytest.mark.parametrize("kind", SOURCES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_mutated_bytes_are_rejected_or_fully_accounted(kind, seed, sample, make_source, catalogue):
    name, read = SOURCES[kind]
    source = make_source(read=read, layout=WIDE, max_quarantined_pct=100)
    reading = read_snapshot(_mutate(sample(name), seed), name, source, catalogue)
    _check_whole(reading)
    assert all(problem.code in REASONS and problem.reason_en for problem in reading.rejections)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))))
@example(content=b"a,b\n1,2")
@example(content="地区,2018\n北京,1\n".encode())
@pytest.mark.parametrize("kind", ["csv", "excel", "html"])
def test_any_bytes_are_rejected_or_fully_accounted(kind, content, make_source, catalogue):
    source = make_source(read={"format": kind}, layout=WIDE, max_quarantined_pct=100)
    _check_whole(read_snapshot(content, "x", source, catalogue))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_shuffled_rows_change_only_places(seed, sample, make_source, catalogue):
    name, read = SOURCES["csv"]
    lines = sample(name).decode("gb18030").splitlines()
    head, rows, notes = lines[:4], lines[4:35], lines[35:]
    rows = [*rows, rows[3], rows[5].replace(".", "1.")]
    shuffled = rows[:]
    random.Random(seed).shuffle(shuffled)
    source = make_source(read=read, layout=WIDE, max_quarantined_pct=100)
    frames = []
    for body in (rows, shuffled):
        content = "\r\n".join([*head, *body, *notes]).encode("gb18030")
        frame = read_snapshot(content, name, source, catalogue).readings.drop("locator")
        frames.append(frame.sort(frame.columns))
    assert frames[0].height == 33 * 25 and frames[0].equals(frames[1])


@given(numbers=st.lists(st.decimals(-(10**9), 10**9, places=4).map(str), min_size=1, max_size=30))
def test_printed_numbers_keep_value_and_digits(numbers):
    frame = parse_numbers(pl.Series(numbers), pl.Series([False] * len(numbers)), Marks())
    assert frame.value.to_list() == [float(n) for n in numbers]
    assert frame.decimals.to_list() == [4] * len(numbers)


@given(value=st.integers(0, 10**12), digits=st.integers(0, 3))
def test_grouped_numbers_read_like_plain_ones(value, digits):
    plain = f"{value / 1000:.{digits}f}"
    grouped = f"{float(plain):,.{digits}f}"
    european = grouped.translate(str.maketrans(",.", ".,"))
    for text, marks in ((grouped, Marks(group=",")), (european, Marks(group=".", decimal=","))):
        found = parse_numbers(pl.Series([text]), pl.Series([False]), marks)
        assert found.value.to_list() == [float(plain)] and found.decimals.to_list() == [digits]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.decimals(0, 10**7, places=3).map(str), power=st.sampled_from(["cny", "cny_10k", "cny_100m"]))
def test_powers_of_ten_shift_the_printed_digits_exactly(text, power, read_text):
    layout = WIDE | {"unit": power}
    row = read_text(f"地区,2018\n北京,{text}\n", layout=layout).readings.row(0, named=True)
    exponent = {"cny": -8, "cny_10k": -4, "cny_100m": 0}[power]
    assert row["obs_value"] == float(f"{text}e{exponent}") and row["decimals"] == 3 - exponent


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("2018", ("A", "2018")),
        ("2018年", ("A", "2018")),
        ("２０１８ 年", ("A", "2018")),
        ("2018.0", ("A", "2018")),
        ("2018-12", ("M", "2018-12")),
        ("2018年2月", ("M", "2018-02")),
        ("201802", ("M", "2018-02")),
        ("2018Q4", ("Q", "2018-Q4")),
        ("2018-Q4", ("Q", "2018-Q4")),
        ("2018年第四季度", ("Q", "2018-Q4")),
        ("2018年上半年", ("S", "2018-01-01/P6M")),
        ("2018-12-31", ("D", "2018-12-31")),
        ("2018-12-31 00:00:00", ("D", "2018-12-31")),
        ("20181231", ("D", "2018-12-31")),
        ("2014-01/2014-08", ("M", "2014-01-01/P8M")),
        ("2014年1-8月", ("M", "2014-01-01/P8M")),
        ("2014/2018", ("A", "2014-01-01/P5Y")),
        ("2014-2018", ("A", "2014-01-01/P5Y")),
        ("2014-01-01/P5Y", ("A", "2014-01-01/P5Y")),
        ("2018-13", None),
        ("2018-02-30", None),
        ("0000", None),
        ("合计", None),
        ("", None),
        ("2018-2014", None),
        ("9999-01-01/P9Y", None),
    ],
)
def test_printed_periods(printed, expected):
    assert parse_period(printed) == expected


@given(text=st.text(max_size=20))
def test_any_text_is_a_period_or_none(text):
    parsed = parse_period(text)
    if parsed is not None:
        assert period_end(parsed[1]) is not None
    parse_date(text)


def test_ends_of_periods_and_lags():
    ends = {p: str(period_end(p)) for p in ("2018", "2018-Q1", "2016-02", "2014-01-01/P5Y", "2014-01-01/P8M")}
    assert list(ends.values()) == ["2018-12-31", "2018-03-31", "2016-02-29", "2018-12-31", "2014-08-31"]
    assert str(month_end_after(period_end("2018"), 12)) == "2019-12-31"
    assert str(month_end_after(period_end("2018-12"), 2)) == "2019-02-28"
    assert str(parse_date("2019年8月")) == "2019-08-31" and str(parse_date("2019/08/30 09:00")) == "2019-08-30"


@pytest.mark.slow
def test_a_million_cells_take_a_small_multiple_of_a_bare_parse(tmp_path, make_source, catalogue):
    import time

    years, rows = np.arange(1920, 2020), 10_000
    numbers = np.random.default_rng(1).integers(1, 10**7, (rows, len(years)))
    areas = list(catalogue.areas)
    indicators = list(catalogue.indicators)
    frame = pl.DataFrame({str(y): pl.Series(numbers[:, i] / 1000) for i, y in enumerate(years)})
    frame = frame.with_columns(
        pl.Series("code", [areas[i % len(areas)] for i in range(rows)]),
        pl.Series("what", [indicators[i // len(areas) % len(indicators)] for i in range(rows)]),
    )
    content = frame.write_csv().encode()
    layout = {"area": {"column": "code"}, "period": {"header": r"^(\d{4})$"}, "indicator": {"column": "what"}}
    source = make_source(read={"format": "csv"}, layout=layout, max_quarantined_pct=100)

    def fastest(action):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
        return min(times)

    bare = fastest(
        lambda: pl.read_csv(content, infer_schema=False).with_columns(pl.exclude("code", "what").cast(float))
    )
    ours = fastest(lambda: read_snapshot(content, "x.csv", source, catalogue))
    assert ours < max(40 * bare, 3.0)
