"""Answers of web servers, read strictly: which bytes they contain, and what is wrong with them."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import requests
import urllib3

from fusevad.data.fetch.mirrors import MirrorError, one_line

# 15 digits are more than any disk holds; Python converts no more than 4300.
_COUNT = "[0-9]{1,15}"
_LENGTH = re.compile(rf"({_COUNT})(?:\s*,\s*\1)*")  # proxies may repeat it
_RANGE = re.compile(rf"bytes ({_COUNT})-({_COUNT})/(?:({_COUNT})|\*)")
_NO_RANGE = re.compile(rf"bytes \*/({_COUNT})")


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes in an answer: from `start` to before `end`, of a file of `whole` bytes.

    end, whole: None if the server does not state them.
    """

    start: int
    end: int | None
    whole: int | None


@contextlib.contextmanager
def http_errors() -> Iterator[None]:
    """Turn what the HTTP library raises, for no answer or a malformed one, into a MirrorError.

    Raises:
        MirrorError: it raised something.
    """
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise MirrorError(f"its certificate is not trusted: {_reason(error)}") from error
    except requests.exceptions.ConnectionError as error:
        raise MirrorError(f"not reached: {_reason(error)}", unreachable=True) from error
    except requests.exceptions.RequestException as error:
        raise MirrorError(_reason(error)) from error
    except (urllib3.exceptions.HTTPError, ValueError, OverflowError) as error:
        # The library passes on what `int`, `urlsplit`, `decode` and others raise.
        raise MirrorError(f"its answer is malformed: {error}") from error


def whole_span(response: requests.Response) -> Span:
    """The bytes in an answer with the whole file.

    Raises:
        MirrorError: its Content-Length is not a number of bytes.
    """
    stated = response.headers.get("Content-Length")
    if stated is None:
        return Span(0, None, None)
    match = _LENGTH.fullmatch(stated)
    if match is None:
        raise MirrorError(f"its answer is malformed: Content-Length is '{stated}'")
    return Span(0, int(match[1]), int(match[1]))


def partial_span(response: requests.Response) -> Span | None:
    """The bytes in an answer with a part of the file; None if it does not state them."""
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    whole = int(match[3]) if match[3] else None
    if last < first or (whole is not None and last >= whole):
        return None
    return Span(first, last + 1, whole)


def length_past_end(response: requests.Response) -> int | None:
    """The length of the file that a 416 answer states, if it does."""
    match = _NO_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _reason(error: Exception) -> str:
    """The innermost reason of a failed request, in a few words."""
    inner = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    if isinstance(inner, urllib3.exceptions.NameResolutionError):
        return "its name is unknown"
    cause = getattr(inner, "__cause__", None) or getattr(inner, "__context__", None)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(inner, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return one_line(str(inner))
