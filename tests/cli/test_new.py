"""`indexhouse new`: skeletons of sources, indicators and indices that run, guesses on files of many shapes, refusals.

Not here: what a source, an indicator or an index means (tests/sources, tests/index).
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.scaffold import METHODS
from pipelines.settings import BUILTIN
from pipelines.sources.guess import guess
from warehouse.catalogue import load
from warehouse.catalogue.check import load_and_check
from warehouse.catalogue.indicator import Area, Indicator, Unit
from warehouse.errors import IndexhouseError

CATALOGUE = load.Catalogue(
    (),
    units={"one": Unit(name_en="ratio"), "cny_100m": Unit(name_zh="亿元")},
    areas={"CN": Area(name_zh="全国"), "CN-BJ": Area(name_zh="北京", parent="CN"), "CN-SH": Area(name_zh="上海")},
    indicators={"gdp": Indicator(name_en="GDP", unit="cny_100m")},
)

WIDE = """国家数据
指标：发电量（亿千瓦小时）
地区,2019年,2018年,2017年
北京,464.1,450.2,388.4
天津,730.8,711.6,611.3
上海,828.9,842.2,..
注：抽样调查。
"""
LONG = """place;when;series;amount;unit
北京;2017;Gross product;28.014,94;亿元
北京;2016;Gross product;25.669,13;亿元
北京;2017;Trees;1.312,00;亿元
北京;2016;Trees;1.305,50;亿元
上海;2017;Gross product;30.632,99;亿元
上海;2016;Gross product;28.178,65;亿元
上海;2017;Trees;903,00;亿元
上海;2016;Trees;k.A.;亿元
"""
COLUMNS = """地区,年份,行政区划代码,生产总值（亿元）,常住人口（万人）,路灯数
北京,2018,110000,"33,106.0",2154,1
北京,2019,110000,"35,371.3",2154,2
天津,2018,120000,"13,362.9",1560,3
天津,2019,120000,"14,104.3",1562,4
"""
YEARBOOK = """Patents by region,,
Unit: 亿元,,
Region,Grants,Tests (%)
北京,123,1.5
天津,45,2.5
Source: the office,,
"""
NATIONAL = "指标,2023年,2022年\n路灯数（万盏）,3.5,3.4\n公厕数,18,17\n"
HTML = """<html><body><table><tr><td>menu</td></tr></table><table>
<tr><th>地区</th><th>2020</th><th>2021</th></tr><tr><td>北京</td><td>1</td><td>2</td></tr>
<tr><td>上海</td><td>3</td><td>4</td></tr></table></body></html>"""


def workbook(text: str) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["cover"])
    sheet = book.create_sheet("data")
    for line in text.splitlines():
        cells = [cell.strip('"') for cell in line.split(",")]
        sheet.append([float(cell) if cell.replace(".", "").isdigit() else cell or None for cell in cells])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.fixture
def mine(make_small: Callable, tmp_path: Path) -> Any:
    """The small catalogue, without a home."""
    return make_small(tmp_path)


@pytest.fixture
def new(indexhouse: Callable, mine: Any) -> Callable[..., Any]:
    return lambda *arguments: indexhouse(*mine.options, "new", *arguments)


def entry(mine: Any, name: str) -> dict[str, Any]:
    return yaml.safe_load((mine.catalogue / name).read_text("utf-8"))


# Indices


@pytest.mark.parametrize("method", METHODS)
def test_a_new_index_of_every_method_is_accepted_by_the_check(new: Callable, mine: Any, method: str) -> None:
    answer = new("index", "quality", "--method", method, "--json")
    assert answer.status == 0, answer.err
    path = mine.catalogue / "indices" / "quality.yml"
    assert answer.json["path"] == str(path) and answer.json["files"] == [str(path)]
    index = load_and_check((mine.catalogue,)).indices["quality"]
    assert set(index.area_ids(load.load((mine.catalogue,)).areas)) == {"CN-BJ", "CN-GD", "CN-SH", "CN-TJ"}
    assert {key for key in index.nodes if "pillar" not in key} == {"gdp", "population", "rd_expenditure"}
    assert index.periods.first == "2016"
    assert path.read_text("utf-8").count("#") > 15


@pytest.mark.parametrize(
    ("method", "steps"),
    [
        ("min_max", ("min_max", "given", "arithmetic")),
        ("hdi", ("goalposts", "equal", "geometric")),
        ("base", ("base_ratio", "equal", "arithmetic")),
        ("chain", ("none", "equal", "chain_symmetric")),
        ("entropy", ("min_max", "entropy", "arithmetic")),
    ],
)
def test_a_template_has_the_method_of_its_name(new: Callable, mine: Any, method: str, steps: tuple[str, ...]) -> None:
    new("index", "quality", "--method", method)
    found = load_and_check((mine.catalogue,)).indices["quality"].method
    assert (found.normalise.method, found.weighting.method, found.aggregate.method) == steps


def test_an_index_begins_with_min_max_unless_told_otherwise(new: Callable, mine: Any) -> None:
    new("index", "quality")
    assert load.load((mine.catalogue,)).indices["quality"].method.normalise.method == "min_max"


def test_goalposts_lie_outside_of_the_values(new: Callable, mine: Any) -> None:
    new("index", "quality", "--method", "hdi")
    step = load.load((mine.catalogue,)).indices["quality"].nodes["population"].normalise
    assert step is not None and step.low < 1500 and step.high > 1803  # type: ignore[union-attr]


def test_an_index_without_any_values_at_hand_is_refused_with_a_remedy(new: Callable, mine: Any) -> None:
    for path in [*mine.inbox.iterdir(), mine.catalogue / "raw" / "page.csv"]:
        path.unlink()
    answer = new("index", "quality")
    assert answer.status == 1 and "indexhouse new source" in answer.errors[0]
    assert not (mine.catalogue / "indices" / "quality.yml").exists()


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one's own over the built-in catalogue, with an index of every method."""
    from pipelines.scaffold import write_new
    from pipelines.settings import Settings

    folder = tmp_path_factory.mktemp("five") / "mine"
    for method in METHODS:
        write_new(Settings(folder.parent / "home", (BUILTIN, folder)), "index", f"my_{method}", method=method)
    return folder


