"""Mirrors that are git repositories, through the git command."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fusevad.data.fetch.archives import check_link
from fusevad.data.fetch.member import UnsafeArchiveError
from fusevad.data.fetch.mirrors import MirrorError, Slot
from fusevad.data.fetch.settings import GitRepository

_COMMIT = re.compile(r"[0-9a-f]{40}")
_UNREACHABLE = ("Could not resolve", "Failed to connect", "Connection refused", "timed out")


def is_commit(revision: str) -> bool:
    """Whether a revision names one commit for ever, unlike a branch or a tag."""
    return _COMMIT.fullmatch(revision) is not None


def clone(source: GitRepository, slot: Slot, revision: str) -> str:
    """Clone the repository to `slot.unpacked`, check `revision` out, return its commit.

    Raises:
        MirrorError: offline, no such repository or revision, no git command, or a link in it that
            could lead outside.
    """
    if slot.unpacked.exists():
        shutil.rmtree(slot.unpacked)
    print(f"{slot.title}: cloning {source.url}", file=sys.stderr)
    _git("clone", "--progress", "--no-checkout", "--", source.url, str(slot.unpacked))
    at = ("-C", str(slot.unpacked))
    commit = _commit(slot.unpacked, revision)
    if commit is None:
        raise MirrorError(f"no revision {revision}")
    _git(*at, "checkout", "--progress", "--detach", commit)
    _check_links(slot.unpacked)
    return commit


def _check_links(folder: Path) -> None:
    """As for links in archives: they move with the folder, and a stranger wrote them."""
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in folders + files):
            if path.is_symlink():
                try:
                    check_link(str(path.relative_to(folder)), os.readlink(path))
                except UnsafeArchiveError as error:
                    raise MirrorError(str(error)) from error


def head(folder: Path) -> str | None:
    """Commit that a working copy is at; None if `folder` is not one itself."""
    return _commit(folder, "HEAD") if (folder / ".git").exists() else None


def _commit(folder: Path, revision: str) -> str | None:
    """Commit of a revision, which may be a branch on the server."""
    for name in (revision, f"origin/{revision}"):
        command = [
            "git",
            "-C",
            str(folder),
            "rev-parse",
            "--verify",
            "--quiet",
            f"{name}^{{commit}}",
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return answer.stdout.strip()
    return None


def _git(*arguments: str) -> None:
    """Run git and show its progress; its last output becomes a MirrorError."""
    # No prompt for a password: the command may run where nobody sees it.
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            ["git", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
    except FileNotFoundError as error:
        raise MirrorError("the command git is not installed") from error
    complaint = ""
    with process:
        for line in process.stderr or ():
            if sys.stderr.isatty():
                print(line.rstrip(), end="\r", file=sys.stderr)
            if line.startswith(("fatal:", "error:")):
                complaint = complaint or line
    if process.returncode != 0:
        unreachable = any(words in complaint for words in _UNREACHABLE)
        raise MirrorError(complaint or f"git ended with status {process.returncode}", unreachable)
