"""A small catalogue and the real files that the tests of pipelines.sources read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.sources.read import Reading, read_snapshot
from warehouse.catalogue.indicator import Area, Indicator, Unit
from warehouse.catalogue.source import Source

RAW = Path(__file__).parents[2] / "warehouse" / "catalogue" / "builtin" / "raw"
# Short names for real files that ship with the built-in catalogue.
SAMPLES = {
    "a0301.csv": "nbs_national/a0301.csv",
    "bulletin-2018.html": "nbs_rd_bulletin/html/2018.html",
    "bulletin-2021.html": "nbs_rd_bulletin/html/2021.html",
    "gdp_1993_2017_downloaded_2018-12_gb18030.csv": "nbs_exports/gdp_1993_2017_downloaded_2018-12_gb18030.csv",
    "hand-2018.xlsx": "nbs_rd_bulletin/hand_tables/raw-2018.xlsx",
    "papers-2013.xls": "china_st_yearbook/international_papers/raw-2013.xls",
    "patents_in_force-2013.xls": "china_st_yearbook/patents_in_force/raw-2013.xls",
    "public_budget-2019.xls": "china_st_yearbook/public_budget/raw-2019.xls",
    "rd_expenditure-2012.xls": "china_st_yearbook/rd_expenditure_by_source/raw-2012.xls",
    "technology_market.csv": "nbs_exports/technology_market_turnover_2011_2025_utf8bom_tabs.csv",
}
PROVINCES = (
    "北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "上海", "江苏",
    "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北", "湖南", "广东", "广西",
    "海南", "重庆", "四川", "贵州", "云南", "西藏", "陕西", "甘肃", "青海", "宁夏",
    "新疆",
)  # fmt: skip
CITIES = ("北京", "天津", "上海", "重庆")
REGIONS = {
    "内蒙古": "内蒙古自治区",
    "广西": "广西壮族自治区",
    "西藏": "西藏自治区",
    "宁夏": "宁夏回族自治区",
    "新疆": "新疆维吾尔自治区",
}


def _areas() -> dict[str, Area]:
    areas = {"CN": Area(name_zh="中国", spellings=("全国", "地方合计"))}
    for number, name in enumerate(PROVINCES):
        long_name = REGIONS.get(name, name + ("市" if name in CITIES else "省"))
        areas["CN-BJ" if name == "北京" else f"CN-{number:02d}"] = Area(name_zh=name, spellings=(long_name,))
    for number, name in enumerate(("东部地区", "中部地区", "西部地区", "东北地区")):
        areas[f"CN-R{number}"] = Area(name_zh=name, kind="region")
    return areas


@pytest.fixture(scope="session")
def catalogue() -> SimpleNamespace:
    units = {
        "cny": Unit(name_en="yuan"),
        "cny_10k": Unit(name_zh="万元", base="cny", factor=1e4),
        "cny_100m": Unit(name_zh="亿元", base="cny", factor=1e8),
        "papers": Unit(name_en="papers", spellings=("篇",)),
        "patents": Unit(name_zh="件"),
        "pct": Unit(name_en="per cent", spellings=("%",)),
        "persons": Unit(name_en="persons", spellings=("人",)),
        "persons_10k": Unit(name_zh="万人", base="persons", factor=1e4),
        "dozens": Unit(name_en="dozens of persons", base="persons", factor=12),
        "degrees": Unit(name_en="degrees", spellings=("件",)),
    }
    indicators = {
        "sci_papers": Indicator(name_en="SCI papers", unit="papers"),
        "ei_papers": Indicator(name_en="EI papers", unit="papers"),
        "rd_expenditure": Indicator(name_en="R&D expenditure", unit="cny_100m"),
        "rd_expenditure_enterprise": Indicator(name_en="of enterprises", unit="cny_100m"),
        "rd_intensity": Indicator(name_en="R&D intensity", unit="pct", plausible={"min": 0, "max": 20}),
        "gdp": Indicator(name_en="GDP", unit="cny_100m", plausible={"min": 0}),
        "budget": Indicator(name_en="budget", unit="cny_100m"),
        "budget_science": Indicator(name_en="of science", unit="cny_100m"),
        "population": Indicator(name_en="population", unit="persons"),
        "patents_in_force": Indicator(name_en="patents in force", unit="patents"),
        "invention_patents": Indicator(name_en="inventions in force", unit="patents"),
    }
    return SimpleNamespace(areas=_areas(), units=units, indicators=indicators)


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    return lambda name: (RAW / SAMPLES[name]).read_bytes()


def build_source(**fields: Any) -> Source:
    base: dict[str, Any] = {
        "name_en": "test",
        "provider": "test",
        "licence": "test",
        "priority": 1,
        "fetch": {"kind": "bundled", "files": ["*"], "retrieved": "2026-06-30"},
    }
    return Source.model_validate(base | fields)


@pytest.fixture(scope="session")
def make_source() -> Callable[..., Source]:
    return build_source


@pytest.fixture(scope="session")
def read_text(catalogue: SimpleNamespace) -> Callable[..., Reading]:
    """Read a CSV given as text or bytes with a wide layout of GDP by default."""

    def read(content: str | bytes, name: str = "file.csv", **fields: Any) -> Reading:
        layout = {
            "header": {"find": "^地区"},
            "area": {"column": "地区"},
            "period": {"header": r"(\d{4})年?"},
            "indicator": "gdp",
            "unit": "cny_100m",
        }
        source = build_source(**({"read": {"format": "csv"}, "layout": layout} | fields))
        data = content.encode() if isinstance(content, str) else content
        return read_snapshot(data, name, source, catalogue)

    return read
