"""What it means to try a fault, and what came of all tries of one."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


class PromiseBrokenError(Exception):
    """A fault did what FuseVAD promises that no fault does."""


class CannotTryError(Exception):
    """This machine can't be given the fault; the message says what it lacks."""


def promise(holds: bool, what: str) -> None:
    """Check something that FuseVAD promises.

    Raises:
        PromiseBrokenError: it does not hold; the message says what was seen.
    """
    if not holds:
        raise PromiseBrokenError(what)


@dataclass(frozen=True)
class Fault:
    """A fault and all ways in which it is tried.

    Attributes:
        name: what happens, as the page says it.
        promised: what holds nevertheless.
        tries: given a folder for each, happen and check; each returns counts of what it saw.
    """

    name: str
    promised: str
    tries: Mapping[str, Callable[[Path], Mapping[str, int]]]


@dataclass
class Row:
    """What came of a fault.

    Attributes:
        fault: that was tried.
        tried: how often.
        broken: what was promised and did not hold, by name of the try.
        skipped: why it could not be tried here; empty if it could.
        counts: sums over the tries.
    """

    fault: Fault
    tried: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    skipped: str = ""
    counts: Counter[str] = field(default_factory=Counter)


def attempt(fault: Fault, folders: Iterator[Path], say: Callable[[str], None]) -> Row:
    """Try a fault in all its ways.

    Args:
        fault: the fault.
        folders: an empty folder for each try.
        say: is told what came of each.
    """
    row = Row(fault)
    for name, act in fault.tries.items():
        try:
            counts = act(next(folders))
        except CannotTryError as error:
            row.skipped = str(error)
            say(f"{fault.name}, {name}: skipped: {error}")
            continue
        except PromiseBrokenError as error:
            row.broken[name] = str(error)
            say(f"{fault.name}, {name}: BROKEN: {error}")
        else:
            row.counts.update(counts)
            say(f"{fault.name}, {name}: kept {dict(counts) or ''}")
        row.tried += 1
    return row
