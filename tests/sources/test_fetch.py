"""Files come from the catalogue, from a folder or by HTTP; what goes wrong is a problem and never data."""

from __future__ import annotations

import gzip
import logging
import socketserver
import threading
import zlib
from datetime import UTC, datetime, timedelta

import pytest
import stamina
from werkzeug import Response

from pipelines.sources import http
from pipelines.sources.fetch import fetch

NOW = datetime(2026, 7, 1, 8, 30, tzinfo=UTC)
CSV = "地区,2018年\n北京市,30320.0\n".encode()
LAYOUT = {"area": {"column": 1}, "period": {"header": r"(\d{4})"}, "indicator": "gdp"}


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def _run(source, dirs=(), lookup=None):
    return fetch(source, "test", list(dirs), lookup or (lambda source_id, origin: None), NOW)


@pytest.fixture
def get(make_source, httpserver):
    """Fetch one path of the test server."""

    def run(path="/data.csv", lookup=None, layout_format="csv", url=None, **spec):
        address = url or httpserver.url_for(path)
        declared = {"kind": "http", "urls": [address], "allow_private": True, "attempts": 3} | spec
        source = make_source(fetch=declared, read={"format": layout_format}, layout=LAYOUT)
        return _run(source, lookup=lookup)

    return run


def _only_problem(result):
    assert not result.fetched and not result.unchanged
    assert [p.code for p in result.problems] == ["fetch_failed"]
    return result.problems[0].reason_en


def test_bundled_files_come_sorted_with_their_declared_date(tmp_path, make_source):
    base, other = tmp_path / "base", tmp_path / "other"
    for folder, name in ((base, "b.csv"), (base, "a.csv"), (other, "b.csv"), (base, ".hidden.csv")):
        (folder / "raw").mkdir(parents=True, exist_ok=True)
        (folder / "raw" / name).write_bytes(folder.name.encode() + CSV)
    source = make_source(
        fetch={"kind": "bundled", "files": ["raw/*.csv"], "retrieved": "2026-05-01"},
        files=[{"match": "a.csv", "retrieved": "2024-03-31"}],
        read={"format": "csv"},
        layout=LAYOUT,
    )
    result = _run(source, [base, other])
    assert [(f.origin, f.file_name, f.media_type) for f in result.fetched] == [
        ("raw/a.csv", "a.csv", "text/csv"),
        ("raw/b.csv", "b.csv", "text/csv"),
    ]
    assert [f.retrieved_at for f in result.fetched] == [
        datetime(2024, 3, 31, tzinfo=UTC),
        datetime(2026, 5, 1, tzinfo=UTC),
    ]
    assert result.fetched[1].content.startswith(b"other") and not result.problems


def test_a_vanished_folder_and_an_empty_one_are_problems(tmp_path, make_source):
    def source(path, *files):
        spec = {"kind": "folder", "path": str(path), "files": list(files) or ["*"]}
        return make_source(fetch=spec, read={"format": "csv"}, layout=LAYOUT)

    assert "is not a folder" in _only_problem(_run(source(tmp_path / "gone")))
    assert "match no file" in _only_problem(_run(source(tmp_path)))
    assert "leaves its folder" in _only_problem(_run(source(tmp_path, "../*")))
    (tmp_path / "x.csv").write_bytes(CSV)
    (tmp_path / "~$x.xlsx").write_bytes(b"lock")
    result = _run(source(tmp_path))
    assert [(f.origin, f.retrieved_at) for f in result.fetched] == [("x.csv", NOW)]


def test_a_link_out_of_the_folder_is_refused(tmp_path, make_source):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (tmp_path / "secret.csv").write_bytes(CSV)
    (inbox / "x.csv").symlink_to(tmp_path / "secret.csv")
    source = make_source(fetch={"kind": "folder", "path": str(inbox)}, read={"format": "csv"}, layout=LAYOUT)
    assert "leaves" in _only_problem(_run(source))


def test_relative_folder_is_looked_up_in_the_catalogue(tmp_path, make_source):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "x.csv").write_bytes(CSV)
    source = make_source(fetch={"kind": "folder", "path": "inbox"}, read={"format": "csv"}, layout=LAYOUT)
    assert [f.content for f in _run(source, [tmp_path]).fetched] == [CSV]


