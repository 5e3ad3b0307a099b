"""A bundle's file: a zip archive of stored members, each listed with its hash and size.

The list comes first and is small; every other byte is checked against it before anybody uses it.
"""

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Annotated

from pydantic import Field

from fusevad import json_text
from fusevad.data.fetch.member import (
    Member,
    TooManyMembersError,
    UnreadableArchiveError,
    UnsafeArchiveError,
    UnsupportedArchiveError,
)
from fusevad.data.fetch.members import members, reading
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, sha256
from fusevad.parsing import FORBID, parse

LIST = "manifest.json"
# Ten seeds and two encoders are twenty members, and a large CLIP is named, not enclosed.
_MOST_MEMBERS, _LONGEST_LIST = 200, 1 << 20
_LARGEST_MEMBER, _LARGEST = 512 << 20, 2 << 30
_NAME = re.compile(r"(?:(?:weights|encoder)/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
_FOLDERS = ("weights", "encoder")
# The oldest time that a zip archive can state: the same content is the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)
_ZIP = b"PK\x03\x04"
_CHUNK = 1 << 20
_AGAIN = "get it again, or make it with fusevad bundle"


@dataclass(frozen=True, slots=True)
class Entry:
    """Hash and size of a member."""

    __pydantic_config__ = FORBID

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=_LARGEST_MEMBER)]


def check_place(out: Path) -> None:
    """Refuse a folder as the place of a bundle, before hours of work."""
    if out.is_dir():
        raise FusevadError(f"{out}: a folder; name the file that the bundle is written to")


def write_archive(content: Mapping[str, bytes | Path], out: Path) -> None:
    """Write members as a bundle, atomically; the same members give the same bytes.

    Args:
        content: bytes or file of each member, by name.
        out: the bundle.

    Raises:
        FusevadError: a name or a size is not allowed.
    """
    entries = {name: _entry(content[name]) for name in sorted(content)}
    _check_entries(entries, out)
    listed = {name: asdict(entry) for name, entry in entries.items()}
    text = json.dumps(listed, indent=1).encode() + b"\n"
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, value in {LIST: text, **{name: content[name] for name in entries}}.items():
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = 0o100644 << 16
            if isinstance(value, bytes):
                archive.writestr(info, value)
                continue
            info.file_size = entries[name].size
            with archive.open(info, "w") as target, value.open("rb") as source:
                shutil.copyfileobj(source, target, _CHUNK)


def _entry(value: bytes | Path) -> Entry:
    if isinstance(value, bytes):
        return Entry(hashlib.sha256(value).hexdigest(), len(value))
    return Entry(sha256(value), value.stat().st_size)


def unpack(bundle: Path, folder: Path) -> None:
    """Verify all members of a bundle and write them to a folder; no code of it runs.

    Args:
        bundle: the file.
        folder: an empty folder; after an error it has unverified files.

    Raises:
        FusevadError: no bundle, a damaged one, or one that asks for more than a bundle needs.
    """
    if not bundle.is_file():
        raise FusevadError(f"{bundle}: no such bundle; check the path")
    with bundle.open("rb") as stream:
        if stream.read(len(_ZIP)) != _ZIP:
            raise FusevadError(f"{bundle}: not a bundle of FuseVAD; check the path")
    try:
        _unpack(bundle, folder)
    except TooManyMembersError as error:
        raise _damaged(bundle, f"more than {_MOST_MEMBERS} members") from error
    except (UnsafeArchiveError, UnsupportedArchiveError) as error:
        raise _damaged(bundle, str(error)) from error
    except UnreadableArchiveError as error:
        raise FusevadError(f"{bundle}: damaged, not a whole zip archive; {_AGAIN}") from error


def _unpack(bundle: Path, folder: Path) -> None:
    found = members(bundle, bundle, _MOST_MEMBERS + 1)
    first = next(found, None)
    if first is None or (first.name, first.kind) != (LIST, "file"):
        raise FusevadError(f"{bundle}: not a bundle of FuseVAD: no {LIST} at its start; {_AGAIN}")
    left = _read_list(bundle, first)
    # Members are stored: a small bundle of compressed ones could fill the disk.
    if sum(each.size for each in left.values()) > bundle.stat().st_size:
        raise _damaged(bundle, "it lists more bytes than it has")
    for member in found:
        entry = left.pop(member.name, None)
        if entry is None or member.kind != "file":
            raise _damaged(bundle, f"member {member.name[:80]!r} is not listed, or there twice")
        target = folder / member.name
        target.parent.mkdir(exist_ok=True)
        with _opened(bundle, member) as source:
            if not _copy_verified(bundle, source, target, entry):
                raise _damaged(bundle, f"member {member.name} is not as listed")
    if left:
        raise _damaged(bundle, f"member {min(left)} is missing")


def _read_list(bundle: Path, member: Member) -> dict[str, Entry]:
    with _opened(bundle, member) as stream:
        text = _read(bundle, stream, _LONGEST_LIST + 1)
    if len(text) > _LONGEST_LIST:
        raise _damaged(bundle, f"its {LIST} is too long")
    try:
        entries = parse(dict[str, Entry], json_text.load(text), f"{bundle}: {LIST}")
    except (ValueError, RecursionError) as error:
        raise _damaged(bundle, f"its {LIST} is not JSON") from error
    _check_entries(entries, bundle)
    return entries


def _check_entries(entries: Mapping[str, Entry], bundle: Path) -> None:
    taken = (LIST, *_FOLDERS)
    wrong = [name for name in entries if not _NAME.fullmatch(name) or name in taken]
    if wrong:
        raise _damaged(bundle, f"{wrong[0][:80]!r} is no name of a member")
    if len(entries) > _MOST_MEMBERS or sum(each.size for each in entries.values()) > _LARGEST:
        raise _damaged(bundle, f"more than {_MOST_MEMBERS} members, or {_LARGEST >> 30} GB")
    for name, each in entries.items():
        if each.size > _LARGEST_MEMBER:
            raise _damaged(bundle, f"member {name} has more than {_LARGEST_MEMBER >> 20} MB")


def _copy_verified(bundle: Path, source: IO[bytes], target: Path, entry: Entry) -> bool:
    """Copy at most the listed size; whether it is all of the member, with the listed hash."""
    digest, left = hashlib.sha256(), entry.size
    with target.open("xb") as stream:
        while left and (chunk := _read(bundle, source, min(_CHUNK, left))):
            digest.update(chunk)
            stream.write(chunk)
            left -= len(chunk)
    return not left and not _read(bundle, source, 1) and digest.hexdigest() == entry.sha256


def _opened(bundle: Path, member: Member) -> IO[bytes]:
    with reading(bundle):
        return member.open()


def _read(bundle: Path, source: IO[bytes], size: int) -> bytes:
    with reading(bundle):  # not around what is written: a full disk is no broken archive
        return source.read(size)


def _damaged(bundle: Path, what: str) -> FusevadError:
    return FusevadError(f"{bundle}: damaged or not a bundle: {what}; {_AGAIN}")
