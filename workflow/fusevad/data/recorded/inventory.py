"""The content of a data set's folder: lists, annotations and videos, found by name."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal

from fusevad.data.names import listed_name
from fusevad.data.recorded.formats.cctv_fights import read_subsets
from fusevad.data.recorded.settings import LayoutSettings, ListSettings
from fusevad.data.spreadsheets import list_text
from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.paths import shown_files
from fusevad.spelling import one_spelling

_GET = "fetch the data set, or put it there; section `fetch` of its settings has the source"


@dataclass(frozen=True, slots=True)
class RawVideo:
    """A video as published: one file, or the images of a folder in order."""

    name: str
    files: tuple[Path, ...]
    kind: Literal["video", "frames", "events"]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The regular files below a folder, sorted, without hidden files and files of archivers."""

    folder: Path
    files: tuple[PurePosixPath, ...]

    @classmethod
    def of(cls, folder: Path) -> "Inventory":
        """List a folder; links to folders are followed, each folder once.

        Raises:
            FusevadError: there is no such folder, or nothing in it.
        """
        found = (path.relative_to(folder) for path in shown_files(folder))
        files = tuple(sorted(PurePosixPath(path) for path in found))
        if not files:
            raise FusevadError(f"{folder}: no such folder, or nothing in it; {_GET}")
        return cls(folder, files)

    def find(self, pattern: str) -> Path:
        """The file whose last path components match a pattern.

        Copies with the same content, whatever their order and line ends, count as one; empty copies
        are ignored.

        Raises:
            FusevadError: there is none, or several that differ.
        """
        found = [self.folder / file for file in self.files if _fits(file, pattern)]
        if not found:
            raise FusevadError(f"{self.folder}: no file {pattern} below it; {_GET}")
        if len(found) > 1:
            said = {file: _what_it_says(file) for file in found}
            found = [file for file in found if said[file]] or found[:1]
        if len(found) > 1 and len({said[file] for file in found}) > 1:
            named = ", ".join(str(file) for file in found)
            raise FusevadError(f"{self.folder}: different files {pattern} ({named}); keep one")
        return found[0]

    def listed(self, settings: ListSettings) -> list[str]:
        """Names of the videos in a list, each once.

        Raises:
            FusevadError: the list is missing, or is not of its form.
        """
        if settings.line is not None:
            return list(dict.fromkeys(name for _, name, _ in self.read_list(settings)))
        subsets = read_subsets(self.find(settings.file))
        return [
            listed_name(name)
            for name, subset in subsets.items()
            if one_spelling(subset) in settings.subsets
        ]

    def read_list(self, settings: ListSettings) -> Iterator[tuple[str, str, re.Match[str]]]:
        """The place (file and line), the video's name and the match of each line of a list.

        Raises:
            FusevadError: the list is missing, or a line does not match.
        """
        path = self.find(settings.file)
        expression = re.compile(settings.line)
        lines = one_spelling(_list_text(path)).splitlines()
        for number, line in enumerate(lines, start=1):
            if number <= settings.header or not line.strip():
                continue
            match = expression.match(line)
            if match is None or match["name"] is None:
                raise FusevadError(
                    f"{path}: line {number} ({line[:60]!r}) does not match {settings.line}; get"
                    " the list again or correct its `line` in the data set's settings"
                )
            yield f"{path}: line {number}", listed_name(match["name"]), match

    def raw_videos(self, layout: LayoutSettings, listed: Iterable[str]) -> dict[str, RawVideo]:
        """All videos by name.

        A name may include folders: `training_01` is `training/01.avi`. Videos that are not listed
        get as many folders as tell them apart.

        Args:
            layout: where videos are.
            listed: the names in the lists.

        Raises:
            FusevadError: two files or folders fit one name, or images are missing.
        """
        named: dict[str, list[RawVideo]] = defaultdict(list)
        videos = list(self._videos(layout))
        for parts, raw in videos:
            for name in _names(parts):
                named[name].append(raw)
        found: dict[str, RawVideo] = {}
        for name in listed:
            if len(named[name]) > 1:
                places = " and ".join(str(raw.files[0]) for raw in named[name][:2])
                raise FusevadError(
                    f"{places}: both are video {name}; keep one of them, or name videos with their"
                    " folders in the lists"
                )
            if named[name]:
                found[name] = replace(named[name][0], name=name)
        taken = {raw.files for raw in found.values()}
        for parts, raw in videos:
            if raw.files not in taken:
                alone = [name for name in _names(parts) if len(named[name]) == 1]
                name = alone[0] if alone else str(raw.files[0])
                found[name] = replace(raw, name=name)
        return found

    def _videos(self, layout: LayoutSettings) -> Iterator[tuple[tuple[str, ...], RawVideo]]:
        """Each video, with the parts of its path that may belong to its name."""
        images: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
        for file in self.files:
            folders = map(one_spelling, file.parts[:-1])
            if any(fnmatchcase(part, skip) for part in folders for skip in layout.skip):
                continue
            kind = _kind(file, layout)
            if kind == "frames":
                images[file.parent].append(file)
            elif kind is not None:
                parts = (*file.parts[:-1], file.stem)
                yield parts, RawVideo(file.stem, (self.folder / file,), kind)
        for parent, files in images.items():
            yield parent.parts, RawVideo(parent.name, self._in_order(parent, files), "frames")

    def _in_order(self, folder: PurePosixPath, files: list[PurePosixPath]) -> tuple[Path, ...]:
        """Images in the order of their numbers."""
        numbered = {}
        for file in files:
            if not file.stem.isdecimal():
                raise FusevadError(
                    f"{self.folder / file}: an image's name must be a number; move it elsewhere"
                )
            numbered[int(file.stem)] = self.folder / file
        for number in range(min(numbered), min(numbered) + len(files)):
            if number not in numbered:
                raise FusevadError(
                    f"{self.folder / folder}: image {number} is missing among {len(files)}; unpack"
                    " the archive again"
                )
        return tuple(numbered[number] for number in sorted(numbered))


def _names(parts: tuple[str, ...]) -> list[str]:
    """Possible names of a video: its own, then with one folder in front, with two, ..."""
    return [listed_name("/".join(parts[start:])) for start in reversed(range(len(parts)))]


def _fits(path: PurePosixPath, pattern: str) -> bool:
    """Whether the last parts of a path match a pattern, whatever the form of its letters."""
    return PurePosixPath(one_spelling(str(path))).match(pattern)


def _what_it_says(file: Path) -> frozenset[str]:
    """The lines of a file that are not blank, whatever their blanks, letters' form and encoding.

    JSON counts as one line: what its lines say depends on those around them.
    """
    text = _list_text(file)
    lines = [text] if file.suffix.lower() == ".json" else text.splitlines()
    return frozenset(one_spelling(" ".join(line.split())) for line in lines if line.strip())


def _list_text(file: Path) -> str:
    try:
        return list_text(read_limited(file), errors="replace")
    except ValueError as error:
        raise FusevadError(f"{file}: not a list ({error}); get it again") from error


def _kind(
    file: PurePosixPath, layout: LayoutSettings
) -> Literal["video", "frames", "events"] | None:
    suffix = file.suffix.lower()
    if suffix in layout.suffixes:
        return "video"
    if layout.events is not None and suffix == layout.events.suffix:
        return "events"
    frames = layout.frames
    if frames is None or suffix not in frames.suffixes or len(file.parts) < 3:
        return None
    return "frames" if _fits(file.parent.parent, frames.folder) else None
