"""Shared by all kinds of mirrors: where bytes go, and how failures are reported."""

import contextlib
import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fusevad.errors import FusevadError
from fusevad.files import read_limited, remove_folder, rename_durably
from fusevad.paths import LONGEST_NAME
from fusevad.system_errors import explained

# In an address: a user with a password, and a query, which may be a token.
_USER, _QUERY = re.compile(r"(?<=://)[^/\s]*@"), re.compile(r"(?<=\?)[^\s'\"?]*=[^\s'\"]*")


class MirrorError(Exception):
    """A mirror did not give the file; the text is the reason, in a few words.

    unreachable: nothing answered, as without a network.
    """

    def __init__(self, reason: str, unreachable: bool = False) -> None:
        # Git and the HTTP library name whole addresses.
        super().__init__(one_line(_QUERY.sub("...", _USER.sub("", reason))))
        self.unreachable = unreachable


class WrongFileError(MirrorError):
    """A mirror gave a complete file that is not the right one."""


class MismatchError(WrongFileError):
    """A mirror gave a file whose checksum is not the expected one."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"SHA-256 is {found}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an incomplete file is stored: a hidden folder that only this file uses.

    title: the file's final path, for progress bars and messages.
    """

    folder: Path
    title: Path

    @classmethod
    def of(cls, staging: Path, name: str, title: Path) -> "Slot":
        """The slot of a file in the folder of all of them."""
        quoted = quote(name, safe="")
        if len(quoted) > LONGEST_NAME:
            quoted = hashlib.sha256(name.encode()).hexdigest()
        return cls(staging / quoted, title)

    @property
    def part(self) -> Path:
        """Bytes received so far, or waiting for verification."""
        return self.folder / "part"

    @property
    def note(self) -> Path:
        """Facts about the address that the bytes of `part` came from."""
        return self.folder / "part.json"

    @property
    def complete(self) -> Path:
        """The verified archive, waiting to be unpacked."""
        return self.folder / "complete"

    @property
    def hash(self) -> Path:
        """The SHA-256 of `complete`, as it came."""
        return self.folder / "complete.sha256"

    def noted_sha256(self) -> str | None:
        """What `hash` says; None if there is none."""
        return read_limited(self.hash).decode(errors="replace") if self.hash.is_file() else None

    @property
    def unpacked(self) -> Path:
        """The content of an archive or a git repository, before it goes to its place."""
        return self.folder / "unpacked"

    @property
    def started(self) -> bool:
        """Whether an earlier run left something to resume from."""
        return self.folder.is_dir() and any(self.folder.iterdir())

    def clear_part(self) -> None:
        """Remove the received bytes, then the note on them."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything that is incomplete."""
        remove_folder(self.folder)


def one_line(text: str, most: int = 200) -> str:
    """`text` without line breaks, cut to at most `most` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


@contextlib.contextmanager
def writing(final: Path) -> Iterator[None]:
    """Turn the operating system's errors in writing `final` into one line.

    Raises:
        FusevadError: the disk is full, the folder cannot be written to, ...
    """
    try:
        yield
    except OSError as error:
        raise explained(error, final) from error


def settle(source: Path, final: Path) -> None:
    """Move a complete file or folder to its place, durably; make the folders on its way.

    Raises:
        FusevadError: the disk is full, the folder cannot be written to, ...
    """
    with writing(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        rename_durably(source, final)


def need_room(final: Path, folder: Path, size: int) -> None:
    """Raise FusevadError unless `size` more bytes fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise FusevadError(
            f"{final}: {size / 1e9:.2f} GB are to come but the disk has {free / 1e9:.2f} GB free;"
            " free some space and run the command again"
        )
