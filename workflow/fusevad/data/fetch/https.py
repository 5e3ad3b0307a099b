"""Mirrors on the web: downloads resume, even in a later run."""

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import BinaryIO

import requests
import urllib3
from pydantic import TypeAdapter, ValidationError
from tqdm import tqdm

from fusevad.data.fetch.answers import (
    Span,
    http_errors,
    length_past_end,
    partial_span,
    whole_span,
)
from fusevad.data.fetch.mirrors import MirrorError, Slot, need_room, one_line, writing
from fusevad.errors import notice
from fusevad.files import write_json
from fusevad.web import WebSession

_CHUNK = 1 << 16
_CONNECT_SECONDS = 15
_READ_SECONDS = 60
_BROKEN_OFF = 5  # interruptions in a row that bring no byte beyond the furthest one
_BACKOFF_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60
_BUSY = (408, 429, 500, 502, 503, 504)
# Other encodings that servers state, such as `utf-8` or `aws-chunked`, leave the bytes as they are.
_COMPRESSIONS = {"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd"}
# Some servers call the content of such a file its encoding.
_COMPRESSED = (".gz", ".tgz", ".z", ".bz2", ".xz", ".zst", ".br")
_LARGE = 100_000_000  # bytes of a file whose progress stays on the screen
# Bytes of a file of unknown length after which the room on the disk is looked at again, and what is
# left free, unless a hundredth of the disk is less.
_UNKNOWN, _SPARE = 1 << 26, 1_000_000_000
_KEEP_SECONDS = 1.0  # what has come in these is lost by a kill


class _BrokenOffError(Exception):
    """The transfer stopped before its end; received bytes are kept."""


class _OtherFileError(Exception):
    """An answer does not go with the received bytes, which are of no use."""


@dataclass(frozen=True, slots=True)
class _Note:
    """Facts about the bytes in `slot.part`: their address and its version there.

    validator: value for If-Range, a strong ETag or a date; empty where the server gives none.
    length: bytes of the whole file, if the server says so.
    received, sha256: bytes that are on the disk, and their hash; without one in notes from before
        it was noted.
    """

    url: str
    validator: str = ""
    length: int | None = None
    received: int = 0
    sha256: str = ""


_NOTE = TypeAdapter(_Note)


