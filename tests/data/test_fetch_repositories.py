"""Fetching git repositories: the right commit within its bounds, or one line and nothing left."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import zlib
from functools import partial

import pytest

from fusevad.data.fetch import caps, git
from fusevad.data.fetch.settings import FileSettings
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from tests.made_up_fetches import fetch_set, from_git, lock, one_line


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def get(place):
    """Fetch files given as in the configuration; returns the data folder."""
    return partial(fetch_set, place)


@pytest.fixture
def repository(place):
    """A git repository with two commits; returns its address and their names."""

    def git(*words):
        who = {"GIT_CONFIG_GLOBAL": os.devnull}
        for role in ("AUTHOR", "COMMITTER"):
            who |= {f"GIT_{role}_NAME": "a", f"GIT_{role}_EMAIL": "a@example.org"}
        command = ["git", "-C", str(place / "upstream"), *words]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=os.environ | who
        ).stdout.strip()

    (place / "upstream").mkdir()
    git("init", "--initial-branch=main")
    commits = []
    for text in ("one", "two"):
        (place / "upstream" / "labels.txt").write_text(text)
        git("add", "labels.txt")
        git("commit", "--message", text)
        commits.append(git("rev-parse", "HEAD"))
    return (place / "upstream").as_uri(), *commits


def test_a_repository_is_cloned_at_its_pinned_commit(repository, get, place):
    url, first, second = repository
    for _ in range(2):
        folder = get(from_git(url, first))
        assert (folder / "code" / "labels.txt").read_text() == "one"
    with pytest.raises(FusevadError, match=f"is at commit {first}, expected {second}"):
        get(from_git(url, second))


def test_the_commit_of_a_branch_is_locked(repository, get, place):
    url, first, second = repository
    folder = get(from_git(url, "main"))
    assert lock(place) == {"code": {"commit": second, "revision": "main"}}
    (place / "checksums" / "set.json").write_text(json.dumps({"code": {"commit": first}}))
    shutil.rmtree(folder)
    assert (get(from_git(url, "main")) / "code" / "labels.txt").read_text() == "one"


def test_another_tag_is_not_taken_for_the_one_that_was_locked(repository, get, place):
    url, first, second = repository
    for tag, commit in (("v1", first), ("v2", second)):
        subprocess.run(["git", "-C", str(place / "upstream"), "tag", tag, commit], check=True)
    folder = get(from_git(url, "v1"))
    with pytest.raises(FusevadError, match=f"is at commit {first}, cloned when .* v1.* for v2"):
        get(from_git(url, "v2"))
    assert get(from_git(url, "v1")) == folder, "the former revision may be wanted again"
    shutil.rmtree(folder / "code")
    for _ in range(2):
        assert (get(from_git(url, "v2")) / "code" / "labels.txt").read_text() == "two"
    assert lock(place) == {"code": {"commit": second, "revision": "v2"}}


@pytest.mark.parametrize("revision", ["absent", "0" * 40])
def test_a_revision_that_a_repository_lacks_is_told(repository, get, revision):
    with pytest.raises(FusevadError, match=f"no revision {revision}"):
        get(from_git(repository[0], revision))


def commit_all(place):
    """A third commit in the repository."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["add", "."], ["commit", "--message", "three"]):
        subprocess.run(["git", "-C", str(place / "upstream"), *who, *words], check=True)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../labels.txt", "a/../../labels.txt"])
def test_a_repository_with_a_link_to_the_outside_is_refused(repository, get, place, target):
    (place / "upstream" / "labels.csv").symlink_to(target)
    commit_all(place)
    with pytest.raises(FusevadError, match=r"'labels\.csv' is a link"):
        get(from_git(repository[0], "main"))
    assert not list(place.rglob("**/code/labels.csv"))


def test_a_repository_may_have_links_to_its_own_files(repository, get, place):
    (place / "upstream" / "same.txt").symlink_to("labels.txt")
    commit_all(place)
    assert (get(from_git(repository[0], "main")) / "code" / "same.txt").read_text() == "two"


def test_a_repository_of_folders_without_end_is_refused_and_nothing_of_it_stays(
    repository, get, place
):
    deep = (place / "upstream").joinpath(*["a"] * 101)
    deep.mkdir(parents=True)
    (deep / "a.txt").write_text("a")
    commit_all(place)
    for _ in range(2):
        with pytest.raises(FusevadError, match="more than 100 folders deep") as raised:
            get(from_git(repository[0], "main"))
        one_line(raised)
        assert not list((place / "data" / "set").rglob("a"))


@pytest.mark.parametrize(
    ("cap", "complaint"),
    [
        ({"max_gigabytes": 0.001}, "more than 0.001 GB"),
        ({"max_members": 2}, "more than 2 members"),  # a folder and two files
        ({"max_ratio": 50}, "more than 50 times its own size"),
    ],
)
def test_a_repository_over_a_cap_is_refused_before_it_is_unpacked(
    repository, get, place, monkeypatch, cap, complaint
):
    monkeypatch.setattr(caps, "_SMALL", 1_000_000)
    (place / "upstream" / "in").mkdir()
    (place / "upstream" / "in" / "zeros.bin").write_bytes(bytes(2_000_000))
    commit_all(place)
    file = from_git(repository[0], "main") | {"max_ratio": 10_000}
    with pytest.raises(FusevadError, match=f"set/code: .*{complaint}; if that is right, raise"):
        get(file | cap)
    assert not list((place / "data" / "set").rglob("labels.txt"))
    assert (get(file) / "code" / "in" / "zeros.bin").stat().st_size == 2_000_000


