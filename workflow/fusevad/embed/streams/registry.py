"""The kinds of streams; a new kind is a folder here and one line of `NAMES`."""

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from fusevad.cues.settings import MotionCue
from fusevad.embed.settings import StreamSettings
from fusevad.embed.streams.settings import StreamKind
from fusevad.errors import FusevadError
from fusevad.parsing import parse

NAMES = (
    "rgb",
    "motion",
    "flow",
    "audio",
    "pose",
    "depth",
    "masks",
    "text",
)
KINDS: dict[str, StreamKind] = {
    name: import_module(f"fusevad.embed.streams.{name}.settings").KIND for name in NAMES
}
# Names of all streams, as a regular expression.
PATTERN = "|".join(kind.pattern for kind in KINDS.values())


def kind_of(stream: str) -> StreamKind:
    """The kind of a stream.

    Raises:
        FusevadError: no kind has such a name.
    """
    for kind in KINDS.values():
        if re.fullmatch(kind.pattern, stream):
            return kind
    raise FusevadError(
        f"stream {stream!r}: unknown; use rgb, motion-T16-thr10 or another of {', '.join(KINDS)}"
    )


def is_made(stream: str) -> bool:
    """Whether a stream has a kind; others can only be imported."""
    return re.fullmatch(PATTERN, stream) is not None


def stream_in_role(role: str, cue: MotionCue) -> str:
    """The stream with a role in an experiment that has that motion cue: mostly of the same name."""
    return KINDS[role].stream(cue) if role in KINDS else role


def stream_title(role: str) -> str:
    """What readers call the stream of a role."""
    return KINDS[role].title if role in KINDS else role


def is_pictured(roles: Iterable[str]) -> bool:
    """Whether one of the streams with these roles says something of every video's pictures."""
    return not all(map(may_lack, roles))


def may_lack(role: str) -> bool:
    """Whether videos may lack the stream of a role."""
    return role in KINDS and KINDS[role].may_lack


def stream_version(stream: str) -> dict[str, int]:
    """What the version of a stream's kind adds to lineages; nothing at version 1."""
    version = kind_of(stream).version
    return {} if version == 1 else {"stream_version": version}


def parse_settings(values: Mapping[str, Any]) -> StreamSettings:
    """The settings of `fusevad embed`, as the type that their stream's kind has.

    Raises:
        FusevadError: they name no stream, or do not fit its kind.
    """
    named = values.get("stream")
    if not isinstance(named, str):
        raise FusevadError("embed: stream: missing; name the stream to embed")
    return parse(kind_of(named).form, values, "embed")