class _Received:
    """The bytes in `slot.part` and their running hash, by which a later run knows them again."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._read = False
        self._hash = hashlib.sha256()
        self.count = 0
        self.kept = 0.0

    def look(self, note: _Note, known: bool) -> None:
        """Read what an earlier run left, once; what is not as it came is cut off.

        After a power cut a file may end in zeros.
        """
        if self._read:
            return
        self._read = True
        with self._slot.part.open("r+b") as part:
            end = note.received if note.sha256 else _size(self._slot)
            while chunk := part.read(min(_CHUNK, end - self.count)):
                self.add(chunk)
            whole = self._hash.hexdigest() == note.sha256 if note.sha256 else known
            if not whole:
                notice(f"{self._slot.title}: what was received is damaged; it is downloaded again")
                self.drop()
            else:
                part.truncate(self.count)

    def add(self, chunk: bytes) -> None:
        """Count bytes that were written."""
        self._hash.update(chunk)
        self.count += len(chunk)

    def drop(self) -> None:
        """Remove all bytes: old ones must never be kept with a new note."""
        self._slot.clear_part()
        self._read, self._hash, self.count = True, hashlib.sha256(), 0

    def keep(self, note: _Note, part: BinaryIO) -> None:
        """Put the bytes on the disk, then the note on them."""
        part.flush()
        os.fsync(part.fileno())
        found = replace(note, received=self.count, sha256=self._hash.hexdigest())
        write_json(asdict(found), self._slot.note)
        self.kept = time.monotonic()


def download(
    url: str,
    slot: Slot,
    known: bool,
    headers: Mapping[str, str] | None = None,
    size: int | None = None,
) -> None:
    """Get `url` to `slot.part`, resuming from existing bytes if they are of the same version.

    known: whether the checksum is known. Then bytes from another mirror, or from a server that
        names no version, are also resumed: a wrong checksum will show.
    size: bytes of the file, if known.

    Raises:
        MirrorError: unreachable, refused, endless, or interrupted again and again.
        FusevadError: the disk is full.
    """
    received = _Received(slot)
    with _session(headers or {}) as session:
        stalled, furthest, anew = 0, 0, False
        while True:
            try:
                _go_on(session, url, slot, received, known, size)
                return
            except _OtherFileError as error:
                received.drop()
                if anew:
                    raise MirrorError(str(error)) from error
                anew, furthest = True, 0
            except _BrokenOffError as error:
                # Only new bytes count: a server may start over again and again.
                stalled = 0 if _size(slot) > furthest else stalled + 1
                furthest = max(furthest, _size(slot))
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
    session = WebSession(_READ_SECONDS, retry)
    session.headers.update(headers)
    # Ranges count the bytes of the file, not of a compressed form of it.
    session.headers["Accept-Encoding"] = "identity"
    return session


def _go_on(
    session: requests.Session,
    url: str,
    slot: Slot,
    received: _Received,
    known: bool,
    size: int | None,
) -> None:
    """One request and its body, appended to `slot.part`."""
    start, note, conditions = _resume_point(url, slot, received, known)
    if start and start == note.length:
        return
    with http_errors():
        response = session.get(
            url, headers=conditions, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)
        )
    with response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            if length_past_end(response) != start or note.length is not None:
                raise _OtherFileError(
                    f"says that nothing follows after {start} bytes, where more was to come"
                )
            return  # everything was there
        _check_answer(response, slot, start, known)
        if response.status_code == HTTPStatus.PARTIAL_CONTENT:
            span = _rest(response, start, note, known)
            note = replace(note, length=span.whole)
        else:
            span = whole_span(response)
            note = _Note(url, _validator(response), span.whole)
        if size is not None:
            span = replace(span, end=min(span.end or size, size))
        _receive(response, slot, received, span, note)


def _resume_point(
    url: str, slot: Slot, received: _Received, known: bool
) -> tuple[int, _Note, dict[str, str]]:
    """Byte to resume from, its note, and headers that ask for the rest of the same version."""
    note = _read_note(slot)
    if not _size(slot) or note is None:
        return 0, _Note(url), {}
    received.look(note, known)
    start = received.count
    if not start:
        return 0, _Note(url), {}
    validator = note.validator if note.url == url else ""
    if not validator and not known:
        return 0, _Note(url), {}
    condition = {"If-Range": validator} if validator else {}
    return start, note, {"Range": f"bytes={start}-", **condition}


def _check_answer(response: requests.Response, slot: Slot, start: int, known: bool) -> None:
    """Raise MirrorError unless the response is a file; a known checksum says more than a type."""
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise MirrorError(f"answers {response.status_code} {response.reason}")
    if response.status_code == HTTPStatus.PARTIAL_CONTENT and not start:
        raise MirrorError("sends a part when asked for the whole file")
    forms = re.findall("[a-z0-9-]+", response.headers.get("Content-Encoding", "").casefold())
    compressed = [form for form in forms if form in _COMPRESSIONS]
    if compressed and not known and slot.title.suffix.lower() not in _COMPRESSED:
        raise MirrorError(f"sends a compressed form of the file ({compressed[0]})")
    kind = response.headers.get("Content-Type", "").casefold()
    if not known and kind.startswith("text/html") and slot.title.suffix not in (".html", ".htm"):
        raise MirrorError("sends a web page instead of the file (a login or a notice?)")


def _rest(response: requests.Response, start: int, note: _Note, known: bool) -> Span:
    """The bytes in a partial answer, checked against the request and the note.

    Raises:
        _OtherFileError: they do not start at byte `start`, or belong to another file.
    """
    span = partial_span(response)
    if span is None or span.start != start:
        raise _OtherFileError("sends bytes other than requested")
    whole = span.whole or note.length
    if note.length not in (None, whole) or (whole and span.end and span.end > whole):
        raise _OtherFileError(f"sends bytes of a file that is not the one of {note.length} bytes")
    if whole is None and not known:
        raise _OtherFileError("does not say how long the file is")
    return replace(span, whole=whole)


def _receive(
    response: requests.Response, slot: Slot, received: _Received, span: Span, note: _Note
) -> None:
    """Write the response's body to `slot.part` from where `span` begins.

    Raises:
        _BrokenOffError: the body ends before the file does.
        _OtherFileError: the body is longer than announced.
    """
    with writing(slot.title):
        if span.start == 0:
            received.drop()
    need_room(slot.title, slot.folder, (span.end or span.start) - span.start)
    at = span.start
    leave = span.whole is None or span.whole > _LARGE
    bar = tqdm(
        total=span.whole, initial=at, desc=slot.title.name, unit="B", unit_scale=True, leave=leave
    )
    with bar, writing(slot.title), slot.part.open("ab") as part, _kept(received, note, part):
        body = response.raw.stream(_CHUNK, decode_content=False)
        while chunk := _next(body):
            at += len(chunk)
            if span.end is not None and at > span.end:
                raise _OtherFileError(f"sends more than the {span.end} bytes that it announces")
            part.write(chunk)
            received.add(chunk)
            bar.update(len(chunk))
            if span.end is None and at // _UNKNOWN > (at - len(chunk)) // _UNKNOWN:
                _refuse_endless(slot, received)
            if time.monotonic() >= received.kept + _KEEP_SECONDS:
                received.keep(note, part)
    if span.end is not None and at < (span.whole or span.end):
        raise _BrokenOffError(f"{at} of {span.whole or span.end} bytes came")


@contextlib.contextmanager
def _kept(received: _Received, note: _Note, part: BinaryIO) -> Iterator[None]:
    """Note what has come, however the block ends, unless it was dropped."""
    received.keep(note, part)
    try:
        yield
    finally:
        if os.fstat(part.fileno()).st_nlink:
            received.keep(note, part)


def _refuse_endless(slot: Slot, received: _Received) -> None:
    """Raise MirrorError, and remove what came, if a file of unknown length would fill the disk."""
    disk = shutil.disk_usage(slot.folder)
    if disk.free < min(_SPARE, disk.total // 100):
        size = received.count
        received.drop()
        raise MirrorError(
            f"does not say how long the file is, and after {size / 1e9:.2f} GB the disk has"
            f" only {disk.free / 1e9:.2f} GB free"
        )


def _next(body: Iterator[bytes]) -> bytes:
    """The next bytes of a body, empty at its end."""
    with http_errors():
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
