"""Which files of a folder get a new content while a job runs, as the kernel sees it."""

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

_MOVED_FROM, _MOVED_TO = 0x40, 0x80
_NONBLOCK = os.O_NONBLOCK
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, bytes of the name
_LIBC = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Counts how often each name of some folders is given to a file (inotify, Linux).

    FuseVAD writes every artifact under a hidden name and renames it, so this is how often each was
    written. Hidden names do not count.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        """Begin to watch folders that exist."""
        self._handle = _checked(_LIBC.inotify_init1(_NONBLOCK))
        self._folders = {}
        for folder in folders:
            # The kernel makes one event of equal ones in a row: the hidden name comes between.
            mask = _MOVED_FROM | _MOVED_TO
            watch = _LIBC.inotify_add_watch(self._handle, os.fsencode(folder), mask)
            self._folders[_checked(watch)] = folder
        self.written: Counter[Path] = Counter()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Count what the kernel has noted."""
        while content := self._read():
            while content:
                watch, mask, _, size = _EVENT.unpack_from(content)
                name = content[_EVENT.size : _EVENT.size + size].rstrip(b"\0")
                content = content[_EVENT.size + size :]
                if mask & _MOVED_TO and not name.startswith(b"."):
                    self.written[self._folders[watch] / os.fsdecode(name)] += 1
        os.close(self._handle)

    def _read(self) -> bytes:
        try:
            return os.read(self._handle, 1 << 16)
        except BlockingIOError:
            return b""


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
