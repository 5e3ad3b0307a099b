"""Move artifacts that do not fit to `results/.unfit/`, and back on request."""

import contextlib
import os
from collections.abc import Container, Iterator, Mapping
from pathlib import Path, PurePosixPath

from fusevad import json_text
from fusevad.artifacts.check import Finding
from fusevad.artifacts.trusted import in_results, refuse_linked_folders
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, read_limited, write_json
from fusevad.parsing import parse

UNFIT = "results/.unfit"
_LAST = Path(UNFIT, "last.json")
# There while a command moves files, and if it was killed: the next one's note has its files, too.
_UNFINISHED = Path(UNFIT, "unfinished")


def move_away(finding: Finding, moved: dict[Path, Path], kept: Container[str] = ()) -> None:
    """Move a job's files, but for those `kept`, to `UNFIT`, under unused names.

    Each is added to `moved`, by its old path, and `move_back` knows it before it is moved: neither
    an error nor a kill further on forgets any.
    """
    own = {Path(path): _unused(path) for path in finding.files if path not in kept}
    if not own:
        return
    if not moved and _UNFINISHED.exists() and _LAST.is_file():
        moved |= {Path(old): Path(new) for old, new in _noted().items()}
    moved |= own
    _UNFINISHED.parent.mkdir(parents=True, exist_ok=True)
    _UNFINISHED.touch()
    write_json({str(old): str(new) for old, new in moved.items()}, _LAST)
    for old, new in own.items():
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)


def finish() -> None:
    """Say that a command has moved away all that it had to."""
    _UNFINISHED.unlink(missing_ok=True)


def _unused(path: str) -> Path:
    """Where a file goes in `UNFIT`."""
    target = Path(UNFIT, path)
    number = 1
    while os.path.lexists(target):
        number += 1
        target = Path(UNFIT, f"{path}.{number}")
    return target


@contextlib.contextmanager
def undone_on_failure(moved: Mapping[Path, Path]) -> Iterator[None]:
    """Put back what a block has moved away, and the note before it, if the block fails."""
    before = _LAST.read_bytes() if _LAST.is_file() else None
    try:
        yield
    except BaseException:
        for old, new in moved.items():
            if os.path.lexists(new):
                new.replace(old)
        _LAST.unlink(missing_ok=True)
        finish()
        if before is not None:
            with atomic_path(_LAST) as temporary:
                temporary.write_bytes(before)
        raise


def move_back() -> list[str]:
    """Move the files in the note back; return the paths of those that were moved.

    Those that are in their old place, as after an interrupted command, are passed over.

    Raises:
        FusevadError: there is no note, it names other files than `move_away` has moved, a place is
            taken by now, or a folder is a link; then nothing is moved.
    """
    moved = _noted()
    refuse_linked_folders([str(_LAST), *moved, *moved.values()])
    _check_note(moved)
    left = {
        old: new for old, new in moved.items() if os.path.lexists(new) or not os.path.lexists(old)
    }
    for old, new in left.items():
        if taken := _in_the_way(Path(old)):
            raise FusevadError(f"{taken}: exists again; move it away, then run the command again")
        if not os.path.lexists(new):
            raise FusevadError(f"{new}: no longer exists; nothing is moved back")
    for old, new in left.items():
        Path(old).parent.mkdir(parents=True, exist_ok=True)
        Path(new).rename(old)
    _LAST.unlink()
    finish()
    return list(left)


def _noted() -> dict[str, str]:
    """Where the note says that files were, and where they are.

    Raises:
        FusevadError: there is no note, or it is damaged.
    """
    if not _LAST.is_file():
        raise FusevadError(f"{_LAST}: no such file: nothing has been moved away")
    try:
        values = json_text.load(read_limited(_LAST))
    except (ValueError, RecursionError) as error:
        raise FusevadError(f"{_LAST}: not JSON; move the files back by hand") from error
    return parse(dict[str, str], values, str(_LAST))


def _in_the_way(path: Path) -> Path | None:
    """What exists at `path`, or a file where one of its parent folders belongs; None if neither."""
    blocking = (parent for parent in path.parents if parent.exists() and not parent.is_dir())
    return path if os.path.lexists(path) else next(blocking, None)


def _check_note(moved: Mapping[str, str]) -> None:
    """Refuse a note of others that would move other files than `move_away` has moved.

    Raises:
        FusevadError: a file leaves `results/` or does not come from `UNFIT`, or one is named twice,
            or is in another.
    """
    for old, new in moved.items():
        if not (in_results(old) and in_results(new)):
            raise FusevadError(f"{_LAST}: names {old}, {new}, outside results; delete it")
        back = _is_below(new, UNFIT) and not _is_below(old, UNFIT) and new != str(_LAST)
        if not back or any(str(parent) in moved for parent in PurePosixPath(old).parents):
            raise FusevadError(f"{_LAST}: {new} was not moved away from {old}; delete it")
    sources = {*moved.values()}
    nested = [s for s in sources if any(str(p) in sources for p in PurePosixPath(s).parents)]
    if nested or len(sources) < len(moved):
        raise FusevadError(f"{_LAST}: names a file twice; move the files back by hand")


def _is_below(path: str, folder: str) -> bool:
    return PurePosixPath(folder) in PurePosixPath(path).parents
