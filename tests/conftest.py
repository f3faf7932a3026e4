"""What several test folders share: the command in this process or another, a small catalogue, the built-in release.

Not here: assertions, and what only one folder needs (the conftest beside it).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

from pipelines import cli, progress, validation
from warehouse import releases

# The same examples on every machine and in every run; a new one is found by a person, not by chance in CI.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parents[1]
STEP_LINE = re.compile(r"^\[\d/\d\] (\w+)", re.MULTILINE)
PROVINCES = {"CN-BJ": "北京", "CN-TJ": "天津", "CN-SH": "上海", "CN-GD": "广东"}
YEARS = range(2016, 2020)
RELEASE_QUERY = {"enable_external_access": "false"}


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error:")]


def clean_environment(**further: str) -> dict[str, str]:
    """The environment without settings of the product that whoever runs the tests may have set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("INDEXHOUSE_", "DAGSTER_", "COLUMNS"))}
    return kept | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)} | further


@pytest.fixture
def indexhouse(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run the command in this process, so that the slow start of validation is paid once a session."""
    for name in list(os.environ):
        if name.startswith("INDEXHOUSE_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")

    def run(*arguments: str | Path) -> Answer:
        progress.be_quiet(False)
        monkeypatch.setattr(sys, "argv", ["indexhouse", *map(str, arguments)])
        capfd.readouterr()
        try:
            cli.main()
            status = 0
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
        caught = capfd.readouterr()
        return Answer(status, caught.out, caught.err)

    return run


@pytest.fixture(scope="session", autouse=True)
def _no_validator_left_behind() -> Iterator[None]:
    yield
    validation.close()


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Answer]:
    """Run the command in a process of its own, in an empty working folder."""

    def run(
        *arguments: str | Path, environment: dict[str, str] | None = None, timeout: float = 300, **how: Any
    ) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
            env=clean_environment(**(environment or {})), cwd=tmp_path, capture_output=True, timeout=timeout,
            check=False,
            **how,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode())

    return run


@dataclass
class Small:
    """A tiny catalogue in a folder, and a home: four provinces, three indicators, one index, one claim.

    `kind` folder: files dropped into inbox/, known from the date in their name; bundled: the same files, shipped.
    """

    folder: Path
    kind: str = "folder"

    @property
    def catalogue(self) -> Path:
        return self.folder / "catalogue"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def inbox(self) -> Path:
        return self.catalogue / "inbox"

    @property
    def release(self) -> Path:
        return self.home / "release"

    @property
    def file(self) -> Path:
        return self.release / "indexhouse.duckdb"

    @property
    def options(self) -> list[str]:
        return ["--home", str(self.home), "--catalogue", str(self.catalogue)]

    def write(self) -> Small:
        """Write the catalogue and the two first files."""
        documents: dict[str, Any] = {
            "units.yml": {
                "one": {"name_en": "ratio"}, "pct": {"name_en": "per cent", "base": "one", "factor": 0.01},
                "points": {"name_en": "points"}, "rank": {"name_en": "rank"},
                "cny": {"name_en": "yuan"}, "cny_100m": {"name_zh": "亿元", "base": "cny", "factor": 1e8},
                "persons": {"name_en": "persons"}, "persons_10k": {"name_zh": "万人", "base": "persons", "factor": 1e4},
            },
            "areas.yml": {"CN": {"name_en": "China", "name_zh": "全国", "kind": "country"}}
            | {area: {"name_zh": name, "kind": "province", "parent": "CN", "spellings": [f"{name}市", f"{name}省"]}
               for area, name in PROVINCES.items()},
            "indicators.yml": {
                "gdp": {"name_en": "GDP", "unit": "cny_100m", "plausible": {"min": 1, "max": 1e6}},
                "population": {"name_en": "Population", "unit": "persons_10k", "kind": "stock"},
                "rd_expenditure": {"name_en": "R&D", "unit": "cny_100m", "plausible": {"min": 0, "max": 1e5}},
                "rd_intensity": {"name_en": "R&D intensity", "unit": "pct", "kind": "ratio",
                                 "formula": "rd_expenditure / gdp"},
            },
            "sources/figures.yml": {
                "name_en": "Figures", "provider": "Test", "licence": "CC0", "priority": 10, "cadence": "monthly",
                "fetch": {"kind": "folder", "path": "inbox", "files": ["*.csv"]} if self.kind == "folder"
                else {"kind": "bundled", "files": ["inbox/*.csv"], "retrieved": "2024-01-01"},
                "vintage": {"file": r"(\d{4}-\d{2}-\d{2})"},
                "read": {"format": "csv"},
                "layout": {
                    "header": {"find": "^地区$"}, "area": {"column": "地区"}, "period": {"column": "年份"},
                    "columns": [
                        {"indicator": "gdp", "header": "^生产总值", "unit": "cny_100m"},
                        {"indicator": "population", "header": "^常住人口", "unit": "persons_10k"},
                        {"indicator": "rd_expenditure", "header": "^R&D经费", "unit": "cny_100m"},
                    ],
                },
            },
            "sources/page.yml": {
                "name_en": "Page", "provider": "Test", "licence": "CC0", "priority": 90, "cadence": "once",
                "fetch": {"kind": "bundled", "files": ["raw/page.csv"], "retrieved": "2020-06-01"},
                "vintage": {"declared": "2020-06-01"}, "read": {"format": "csv"},
                "layout": {"header": {"row": 1}, "area": {"column": "area"}, "period": {"column": "year"},
                           "indicator": "rd_expenditure", "value": "value", "unit": "cny_100m"},
            },
            "indices/strength.yml": {
                "name_en": "Strength", "name_zh": "实力", "areas": list(PROVINCES), "periods": {"from": 2016},
                "base_period": 2016, "method": {"normalise": {"method": "base_ratio", "value": 100}},
                "nodes": {
                    "input": {"name_en": "Input", "weight": 1}, "output": {"name_en": "Output", "weight": 3},
                    "rd_intensity": {"parent": "input", "weight": 2},
                    "rd_expenditure": {"parent": "input", "weight": 1},
                    "gdp": {"parent": "output"},
                },
            },
            "claims/page_2020.yml": {
                "name_en": "Page of 2020", "published_on": "2020-06-01", "source_id": "page",
                "claims": {"C1": {
                    "statement_en": "R&D of Beijing grew to 1.34 times.", "statement_zh": "北京R&D经费增长到1.34倍。",
                    "indicator": "rd_expenditure", "ref_area": "CN-BJ", "time_period": "2016-01-01/P4Y",
                    "measure": "multiple", "stated_value": 1.34,
                }},
            },
        }  # fmt: skip
        for name, document in documents.items():
            self.put(name, yaml.safe_dump(document, allow_unicode=True, sort_keys=False))
        self.put("raw/page.csv", "area,year,value\n北京,2019,134.0\n")
        self.drop("2020-03-01")
        self.drop("2021-03-01", factor=1.1, years=range(2017, 2020))
        return self

    def put(self, name: str, content: str | bytes) -> Path:
        """Write one file of the catalogue."""
        path = self.catalogue / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> Path:
        """Change one YAML document of the catalogue."""
        document = yaml.safe_load((self.catalogue / name).read_text("utf-8"))
        change(document)
        return self.put(name, yaml.safe_dump(document, allow_unicode=True, sort_keys=False))

    def drop(self, vintage: str, factor: float = 1.0, years: range = YEARS) -> Path:
        """Put one file of figures into the inbox."""
        return self.put(f"inbox/figures-{vintage}.csv", figures(factor, years))

    def copy(self, folder: Path) -> Small:
        """The same catalogue and home elsewhere."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Small(folder, self.kind)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return query(self.file, sql)


def figures(factor: float = 1.0, years: range = YEARS) -> str:
    """A provider's table: a title, a header, one line for each province and year, a note."""
    lines = ["分省主要指标,,,,", "地区,年份,生产总值（亿元）,常住人口（万人）,R&D经费（亿元）"]
    for row, name in enumerate(PROVINCES.values()):
        for year in years:
            growth = (1.05 + 0.01 * row) ** (year - 2016)
            gdp, people = 2000 * (row + 1) * growth * factor, 1500 + 100 * row + year - 2016
            lines.append(f"{name},{year},{gdp:.1f},{people},{100 * (row + 1) * growth**2:.2f}")
    return "\n".join(lines) + "\n"


def query(file: Path, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows of a release, opened as a BI tool should open it."""
    with duckdb.connect(str(file), read_only=True, config=dict(RELEASE_QUERY)) as con:
        return con.execute(sql, parameters or []).fetchall()


@pytest.fixture(scope="session")
def query_release() -> Callable[..., list[tuple[Any, ...]]]:
    return query


@pytest.fixture(scope="session")
def make_small() -> Callable[..., Small]:
    """Write the small catalogue into a folder: make_small(tmp_path), make_small(tmp_path, kind="bundled")."""
    return lambda folder, **how: Small(folder, **how).write()


@pytest.fixture(scope="session")
def published_small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small catalogue with its first release; tests copy it (see `small`) and never write into it."""
    small = Small(tmp_path_factory.mktemp("small")).write()
    from pipelines.run import run as run_once
    from pipelines.settings import Settings

    progress.be_quiet()
    run_once(Settings(small.home, (small.catalogue,)), offline=True)
    return small


@pytest.fixture
def small(published_small: Small, tmp_path: Path) -> Small:
    """A copy of the published small catalogue, for one test."""
    return published_small.copy(tmp_path / "small")


@dataclass(frozen=True)
class Builtin:
    """The release of the built-in catalogue, made once for all tests by the command itself. Read only."""

    home: Path
    report: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.home / "release"

    @property
    def file(self) -> Path:
        return self.folder / releases.FILE

    def query(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        return query(self.file, sql, parameters)

    def frame(self, sql: str) -> pl.DataFrame:
        with duckdb.connect(str(self.file), read_only=True, config=dict(RELEASE_QUERY)) as con:
            return con.sql(sql).pl()


@pytest.fixture(scope="session")
def builtin(tmp_path_factory: pytest.TempPathFactory) -> Builtin:
    """Build the built-in release once for all test processes: the first one builds, the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "builtin"
    home, told = place / "home", place / "run.json"
    with FileLock(f"{place}.lock"):
        if not told.exists():
            place.mkdir(exist_ok=True)
            done = subprocess.run(
                [sys.executable, "-m", "pipelines.cli", "--home", str(home), "run", "--offline", "--json"],
                env=clean_environment(), cwd=ROOT, capture_output=True, check=False,
            )  # fmt: skip
            told.write_text(
                json.dumps({"status": done.returncode, "out": done.stdout.decode(), "err": done.stderr.decode()})
            )
    answer = json.loads(told.read_text())
    if answer["status"]:
        pytest.fail(
            f"the built-in catalogue gives no release (status {answer['status']}):\n{answer['err'][-4000:]}",
            pytrace=False,
        )
    return Builtin(home, json.loads(answer["out"]))
