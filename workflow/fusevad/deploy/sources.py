"""The videos that people name on the command line: files, folders, patterns and lists."""

import glob
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from unicodedata import category

from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.found_videos import is_film, video_files

_LISTS = (".txt", ".list")
_UNPRINTABLE = ("Cc", "Cs")  # control characters, and bytes that are not UTF-8
# No names of results: without its suffix, `...mp4` would be the folder above all results; the last
# two are the page of all videos.
_NO_NAMES = (".", "..", "page", "index.html")


def find_videos(words: Sequence[str]) -> dict[str, Path]:
    """The videos that words name, by the name of their folder of results.

    A word is a file; a folder, whose videos are found in its subfolders too; a pattern such as
    `cam*.mp4`; or a text file (.txt, .list) with a path a line, relative to itself, which names no
    other list, and has patterns of files, not of folders. Films of results don't count. A name is
    the path within the folder, with - in place of /, or the file's name: without its suffix, unless
    another video has the same one.

    Raises:
        FusevadError: a word names no video, two videos have one name, a list names a list, or it
            has a pattern of folders.
    """
    found: dict[Path, str] = {}
    for word in words:
        named = list(_of_word(word))
        if not named:
            raise FusevadError(
                f"{word}: no videos there (films that fusevad score wrote don't count); name others"
            )
        for name, path in named:
            found.setdefault(path, name)
    short = Counter(Path(name).stem for name in found.values())
    videos: dict[str, Path] = {}
    for path, whole in found.items():
        name = whole if short[Path(whole).stem] > 1 else Path(whole).stem
        if name in _NO_NAMES:
            raise FusevadError(f"{path}: its results can't be called {name!r}; rename the video")
        if any(category(each) in _UNPRINTABLE for each in name):
            raise FusevadError(f"{str(path)!a}: characters that can't be printed; rename the video")
        other = videos.setdefault(name, path)
        if other != path:
            raise FusevadError(
                f"{path}: its results would replace those of {other}; rename one of them, or"
                " score them into two folders"
            )
    return videos


def _of_word(word: str) -> Iterator[tuple[str, Path]]:
    """Videos with their names, suffix included."""
    path = Path(word)
    if _is_list(path):
        for line in dict.fromkeys(_lines(path)):
            named = list(_of_line(path, line))
            if not named:
                raise FusevadError(f"{path}: {line}: no videos there; correct the list")
            yield from named
    elif glob.has_magic(word) and not path.exists():
        for each in sorted(glob.glob(word, recursive=True)):
            yield from _of_word(each)
    else:
        yield from _of_place(path)


def _of_line(listed_in: Path, line: str) -> Iterator[tuple[str, Path]]:
    """Videos of a line of a list, as `_of_word`."""
    path = listed_in.parent / line
    places = [path]
    if glob.has_magic(line) and not path.exists():
        # Somebody else's pattern of folders could be followed for days, in circles of links.
        if glob.has_magic(str(Path(line).parent)):
            raise FusevadError(f"{listed_in}: {line[:80]}: a pattern of folders; name one of them")
        places = [path.parent / name for name in sorted(glob.glob(path.name, root_dir=path.parent))]
    for place in places:
        if _is_list(place):  # it could name itself, or a hundred lists a hundred times
            raise FusevadError(f"{listed_in}: names {place}, another list; name its videos")
        yield from _of_place(place)


def _of_place(path: Path) -> Iterator[tuple[str, Path]]:
    """The file, or the videos of a folder, as `_of_word`."""
    if path.is_dir():
        for each in sorted(video_files(path)):
            yield "-".join(each.relative_to(path).parts), each
    elif not is_film(path):
        # A missing file is the reader's to name.
        yield path.name, path


def _is_list(path: Path) -> bool:
    return path.suffix.lower() in _LISTS and path.is_file()


def _lines(path: Path) -> Iterator[str]:
    try:
        text = read_limited(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise FusevadError(f"{path}: not a list of videos in UTF-8; correct it") from error
    return (line.strip() for line in text.splitlines() if line.strip())