@pytest.mark.slow
def test_every_method_begins_from_the_built_in_catalogue(five: Path) -> None:
    indices = load_and_check((BUILTIN, five)).indices
    assert set(indices) >= {f"my_{method}" for method in METHODS}
    for method in METHODS:
        assert len(indices[f"my_{method}"].nodes) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_new_index_gives_scores_with_the_built_in_data(five: Path, builtin: Any, method: str) -> None:
    from pipelines.index.build import build_edition

    catalogue = load.load((BUILTIN, five))
    index = catalogue.indices[f"my_{method}"]
    observations = builtin.frame("select * exclude (release_id) from observation")
    result = build_edition(
        f"my_{method}", index, index.editions[0], observations, catalogue.indicators, catalogue.areas
    )
    top = result.index_score.filter(pl.col("node_kind") == "index")
    assert top["score"].count() > 0.8 * top.height > 100
    assert top["ref_area"].n_unique() == 31


# Indicators


def test_a_new_indicator_is_a_copy_that_the_check_accepts(new: Callable, mine: Any) -> None:
    answer = new("indicator", "lamp_posts", "--json")
    assert answer.status == 0 and answer.json["path"].endswith("indicators/lamp_posts.yml")
    found = load_and_check((mine.catalogue,)).indicators["lamp_posts"]
    assert (found.unit, found.formula, found.direction) == ("cny_100m", "gdp", 1)
    text = (mine.catalogue / "indicators" / "lamp_posts.yml").read_text("utf-8")
    for key in ("denominator", "plausible", "max_yearly_change_pct", "definition_en", "kind"):
        assert key in text


# Sources


