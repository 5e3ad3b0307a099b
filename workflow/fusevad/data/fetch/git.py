"""Mirrors that are git repositories, through the git command."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

from fusevad.data.fetch.archives import check_link
from fusevad.data.fetch.caps import Caps, Tally
from fusevad.data.fetch.member import UnsafeArchiveError
from fusevad.data.fetch.mirrors import MirrorError, Slot
from fusevad.data.fetch.settings import GitRepository
from fusevad.errors import FusevadError, in_one_line, notice
from fusevad.files import remove_folder
from fusevad.paths import DEEPEST, LONGEST_PATH

# Bytes of memory of a git process, and those that a pack leaves free on the disk; how many times as
# large as what is unpacked a repository may be.
_DATA, _SPARE, _HISTORY = 4 << 30, 1_000_000_000, 10
_COMMIT = re.compile(r"[0-9a-f]{40}")
_UNREACHABLE = ("Could not resolve", "Failed to connect", "Connection refused", "timed out")
# Git builds a file that is stored as changes to another in memory, and a few bytes of changes may
# stand for gigabytes. It stores no file of more than 512 MB in that way.
_MEMORY, _OVER_LIMIT = "1g", "fatal: attempting to allocate"
# Bytes of a line of `git ls-tree`, which may quote each byte of a path as four.
_LONGEST_LINE = 5 * LONGEST_PATH


def is_commit(revision: str) -> bool:
    """Whether a revision names one commit for ever, unlike a branch or a tag."""
    return _COMMIT.fullmatch(revision) is not None


def clone(source: GitRepository, slot: Slot, revision: str, caps: Caps) -> str:
    """Clone the repository to `slot.unpacked`, check `revision` out, return its commit.

    Raises:
        MirrorError: offline, no such repository or revision, no git command, a link in it that
            could lead outside, or too many folders in each other.
        FusevadError: it would unpack to more than `caps`.
    """
    remove_folder(slot.unpacked)
    slot.folder.mkdir(parents=True, exist_ok=True)
    notice(f"{slot.title}: cloning {source}")
    try:
        command = ("clone", "--progress", "--no-checkout", "--", source.url, str(slot.unpacked))
        # Its history may be larger than the commit that is wanted.
        _git(*command, most=min(_HISTORY * caps.size + _SPARE, _room(slot)))
        commit = _commit(slot.unpacked, revision)
        if commit is None:
            raise MirrorError(f"no revision {revision}")
        _check_size(slot, commit, caps)
        _take_as_stored(slot.unpacked)
        _git("-C", str(slot.unpacked), "checkout", "--progress", "--detach", commit)
        _check_paths(slot.unpacked)
    except (MirrorError, FusevadError):
        remove_folder(slot.unpacked)
        raise
    return commit


def _take_as_stored(folder: Path) -> None:
    """Check files out with the bytes that they have in the repository, whatever it says of them.

    Its `.gitattributes` could make them many times as large, or a user's filters download others.
    """
    attributes = folder / ".git" / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("* -text -eol -ident -filter -working-tree-encoding\n")


def _check_size(slot: Slot, commit: str, caps: Caps) -> None:
    """Refuse a commit of too much before it is unpacked: a small one may list a file many times."""
    packed = sum(path.stat().st_size for path in slot.unpacked.glob(".git/objects/*/*"))
    tally = Tally(caps, slot.title, packed)
    command = ["git", "-C", str(slot.unpacked), "ls-tree", "-r", "-t", "-l", commit]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            for size in _sizes(process.stdout):
                tally.add_member()
                tally.add_bytes(size)
        except Exception:
            process.kill()
            raise
    if process.returncode != 0:
        raise MirrorError(f"git ls-tree ended with status {process.returncode}")


def _sizes(lines: IO[bytes] | None) -> Iterator[int]:
    """Sizes of what `git ls-tree -l` lists: mode, kind, hash, size and path, a line each."""
    while lines and (line := lines.readline(_LONGEST_LINE)):
        if not line.endswith(b"\n"):
            raise MirrorError(f"has a path of more than {LONGEST_PATH} characters")
        size = line.split(maxsplit=4)[3]
        yield int(size) if size.isdigit() else 0  # of folders and submodules: -


def _check_paths(folder: Path) -> None:
    """Refuse links to the outside and folders too deep, as in archives.

    `.git` is checked too: its folders are named after branches, and git writes longer paths than
    other programs can read.
    """
    try:
        for parent, folders, files in os.walk(folder, onerror=_fail):
            for path in (Path(parent, name) for name in folders + files):
                name = path.relative_to(folder)
                if len(name.parts) > DEEPEST:
                    raise MirrorError(f"is more than {DEEPEST} folders deep")
                if path.is_symlink():
                    check_link(str(name), os.readlink(path))
    except UnsafeArchiveError as error:
        raise MirrorError(str(error)) from error
    except OSError as error:
        raise MirrorError(f"has a path that cannot be read: {error.strerror}") from error


def _fail(error: OSError) -> NoReturn:
    raise error


def head(folder: Path) -> str | None:
    """Commit that a working copy is at; None if `folder` is not one itself.

    Raises:
        FusevadError: it is a damaged one.
    """
    if not (folder / ".git").exists():
        return None
    # No object is asked for: for a missing one, git runs commands that the folder's settings name.
    # So folders of other users, which git does not read by itself, do no harm either.
    commit = _parsed(folder, "HEAD", "-c", "safe.directory=*")
    if commit is None:
        raise FusevadError(
            f"{folder}: git finds no commit that it is at; move it away and run the command again"
        )
    return commit


def _commit(folder: Path, revision: str) -> str | None:
    """Commit of a revision, which may be a branch on the server."""
    names = (f"{name}^{{commit}}" for name in (revision, f"origin/{revision}"))
    return next(filter(None, (_parsed(folder, name) for name in names)), None)


def _parsed(folder: Path, revision: str, *options: str) -> str | None:
    """Hash that git takes a revision for; None if it finds none."""
    # The folder's own .git: from within the folder, git would take a whole one further up.
    own = f"--git-dir={folder / '.git'}"
    command = ["git", *options, own, "rev-parse", "--verify", "--quiet", revision]
    answer = subprocess.run(
        command, capture_output=True, text=True, errors="backslashreplace", check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else None


def _room(slot: Slot) -> int:
    return max(0, shutil.disk_usage(slot.folder).free - _SPARE)


def _bounds(most: int | None) -> list[str]:
    """Commands that end git with this process, and bound its memory and the files that it writes.

    Lists and packs of a mirror may have no end. Systems without these commands go without.
    """
    limits = [f"--data={_DATA}", *([] if most is None else [f"--fsize={most}"])]
    commands = (["setpriv", "--pdeathsig", "KILL"], ["prlimit", *limits])
    return [word for command in commands if shutil.which(command[0]) for word in command]


def _git(*arguments: str, most: int | None = None) -> None:
    """Run git and show its progress; its first complaint becomes a MirrorError.

    most: bytes of a file that it may write.
    """
    # No prompt for a password: the command may run where nobody sees it.
    environment = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_ALLOC_LIMIT": _MEMORY}
    try:
        process = subprocess.Popen(
            # Each thread may take as much memory.
            [*_bounds(most), "git", "-c", "pack.threads=1", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",  # the server's words are in any encoding
            env=os.environ | environment,
        )
    except FileNotFoundError as error:
        raise MirrorError("the command git is not installed") from error
    complaint = ""
    with process:
        for line in process.stderr or ():
            if sys.stderr.isatty():
                print(in_one_line(line.rstrip()), end="\r", file=sys.stderr)
            if _OVER_LIMIT in line:
                complaint = "has a file that takes git more than 1 GB of memory; do not use it"
            elif line.startswith(("fatal:", "error:")):
                complaint = complaint or line
    if process.returncode != 0:
        unreachable = any(words in complaint for words in _UNREACHABLE)
        raise MirrorError(complaint or f"git ended with status {process.returncode}", unreachable)