def in_sevens(size, first=0):
    """A size as packs have it: seven bits a byte, the last ones first, behind `first`."""
    while size:
        yield first | 128
        first, size = size & 127, size >> 7
    yield first


def packed(kind, content, base=b""):
    """An object of a pack."""
    size = len(content)
    head = bytes(in_sevens(size >> 4, kind << 4 | size & 15))
    return head + base + zlib.compress(content)


def git_in(folder, *words, **more):
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *words]
    return subprocess.run(command, check=True, capture_output=True, **more).stdout.strip().decode()


def write_bomb(folder):
    """A repository of 16 kB with a file of 1.1 GB, stored as 65 copies of one of 16 MB."""
    one, copies = bytes(0xFFFF00), 65
    base, whole = (hashlib.sha1(b"blob %d\0" % (n * len(one))) for n in (1, copies))
    base.update(one)
    for _ in range(copies):
        whole.update(one)
    sizes = b"".join(bytes(in_sevens(n * len(one) >> 7, n * len(one) & 127)) for n in (1, copies))
    changes = packed(7, sizes + copies * b"\xe0\xff\xff", base.digest())
    content = b"PACK" + struct.pack(">II", 2, 2) + packed(3, one) + changes
    folder.mkdir()
    git_in(folder, "init", "--bare", "--initial-branch=main")
    pack = folder / "objects" / "pack" / "pack-1.pack"
    pack.write_bytes(content + hashlib.sha1(content).digest())
    git_in(folder, "index-pack", str(pack))
    tree = git_in(folder, "mktree", input=b"100644 blob %b\ta\n" % whole.hexdigest().encode())
    git_in(folder, "update-ref", "refs/heads/main", git_in(folder, "commit-tree", tree, "-m", "a"))
    assert pack.stat().st_size < 20_000


@pytest.mark.slow
def test_a_repository_of_kilobytes_does_not_take_gigabytes_of_memory(get, place):
    write_bomb(place / "bomb")
    with pytest.raises(FusevadError, match="takes git more than 1 GB of memory; do not") as raised:
        get(from_git((place / "bomb").as_uri(), "main"))
    one_line(raised)
    assert not list((place / "data" / "set").rglob("*.pack"))


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="no prlimit on this system")
@pytest.mark.parametrize(("name", "limit"), [("_HISTORY", 0), ("_DATA", 1 << 16)])
def test_git_has_bounds_on_what_it_writes_and_takes(
    repository, get, place, monkeypatch, name, limit
):
    """A mirror may send a pack, or list branches, without end."""
    (place / "upstream" / "noise").write_bytes(os.urandom(300_000))
    commit_all(place)
    source = from_git(repository[0], "main")
    with monkeypatch.context() as patch, pytest.raises(FusevadError, match="no mirror gave it"):
        patch.setattr(git, name, limit)
        patch.setattr(git, "_SPARE", 0)
        get(source)
    assert not (place / "data" / "set" / "code").exists()
    assert (get(source) / "code" / "noise").stat().st_size == 300_000


def test_what_a_server_says_in_an_encoding_of_its_own_is_one_line(get, monkeypatch, tmp_path):
    said = tmp_path / "bin" / "git"
    said.parent.mkdir()
    said.write_bytes(b"#!/bin/sh\nprintf 'fatal: acc\\350s refus\\351\\n' >&2; exit 128\n")
    said.chmod(0o755)
    monkeypatch.setenv("PATH", str(said.parent), prepend=":")
    with pytest.raises(FusevadError, match=r"fatal: acc\\xe8s refus\\xe9") as raised:
        get(from_git("https://example.org/code", "main"))
    one_line(raised)