@pytest.mark.parametrize(
    ("name", "content", "values", "expected"),
    [
        pytest.param(
            "power_2020-06-30.csv", WIDE.encode("gb18030"), 8,
            {"read": {"format": "csv", "encoding": "gb18030"}, "vintage": {"file": r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)"},
             "layout": {"header": {"find": "^地区$"}, "footer": ["^注"], "area": {"column": "地区"},
                        "period": {"header": r"^(\d\d\d\d年)$"}, "indicator": "lamps"}},
            id="wide gb18030 with title and note",
        ),
        pytest.param(
            "long.csv", LONG.encode(), 7,
            {"read": {"format": "csv", "delimiter": ";"},
             "layout": {"header": {"find": "^place$"}, "area": {"column": "place"}, "period": {"column": "when"},
                        "indicator": {"column": "series",
                                      "values": {"Gross product": "gross_product", "Trees": "trees"}},
                        "value": "amount", "unit": {"column": "unit"}},
             "marks": {"decimal": ",", "group": ".", "missing": [*load.Source.model_fields["marks"].default.missing,
                                                                "k.A."]}},
            id="long with decimal commas",
        ),
        pytest.param(
            "columns.csv", COLUMNS.encode("utf-16"), 12,
            {"read": {"format": "csv", "encoding": "utf-16"},
             "layout": {"header": {"find": "^地区$"}, "area": {"column": "地区"}, "period": {"column": "年份"},
                        "columns": [{"indicator": "lamps_1", "header": r"^生产总值\(亿元\)$", "unit": "cny_100m"},
                                    {"indicator": "lamps_2", "header": r"^常住人口\(万人\)$", "unit": "persons_10k"},
                                    {"indicator": "lamps_3", "header": "^路灯数$"}],
                        "unused_columns": ["^行政区划代码$"]},
             "marks": {"group": ","}},
            id="columns in utf-16 with grouped numbers and a code",
        ),
        pytest.param(
            "yearbook-2021.csv", YEARBOOK.encode(), 4,
            {"read": {"format": "csv"},
             "layout": {"header": {"find": "^region$"}, "footer": ["^Source"], "area": {"column": "Region"},
                        "period": {"file": r"(?<!\d)((?:19|20)\d{2})(?!\d)"},
                        "columns": [{"indicator": "grants", "header": "^grants$"},
                                    {"indicator": "tests", "header": r"^tests\(%\)$"}]}},
            id="one year, told by the file name",
        ),
        pytest.param(
            "national.csv", NATIONAL.encode(), 4,
            {"read": {"format": "csv"},
             "layout": {"header": {"find": "^指标$"}, "area": "CN", "period": {"header": r"^(\d\d\d\d年)$"},
                        "indicator": {"column": "指标", "values": {"路灯数（万盏）": "lamps_1", "公厕数": "lamps_2"}}}},
            id="a row for each indicator of one area",
        ),
        pytest.param(
            "page.html", HTML.encode(), 4,
            {"read": {"format": "html"},
             "layout": {"header": {"find": "^地区$"}, "area": {"column": "地区"}, "period": {"header": r"^(\d\d\d\d)$"},
                        "indicator": "lamps"}},
            id="html",
        ),
        pytest.param(
            "book.xlsx", workbook("分省,,\n地区,2020,2021\n北京,1.5,2\n上海,3,4\n"), 4,
            {"read": {"format": "excel", "sheets": [2]},
             "layout": {"header": {"find": "^地区$"}, "area": {"column": "地区"}, "period": {"header": r"^(\d\d\d\d)$"},
                        "indicator": "lamps"}},
            id="second sheet of a workbook",
        ),
        pytest.param(
            "bare.csv", "北京,2019,5\n北京,2020,6\n上海,2019,7\n".encode(), 3,
            {"read": {"format": "csv"},
             "layout": {"header": {"rows": 0, "row": 1}, "area": {"column": 1}, "period": {"column": 2},
                        "columns": [{"indicator": "column_3", "position": 3}]}},
            id="no header",
        ),
    ],
)  # fmt: skip
def test_a_file_is_guessed_kept_and_previewed(
    new: Callable, indexhouse: Callable, mine: Any, name: str, content: bytes, values: int, expected: dict[str, Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    file = tmp_path / name
    file.write_bytes(content)
    answer = new("source", "lamps", file, "--json")
    assert answer.status == 0, answer.err
    found = entry(mine, "sources/lamps.yml")
    assert {key: found[key] for key in expected} == expected
    assert found["fetch"] == {"kind": "folder", "path": "inbox/lamps", "files": [f"*{file.suffix}"]}
    assert (mine.inbox / "lamps" / name).read_bytes() == content
    load_and_check((mine.catalogue,))
    document = indexhouse(*mine.options, "preview", "lamps", "--json").json
    assert document["counts"]["value"] == values and document["file_name"] == name
    assert not document["counts"].get("quarantined")


def test_a_column_that_is_called_like_an_indicator_is_taken_for_it(new: Callable, mine: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("地区,年份,GDP（亿元）,population\n北京,2018,1,2\n天津,2018,3,4\n", "utf-8")
    answer = new("source", "again", file, "--json")
    assert [column["indicator"] for column in entry(mine, "sources/again.yml")["layout"]["columns"]] == [
        "gdp",
        "population",
    ]
    assert not (mine.catalogue / "indicators").exists(), "nothing is missing"
    assert len(answer.json["files"]) == 2


def test_an_indicator_of_another_dimension_is_not_taken(new: Callable, mine: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("地区,年份,GDP（万人）\n北京,2018,1\n天津,2018,3\n", "utf-8")
    new("source", "again", file)
    assert entry(mine, "indicators/again.yml") == {"gdp_1": {"name_en": "GDP", "unit": "persons_10k", "direction": 1}}


def test_a_new_source_comes_after_all_others(new: Callable, mine: Any, tmp_path: Path) -> None:
    new("source", "one")
    new("source", "two")
    assert (entry(mine, "sources/one.yml")["priority"], entry(mine, "sources/two.yml")["priority"]) == (100, 110)


def test_a_source_without_a_file_is_a_skeleton_with_an_inbox(new: Callable, mine: Any, indexhouse: Callable) -> None:
    answer = new("source", "lamps")
    assert answer.status == 0 and "indexhouse preview lamps" in answer.out
    load_and_check((mine.catalogue,))
    (mine.inbox / "lamps" / "a.csv").write_text("area,year,value\n北京,2019,5\n", "utf-8")
    assert indexhouse(*mine.options, "preview", "lamps", "--json").json["counts"] == {"value": 1}


def test_an_address_is_written_down_and_not_fetched(new: Callable, mine: Any) -> None:
    answer = new("source", "lamps", "https://data.example.org/a/lamps.xlsx?year=all")
    assert answer.status == 0
    found = entry(mine, "sources/lamps.yml")
    assert found["fetch"] == {"kind": "http", "urls": ["https://data.example.org/a/lamps.xlsx?year=all"]}
    assert found["read"] == {"format": "excel"}
    load_and_check((mine.catalogue,))


@pytest.mark.parametrize("content", [b"", b"no table here\n", b"Mars,2019,5\n", bytes(range(256)) * 20])
def test_a_file_that_says_nothing_is_refused_and_nothing_is_written(
    new: Callable, mine: Any, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "strange.csv"
    file.write_bytes(content)
    before = sorted(mine.folder.rglob("*"))
    answer = new("source", "lamps", file)
    assert answer.status == 1 and len(answer.errors) == 1
    assert "strange.csv" in answer.errors[0] and "areas.yml" in answer.errors[0]
    assert sorted(mine.folder.rglob("*")) == before


PIECES = [
    "北京",
    "上海",
    "全国",
    "2019",
    "2018年",
    "12.5",
    "3,4",
    "GDP（亿元）",
    "",
    "..",
    '"',
    "<table>",
    "1e5",
    "Total",
]


@given(
    lines=st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "gb18030", "utf-16"]),
)
@settings(max_examples=200)
def test_any_file_gives_a_guess_that_reads_or_one_error(lines: list[list[str]], delimiter: str, encoding: str) -> None:
    content = "\n".join(delimiter.join(line) for line in lines).encode(encoding)
    try:
        found = guess(content, "strange.csv", "lamps", CATALOGUE)
    except IndexhouseError as error:
        assert "strange.csv" in str(error)
    else:
        assert 0 < found.values <= found.cells


def test_a_damaged_archive_is_told_with_its_name(new: Callable, tmp_path: Path) -> None:
    file = tmp_path / "lamps.csv.gz"
    file.write_bytes(gzip.compress(WIDE.encode())[:20])
    answer = new("source", "lamps", file)
    assert answer.status == 1 and answer.errors[0].startswith("error: lamps.csv.gz: ")


# What is refused


def test_the_built_in_catalogue_is_not_written_into(indexhouse: Callable, tmp_path: Path) -> None:
    for options in ([], ["--catalogue", "builtin"], ["--catalogue", BUILTIN]):
        answer = indexhouse("--home", tmp_path, *options, "new", "indicator", "lamp_posts")
        assert answer.status == 2 and answer.out == ""
        assert "--catalogue builtin --catalogue mine" in answer.errors[0]


def test_a_folder_that_is_not_there_yet_is_made(indexhouse: Callable, mine: Any, tmp_path: Path) -> None:
    answer = indexhouse("--catalogue", mine.catalogue, "--catalogue", tmp_path / "b" / "c", "new", "indicator", "lamps")
    assert answer.status == 0
    assert (tmp_path / "b" / "c" / "indicators" / "lamps.yml").exists()


def test_a_folder_that_cannot_be_written_is_named_with_a_remedy(
    indexhouse: Callable, mine: Any, tmp_path: Path
) -> None:
    (tmp_path / "plain_file").write_text("")
    answer = indexhouse(
        "--catalogue", mine.catalogue, "--catalogue", tmp_path / "plain_file" / "x", "new", "indicator", "lamps"
    )
    assert answer.status == 1 and "plain_file" in answer.errors[0] and "--catalogue" in answer.errors[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("indexx", "a"), "did you mean 'index'?"),
        (("index", "Big-One"), "is not an id"),
        (("indicator", "no"), "YAML reads"),
        (("index", "strength"), "indices/strength.yml: index 'strength' exists already"),
        (("indicator", "gdp"), "indicators.yml: indicator 'gdp' exists already"),
        (("index", "a", "--method", "hdy"), "did you mean 'hdi'?"),
        (("indicator", "a", "--method", "hdi"), "--method belongs to a new index"),
        (("indicator", "a", "a.csv"), "takes no file"),
    ],
)
def test_what_is_asked_wrongly_is_told_with_a_remedy(
    new: Callable, mine: Any, arguments: tuple[str, ...], told: str
) -> None:
    before = {path: path.read_bytes() for path in mine.folder.rglob("*") if path.is_file()}
    answer = new(*arguments)
    assert answer.status == 2 and answer.out == "" and told in answer.errors[0]
    assert {path: path.read_bytes() for path in mine.folder.rglob("*") if path.is_file()} == before


def test_a_file_that_exists_is_never_written_over(new: Callable, mine: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("地区,年份,x\n北京,2018,1\n", "utf-8")
    mine.put("inbox/lamps/a.csv", "mine\n")
    answer = new("source", "lamps", file)
    assert answer.status == 2 and "a.csv: exists already" in answer.errors[0]
    assert (mine.inbox / "lamps" / "a.csv").read_text() == "mine\n"
    assert not (mine.catalogue / "sources" / "lamps.yml").exists()


def test_a_missing_file_is_told(new: Callable) -> None:
    answer = new("source", "lamps", "/nowhere/a.csv")
    assert answer.status == 1 and "name an existing file" in answer.errors[0]


def test_the_verb_explains_itself(indexhouse: Callable) -> None:
    out = indexhouse("new", "--help").out
    for word in ("--json", "--method", *METHODS, "[FILE|URL]"):
        assert word in out
