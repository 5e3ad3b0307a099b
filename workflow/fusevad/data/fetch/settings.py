"""The section `fetch:` of a data set's configuration: where its files come from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from fusevad.embed.imported.settings import LayoutName
from fusevad.parsing import FORBID
from fusevad.paths import stays_inside

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REPOSITORY = re.compile(r"(?!.*(?:--|\.\.))(?:\w[\w.-]*/)?\w[\w.-]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_URL_SCHEMES = ("https", "http", "file")
_GIT_SCHEMES = ("https", "http", "ssh", "file")


@dataclass(frozen=True, slots=True)
class Licence:
    """What the user accepts with the data: a licence's name or a form, and its address."""

    __pydantic_config__ = FORBID
    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class HuggingFaceFile:
    """A file of a repository on the Hugging Face hub."""

    __pydantic_config__ = FORBID
    repo: str
    file: str
    revision: str = "main"
    repo_type: Literal["dataset", "model", "space"] = "dataset"

    def __post_init__(self) -> None:
        _check_repository(self.repo)
        _check_path(self.file)


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A whole git repository at a commit, tag or branch."""

    __pydantic_config__ = FORBID
    url: str
    revision: str

    def __post_init__(self) -> None:
        _check_url(self.url, _GIT_SCHEMES)
        if not self.revision or self.revision.startswith("-") or _CONTROL.search(self.revision):
            raise ValueError(f"{self.revision!r} is not a revision")

    def __str__(self) -> str:
        return _shown(self.url)


@dataclass(frozen=True, slots=True)
class Source:
    """One mirror: a web or file:// address, a file on Hugging Face or Google Drive, or git."""

    __pydantic_config__ = FORBID
    url: str | None = None
    huggingface: HuggingFaceFile | None = None
    drive: str | None = None
    git: GitRepository | None = None

    def __post_init__(self) -> None:
        kinds = [self.url, self.huggingface, self.drive, self.git]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a source is exactly one of url, huggingface, drive and git")
        if self.url is not None:
            _check_url(self.url, _URL_SCHEMES)

    def __str__(self) -> str:
        if self.huggingface is not None:
            return f"Hugging Face {self.huggingface.repo}/{self.huggingface.file}"
        if self.git is not None:
            return f"git {self.git}"
        return f"Google Drive {self.drive}" if self.url is None else _shown(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """A file (or, from git, a folder) of a data set.

    name: its path below the data folder.
    sources: mirrors, tried in order; none if the user gets the file by a form.
    sha256: of the downloaded file; without it, the first download's is stored in a lock file.
    unpack: true to unpack an archive beside its name, or the folder to unpack it into.
    gives: paths below the data folder that show that the archive is already unpacked there, for
        users who unpacked it themselves.
    keep_archive: whether the archive stays after unpacking.
    max_members, max_gigabytes: limits on the unpacked archive or the git repository.
    max_ratio: limit on the compression ratio, above 100 MB: bytes for each byte of its own.
    """

    __pydantic_config__ = FORBID
    name: str
    sources: tuple[Source, ...] = ()
    sha256: str | None = None
    unpack: bool | str = False
    gives: tuple[str, ...] = ()
    keep_archive: bool = False
    max_members: int = 1_000_000
    max_gigabytes: float = 500.0
    max_ratio: float = 200.0

    def __post_init__(self) -> None:
        paths = [self.name, *self.gives]
        if isinstance(self.unpack, str):
            paths.append(self.unpack)
        for path in paths:
            _check_path(path)
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.name}: sha256 is not 64 hexadecimal digits in lower case")
        if self.from_git and (self.sha256 or self.unpack or not all(s.git for s in self.sources)):
            raise ValueError(
                f"{self.name}: a git source goes with git sources only, unpacks nothing"
            )
        if self.gives and not self.unpack:
            raise ValueError(f"{self.name}: only an archive to unpack can have `gives`")
        if self.max_members < 1 or not 0 < self.max_gigabytes < inf or not self.max_ratio > 0:
            raise ValueError(f"{self.name}: max_members, max_gigabytes, max_ratio are above 0")

    @property
    def from_git(self) -> bool:
        """Whether `name` is a folder, cloned by git."""
        return any(source.git for source in self.sources)

    @property
    def revisions(self) -> set[str]:
        """Commits, tags and branches of the git repositories that it may come from."""
        return {source.git.revision for source in self.sources if source.git}

    @property
    def target(self) -> str:
        """Folder, below the data folder, that the archive is unpacked into."""
        if isinstance(self.unpack, str):
            return self.unpack
        return str(PurePosixPath(self.name).parent)


