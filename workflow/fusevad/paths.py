"""What a path may be: the bounds of file systems, and paths of others that lead down only.

Imports nothing heavy: the Snakefile reads it at every start.
"""

import os
from pathlib import Path, PurePosixPath

# Bytes of a name, on all common file systems.
LONGEST_NAME = 255
# Bytes of a path that Linux takes, without the NUL at its end.
LONGEST_PATH = 4095
# Depth of folders in what others made: Python's own functions call themselves for each folder.
DEEPEST = 100


def fits_a_disk(path: str) -> bool:
    """Whether a path and all names in it are short enough for file systems.

    >>> fits_a_disk("videos/door.mp4"), fits_a_disk("videos/" + 256 * "a")
    (True, False)

    Raises:
        UnicodeEncodeError: it has half characters, which no path has.
    """
    whole = os.fsencode(path)
    return len(whole) <= LONGEST_PATH and max(map(len, whole.split(b"/"))) <= LONGEST_NAME


def stays_inside(path: str) -> bool:
    """Whether a relative path is written plainly, can be a file's and leads down only.

    >>> stays_inside("runs/student-t"), stays_inside("../runs"), stays_inside("runs//a")
    (True, False, False)
    """
    pure = PurePosixPath(path)
    plain = path == str(pure) and "\0" not in path and path != "."
    try:
        short = fits_a_disk(path) and len(pure.parts) <= DEEPEST
    except UnicodeEncodeError:
        return False
    return plain and short and not pure.is_absolute() and ".." not in pure.parts


def path_text(path: Path | str) -> str:
    """A path as text for any file: bytes that are not UTF-8 are written out.

    >>> path_text("caf\\udce9/door.mp4")
    'caf\\\\xe9/door.mp4'
    """
    return os.fsencode(path).decode(errors="backslashreplace")
