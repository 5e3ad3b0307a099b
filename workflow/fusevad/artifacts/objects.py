"""DVC's cache and remotes, object by object: an object is a file's content, named by its MD5."""

import contextlib
import hashlib
import re
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.transfer import transfer

from fusevad.artifacts.dvc_errors import WrongContentError, explained, one_line
from fusevad.deploy.watch.address import scrubbed
from fusevad.errors import FusevadError

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc_data.hashfile.db import HashFileDB

# Objects in a batch: after a batch with a failure, the remote is asked for nothing more.
_BATCH = 256
_HASH_THREADS = 4
# Bytes by which a file may be larger than the largest object: DVC keeps databases, too.
_SLACK = 1 << 30
# DVC's names of objects that are still being received, and the seconds after which none is.
_RECEIVED, _OLD = re.compile(r"\.[\w-]{22}\.tmp"), 86400
_AGAIN = "check the remote and run the command again: files that have arrived are kept"


@contextlib.contextmanager
def _files_up_to(size: int) -> Iterator[None]:
    """Bound the files that this process writes: a remote may send an object without end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    known = [each for each in (size, soft, hard) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(known), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def ignore(path: str) -> None:
    """Ignore progress."""


class Objects:
    """The objects of DVC's cache and of one of its remotes.

    Args:
        repo: DVC's repository.
        remote: a name of `.dvc/config`; None for the default.
    """

    def __init__(self, repo: "Repo", remote: str | None) -> None:
        self._repo = repo
        self._remote_name = remote
        self._cache: HashFileDB = repo.cache.local
        self._verified: set[str] = set()

    @cached_property
    def _remote(self) -> "HashFileDB":
        with one_line(f"remote '{self._remote_name or 'default'}'", "see docs/artifacts.md"):
            remote = self._repo.cloud.get_remote_odb(self._remote_name)
        # Whatever its configuration says: a wrong object must never get into the cache.
        remote.verify = True
        return remote

    @property
    def _remote_text(self) -> str:
        name = self._remote_name or self._repo.config["core"].get("remote")
        address = self._remote.fs.unstrip_protocol(self._remote.path)
        return f"remote '{name}' ({scrubbed(address)})"

    def reach_remote(self) -> str:
        """Ask the remote for its folder; return its name and address.

        Raises:
            FusevadError: it is not there, or does not answer.
        """
        with one_line(f"remote '{self._remote_name or 'default'}'", "see docs/artifacts.md"):
            there = self._remote.fs.exists(self._remote.path)
        if not there:
            raise FusevadError(f"{self._remote_text}: no such folder; push to it, or name another")
        return self._remote_text

    def file(self, md5: str) -> Path:
        """Where the cache has an object, or would have it."""
        return Path(self._cache.oid_to_path(md5))

    def obtain(
        self,
        wanted: Mapping[str, str],
        progress: Callable[[str], None] = ignore,
        largest: int = 0,
    ) -> None:
        """Make sure that the objects of paths are in the cache and undamaged.

        Args:
            wanted: MD5 by path.
            progress: called with each path when its object is there.
            largest: bytes of the largest object.

        Raises:
            WrongContentError: the remote has wrong objects.
            FusevadError: the remote fails, an object in the cache is damaged (it is removed), or
                the disk is full. Trying again fetches the rest.
        """
        waiting: dict[str, list[str]] = {}
        for path, md5 in wanted.items():
            waiting.setdefault(md5, []).append(path)
        here = [md5 for md5 in waiting if self.file(md5).is_file()]
        self._check_cached([md5 for md5 in here if md5 not in self._verified], waiting)
        for md5 in here:
            for path in waiting.pop(md5):
                progress(path)
        missing = list(waiting)
        if missing:
            self._remove_abandoned()
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            with _files_up_to(largest + _SLACK):
                self._download(batch, waiting)
            for path in (path for md5 in batch for path in waiting[md5]):
                progress(path)

    def _remove_abandoned(self) -> None:
        """Remove what killed processes have received of objects; DVC itself never does."""
        for path in Path(self._cache.path).glob("??/.*.tmp"):
            with contextlib.suppress(OSError):  # another pull was first, or the file is another's
                if _RECEIVED.fullmatch(path.name) and time.time() - path.lstat().st_mtime > _OLD:
                    path.unlink()

    def _check_cached(self, objects: list[str], waiting: dict[str, list[str]]) -> None:
        """Hash cached objects: DVC trusts read-only objects without checking."""
        with ThreadPoolExecutor(_HASH_THREADS) as pool:
            hashes = pool.map(lambda md5: _md5(self.file(md5)), objects)
            damaged = [md5 for md5, actual in zip(objects, hashes, strict=True) if actual != md5]
        for md5 in damaged:
            self.file(md5).unlink()
        self._verified |= set(objects).difference(damaged)
        if damaged:
            raise FusevadError(
                f"{self.file(damaged[0])}: damaged copy of {waiting[damaged[0]][0]} in DVC's"
                f" cache{_others(damaged)}; it has been removed, run the command again"
            )

    def _download(self, objects: list[str], waiting: dict[str, list[str]]) -> None:
        failed: dict[str, BaseException] = {}
        remote, doing = self._remote, self._remote_text
        with one_line(doing, _AGAIN):
            self._cache.add(
                [remote.oid_to_path(md5) for md5 in objects],
                remote.fs,
                objects,
                verify=True,
                check_exists=False,
                batch_size=remote.fs.jobs,
                on_error=failed.setdefault,
            )
        # DVC silently removes objects that it has found wrong.
        here = {md5 for md5 in objects if self.file(md5).is_file()}
        self._verified |= here
        for md5, error in failed.items():
            path = waiting[md5][0]
            if isinstance(error, FileNotFoundError):
                raise FusevadError(
                    f"{doing}: {path} is missing{_others(failed)}; ask who recorded it to run"
                    " 'fusevad push'"
                )
            raise explained(f"{doing}: {path}", error, _AGAIN)
        if wrong := [md5 for md5 in objects if md5 not in here]:
            raise WrongContentError(
                f"{doing}: wrong content for {waiting[wrong[0]][0]} (object {wrong[0]})"
                f"{_others(wrong)}; have it pushed again, then run the command again",
                [path for md5 in wrong for path in waiting[md5]],
            )

    def push(self, hashes: Iterable[str]) -> int:
        """Send the objects that the remote lacks; those of folders with all their files.

        Returns:
            Number of objects sent.

        Raises:
            FusevadError: the remote fails, or an object is neither there nor in the cache.
        """
        objects = [HashInfo("md5", each) for each in hashes]
        with one_line(self._remote_text, _AGAIN):
            result = transfer(
                self._cache,
                self._remote,
                objects,
                jobs=self._remote.fs.jobs,
                cache_odb=self._cache,
                shallow=False,
                validate_status=self._refuse_missing,
            )
        if result.failed:
            raise FusevadError(
                f"{self._remote_text}: {len(result.failed)} objects could not be sent; {_AGAIN}"
            )
        return len(result.transferred)

    def _refuse_missing(self, status: Any) -> None:
        if status.missing:
            raise FusevadError(
                f"{self._remote_text}: {len(status.missing)} files of the units are neither there"
                " nor in DVC's cache; pull them from another remote, then push again"
            )


def _md5(path: Path) -> str:
    """MD5 in DVC's form: a folder's list has a suffix after the hash."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest() + path.suffix


def _others(objects: Iterable[str]) -> str:
    count = len(list(objects)) - 1
    return f" (and {count} more)" if count else ""
