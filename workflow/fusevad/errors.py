"""The one exception that users see, and pieces of messages."""

import sys
from collections.abc import Sequence
from decimal import ROUND_CEILING, Context
from typing import NoReturn


class FusevadError(Exception):
    """Bad input or environment; the message is one line: which file, what is wrong, what to do."""

    def __str__(self) -> str:
        """The message, one line even if a name or value of others in it has control characters."""
        return in_one_line(super().__str__())


def in_one_line(text: str) -> str:
    """A text in which control characters of others' names are written out."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode()


def notice(line: str) -> None:
    """Print a line on stderr, above bars of progress, that no terminal obeys."""
    from tqdm import tqdm  # here, as not every start needs it

    tqdm.write(in_one_line(line), file=sys.stderr)


def refuse(reasons: Sequence[str], summary: str) -> NoReturn:
    """Raise the only reason; of several, print a line each, and raise the summary."""
    if len(reasons) == 1:
        raise FusevadError(reasons[0])
    for reason in reasons:
        notice(reason)
    raise FusevadError(summary)


def message_of(error: BaseException) -> str:
    """The message of an error of others without line breaks; the error's type if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "video"), counted(3, "video")
    ('1 video', '3 videos')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rounded_up(number: float, digits: int) -> str:
    """A number that is promised to suffice or not to be exceeded: what is shown is never below it.

    >>> rounded_up(39.049, 3), rounded_up(0.75, 3), rounded_up(1234.5, 3)
    ('39.1', '0.75', '1240')
    """
    return f"{float(Context(digits, ROUND_CEILING).create_decimal(number)):g}"


class DivergedError(FusevadError):
    """Training gave scores that are no finite numbers."""
