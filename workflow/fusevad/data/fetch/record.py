"""The record of what was fetched: a small hidden file in the data folder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from fusevad.files import write_json

HIDDEN = ".fetch"


def is_ours(name: PurePosixPath) -> bool:
    """Whether a path leads to the downloader's own folder, also if case is ignored."""
    return any(part.casefold() == HIDDEN for part in name.parts)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file's state when it was fetched and verified.

    For a file: its SHA-256 (or, of a hub's folder, the hash that the hub states), size and
    modification time (nanoseconds). For an unpacked archive: its SHA-256 and size, the folder it
    was unpacked into and the names at its top level.
    """

    sha256: str
    size: int
    changed: int | None = None
    target: str | None = None
    holds: tuple[str, ...] = ()


_ENTRIES = TypeAdapter(dict[str, Entry])


@dataclass(frozen=True, slots=True)
class Record:
    """`.fetch/record.json` of a data folder."""

    folder: Path

    @property
    def path(self) -> Path:
        """The record's file."""
        return self.folder / HIDDEN / "record.json"

    def get(self, name: str) -> Entry | None:
        """The entry of a file; None if it was not fetched, or the record is unreadable."""
        return self.entries().get(name)

    def add(self, new: Mapping[str, Entry]) -> None:
        """Record that files are in their places."""
        entries = self.entries() | new
        write_json({key: asdict(value) for key, value in entries.items()}, self.path)

    def entries(self) -> dict[str, Entry]:
        """All entries by name; with a broken record, files are only checked again."""
        try:
            return _ENTRIES.validate_json(self.path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return {}
