"""The file that HDF5 writes to, so that a full disk gives one line."""

import io
from pathlib import Path


class WriteTarget(io.FileIO):
    """A file that stores its first failure, such as a full disk, for `check` to raise.

    HDF5 can't close a file after failed writes, and reports them in many lines of its own.
    """

    def __init__(self, path: Path) -> None:
        """Open a new file for reading and writing."""
        super().__init__(path, "w+")
        self._failure: OSError | None = None

    def write(self, data: memoryview) -> int:
        """Write all bytes, or store the failure."""
        written = 0
        try:
            while written < data.nbytes:
                written += super().write(data[written:])
        except OSError as error:
            self._failure = self._failure or error
        return data.nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the file's size, or store the failure."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._failure = self._failure or error
            return size or 0

    def check(self) -> None:
        """Raise the first failure, if any."""
        if self._failure is not None:
            raise self._failure
