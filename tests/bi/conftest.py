"""Two releases to switch between, the documented queries, a web server on loopback, and where the clients are.

These tests run by `make bi` and `make bi-quick`, which install the clients; plain `make test` leaves this folder out.
Not here: the clients themselves (deploy/bi, deploy/superset).
"""

from __future__ import annotations

import json
import mimetypes
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "deploy" / "bi"
REFUSED = (
    "select * from read_text('{host_file}')",
    "select * from read_csv('{host_file}')",
    "select * from glob('/*')",
    "copy (select 1 as one) to '{target}'",
    "attach '{target}' as other",
    "export database '{target}'",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "load httpfs",
    "create table planted (one integer)",
    "delete from claim",
)


@dataclass
class Releases:
    """A home with two releases of the built-in catalogue, as of 2019 and of today, and the command that switches."""

    home: Path
    old: str
    new: str

    @property
    def root(self) -> Path:
        return self.home / "release"

    @property
    def file(self) -> Path:
        """The one that is current: what BI opens."""
        return self.root / "indexhouse.duckdb"

    @property
    def current(self) -> str:
        return str(json.loads((self.root / "latest.json").read_text())["release_id"])

    def command(self, *arguments: str) -> None:
        """`indexhouse` in a process of its own; fails the test when it does."""
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "--home", str(self.home), *arguments],
            env=clean_environment(), cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def publish(self, release_id: str) -> None:
        if self.current != release_id:
            self.command("publish", release_id)

    def rollback(self) -> None:
        self.command("rollback")

    def switch(self) -> str:
        """Make the other release current and say which one it is."""
        self.publish(self.old if self.current == self.new else self.new)
        return self.current

    def kept(self, release_id: str) -> Path:
        return self.root / release_id / "indexhouse.duckdb"


def clean_environment(**further: str) -> dict[str, str]:
    """The environment without settings of the product, of Superset or of a proxy."""
    ours = ("INDEXHOUSE_", "DAGSTER_", "SUPERSET_", "FLASK_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours) and not k.lower().endswith("_proxy")}
    return kept | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT)} | further


@pytest.fixture(scope="session")
def releases(builtin: Any, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """The built-in release and the same as of the day of the 2019 publication; the newest is current."""
    home = tmp_path_factory.mktemp("bi") / "home"
    shutil.copytree(builtin.home, home, ignore=shutil.ignore_patterns("dagster", "staging"))
    made = Releases(home, "", "")
    made.new = made.current
    made.command("run", "--offline", "--as-of", "2019-10-17")
    (made.old,) = (path.name for path in made.root.glob("2*-*") if path.name != made.new)
    assert made.current == made.new
    return made


@pytest.fixture(scope="session")
def queries() -> dict[str, str]:
    """The ten documented queries by name."""
    found = {}
    for part in (ROOT / "docs" / "bi_queries.sql").read_text("utf-8").split(";"):
        if heads := re.findall(r"^-- (\w+) (?:filters|scans): ", part, re.MULTILINE):
            found[heads[-1]] = part.strip()
    assert len(found) == 10
    return found


@pytest.fixture(scope="session")
def expected(releases: Releases, queries: dict[str, str]) -> dict[str, dict[str, list[list[Any]]]]:
    """Release id -> query -> rows, by the DuckDB that wrote the file; dates as ISO text."""
    return {i: {n: ask(releases.kept(i), sql) for n, sql in queries.items()} for i in (releases.old, releases.new)}


def ask(file: Path, sql: str) -> list[list[Any]]:
    with duckdb.connect(str(file), read_only=True) as con:
        rows = con.execute(sql).fetchall()
    return [[value.isoformat() if hasattr(value, "isoformat") else value for value in row] for row in rows]


def client_python(name: str) -> Path:
    """The interpreter of a client's environment (duckdb-1.1.3, streamlit); skips when nobody installed it."""
    python = ROOT / f".venv-bi-{name}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python.parent.parent.name} is not there; `make bi` makes it")
    return python


def need_node() -> None:
    if not shutil.which("node"):
        pytest.skip("node is not installed; the clients in JavaScript were not tried")
    if not (CLIENTS / "node_modules" / "@duckdb").is_dir():
        pytest.skip("deploy/bi/node_modules is not there; `make bi-quick` makes it")


def need_chromium() -> str:
    """The browser; skips with what to install."""
    need_node()
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser or not Path(browser).exists():
        pytest.skip("chromium is not installed (Debian: apt-get install chromium); nothing was tried in a browser")
    return browser


@dataclass
class Served:
    """A web server on loopback: the clients under /bi/, a release folder under /release/; POST /publish switches."""

    url: str
    answers: list[tuple[str, int, int]] = field(default_factory=list)
    """(path, status, bytes) of every GET below /release/."""


@pytest.fixture
def serve(releases: Releases) -> Iterator[Callable[[], Served]]:
    running: list[ThreadingHTTPServer] = []

    def start() -> Served:
        served = Served("")

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(is_body=True)

            def do_HEAD(self) -> None:
                self.answer(is_body=False)

            def do_POST(self) -> None:
                if self.path == "/publish":
                    releases.switch()
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def answer(self, is_body: bool) -> None:
                """A file, whole or the part that a Range asks for, as nginx and object stores serve it."""
                part, _, name = self.path.lstrip("/").partition("/")
                folder = {"release": releases.root, "bi": CLIENTS}.get(part)
                if folder is None or ".." in name or not (folder / name).is_file():
                    self.send_error(404)
                    return
                content = (folder / name).read_bytes()
                asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                first, last = 0, len(content) - 1
                if asked:
                    first, last = int(asked[1]), min(last, int(asked[2] or last))
                self.send_response(206 if asked else 200)
                self.send_header("Content-Type", mimetypes.guess_type(name)[0] or "application/octet-stream")
                self.send_header("Accept-Ranges", "bytes")
                if asked:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
                self.send_header("Content-Length", str(last - first + 1))
                self.end_headers()
                if is_body:
                    self.wfile.write(content[first : last + 1])
                    if part == "release":
                        served.answers.append((name, 206 if asked else 200, last - first + 1))

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        return served

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