def test_answer_is_kept_with_its_validators(httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_data(
        CSV, content_type="text/csv; charset=utf-8", headers={"ETag": '"1"', "Set-Cookie": "token=1"}
    )
    result = get()
    (file,) = result.fetched
    assert (file.content, file.file_name, file.media_type, file.retrieved_at) == (CSV, "data.csv", "text/csv", NOW)
    assert file.headers["etag"] == '"1"' and "set-cookie" not in file.headers


def test_not_modified_is_unchanged(httpserver, get):
    httpserver.expect_request("/data.csv", headers={"If-None-Match": '"1"'}).respond_with_response(Response(status=304))
    result = get(lookup=lambda source_id, origin: {"etag": '"1"', "last-modified": ""})
    assert result.unchanged == [httpserver.url_for("/data.csv")] and not result.problems and not result.fetched


def test_busy_server_is_asked_again(httpserver, get):
    httpserver.expect_ordered_request("/data.csv").respond_with_data("", status=503)
    httpserver.expect_ordered_request("/data.csv").respond_with_data("", status=429, headers={"Retry-After": "1"})
    httpserver.expect_ordered_request("/data.csv").respond_with_data(CSV)
    assert [f.content for f in get().fetched] == [CSV]


def test_retries_end_and_long_waits_are_not_begun(httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_data("", status=503)
    assert "answers 503" in _only_problem(get())
    assert len(httpserver.log) == 3
    httpserver.expect_request("/later.csv").respond_with_data("", status=429, headers={"Retry-After": "9999"})
    assert "answers 429" in _only_problem(get("/later.csv"))
    assert len(httpserver.log) == 4


@pytest.mark.parametrize(
    ("status", "body", "content_type", "words"),
    [
        (404, b"gone", "text/plain", "answers 404"),
        (403, b"no", "text/plain", "answers 403"),
        (204, b"", "text/csv", "answers 204"),
        (206, CSV, "text/csv", "answers 206"),
        (200, b"", "text/csv", "empty body"),
        (200, b" \n", "text/csv", "empty body"),
        (200, b"<html>login</html>", "text/html", "text/html"),
        (200, b"\n <!DOCTYPE html><p>login", "text/csv", "HTML page"),
        (200, b'{"error": 1}', "application/json", "application/json"),
        (304, b"", "text/csv", "304"),
    ],
)
def test_answers_that_are_no_data_are_problems(status, body, content_type, words, httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_data(body, status=status, content_type=content_type)
    assert words in _only_problem(get())


def test_declared_media_types_allow_nothing_else(httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_data(CSV, content_type="text/plain")
    assert "text/plain" in _only_problem(get(media_types=["text/csv"]))
    assert get(media_types=["text/plain"]).fetched


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("file:///etc/hostname", "leads to file:"),
        ("ftp://example.org/x", "leads to ftp:"),
        ("http://169.254.169.254/latest/meta-data", "no public address"),
        ("http://[fe80::1]/x", "no public address"),
        ("http://10.0.0.1/x", "no public address"),
        ("http://0.0.0.0/x", "no public address"),
        ("http://[::ffff:127.0.0.1]:1/x", "no public address"),
        ("/data.csv", "more than 5 times"),
    ],
)
def test_redirects_that_leave_the_allowed_ground_are_refused(target, words, httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_response(Response(status=302, headers={"Location": target}))
    assert words in _only_problem(get())


def test_redirect_on_the_same_server_is_followed(httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_response(Response(status=301, headers={"Location": "/new?a=1"}))
    httpserver.expect_request("/new").respond_with_data(CSV)
    assert [f.content for f in get().fetched] == [CSV]


def test_private_addresses_need_permission(httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_data(CSV)
    assert "allow_private" in _only_problem(get(allow_private=False))
    assert not httpserver.log


def test_a_name_that_resolves_to_loopback_is_refused(monkeypatch, get):
    monkeypatch.setattr(http.socket, "getaddrinfo", lambda *a, **k: [(2, 1, 6, "", ("127.0.0.1", 80))])
    assert "no public address" in _only_problem(get(url="http://data.example.org/x.csv", allow_private=False))


def test_size_cap_holds_while_streaming(httpserver, get):
    httpserver.expect_request("/data.csv").respond_with_data(b"1" * 30_000)
    assert "max_mb" in _only_problem(get(max_mb=0.01))
    httpserver.expect_request("/chunked.csv").respond_with_response(Response(iter([b"1" * 9000] * 4)))
    assert "max_mb" in _only_problem(get("/chunked.csv", max_mb=0.01))


def test_packed_answers_are_unpacked_under_the_cap(httpserver, get):
    def packed(path, body):
        httpserver.expect_request(path).respond_with_data(body, headers={"Content-Encoding": "gzip"})
        return get(path)

    assert [f.content for f in packed("/good.csv", gzip.compress(CSV)).fetched] == [CSV]
    assert "bomb" in _only_problem(packed("/bomb.csv", gzip.compress(b"0" * 50_000_000)))
    assert "truncated gzip" in _only_problem(packed("/cut.csv", gzip.compress(CSV * 100)[:-20]))
    assert "damaged gzip" in _only_problem(packed("/bad.csv", b"\x1f\x8b" + zlib.compress(CSV)))


class _Raw(socketserver.StreamRequestHandler):
    answer = b""

    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(type(self).answer)


@pytest.fixture
def raw_server():
    """A server that sends exactly the bytes it is given and closes."""

    class Handler(_Raw):
        pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield Handler, f"http://127.0.0.1:{server.server_address[1]}/data.csv"
        server.shutdown()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + CSV,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789",
        b"",
        b"nonsense\r\n\r\n",
    ],
    ids=["short", "cut chunk", "closed", "no http"],
)
def test_broken_framing_is_a_problem(answer, raw_server, get):
    handler, url = raw_server
    handler.answer = answer
    assert "try again later" in _only_problem(get(url=url))


@pytest.mark.parametrize("header", [b"Location: http://[bad/x", b"X: y"])
def test_redirect_without_a_usable_address_is_a_problem(header, raw_server, get):
    handler, url = raw_server
    handler.answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + header + b"\r\n\r\n"
    assert "is redirected" in _only_problem(get(url=url))


def test_nobody_listening_is_a_problem(raw_server, get):
    _only_problem(get(url="http://127.0.0.1:1/data.csv"))


def test_the_deadline_counts_all_attempts(httpserver, get, monkeypatch):
    httpserver.expect_request("/data.csv").respond_with_data(CSV)
    ticks = iter(range(0, 100_000, 200))
    monkeypatch.setattr(http.time, "monotonic", lambda: float(next(ticks)))
    assert "deadline_s" in _only_problem(get(deadline_s=150))


def test_secrets_stay_out_of_errors_and_logs(httpserver, get, monkeypatch, caplog):
    monkeypatch.setenv("PROVIDER_TOKEN", "canary-7f3a")
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/data.csv").respond_with_data("", status=500)
    url = httpserver.url_for("/data.csv") + "?key=canary-77"
    text = _only_problem(get(url=url, headers={"Authorization": "env:PROVIDER_TOKEN"}))
    assert httpserver.log[0][0].headers["Authorization"] == "canary-7f3a"
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("httpx", "stamina", "pipelines"))]
    assert "canary" not in text and not any("canary" in line for line in ours)
    monkeypatch.delenv("PROVIDER_TOKEN")
    assert "PROVIDER_TOKEN is not set" in _only_problem(get(headers={"Authorization": "env:PROVIDER_TOKEN"}))


def test_own_headers_are_not_sent_to_another_server(httpserver, raw_server, get):
    handler, url = raw_server
    handler.answer = (
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
        + f"http://127.0.0.1:{httpserver.port}/new".encode()
        + b"\r\n\r\n"
    )
    httpserver.expect_request("/new").respond_with_data(CSV)
    assert get(url=url, headers={"X-Token": "secret"}).fetched
    assert "X-Token" not in httpserver.log[0][0].headers


def test_retry_after_reads_seconds_and_dates():
    assert http._retry_after("7") == 7.0
    later = (datetime.now(UTC) + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert 60 < http._retry_after(later) <= 90
    assert http._retry_after("soon") is None


def test_files_of_equal_names_are_told_apart():
    names = http.file_names(("http://a/x.csv?y=1", "http://a/x.csv?y=2", "http://a/z.csv", "http://a/"))
    assert len(set(names)) == 4 and names[2:] == ["z.csv", "index"] and names[0].endswith(".csv")
