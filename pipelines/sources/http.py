"""Plain HTTP(S) GET: conditional, retried within a budget, guarded on every hop. The only code that opens
sockets.

Not here: paged or SDMX interfaces; deciding what the bytes mean (read).
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import socket
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pipelines.sources.fetched import Fetched, FetchResult, StoreLookup
from pipelines.sources.readers import MAX_RATIO
from pipelines.sources.reasons import problem
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.source import Http, Source

if TYPE_CHECKING:
    import httpx

_MAX_HOPS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_KEPT_HEADERS = ("etag", "last-modified", "content-type")
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")


class HttpError(IndexhouseError):
    """An answer that is no data; the text holds neither header values nor query strings."""


class _TransientError(HttpError):
    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass
class _Answer:
    content: bytes
    headers: Mapping[str, str]
    unchanged: bool = False


@dataclass(frozen=True)
class _Job:
    """One GET: the declared address, the request's own headers, the limits."""

    spec: Http
    url: str
    headers: dict[str, str]
    earlier: Mapping[str, str]
    format: str
    deadline: float


def fetch_http(source: Source, spec: Http, source_id: str, store_lookup: StoreLookup, now: datetime) -> FetchResult:
    """GET every address of a source; those that fail are problems, the others go on.

    Out: FetchResult; 304 counts as unchanged. Bad answers (204, empty, HTML or JSON where a table is due,
    truncated, over the size cap, refused redirects, timeouts after the retries) are problems, never data.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO line holds the whole address
    result = FetchResult()
    try:
        headers = _request_headers(spec)
    except HttpError as error:
        result.problems.append(problem("fetch_failed", f"sources/{source_id}.yml: {error}"))
        return result
    for url, name in zip(spec.urls, file_names(spec.urls), strict=True):
        origin = _origin(url)
        earlier = store_lookup(source_id, origin) or {}
        job = _Job(spec, url, headers, earlier, source.read.format, time.monotonic() + spec.deadline_s)
        try:
            answer = _get_with_retries(job)
        except HttpError as error:
            result.problems.append(problem("fetch_failed", f"sources/{source_id}.yml: {shown(url)}: {error}"))
            continue
        if answer.unchanged:
            result.unchanged.append(origin)
            continue
        kept = {k: answer.headers[k] for k in _KEPT_HEADERS if k in answer.headers}
        media_type = kept.get("content-type", "").partition(";")[0].strip().lower() or "application/octet-stream"
        result.fetched.append(Fetched(answer.content, origin, name, now, media_type, kept))
    return result


def file_names(urls: tuple[str, ...]) -> list[str]:
    """A file name for each address: its last segment, told apart by a hash of the query where several are
    alike."""
    names = [PurePosixPath(urlsplit(url).path).name or "index" for url in urls]
    out = []
    for url, name in zip(urls, names, strict=True):
        if names.count(name) > 1:
            path = PurePosixPath(name)
            digest = hashlib.sha256(url.encode()).hexdigest()[:8]
            name = f"{path.stem}-{digest}{path.suffix}"
        out.append(name)
    return out


def shown(url: str) -> str:
    """An address as it may be printed: without user, query and fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
    except ValueError:
        return "(malformed address)"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{shown(url)}?{parts.query}" if parts.query else shown(url)


def _request_headers(spec: Http) -> dict[str, str]:
    headers = {}
    for name, value in spec.headers.items():
        if value.startswith("env:"):
            variable = value[4:]
            if not os.environ.get(variable):
                raise HttpError(f"fetch.headers.{name}: the variable {variable} is not set; set it in the environment")
            value = os.environ[variable]
        if any(ord(c) < 32 or ord(c) > 255 for c in value):
            raise HttpError(f"fetch.headers.{name}: the value holds characters that no header can carry; check it")
        headers[name] = value
    return headers


def _get_with_retries(job: _Job) -> _Answer:
    import stamina

    def again(error: Exception) -> bool | float:
        if not isinstance(error, _TransientError):
            return False
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after < job.deadline - time.monotonic() else False

    for attempt in stamina.retry_context(
        on=again, attempts=job.spec.attempts, timeout=job.spec.deadline_s, wait_initial=0.5, wait_max=30
    ):
        with attempt:
            return _get(job)
    raise HttpError("no attempt was made; set fetch.attempts to at least 1")