@dataclass(frozen=True, slots=True)
class HuggingFaceFolder:
    """All files with an ending below a folder of a repository of data on the Hugging Face hub.

    folder: below the repository's top; empty: all of it.
    """

    __pydantic_config__ = FORBID
    repo: str
    folder: str = ""
    suffix: str = ".npy"
    revision: str = "main"

    def __post_init__(self) -> None:
        _check_repository(self.repo)
        if self.folder:
            _check_path(self.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFeatures:
    """Features of a data set that anyone may download.

    whose: who extracted them, how, and who hosts them.
    layout: of `features` in a configuration that uses them.
    crops: numbers of the crops that they hold.
    gigabytes: of the download.
    most_gigabytes: on the disk while it is unpacked, where that is more.
    lacks: videos of the split that they are known to lack.
    files: archives and files, named below the folder of these features.
    huggingface: or a folder of many files.
    """

    __pydantic_config__ = FORBID
    whose: str
    licence: Licence
    layout: LayoutName
    crops: tuple[int, ...] = tuple(range(10))
    gigabytes: float
    most_gigabytes: float | None = None
    lacks: int = 0
    files: tuple[FileSettings, ...] = ()
    huggingface: HuggingFaceFolder | None = None

    def __post_init__(self) -> None:
        _check_names(self.files)
        if bool(self.files) == (self.huggingface is not None):
            raise ValueError("features come from either `files` or `huggingface`; name one")
        without = [file.name for file in self.files if not file.sources]
        if without:
            raise ValueError(f"{without[0]} has no sources; name one")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """Section `fetch:`.

    form: for data given on request: what to request, where, and where to put the files.
    features: by name, what `fusevad fetch --features NAME` downloads in place of videos.
    """

    __pydantic_config__ = FORBID
    licence: Licence
    files: tuple[FileSettings, ...]
    form: str | None = None
    features: dict[str, PublishedFeatures] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_names(self.files)
        for name in self.features:
            _check_path(name)
            if "/" in name:  # a lock file has it in its name
                raise ValueError(f"{name!r:.200}: a name of features has no /")
        without = [file.name for file in self.files if not file.sources]
        if without and self.form is None:
            raise ValueError(f"{without[0]} has no sources; name one, or say in `form` how to ask")


def _check_names(files: Iterable[FileSettings]) -> None:
    """Raise ValueError if two files have one name."""
    names = [file.name for file in files]
    if len(set(names)) != len(names):
        raise ValueError("two files have the same name")


def _shown(url: str) -> str:
    """An address for messages and logs, without a password or, in a query, a token."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="..." if parts.query else "", fragment="").geturl()


def _has_port(parts: SplitResult) -> bool:
    """Whether the port is a number or absent, and no beginning of a password with / ? or #."""
    try:
        return parts.port is None or parts.port >= 0
    except ValueError:
        return False


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    """Raise ValueError unless `url` is a complete address with one of the schemes.

    A password in it would be in the records of all results.
    """
    if _CONTROL.search(url):
        raise ValueError("an address with a control character; correct it")
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    if not _has_port(parts) or (at and (parts.scheme != "ssh" or ":" in user)):
        raise ValueError(
            "an address with a name or password, or with a port that is no number; write name and"
            " password into ~/.netrc, where no record of a result shows them"
        )
    if parts.scheme not in schemes:
        raise ValueError(
            f"{_shown(url)!r} does not begin with {', '.join(f'{s}://' for s in schemes)}"
        )
    local = parts.scheme == "file"
    if (local and parts.netloc not in ("", "localhost")) or not (local or parts.netloc):
        raise ValueError(f"{_shown(url)!r} is not a complete address (file:// needs a full path)")


def _check_path(path: str) -> None:
    """Raise ValueError unless `path` stays below the data folder and out of its hidden record."""
    pure = PurePosixPath(path)
    if not stays_inside(str(pure)) or _CONTROL.search(path) or pure.parts[0] == ".fetch":
        raise ValueError(f"{path!r:.200} is not a path below the data folder")


def _check_repository(name: str) -> None:
    """Raise ValueError unless the Hugging Face hub could have a repository of this name."""
    if not _REPOSITORY.fullmatch(name):
        raise ValueError(f"{name!r:.200} is not a repository of Hugging Face, such as owner/name")
