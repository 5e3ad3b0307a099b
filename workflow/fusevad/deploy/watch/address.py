"""What is watched and where events are sent: addresses, whose passwords stay out of sight."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.paths import path_text

_VARIABLE = "env:"
# Up to the last @ before a blank, as passwords may have any other character.
_USER = re.compile(r"(?<=://)\S*@")
# Cameras also take passwords in a query, or in a path such as /user=admin_password=1234_channel=1.
_SECRET = (
    r"(?:login|user|admin)?(?:pas|pass|passw|passwd|password|passphrase|psw|pwd|pw)"
    r"|auth|authbasic|(?:auth|access)?_?token|secret|(?:api_?)?key"
)
# With a colon they may be a host and its port, unless they are part of a path.
_PORT = r"\d{1,5}(?!\w)"
_WORD = re.compile(
    rf"(?:(?<![a-z])((?:{_SECRET})(?:=|:(?!{_PORT})(?=[^&\s])))"
    rf"|(?<=[^:/]/)((?:{_SECRET}):)(?=[^&\s]))[^&\s]*",
    re.IGNORECASE,
)
# Or as a part of the path, such as /admin:1234/channel1, which is known by its colon.
_PATH = re.compile(r"(?<=://)([^/\s]*)(/\S*)")
_PAIR = re.compile(r"(?<=/)[^/?\s:]*:[^/?\s]+")
# Makers have ever other words for them: of a query, only what chooses pictures is shown.
_CHOOSING = (
    "camera|channel|channelid|id|inst|line|profile|proto|resolution|stream|streamtype|subtype"
    "|transportmode|unicast|videocodec"
)
_QUERY = re.compile(
    rf"(?<=[?&])((?!(?:{_CHOOSING})=(?![^&\s]*:[^&\s]))[^=&\s]*=)[^&\s]+",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?<=[?&])()[^=&\s]+(?=&|\s|$)")
_NAME = re.compile(r"(?<![a-z])((?:user|username|usr|login)=)[^&_\s]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A source of pictures.

    Attributes:
        kind: what it is.
        where: path or URL, with its password; it goes to FFmpeg alone.
        shown: the same for readers, without user and password.
    """

    kind: Literal["file", "device", "rtsp"]
    where: str
    shown: str


def scrubbed(text: str) -> str:
    """A text without the users and passwords of its URLs.

    >>> scrubbed("no answer from rtsp://bob:p@ss@10.0.0.2/cam")
    'no answer from rtsp://10.0.0.2/cam'
    >>> scrubbed("rtsp://10.0.0.2/cam?user=bob&password=p@ss&channel=2")
    'rtsp://10.0.0.2/cam?user=...&password=...&channel=2'
    """
    # Only now is what follows a host its path: a password may have a slash.
    text = _USER.sub("", _without_marked(text))
    return _PATH.sub(lambda url: url[1] + _PAIR.sub("...", url[2]), text)


def _without_marked(text: str) -> str:
    """A text without what words or their place in a query mark as a user or password."""
    for hidden in (_QUERY, _BARE, _WORD, _NAME):
        text = hidden.sub(lambda found: f"{''.join(filter(None, found.groups()))}...", text)
    return text


def secret(word: str, what: str) -> str:
    """A word of the command line, or the value of the variable that `env:NAME` names.

    Raises:
        FusevadError: there is no such variable, or the word itself has a password.
    """
    if word.startswith(_VARIABLE):
        name = word.removeprefix(_VARIABLE)
        value = os.environ.get(name, "").strip()
        if not value:
            raise FusevadError(f"{what} {word}: no such environment variable; set {name}")
        return value
    if "@" in word or _WORD.search(word):
        raise FusevadError(
            f"{what}: a password on the command line shows in the list of"
            f" processes; put the address into a variable and write {_VARIABLE}NAME"
        )
    return word


def find_address(source: str | None, source_file: Path | None) -> Address:
    """The source that is named by a word or by a file that has only its address.

    Raises:
        FusevadError: none or two are named; the protocol is not watched; or the command line has
            a password.
    """
    if (source is None) == (source_file is None):
        raise FusevadError("watch: name one source, as SOURCE or by --source-file")
    if source_file is not None:
        return _address(_only_line(source_file), str(source_file))
    assert source is not None
    return _address(source if os.path.exists(source) else secret(source, "SOURCE"), source)


def _only_line(file: Path) -> str:
    try:
        lines = read_limited(file, 1 << 16).decode("utf-8-sig").split()
    except ValueError as error:
        raise FusevadError(f"{file}: not a text in UTF-8; write the camera's address") from error
    if len(lines) != 1:
        raise FusevadError(f"{file}: {len(lines)} addresses; write one, such as rtsp://HOST/PATH")
    return lines[0]


def web_address(url: str) -> SplitResult | None:
    """The parts of a URL; None if it is not a URL with a host."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:  # its text would have the URL
        return None


def _address(where: str, named: str) -> Address:
    """What is watched; messages say `named`, as a wrong address may have a password anywhere."""
    if os.path.isfile(where):
        return Address("file", where, path_text(where))
    if re.fullmatch(r"/dev/video\d+", where):
        return Address("device", where, where)
    if where.startswith("rtsp://"):
        if web_address(where) is None:
            raise FusevadError(f"{named}: not an address of a camera; write rtsp://HOST/PATH")
        return Address("rtsp", where, _shown(where.removeprefix("rtsp://")))
    raise FusevadError(
        f"{named}: no video file, no device /dev/videoN and no rtsp:// address; correct it"
    )


def _shown(place: str) -> str:
    """A camera's address for readers, from what follows its rtsp://.

    An @ ends a name and password, or is part of a password: before it, as in `bob:p@s/s@host`, or
    behind the host, where a word has to mark it. If neither is certain, nothing is shown: in
    `bob:12?s@host/cam`, `bob:12` is no host and port.
    """
    place = re.sub(r"\s", "%20", place)  # perhaps of a password
    authority = re.split("[/?#]", place, maxsplit=1)[0]
    named, _, host = authority.rpartition("@")
    behind = place[len(authority) :]
    shown = host + behind
    if "@" in behind:
        marked = "@" not in _without_marked(shown)
        cut = behind.startswith("?") or "/" in behind.rpartition("@")[2]
        if marked == bool(named) or (marked and cut):
            return "rtsp://..."
        if named:
            shown = place.rpartition("@")[2]
    return scrubbed(f"rtsp://{shown}")
