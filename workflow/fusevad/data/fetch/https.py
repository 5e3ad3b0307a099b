"""Mirrors on the web: downloads resume, even in a later run."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus

import requests
import urllib3
from pydantic import TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter
from tqdm import tqdm

from fusevad.data.fetch.mirrors import MirrorError, Slot, need_room, one_line, writing
from fusevad.files import write_json

_CHUNK = 1 << 16
_CONNECT_SECONDS = 15
_READ_SECONDS = 60
_BROKEN_OFF = 5  # interruptions in a row without a byte received
_BACKOFF_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60
_BUSY = (408, 429, 500, 502, 503, 504)
_LARGE = 100_000_000  # bytes of a file whose progress stays on the screen
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class _BrokenOffError(Exception):
    """The transfer stopped before its end; received bytes are kept."""


@dataclass(frozen=True, slots=True)
class _Note:
    """Facts about the bytes in `slot.part`: their address and its version there.

    validator: value for If-Range, a strong ETag or a date; empty where the server gives none.
    length: bytes of the whole file, if the server says so.
    """

    url: str
    validator: str = ""
    length: int | None = None


_NOTE = TypeAdapter(_Note)


def download(url: str, slot: Slot, known: bool, headers: Mapping[str, str] | None = None) -> None:
    """Get `url` to `slot.part`, resuming from existing bytes if they are of the same version.

    known: whether the checksum is known. Then bytes from another mirror, or from a server that
        names no version, are also resumed: a wrong checksum will show.

    Raises:
        MirrorError: unreachable, refused, or interrupted again and again.
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
                    raise MirrorError(f"interrupted: {error}") from error
                time.sleep(_BACKOFF_SECONDS * 2**stalled)


def _session(headers: Mapping[str, str]) -> requests.Session:
    """A session that retries, with growing pauses, when the server is busy or silent."""
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
                return  # everything was there
            slot.clear_part()
            raise _BrokenOffError("the server has another file now")
        _check_answer(response, slot, known)
        _receive(response, url, slot, start)


def _resume_point(url: str, slot: Slot, known: bool) -> tuple[int, int | None, dict[str, str]]:
    """Byte to resume from, total length, and headers that ask for the rest of the same version."""
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
    """Raise MirrorError unless the response is a file; a known checksum says more than a type."""
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise MirrorError(f"answers {response.status_code} {response.reason}")
    kind = response.headers.get("Content-Type", "")
    if not known and kind.startswith("text/html") and slot.title.suffix not in (".html", ".htm"):
        raise MirrorError("sends a web page instead of the file (a login or a notice?)")


def _receive(response: requests.Response, url: str, slot: Slot, start: int) -> None:
    """Write the response's body to `slot.part` from byte `start`, or from 0 if the server does."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        span = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) != start:
            slot.clear_part()
            raise _BrokenOffError("the server sends bytes other than requested")
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
    leave = length is None or length > _LARGE
    bar = tqdm(
        total=length, initial=start, desc=slot.title.name, unit="B", unit_scale=True, leave=leave
    )
    with bar, writing(slot.title), slot.part.open("ab") as part:
        body = response.raw.stream(_CHUNK, decode_content=False)
        while chunk := _next(body):
            part.write(chunk)
            bar.update(len(chunk))


def _next(body: Iterator[bytes]) -> bytes:
    """The next bytes of a body, empty at its end."""
    try:
        return next(body, b"")
    except urllib3.exceptions.HTTPError as error:
        raise _BrokenOffError(one_line(str(error))) from error


def _validator(response: requests.Response) -> str:
    """The value for If-Range: a strong ETag, or else the date of the last change."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "")


def _size(slot: Slot) -> int:
    """Bytes in `slot.part`."""
    return slot.part.stat().st_size if slot.part.exists() else 0


def _read_note(slot: Slot) -> _Note | None:
    """The note on `slot.part`; None if a kind of source without notes wrote it."""
    try:
        return _NOTE.validate_json(slot.note.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


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
