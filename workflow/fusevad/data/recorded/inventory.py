"""What lies below a data set's folder: lists, annotations and videos, found by name."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal

from fusevad.data.recorded.settings import LayoutSettings, ListSettings
from fusevad.errors import FusevadError
from fusevad.files import sha256

_GET = "fetch the data set, or put it there from where section `fetch` of its settings says"


@dataclass(frozen=True, slots=True)
class Clip:
    """A video as it is given: one file, or the images of a folder in their order."""

    name: str
    files: tuple[Path, ...]
    kind: Literal["video", "frames", "events"]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The regular files below a folder, in order, without hidden ones and those of archivers."""

    folder: Path
    files: tuple[PurePosixPath, ...]

    @classmethod
    def of(cls, folder: Path) -> "Inventory":
        """List a folder; links to folders are followed, each folder once.

        Raises:
            FusevadError: there is no such folder, or nothing in it.
        """
        files = tuple(sorted(PurePosixPath(each) for each in _walk(folder)))
        if not files:
            raise FusevadError(f"{folder}: no such folder, or nothing in it; {_GET}")
        return cls(folder, files)

    def find(self, pattern: str) -> Path:
        """The file whose last path components match a pattern; copies of one file are one.

        Raises:
            FusevadError: there is none, or several that differ.
        """
        found = [self.folder / file for file in self.files if file.match(pattern)]
        if not found:
            raise FusevadError(f"{self.folder}: no file {pattern} below it; {_GET}")
        if len(found) > 1 and len({sha256(file) for file in found}) > 1:
            named = ", ".join(str(file) for file in found)
            raise FusevadError(f"{self.folder}: different files {pattern} ({named}); keep one")
        return found[0]

    def read_list(self, settings: ListSettings) -> dict[str, re.Match[str]]:
        """The match of each video's first line in a list, by the video's name.

        Raises:
            FusevadError: the list is missing or has a line of another form.
        """
        path = self.find(settings.file)
        expression = re.compile(settings.line)
        found: dict[str, re.Match[str]] = {}
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if number <= settings.header or not line.strip():
                continue
            match = expression.match(line)
            if match is None:
                raise FusevadError(
                    f"{path}: line {number} ({line[:60]!r}) has not the form {settings.line}; get"
                    " the list again or correct its `line` in the data set's settings"
                )
            found.setdefault(match["name"], match)
        return found

    def clips(self, layout: LayoutSettings) -> dict[str, Clip]:
        """All videos by name.

        Raises:
            FusevadError: two files or folders give the same name, or images are missing.
        """
        found: dict[str, list[Clip]] = defaultdict(list)
        images: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
        for file in self.files:
            if any(fnmatchcase(part, skip) for part in file.parts[:-1] for skip in layout.skip):
                continue
            kind = _kind(file, layout)
            if kind == "frames":
                images[file.parent].append(file)
            elif kind is not None:
                clip = Clip(file.stem, (self.folder / file,), kind)
                found[clip.name].append(clip)
        for parent, files in images.items():
            found[parent.name].append(Clip(parent.name, self._in_order(parent, files), "frames"))
        for name, each in found.items():
            if len(each) > 1:
                places = " and ".join(str(clip.files[0]) for clip in each[:2])
                raise FusevadError(f"{places}: both are video {name}; keep one of them")
        return {name: each[0] for name, each in found.items()}

    def _in_order(self, folder: PurePosixPath, files: list[PurePosixPath]) -> tuple[Path, ...]:
        """Images by their number."""
        numbered = {}
        for file in files:
            if not file.stem.isdecimal():
                raise FusevadError(
                    f"{self.folder / file}: the name of an image is no number; move it elsewhere"
                )
            numbered[int(file.stem)] = self.folder / file
        for number in range(min(numbered), min(numbered) + len(files)):
            if number not in numbered:
                raise FusevadError(
                    f"{self.folder / folder}: image {number} is missing among {len(files)}; unpack"
                    " the archive again"
                )
        return tuple(numbered[number] for number in sorted(numbered))


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
    return "frames" if file.parent.parent.match(frames.folder) else None


def _walk(folder: Path) -> Iterator[str]:
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if name[0] != "." and name != "__MACOSX"]
        below = os.path.relpath(place, folder)
        for name in files:
            # Reading a pipe or device, or what a link to one names, might never end.
            if name[0] != "." and os.path.isfile(os.path.join(place, name)):
                yield os.path.normpath(os.path.join(below, name))
