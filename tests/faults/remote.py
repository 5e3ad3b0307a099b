"""An S3 server that dies in the middle of a pull."""

import logging
import random
import shutil
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.project import TABLE, Ended, Project, Reference, one_line
from tests.faults.trial import Fault, promise
from tests.loopback import s3_bucket
from tests.made_up_clone import git
from tests.workflow_runs import TINY, copy_dvc

_ROOT = Path(__file__).resolve().parents[2]
_TRIES = 5
_BUCKET = "fusevad-artifacts"  # of the remote `s3` in .dvc/config
_ENDLESS = 1 << 60


class Mortal(socketserver.ThreadingTCPServer):
    """Passes connections on to a server until that has sent `left` bytes; then it is dead."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str) -> None:
        """Stand before the server of an address."""
        super().__init__(("127.0.0.1", 0), _Connection)
        found = urlsplit(address)
        self.behind = (found.hostname, found.port)
        self.left = _ENDLESS

    @property
    def sent(self) -> int:
        """Bytes that came from the server since `left` was `_ENDLESS`."""
        return _ENDLESS - self.left

    def handle_error(self, *_: object) -> None:
        """A dead server's connections break; the client is who says so."""


class _Connection(socketserver.BaseRequestHandler):
    server: Mortal

    def handle(self) -> None:
        if self.server.left <= 0:
            return
        with socket.create_connection(self.server.behind) as behind:
            asking = threading.Thread(target=_pass_on, args=(self.request, behind), daemon=True)
            asking.start()
            while self.server.left > 0 and (content := behind.recv(1 << 14)):
                self.server.left -= len(content)
                self.request.sendall(content)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while content := source.recv(1 << 14):
            target.sendall(content)
    except OSError:  # either end is dead
        return


def faults(reference: Reference, seed: int) -> Iterator[Fault]:
    """A server that has what a clone pushed, and is dead after some of its bytes."""
    above = reference.scratch.with_name("remotes")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the server's line for each request
    with s3_bucket(_BUCKET) as address, _mortal(address) as server:
        first = _pushed(reference, above / "first", address)
        whole = _clone(first, above / "whole", server)
        promise(_pull(whole).status == 0, "a pull without any fault failed")
        total = server.sent
        shutil.rmtree(whole.folder)
        tries = {
            f"moment {number + 1}": partial(
                _dying, reference, first, server, total, random.Random(f"{seed} {number}")
            )
            for number in range(_TRIES)
        }
        promised = (
            "one line; nothing half-written; what arrived is not fetched again; with the server "
            "back, the same bytes"
        )
        yield Fault("An S3 server that dies in the middle of a pull", promised, tries)
    shutil.rmtree(above)


@contextmanager
def _mortal(address: str) -> Iterator[Mortal]:
    with Mortal(address) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _dying(
    reference: Reference,
    first: Project,
    server: Mortal,
    total: int,
    numbers: random.Random,
    folder: Path,
) -> dict[str, int]:
    clone = _clone(first, folder / "clone", server)
    # Not in its last tenth: a second pull may ask for a little less than the first.
    server.left = numbers.randrange(total * 9 // 10)
    one_line(_pull(clone), "remote 's3'")
    reference.compare_what_is_there(clone)
    arrived = _objects(clone)
    server.left = _ENDLESS
    end = _pull(clone)
    promise(end.status == 0, f"no second pull: {end.said[-3000:]}")
    after = _objects(clone)
    again = [path.name for path, inode in arrived.items() if after.get(path) != inode]
    promise(not again, f"fetched again: {', '.join(again[:5])}")
    reference.compare_what_is_there(clone)
    promise((clone.folder / TABLE).is_file(), "no table")
    return {"objects had arrived": len(arrived)}


def _objects(clone: Project) -> dict[Path, int]:
    """Objects in the cache of DVC, with their inodes."""
    found = (clone.folder / ".dvc/cache/files").rglob("*")
    return {path: path.stat().st_ino for path in found if path.is_file() and len(path.name) == 30}


def _pushed(reference: Reference, folder: Path, address: str) -> Project:
    """A clone that has pushed its results."""
    folder.mkdir(parents=True)
    project = reference.copy(folder)
    copy_dvc(_ROOT, project.folder)
    git(project.folder, "init", "--quiet", "--initial-branch", "main")
    _point(project, address)
    end = project.run("fusevad", "push", "--remote", "s3", *TINY)
    promise(end.status == 0, f"no push: {end.said[-3000:]}")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "--quiet", "-m", "made")
    return project


def _clone(first: Project, folder: Path, server: Mortal) -> Project:
    git(folder.parent, "clone", "--quiet", str(first.folder), str(folder))
    clone = Project(folder.resolve())
    server.left = _ENDLESS
    _point(clone, f"http://127.0.0.1:{server.server_address[1]}")
    return clone


def _point(project: Project, address: str) -> None:
    end = project.run("dvc", "remote", "modify", "--local", "s3", "endpointurl", address)
    promise(end.status == 0, end.said)


def _pull(clone: Project) -> Ended:
    return clone.run("fusevad", "pull", str(TABLE), "--remote", "s3", *TINY)