@pytest.mark.parametrize(
    "attributes", ["ident", "text working-tree-encoding=UTF-32LE", "text eol=crlf", "filter=larger"]
)
def test_a_repository_cannot_make_its_files_larger_than_they_are_stored(
    repository, get, place, monkeypatch, attributes
):
    """`max_gigabytes` counts files as they are stored."""
    for key, value in (("KEY_0", "filter.larger.smudge"), ("VALUE_0", "cat && echo more")):
        monkeypatch.setenv(f"GIT_CONFIG_{key}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    stored = b"$Id$\nlabel\n"
    # Git decodes the file when it is added.
    given = stored.decode().encode("utf-32-le") if "UTF-32LE" in attributes else stored
    (place / "upstream" / "labels.txt").write_bytes(given)
    (place / "upstream" / ".gitattributes").write_text(f"labels.txt {attributes}\n")
    commit_all(place)
    found = get(from_git(repository[0], "main")) / "code"
    assert (found / "labels.txt").read_bytes() == stored


def test_a_repository_behind_a_link_of_the_data_set_is_not_taken_for_the_wanted_one(
    repository, get, place
):
    url, first, _ = repository
    forged = get(from_git(url, first) | {"name": "other/code"}) / "other" / "code"
    (forged / "labels.txt").write_text("forged")
    (place / "data" / "set" / "sub").symlink_to("other")
    with pytest.raises(
        FusevadError, match=r"set/sub: a link to other .* delete the link"
    ) as raised:
        get(from_git(url, first) | {"name": "sub/code"})
    one_line(raised)


def test_a_repository_does_not_bring_what_belongs_to_another_file(repository, get, place):
    (place / "upstream" / "in").symlink_to("labels.txt")
    commit_all(place)
    for name, complaint in (
        ("code/labels.txt", "contains code/labels.txt"),
        ("code/in/labels.txt", "contains a link code/in on the way"),
    ):
        with pytest.raises(FusevadError, match=f"{complaint}.* belongs to {name}"):
            get(
                from_git(repository[0], "main"),
                {"name": name, "sources": [{"url": "http://127.0.0.1:9/a.bin"}]},
            )
        assert not (place / "data" / "set" / "code").exists()


@pytest.mark.parametrize("head", ["1" * 40, "ref: refs/heads/main"])
def test_a_folder_in_place_of_a_repository_runs_no_command_of_its_settings(get, place, head):
    """Git would fetch the commit that is missing from wherever the folder's settings say."""
    folder = place / "data" / "set" / "code"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / ".git" / "HEAD").write_text(f"{head}\n")
    (folder / ".git" / "config").write_text(
        "[core]\nrepositoryformatversion = 1\n[extensions]\npartialClone = origin\n"
        '[remote "origin"]\nurl = nowhere\npromisor = true\n'
        f'uploadpack = "touch {place}/ran; false"\n'
    )
    with pytest.raises(FusevadError, match=r"set/code: (is at|git finds no) commit"):
        get(from_git("https://example.org/code", "a" * 40))
    assert not (place / "ran").exists()


@pytest.mark.parametrize("lost", ["HEAD", "objects"])
def test_a_damaged_repository_is_not_taken_for_the_one_around_it(repository, get, place, lost):
    url, first, _ = repository
    folder = get(from_git(url, first)) / "code"
    shutil.move(folder / ".git" / lost, place / "lost")
    (place / "upstream/.git").rename(place / ".git")
    with pytest.raises(FusevadError, match="set/code: git finds no commit that it is at") as raised:
        get(from_git(url, first))
    one_line(raised)


def test_a_repository_that_cannot_be_reached_is_offline(get):
    with pytest.raises(FusevadError, match="apparently offline"):
        get(from_git("http://127.0.0.1:9/code.git", "main"))


@pytest.mark.parametrize(
    "address",
    [
        "https://bob:S3CRET@example.org/a",
        "https://S3CRET@example.org/a",
        "https://bob:S3CRET/+@example.org/a",
        "https://bob:S3CRET#@example.org/a",
        "https://bob:S3CRET?@example.org/a",
        "ssh://bob:S3CRET@example.org/a",
    ],
)
def test_an_address_with_a_password_is_refused_as_records_would_show_it(get, capsys, address):
    for file in (from_git(address, "main"), {"name": "a", "sources": [{"url": address}]}):
        with pytest.raises(FusevadError, match=r"~/\.netrc|does not begin with") as raised:
            get(file)
        assert "S3CRET" not in one_line(raised) + capsys.readouterr().err


def test_a_name_in_an_address_is_not_called_a_password():
    with pytest.raises(FusevadError, match="an address with a name or password, or with a port"):
        parse(FileSettings, from_git("https://git@example.org/a.git", "main"), "file")


@pytest.mark.parametrize("given", [("https://host/\0", "main"), ("https://host/a", "ma\0in")])
def test_a_control_character_in_an_address_or_revision_is_one_line(given):
    with pytest.raises(FusevadError, match=r"a control character|is not a revision"):
        parse(FileSettings, from_git(*given), "fetch")


def test_a_user_of_ssh_is_no_password():
    parse(FileSettings, from_git("ssh://git@example.org/a.git", "main"), "file")


def test_a_token_in_an_address_is_in_no_message(get, capsys):
    address = "http://127.0.0.1:9/a.{}?token=T0KEN#S3CRET"
    for file in (
        from_git(address.format("git"), "main"),
        {"name": "a.bin", "sources": [{"url": address.format("bin")}]},
    ):
        with pytest.raises(FusevadError, match=r"http://127.0.0.1:9/a\..*\?\.\.\.: ") as raised:
            get(file)
        said = one_line(raised) + capsys.readouterr().err
        assert "S3CRET" not in said and "T0KEN" not in said


def test_a_repository_is_on_the_disk_before_its_name(repository, get, place, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "sync", lambda: synced.append((place / "data/set/code").exists()))
    get(from_git(repository[0], "main"))
    assert synced == [False]