def _get(job: _Job) -> _Answer:
    """One attempt, redirects followed by hand with all checks on every hop."""
    url = job.url
    for _ in range(_MAX_HOPS + 1):
        try:
            answer = _hop(job, url)
        except HttpError:
            raise
        except Exception as error:
            raise _named(error) from None
        if isinstance(answer, _Answer):
            return answer
        if url.startswith("https:") and answer.startswith("http:"):
            raise HttpError(f"is redirected from https to {shown(answer)}; give an address that stays on https")
        url = answer
    raise HttpError(f"is redirected more than {_MAX_HOPS} times; give the final address")


def _hop(job: _Job, url: str) -> _Answer | str:
    """One request: the answer, or the address of the next hop."""
    import httpx

    address, host_header, hostname = _pinned(job, url)
    left = job.deadline - time.monotonic()
    if left <= 0:
        raise HttpError(f"took longer than fetch.deadline_s: {job.spec.deadline_s:g}")
    own_server = urlsplit(url)[:2] == urlsplit(job.url)[:2]
    headers = {"Accept-Encoding": "gzip", "User-Agent": "indexhouse"}
    if own_server:
        headers |= job.headers
        for ours, theirs in (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")):
            if job.earlier.get(ours):
                headers[theirs] = job.earlier[ours]
    headers["Host"] = host_header
    timeout = min(job.spec.timeout_s, left)
    with httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client:
        request = client.build_request("GET", address, headers=headers, extensions={"sni_hostname": hostname})
        response = client.send(request, stream=True)
        try:
            if response.status_code in _REDIRECTS:
                return _next_address(url, response.headers.get("location", ""))
            if response.status_code == 304:
                if not job.earlier:
                    raise HttpError("answers 304 (not modified) to a first request")
                return _Answer(b"", {}, unchanged=True)
            _check_status(response.status_code, response.headers)
            _check_media_type(job, response.headers.get("content-type", ""))
            content = _body(job, response)
        finally:
            response.close()
    _check_body(job, content)
    return _Answer(content, {k.lower(): v for k, v in response.headers.items()})


def _next_address(url: str, location: str) -> str:
    if not location:
        raise HttpError("is redirected without an address; report it to the provider")
    try:
        return urljoin(url, location)
    except ValueError:
        raise HttpError("is redirected to a malformed address; give the final one") from None


def _pinned(job: _Job, url: str) -> tuple[str, str, str]:
    """Check scheme and host of a hop; return the address with the host's number, the Host header and the
    name.

    The connection goes to the very number that was checked, so that a second look-up cannot lead elsewhere.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise HttpError("is a malformed address; correct fetch.urls") from None
    if parts.scheme not in ("http", "https") or not host:
        raise HttpError(f"leads to {parts.scheme or 'nothing'}:, only http and https are followed")
    try:
        found = socket.getaddrinfo(host, port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _TransientError(f"the host {host} is not found; check the address and the network") from None
    private_allowed = job.spec.allow_private and host in {urlsplit(u).hostname for u in job.spec.urls}
    numbers = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for number in numbers:
        _check_number(number, host, private_allowed)
    number = numbers[0]
    literal = f"[{number}]" if number.version == 6 else str(number)
    at_port = f":{port}" if port else ""
    query = f"?{parts.query}" if parts.query else ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{literal}{at_port}{parts.path or '/'}{query}", f"{name}{at_port}", host


def _check_number(number: Any, host: str, private_allowed: bool) -> None:
    number = getattr(number, "ipv4_mapped", None) or number
    never = number.is_link_local or number.is_multicast or number.is_unspecified
    if never or (not number.is_global and not (private_allowed and (number.is_private or number.is_loopback))):
        raise HttpError(
            f"the host {host} is at {number}, which is no public address; "
            "set fetch.allow_private: true for a server of your own network"
        )


def _check_status(status: int, headers: Mapping[str, str]) -> None:
    if status in _TRANSIENT:
        raise _TransientError(f"answers {status}; try again later", _retry_after(headers.get("retry-after", "")))
    if status in (204, 205):
        raise HttpError(f"answers {status}, which holds no data; check the address")
    if status in (401, 403):
        raise HttpError(f"answers {status}; check fetch.headers and what this account may read")
    if status in (404, 410):
        raise HttpError(f"answers {status}; the file has moved, correct fetch.urls")
    if status not in (200, 203):
        raise HttpError(f"answers {status}; check the address")


def _retry_after(text: str) -> float | None:
    if text.strip().isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


def _check_media_type(job: _Job, text: str) -> None:
    media_type = text.partition(";")[0].strip().lower()
    if job.spec.media_types:
        if media_type not in job.spec.media_types:
            raise HttpError(f"answers with {media_type or 'no content type'}; fetch.media_types allows others only")
    elif job.format in ("csv", "excel") and media_type in (
        "text/html",
        "application/xhtml+xml",
        "application/json",
    ):
        raise HttpError(f"answers with {media_type} where {job.format} is expected; open the address in a browser")


def _check_body(job: _Job, content: bytes) -> None:
    if not content.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise HttpError("answers with an empty body; check the address")
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if job.format in ("csv", "excel") and start.startswith(_PAGE_STARTS):
        raise HttpError(f"answers with an HTML page where {job.format} is expected; open the address in a browser")


def _body(job: _Job, response: httpx.Response) -> bytes:
    """The body under the size cap and the deadline, unpacked when the server packed it."""
    cap = int(job.spec.max_mb * 2**20)
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > cap:
        raise HttpError(f"declares {declared} bytes; fetch.max_mb is {job.spec.max_mb:g}")
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        pieces, total = [], 0
        for piece in _timed(job, response):
            total += len(piece)
            _check_cap(total, cap, job)
            pieces.append(piece)
        if declared.isdigit() and total != int(declared):
            raise _TransientError(f"declares {declared} bytes but sends {total}; try again later")
        return b"".join(pieces)
    if coding not in ("gzip", "x-gzip"):
        raise HttpError(f"packs its answer as '{coding}', which was not asked for")
    return _unpacked(job, response, cap)


def _unpacked(job: _Job, response: httpx.Response, cap: int) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    pieces, total, packed = [], 0, 0
    try:
        for piece in _timed(job, response):
            packed += len(piece)
            rest = piece
            while rest and not stream.eof:
                out = stream.decompress(rest, 1 << 20)
                rest = stream.unconsumed_tail
                total += len(out)
                _check_cap(total, cap, job)
                if total > 1 << 20 and total > MAX_RATIO * packed:
                    raise HttpError(f"unpacks to more than {MAX_RATIO} times its size; it is refused as a bomb")
                pieces.append(out)
    except zlib.error:
        raise _TransientError("sends a damaged gzip stream; try again later") from None
    if not stream.eof:
        raise _TransientError("sends a truncated gzip stream; try again later")
    return b"".join(pieces)


def _timed(job: _Job, response: httpx.Response) -> Iterator[bytes]:
    for piece in response.iter_raw(1 << 16):
        if time.monotonic() > job.deadline:
            raise HttpError(f"took longer than fetch.deadline_s: {job.spec.deadline_s:g}")
        yield piece


def _check_cap(total: int, cap: int, job: _Job) -> None:
    if total > cap:
        raise HttpError(f"sends more than fetch.max_mb: {job.spec.max_mb:g}")


def _named(error: Exception) -> HttpError:
    """Our words for an error of the transport, whose own text may hold addresses and headers."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return _TransientError("does not answer in time; try again later")
    if isinstance(error, httpx.RemoteProtocolError):
        return _TransientError("ends its answer too early or breaks the protocol; try again later")
    if isinstance(error, httpx.TransportError):
        return _TransientError("cannot be reached; check the address and the network")
    return HttpError(f"cannot be fetched ({type(error).__name__}); check fetch.urls and fetch.headers")
