"""Open a bundle: its verified members in a folder, and the facts that it states."""

import fcntl
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from fusevad import json_text
from fusevad.deploy.archive import unpack
from fusevad.deploy.contents import ABOUT, READABLE, BundleFacts, weights_member
from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.parsing import parse

_PREFIX = ".fusevad-bundle-"
_FOLDER = re.compile(re.escape(_PREFIX) + "[a-z0-9_]{8}")


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """A folder with the verified members of a bundle, as long as the block runs.

    It is removed when the block ends and on SIGTERM, and the folders of processes that were killed
    otherwise are removed here.

    Raises:
        FusevadError: the bundle is damaged.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with _ends_in_order(), _locked_folder() as folder:
        unpack(bundle, folder)
        yield folder


@contextmanager
def _locked_folder() -> Iterator[Path]:
    """A new folder, and a lock on it that the system takes back when the process ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # another process took it for an abandoned one
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():  # unless another process found it before it had its lock
            break
        os.close(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    """Remove folders of bundles that no process holds; those of other users stay."""
    for folder in parent.iterdir():
        if not _FOLDER.fullmatch(folder.name):
            continue
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # a link, another user's, or gone by now
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """Let SIGTERM end the process by an exception, unless somebody has other plans for it."""
    own = threading.current_thread() is threading.main_thread()
    if not own or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def bundle_facts(bundle: Path) -> BundleFacts:
    """The facts of a bundle, all of whose members are verified.

    Raises:
        FusevadError: the bundle is damaged, or of a newer version.
    """
    with unpacked(bundle) as folder:
        return read_bundle_facts(folder, bundle)


def read_bundle_facts(folder: Path, bundle: Path) -> BundleFacts:
    """The facts of an unpacked bundle.

    Raises:
        FusevadError: they are missing, of another form, or of a newer version.
    """
    if not (folder / ABOUT).is_file():
        raise FusevadError(f"{bundle}: not a bundle of FuseVAD: no {ABOUT}; make it again")
    try:
        values = json_text.load(read_limited(folder / ABOUT))
    except (ValueError, RecursionError) as error:
        raise FusevadError(f"{bundle}: its {ABOUT} is not JSON ({error}); make it again") from error
    found = values.get("format") if isinstance(values, dict) else None
    if found not in READABLE:
        raise FusevadError(
            f"{bundle}: a bundle of form {repr(found)[:20]}, and this version reads form"
            f" {READABLE[0]} to {READABLE[-1]}; use the version of fusevad that made it"
        )
    about = parse(BundleFacts, values, f"{bundle}: {ABOUT}")
    for seed in about.seeds:
        if not (folder / weights_member(seed)).is_file():
            raise FusevadError(f"{bundle}: no weights of seed {seed}; make it again")
    return about
