"""Zip the dashboard in assets/ and bring it into a running Superset through its REST interface.

    SUPERSET_PASSWORD=... python import_dashboard.py --url http://127.0.0.1:8088 --user admin \
        --release /srv/indexhouse/release/indexhouse.duckdb
    python import_dashboard.py --zip innovation.zip --release /srv/indexhouse/release/indexhouse.duckdb

The second form only writes the ZIP, for Settings > Import in the browser. Importing again replaces what was imported
before. Needs nothing but Python.
Not here: what the dashboard shows (assets/), how Superset is set up (superset_config.py).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import urllib.error
import urllib.request
import uuid
import zipfile
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).with_name("assets")
ROOT = "indexhouse"
DATABASE = "databases/indexhouse.yaml"
PLACEHOLDER = "/srv/indexhouse/release/indexhouse.duckdb"


class RefusedError(Exception):
    """Superset answered with an error; the text says where and what."""


def bundle(release: str) -> bytes:
    """The ZIP that Superset imports: every YAML file of assets/, the connection pointed at the release file.

    `release` is the absolute path of the file as Superset's own host or container sees it.
    """
    if not release.startswith("/"):
        raise RefusedError(f"--release {release}: give the absolute path as Superset sees it, such as {PLACEHOLDER}")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(ASSETS.rglob("*.yaml")):
            name = path.relative_to(ASSETS).as_posix()
            text = path.read_text("utf-8")
            if name == DATABASE:
                if PLACEHOLDER not in text:
                    raise RefusedError(
                        f"{path}: sqlalchemy_uri must hold {PLACEHOLDER}, which --release takes the place of"
                    )
                text = text.replace(PLACEHOLDER, release)
            archive.writestr(f"{ROOT}/{name}", text)
    return made.getvalue()


class Superset:
    """A session of the REST interface: login, token against forged requests, JSON in and out."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._headers = {"Accept": "application/json", "Referer": self.url}
        login = {"username": user, "password": password, "provider": "db", "refresh": False}
        token = self.call("POST", "/api/v1/security/login", login)["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"
        self._headers["X-CSRFToken"] = self.call("GET", "/api/v1/security/csrf_token/")["result"]

    def call(self, verb: str, path: str, document: Any = None, body: bytes | None = None, kind: str = "") -> Any:
        """The JSON answer. Raises RefusedError for an error status and when nothing answers."""
        if document is not None:
            body, kind = json.dumps(document).encode(), "application/json"
        headers = self._headers | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(self.url + path, body, headers, method=verb)
        try:
            with self._opener.open(request, timeout=120) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:2000]
            raise RefusedError(f"{verb} {path}: status {error.code}: {said}") from None
        except OSError as error:
            raise RefusedError(f"{self.url}: {error}; is Superset running there?") from None

    def upload(self, path: str, content: bytes) -> Any:
        """Send a ZIP as the form that the import asks for."""
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="%s"'
        parts = [
            (head % "bundle" + '; filename="indexhouse.zip"\r\nContent-Type: application/zip\r\n\r\n').encode(),
            content,
            f"\r\n--{edge}--\r\n".encode(),
        ]
        return self.call("POST", path, body=b"".join(parts), kind=f"multipart/form-data; boundary={edge}")


def bring_in(superset: Superset, content: bytes) -> str:
    """Import the ZIP, then let Superset read the descriptions of columns from the comments in the release.

    Out: address of the dashboard.
    """
    superset.upload("/api/v1/assets/import/", _as_assets(content))
    names = {path.stem for path in (ASSETS / "datasets").rglob("*.yaml")}
    mine = f"(page_size:100,filters:!((col:database,opr:rel_o_m,value:{_database(superset)})))"
    listed = superset.call("GET", f"/api/v1/dataset/?q={mine}")["result"]
    for dataset in listed:
        if dataset["table_name"] in names and dataset["kind"] == "physical":
            superset.call("PUT", f"/api/v1/dataset/{dataset['id']}/refresh")
    return f"{superset.url}/superset/dashboard/innovation/"


def _database(superset: Superset) -> int:
    found = superset.call("GET", "/api/v1/database/?q=(filters:!((col:database_name,opr:eq,value:indexhouse)))")
    return int(found["ids"][0])


def _as_assets(content: bytes) -> bytes:
    """The same files under the type of bundle that replaces charts and datasets as well, not the dashboard alone."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in given.namelist():
            content = given.read(name)
            if name.endswith("/metadata.yaml"):
                content = content.replace(b"type: Dashboard", b"type: assets")
            archive.writestr(name, content)
    return made.getvalue()


def main() -> None:
    """Exit status 1 with one line when Superset refuses."""
    parser = argparse.ArgumentParser(description="Bring the dashboard into Superset.")
    parser.add_argument("--release", default=PLACEHOLDER, help="the release file as Superset sees it (absolute)")
    parser.add_argument("--url", default="http://127.0.0.1:8088", help="address of Superset")
    parser.add_argument("--user", default="admin", help="who may import; the password is read from SUPERSET_PASSWORD")
    parser.add_argument("--zip", type=Path, help="write the ZIP here and import nothing")
    arguments = parser.parse_args()
    try:
        content = bundle(arguments.release)
        if arguments.zip:
            arguments.zip.write_bytes(content)
            print(arguments.zip)
            return
        if "SUPERSET_PASSWORD" not in os.environ:
            parser.error("set SUPERSET_PASSWORD")
        superset = Superset(arguments.url, arguments.user, os.environ["SUPERSET_PASSWORD"])
        print(bring_in(superset, content))
    except RefusedError as refused:
        print(f"error: {refused}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
