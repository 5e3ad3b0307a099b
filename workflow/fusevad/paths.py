"""What a path may be: the bounds of file systems, and paths of others that lead down only.

Imports nothing heavy: the Snakefile reads it at every start.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

# Bytes of a name, on all common file systems.
LONGEST_NAME = 255
# Bytes of a path that Linux takes, without the NUL at its end.
LONGEST_PATH = 4095
# Not the user's: made by archivers and, in the top folder of a disk, by file systems.
_OF_SYSTEMS = ("__MACOSX", "lost+found", "System Volume Information")
# Depth of folders in what others made: Python's own functions call themselves for each folder.
DEEPEST = 100
# Bytes below a folder after which `walk` enters no folders: a dozen names must fit behind them.
_LONG = LONGEST_PATH // 4


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


def is_shown(name: str) -> bool:
    """Whether a file or folder of this name is not hidden, an archiver's or a file system's.

    >>> is_shown("a.mp4"), is_shown(".a.mp4"), is_shown("__MACOSX")
    (True, False, False)
    """
    return not name.startswith(".") and name not in _OF_SYSTEMS


def walk(
    folder: Path | str, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, which calls itself for each folder, but into any folder of others.

    Folders more than `DEEPEST` below are not entered, nor those in which paths might be longer than
    the system takes: they are among the files.
    """
    start = len(os.fsencode(folder))
    for place, folders, files in os.walk(folder, onerror=onerror):
        below = os.fsencode(place)[start:]
        if below.count(os.sep.encode()) >= DEEPEST or len(below) > _LONG:
            files += folders
            folders.clear()
        yield place, folders, files


def inside(folder: Path) -> Iterator[Path]:
    """All files in a folder and its folders, links, and folders too deep to `walk`."""
    for place, folders, files in walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        yield from (Path(place, name) for name in links + files)


def shown_files(folder: Path) -> Iterator[Path]:
    """Regular files among `shown_entries`: reading a pipe or device might never end.

    Raises:
        OSError: a folder can't be listed, or a file can't be looked at.
    """
    return filter(is_regular, shown_entries(folder))


def shown_entries(folder: Path) -> Iterator[Path]:
    """All but folders below a folder that `is_shown`, as are the folders on the way.

    Links to folders are followed, after all folders have had their turn and each folder once, so
    that links in circles end and a folder's own path comes first. A missing folder has no entries.

    Raises:
        OSError: a folder can't be listed.
    """
    seen, places = set(), [os.fspath(folder)]
    for start in places:
        for place, folders, files in walk(start, _unless_gone):
            real = os.path.realpath(place)
            folders[:] = sorted(filter(is_shown, folders))
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            inside = (os.path.join(place, name) for name in folders)
            places += [path for path in inside if os.path.islink(path)]
            yield from (Path(place, name) for name in sorted(filter(is_shown, files)))


def is_regular(path: Path) -> bool:
    """As `os.path.isfile`, which takes every error for a no.

    Raises:
        OSError: the file can't be looked at.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        _unless_gone(error)
        return False


def _unless_gone(error: OSError) -> None:
    """Raise an error, unless it says that there is no such file or folder."""
    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        raise error


def path_text(path: Path | str) -> str:
    """A path as text for any file: bytes that are not UTF-8 are written out.

    >>> path_text("caf\\udce9/door.mp4")
    'caf\\\\xe9/door.mp4'
    """
    return os.fsencode(path).decode(errors="backslashreplace")
