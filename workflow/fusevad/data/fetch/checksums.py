"""Checksums: pinned in the configuration, or kept in a lock file since the first download."""

import hashlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter
from tqdm import tqdm

from fusevad import json_text
from fusevad.errors import FusevadError
from fusevad.files import read_limited, write_json

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Locked:
    """Facts from a first download: a file's checksum and size, or a repository's commit.

    revision: the branch or tag that stood for the commit; None in locks of earlier versions.
    """

    sha256: str | None = None
    size: int | None = None
    commit: str | None = None
    revision: str | None = None


_ENTRIES = TypeAdapter(dict[str, Locked])


@dataclass(frozen=True, slots=True)
class LockFile:
    """`config/checksums/{dataset}.json`: an object of file names, read again at each access."""

    path: Path

    def get(self, name: str) -> Locked:
        """The locked facts of a file; none before its first download.

        Raises:
            FusevadError: the lock file is broken.
        """
        return self._read().get(name, Locked())

    def commit(self, name: str, revisions: Collection[str]) -> str | None:
        """The locked commit of a repository; None if another than these revisions stood for it."""
        entry = self.get(name)
        return entry.commit if entry.revision in (None, *revisions) else None

    def add(self, name: str, entry: Locked) -> None:
        """Store the facts of a first download."""
        entries = self._read() | {name: entry}
        write_json({key: _as_json(entries[key]) for key in sorted(entries)}, self.path)

    def _read(self) -> dict[str, Locked]:
        if not self.path.exists():
            return {}
        try:
            return _ENTRIES.validate_python(json_text.load(read_limited(self.path)))
        except (ValueError, RecursionError) as error:
            raise FusevadError(
                f"{self.path}: not a file of checksums; restore it, or delete it to trust the next"
                " download"
            ) from error


def sha256_with_progress(path: Path, title: Path) -> str:
    """Hexadecimal SHA-256 of a file, with a progress bar named after `title`."""
    digest = hashlib.sha256()
    bar = tqdm(total=path.stat().st_size, desc=f"check {title.name}", unit="B", unit_scale=True)
    with bar, path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()


def _as_json(entry: Locked) -> dict[str, str | int]:
    return {key: value for key, value in asdict(entry).items() if value is not None}
