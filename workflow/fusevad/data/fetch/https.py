"""Mirrors on the web: downloads that resume, also in a later run."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus

import requests
import urllib3
from requests.adapters import HTTPAdapter
from tqdm import tqdm

from fusevad.data.fetch.mirrors import MirrorError, Slot, need_room, one_line, writing
from fusevad.files import write_json

_CHUNK = 1 << 16
_CONNECT_SECONDS = 15
_READ_SECONDS = 60
_BROKEN_OFF = 5  # times in a row that a transfer may break off without a byte having come
_BACKOFF_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60
_BUSY = (408, 429, 500, 502, 503, 504)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class _BrokenOffError(Exception):
    """The transfer stopped before its end; what has come is kept."""


@dataclass(frozen=True, slots=True)
class _Note:
    """What is known of the bytes in `slot.part`: their address and its version there.

    validator: value for If-Range, a strong ETag or a date; empty where the server gives none.
    length: bytes of the whole file, if the server says.
    """

    url: str
    validator: str = ""
    length: int | None = None


def download(url: str, slot: Slot, known: bool, headers: Mapping[str, str] | None = None) -> None:
    """Get `url` to `slot.part`, going on from what is there if that is of the same version.

    known: whether the checksum is known. Then bytes are also taken up that came from another
        mirror or from a server that names no version: a wrong sum will show.

    Raises:
        MirrorError: unreachable, refused, or broken off again and again.
        FusevadError: the disk is full.
    """
    with _session(headers or {}) as session:
        stalled = 0
        while True:
            before = _size(slot)
            try:
                _go_on(session, url, slot, known)
                return
            except _BrokenOffError as error:
                stalled = 0 if _size(slot) > before else stalled + 1
                if stalled == _BROKEN_OFF:
                    raise MirrorError(f"breaks off: {error}") from error
                time.sleep(_BACKOFF_SECONDS * 2**stalled)


def _session(headers: Mapping[str, str]) -> requests.Session:
    """A session that tries again, with growing pauses, when no answer or a busy one comes."""
    retry = urllib3.Retry(
        total=None,
        connect=2,
        read=4,
        status=4,
        other=0,
        redirect=None,
        status_forcelist=_BUSY,
        allowed_methods={"GET"},
        backoff_factor=_BACKOFF_SECONDS,
        backoff_max=_LONGEST_WAIT_SECONDS,
        retry_after_max=_LONGEST_WAIT_SECONDS,
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers.update(headers)
    # Ranges count the bytes of the file, not of a compressed form of it.
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _go_on(session: requests.Session, url: str, slot: Slot, known: bool) -> None:
    """One request and its body, appended to `slot.part`."""
    start, length, conditions = _resume_point(url, slot, known)
    if start and start == length:
        return
    try:
        response = session.get(
            url, headers=conditions, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)
        )
    except requests.exceptions.SSLError as error:
        raise MirrorError(f"its certificate is not trusted: {_reason(error)}") from error
    except requests.exceptions.ConnectionError as error:
        raise MirrorError(f"not reached: {_reason(error)}", unreachable=True) from error
    except requests.exceptions.RequestException as error:
        raise MirrorError(_reason(error)) from error
    with response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            if response.headers.get("Content-Range") == f"bytes */{start}":
                return  # all was there already
            slot.clear_part()
            raise _BrokenOffError("the server has another file now")
        _check_answer(response, slot, known)
        _receive(response, url, slot, start)


def _resume_point(url: str, slot: Slot, known: bool) -> tuple[int, int | None, dict[str, str]]:
    """Byte to go on from, length of the whole, and headers that ask for the same version's rest."""
    start = _size(slot)
    note = _read_note(slot)
    if not start or note is None:
        return 0, None, {}
    validator = note.validator if note.url == url else ""
    if not validator and not known:
        return 0, None, {}
    condition = {"If-Range": validator} if validator else {}
    return start, note.length, {"Range": f"bytes={start}-", **condition}


def _check_answer(response: requests.Response, slot: Slot, known: bool) -> None:
    """Raise MirrorError unless the answer brings a file; a known checksum says more than a type."""
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise MirrorError(f"answers {response.status_code} {response.reason}")
    kind = response.headers.get("Content-Type", "")
    if not known and kind.startswith("text/html") and slot.title.suffix not in (".html", ".htm"):
        raise MirrorError("sends a web page instead of the file (a login or a notice?)")


def _receive(response: requests.Response, url: str, slot: Slot, start: int) -> None:
    """Write the answer's body to `slot.part` from byte `start`, or from 0 if the server does."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        span = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) != start:
            slot.clear_part()
            raise _BrokenOffError("the server sends other bytes than were asked for")
    else:
        start = 0
    announced = response.headers.get("Content-Length", "")
    coming = int(announced) if announced.isdigit() else None
    length = None if coming is None else start + coming
    with writing(slot.title):
        if start == 0:
            # Old bytes must never be kept with a new note.
            slot.clear_part()
            write_json(asdict(_Note(url, _validator(response), length)), slot.note)
    need_room(slot.title, slot.folder, coming or 0)
    bar = tqdm(total=length, initial=start, desc=slot.title.name, unit="B", unit_scale=True)
    with bar, writing(slot.title), slot.part.open("ab") as part:
        body = response.raw.stream(_CHUNK, decode_content=False)
        while chunk := _next(body):
            part.write(chunk)
            bar.update(len(chunk))


def _next(body: Iterator[bytes]) -> bytes:
    """The next bytes of a body, none at its end."""
    try:
        return next(body, b"")
    except urllib3.exceptions.HTTPError as error:
        raise _BrokenOffError(one_line(str(error))) from error


def _validator(response: requests.Response) -> str:
    """What If-Range takes: a strong ETag, or else the date of the last change."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "")


def _size(slot: Slot) -> int:
    """Bytes in `slot.part`."""
    return slot.part.stat().st_size if slot.part.exists() else 0


def _read_note(slot: Slot) -> _Note | None:
    """What is known of `slot.part`; nothing if a kind of source that keeps no note made it."""
    return _Note(**json.loads(slot.note.read_text())) if slot.note.exists() else None


def _reason(error: Exception) -> str:
    """The innermost reason of a failed request, in a few words."""
    inner = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    if isinstance(inner, urllib3.exceptions.NameResolutionError):
        return "its name is unknown"
    cause = getattr(inner, "__cause__", None) or getattr(inner, "__context__", None)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(inner, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return one_line(str(inner))
