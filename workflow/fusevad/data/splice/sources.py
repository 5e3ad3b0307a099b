"""The source video of each clip, from `videos.txt` of the clips' authors."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from fusevad.data.spreadsheets import list_text
from fusevad.errors import FusevadError
from fusevad.files import read_limited

_NAME = r"((?:no)?fi)([0-9]{1,6})"
_MOST = 10_000  # clips; 300 are published
_SOURCE = re.compile(r"https?://\S*[?&]v=([\w-]+)")
_CLIP = re.compile(rf"{_NAME}\s*:")
_RANGE = re.compile(rf"{_NAME}\s*-\s*{_NAME}\s*:\s*(\S.*)")


def read_sources(path: Path) -> dict[str, tuple[str, ...]]:
    """Sources of every clip in `videos.txt`, in the order of its lines.

    There are three kinds of lines: the address of a source video; `fi001: 0.13.50 - 0.15.60`, a
    clip of the source above; `nofi062 - nofi076 : CamNet Dataset`, clips of a source without
    address. The times are ignored: several are wrong, and the clips are cut already.

    Returns:
        By clip, the names of its sources: more than one if the file lists the clip twice.

    Raises:
        FusevadError: a line is none of these, the file is no text, or has more than 10,000 clips.
    """
    result: dict[str, list[str]] = {}
    current, listed = None, 0
    for number, raw in enumerate(_lines(path), start=1):
        line = raw.strip()
        if source := _SOURCE.fullmatch(line):
            current = source[1]
        elif span := _RANGE.fullmatch(line):
            clips = _names(span, path, number)
            listed += len(clips)
            for clip in clips if listed <= _MOST else ():
                result.setdefault(clip, []).append(span[5])
        elif (clip := _CLIP.match(line)) and current is not None:
            result.setdefault(clip[1] + clip[2], []).append(current)
            listed += 1
        elif line:
            raise FusevadError(
                f"{path}: line {number} ({line[:60]!r}) names neither a source nor a clip of one; "
                "correct it"
            )
        if listed > _MOST:
            raise FusevadError(f"{path}: more than {_MOST} clips; correct it")
    return {clip: tuple(sources) for clip, sources in result.items()}


def _lines(path: Path) -> list[str]:
    try:
        return list_text(read_limited(path, 1 << 20)).splitlines()
    except ValueError as error:
        raise FusevadError(f"{path}: not a list in UTF-8 ({error}); save it as one") from error


def source_groups(sources: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """By clip, one name for all the sources that it may come from.

    A clip that is listed under two sources ties them together, with all their clips: the right one
    is unknown, and clips of a group must stay in one split.
    """
    groups: list[set[str]] = []
    for names in sources.values():
        touching = [group for group in groups if group & set(names)]
        merged = set(names).union(*touching)
        groups = [group for group in groups if group not in touching] + [merged]
    name_of = {source: "+".join(sorted(group)) for group in groups for source in group}
    return {clip: name_of[next(iter(names))] for clip, names in sources.items()}


def _names(span: re.Match[str], path: Path, number: int) -> list[str]:
    """`nofi062`, ..., `nofi076`; both ends belong to the range."""
    prefix, first, last_prefix, last, _ = span.groups()
    if prefix != last_prefix or not 0 <= int(last) - int(first) < _MOST:
        raise FusevadError(f"{path}: line {number} is not a range of clips; correct it")
    return [f"{prefix}{clip:0{len(first)}d}" for clip in range(int(first), int(last) + 1)]
