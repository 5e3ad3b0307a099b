"""Limits on what an archive or a git repository may unpack to."""

from dataclasses import dataclass
from pathlib import Path

from fusevad.errors import FusevadError

# Up to this many bytes, the compression ratio of an archive is not limited.
_SMALL = 100_000_000


@dataclass(frozen=True, slots=True)
class Caps:
    """What an archive may unpack to: members, bytes in all, bytes per byte of its own."""

    members: int
    size: int
    ratio: float

    def too_many(self, title: Path) -> FusevadError:
        """The error for an archive, called `title`, of more members."""
        return FusevadError(
            f"{title}: has more than {self.members} members; if that is right, raise its"
            " max_members"
        )


class Tally:
    """Counts what comes out of an archive of `packed` bytes, called `title` in messages."""

    def __init__(self, caps: Caps, title: Path, packed: int) -> None:
        self._caps = caps
        self._title = title
        self._packed = packed
        self._members = 0
        self._bytes = 0

    def add_member(self) -> None:
        """Count a member; raise FusevadError for one too many."""
        self._members += 1
        if self._members > self._caps.members:
            raise self._caps.too_many(self._title)

    def add_bytes(self, size: int) -> None:
        """Count bytes; raise FusevadError for too many."""
        self._bytes += size
        if self._bytes > self._caps.size:
            raise FusevadError(
                f"{self._title}: unpacks to more than {self._caps.size / 1e9:g} GB; if that is"
                " right, raise its max_gigabytes"
            )
        if self._bytes > max(_SMALL, self._packed * self._caps.ratio):
            raise FusevadError(
                f"{self._title}: unpacks to more than {self._caps.ratio:g} times its own size; if"
                " that is right, raise its max_ratio"
            )
