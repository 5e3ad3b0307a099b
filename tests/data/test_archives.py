"""Unpacking archives of strangers: nothing leaves the folder, nothing is lost in silence."""

import io
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from fusevad.data.fetch import archives, zip_members
from fusevad.data.fetch.dataset import fetch
from fusevad.data.fetch.member import TooManyMembersError
from fusevad.data.fetch.settings import FetchSettings
from fusevad.errors import FusevadError
from fusevad.parsing import parse

CONTENT = bytes(range(256)) * 400


@pytest.fixture
def place(tmp_path):
    (tmp_path / "data" / "set").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def unpack(place):
    """Fetch an archive, given as bytes, from a file:// mirror; returns the data folder."""

    def run(content, name="a.archive", target=True, **more):
        (place / name).write_bytes(content)
        file = {"name": name, "sources": [{"url": (place / name).as_uri()}], "unpack": target}
        values = {"licence": {"text": "none"}, "files": [file | more]}
        settings = parse(FetchSettings, values, "set.yaml")
        fetch("set", settings, place / "data" / "set", place / "lock.json")
        return place / "data" / "set"

    return run


def tarred(*members, mode="w"):
    """A tar archive; a member is (name, bytes), or (name, type, where it points)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, *what in members:
            info = tarfile.TarInfo(name)
            content = what[0] if len(what) == 1 else b""
            info.size = len(content)
            if len(what) == 2:
                info.type, info.linkname = what
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped(*members):
    """A zip archive; a member is (name, bytes) or (name, bytes, mode of the file system)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, *mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tree(folder):
    """Everything below a folder but the hidden record."""
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(str(path) for path in found if path.parts[0] != ".fetch")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_archives_of_all_forms_are_unpacked_and_removed(unpack, mode):
    members = [("in/a.bin", CONTENT), ("b.txt", b"b")]
    folder = unpack(zipped(*members) if mode == "zip" else tarred(*members, mode=mode))
    assert tree(folder) == ["b.txt", "in", "in/a.bin"]
    assert (folder / "in" / "a.bin").read_bytes() == CONTENT
    assert not (folder / ".fetch" / "staging").exists()


def test_an_archive_stays_where_asked_and_unpacks_into_the_named_folder(unpack):
    folder = unpack(zipped(("a.txt", b"a")), "x/a.zip", "videos/train", keep_archive=True)
    assert tree(folder) == ["videos", "videos/train", "videos/train/a.txt", "x", "x/a.zip"]


@pytest.fixture(autouse=True)
def subfolder(place):
    (place / "x").mkdir()


def test_two_archives_share_a_folder(unpack):
    unpack(zipped(("videos/a.txt", b"a"), ("README", b"same")), "a.zip")
    folder = unpack(zipped(("videos/b.txt", b"b"), ("README", b"same")), "b.zip")
    assert tree(folder) == ["README", "videos", "videos/a.txt", "videos/b.txt"]


def test_other_files_in_the_place_are_not_overwritten(unpack, place):
    (place / "data" / "set" / "a.txt").write_text("mine")
    with pytest.raises(FusevadError, match=r"a\.txt: exists and differs"):
        unpack(zipped(("a.txt", b"b")))
    assert (place / "data" / "set" / "a.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("member", "complaint"),
    [("../x", "leaves its folder"), ("theirs.txt", "belongs to theirs.txt")],
)
def test_nothing_of_a_refused_archive_stays_and_a_mended_one_is_taken(place, member, complaint):
    def get(content):
        (place / "a.tar").write_bytes(content)
        url = (place / "a.tar").as_uri()
        theirs = {"name": "theirs.txt", "sources": [{"url": "file:///absent"}]}
        archive = {"name": "a.tar", "sources": [{"url": url}], "unpack": True}
        values = {"licence": {"text": "none"}, "files": [archive, theirs]}
        settings = parse(FetchSettings, values, "set.yaml")
        fetch("set", settings, place / "data" / "set", place / "lock.json")

    with pytest.raises(FusevadError, match=complaint):
        get(tarred(("big.bin", CONTENT), (member, b"evil")))
    assert not [path for path in (place / "data").rglob("*") if path.stat().st_size > 5000]
    with pytest.raises(FusevadError, match=r"theirs\.txt: no mirror"):
        get(tarred(("good.txt", b"good")))
    assert tree(place / "data" / "set") == ["good.txt"]


def test_unpacked_data_is_not_taken_for_that_of_another_archive(unpack):
    unpack(zipped(("a.txt", b"a")))
    with pytest.raises(FusevadError, match="expected 0000"):
        unpack(zipped(("a.txt", b"a")), sha256="0" * 64)


def test_what_was_removed_is_unpacked_again(unpack):
    content = zipped(("a.txt", b"a"), ("b.txt", b"b"))
    (unpack(content) / "a.txt").unlink()
    assert tree(unpack(content)) == ["a.txt", "b.txt"]


def test_links_within_an_archive_are_kept(unpack):
    folder = unpack(
        tarred(
            ("in/a.txt", b"a"),
            ("in/soft", tarfile.SYMTYPE, "a.txt"),
            ("up/soft", tarfile.SYMTYPE, "../in"),
            ("hard", tarfile.LNKTYPE, "in/a.txt"),
        )
    )
    assert [(folder / p).read_text() for p in ("in/soft", "up/soft/a.txt", "hard")] == ["a"] * 3


OUTSIDE = {
    "up": tarred(("../evil.txt", b"x")),
    "up in the middle": tarred(("in/../../evil.txt", b"x")),
    "absolute": tarred(("/tmp/evil.txt", b"x")),
    "zip up": zipped(("../evil.txt", b"x")),
    "zip up by backslash": zipped(("..\\evil.txt", b"x")),
    "link": tarred(("link", tarfile.SYMTYPE, "../../..")),
    "absolute link": tarred(("link", tarfile.SYMTYPE, "/etc/passwd")),
    "zip link": zipped(("link", b"../../../lock.json", stat.S_IFLNK | 0o777)),
    "through a link": tarred(("link", tarfile.SYMTYPE, "."), ("link/evil.txt", b"x")),
    "link into a chain of links": tarred(
        ("a/b/c/top", tarfile.SYMTYPE, "../../.."), ("a/b/c/out", tarfile.SYMTYPE, "top/../evil")
    ),
    "link that a file replaces": tarred(("a", tarfile.SYMTYPE, "/etc/passwd"), ("a", b"x")),
    "link down and up": tarred(("in/link", tarfile.SYMTYPE, "sub/../../evil")),
    "link up through a name": tarred(("link", tarfile.SYMTYPE, "sub/..")),
    "link without a target": tarred(("link", tarfile.SYMTYPE, "")),
    "zip link with a NUL": zipped(("link", b"a\0b", stat.S_IFLNK | 0o777)),
    "the downloader's notes": tarred((".fetch/record.json", b"{}")),
    "the downloader's notes, in capitals": zipped((".FETCH/record.json", b"{}")),
    "link to the downloader's notes": tarred(("notes", tarfile.SYMTYPE, ".fetch")),
    "1,500 folders": tarred(("d/" * 1500 + "a", b"x")),
    "1,500 folders in a zip archive": zipped(("d/" * 1500 + "a", b"x")),
    "hard link through 1,500 folders": tarred(("a", tarfile.LNKTYPE, "d/" * 1500 + "a")),
    "loop of links": tarred(("a", tarfile.SYMTYPE, "b"), ("b", tarfile.SYMTYPE, "a")),
    "hard link": tarred(("hard", tarfile.LNKTYPE, "../../../lock.json")),
    "hard link to nothing": tarred(("hard", tarfile.LNKTYPE, "absent")),
    "device": tarred(("null", tarfile.CHRTYPE, "")),
    "pipe": tarred(("pipe", tarfile.FIFOTYPE, "")),
    "zip pipe": zipped(("pipe", b"", stat.S_IFIFO | 0o644)),
}


@pytest.mark.parametrize("way", OUTSIDE)
def test_an_archive_that_leads_outside_is_refused_whole(unpack, place, way):
    with pytest.raises(FusevadError, match="not unpacked: member") as raised:
        unpack(OUTSIDE[way])
    assert "\n" not in str(raised.value)
    assert tree(place / "data" / "set") == []
    assert not list(place.rglob("evil*"))


def test_a_link_by_its_full_path_is_refused_wherever_it_leads(unpack, place):
    staging = place / "data" / "set" / ".fetch" / "staging" / "a.archive" / "unpacked"
    with pytest.raises(FusevadError, match="not unpacked: member"):
        unpack(tarred(("a", b"a"), ("link", tarfile.SYMTYPE, str(staging / "a"))))


def test_a_link_is_replaced_not_written_through(unpack, place):
    members = [("b", b"whole"), ("a", tarfile.SYMTYPE, "b"), ("a", b"overwritten")]
    folder = unpack(tarred(*members))
    assert (folder / "a").read_bytes() == b"overwritten"
    assert (folder / "b").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("cap", "what"),
    [({"max_members": 2}, "more than 2 members"), ({"max_gigabytes": 1e-4}, "more than 0.0001 GB")],
)
def test_an_archive_over_a_cap_is_refused_and_not_downloaded_again(unpack, place, cap, what):
    content = zipped(("a", bytes(200_000)), ("b", b""), ("c", b""))
    with pytest.raises(FusevadError, match=what):
        unpack(content, **cap)
    assert tree(place / "data" / "set") == []
    (place / "a.archive").rename(place / "gone")
    assert tree(unpack(b"another now", max_members=3, max_gigabytes=1)) == ["a", "b", "c"]


def test_a_size_that_an_archive_lies_about_does_not_count(unpack):
    content = bytearray(zipped(("a", bytes(200_000))))
    central = content.rindex(b"PK\x01\x02")
    for start in (22, central + 24):  # where a zip archive states the size of what it holds
        content[start : start + 4] = (5).to_bytes(4, "little")
    with pytest.raises(FusevadError):
        unpack(bytes(content), max_gigabytes=1e-4)


@pytest.fixture
def zip64(monkeypatch):
    """An archive with the records that one with over 65,535 members has."""
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
        content = zipped(("a", b"a"), ("b", b"b"))
    assert b"PK\x06\x06" in content
    return content


def test_an_archive_in_the_form_of_large_ones_is_unpacked(unpack, zip64):
    assert tree(unpack(zip64)) == ["a", "b"]


@pytest.mark.parametrize("mark", [b"PK\x06\x06", b"PK\x05\x06"], ids=["first", "last"])
def test_members_of_large_archives_count_whichever_record_python_finds(zip64, monkeypatch, mark):
    """Since gh-139700, zipfile says where the first record at the end is, before: the last."""
    end = zipfile._EndRecData(io.BytesIO(zip64))
    end[zipfile._ECD_LOCATION] = zip64.index(mark)
    monkeypatch.setattr(zipfile, "_EndRecData", lambda _: end)
    zip_members._check_directory(io.BytesIO(zip64), 2)
    with pytest.raises(TooManyMembersError):
        zip_members._check_directory(io.BytesIO(zip64), 1)


def broken(content, at):
    """The same bytes but one."""
    return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]


MEMBERS = (("a.bin", CONTENT), ("b.bin", CONTENT))
BROKEN = {
    "zip, a byte": broken(zipped(*MEMBERS), 200),
    "tar, second header": broken(tarred(*MEMBERS), 512 + len(CONTENT) + 3),
    "tar, cut between members": tarred(*MEMBERS)[: 512 + len(CONTENT)],
    "tar, cut in a member": tarred(*MEMBERS)[:2000],
    "gz, cut": tarred(*MEMBERS, mode="w:gz")[:-100],
    "gz, checksum": broken(tarred(*MEMBERS, mode="w:gz"), -6 % len(tarred(*MEMBERS, mode="w:gz"))),
    "xz, a byte": broken(tarred(*MEMBERS, mode="w:xz"), 300),
    "bz2, a byte": broken(tarred(*MEMBERS, mode="w:bz2"), 300),
}


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_archive_is_one_line_and_got_anew_in_the_next_run(unpack, place, way):
    with pytest.raises(FusevadError, match=r"is broken|not a zip or tar archive") as raised:
        unpack(BROKEN[way])
    assert "\n" not in str(raised.value)
    assert tree(place / "data" / "set") == []
    assert not (place / "lock.json").exists(), "no checksum of a broken file"
    assert tree(unpack(zipped(("a", b"a")))) == ["a"]


PIN = "0" * 64


@pytest.mark.parametrize("gives", [["b"], ["b/c.txt"]])
def test_an_archive_does_not_bring_what_shows_that_another_is_unpacked(place, gives):
    content = tarred(("b/c.txt", b"forged"))
    (place / "a.tar").write_bytes(content)
    (place / "b.tar").write_bytes(content)
    files = [
        {"name": "a.tar", "sources": [{"url": (place / "a.tar").as_uri()}], "unpack": True},
        {"name": "b.tar", "sources": [{"url": (place / "b.tar").as_uri()}], "unpack": True}
        | {"gives": gives, "sha256": PIN},
    ]
    values = {"licence": {"text": "none"}, "files": files}
    for _ in range(2):
        with pytest.raises(FusevadError, match=r"which belongs to b\.tar"):
            settings = parse(FetchSettings, values, "set.yaml")
            fetch("set", settings, place / "data" / "set", place / "lock.json")
    assert tree(place / "data" / "set") == []


@pytest.fixture
def get(place):
    """Fetch files, given as name, bytes and settings, from file:// mirrors."""

    def run(*files):
        values = []
        for i, (name, content, more) in enumerate(files):
            (place / f"{i}.mirror").write_bytes(content)
            source = {"url": (place / f"{i}.mirror").as_uri()}
            values.append({"name": name, "sources": [source]} | more)
        section = {"licence": {"text": "none"}, "files": values}
        settings = parse(FetchSettings, section, "set.yaml")
        fetch("set", settings, place / "data" / "set", place / "lock.json")
        return place / "data" / "set"

    return run


LINK = ("a.tar", tarred(("labels", tarfile.SYMTYPE, "videos")), {"unpack": True})
EVIL = ("b.tar", tarred(("videos/test.csv", b"evil")), {"unpack": True})
GOOD = tarred(("labels/test.csv", b"good"))
PRETENDED = {
    "archive": ("c.tar", GOOD, {"unpack": True, "gives": ["labels/test.csv"]}),
    "file": ("labels/test.csv", b"good", {}),
    "archive put there": ("labels/test.csv", GOOD, {"unpack": True}),
}


@pytest.mark.parametrize("file", PRETENDED.values(), ids=PRETENDED)
def test_a_link_does_not_pretend_that_another_file_is_there(get, place, file):
    with pytest.raises(FusevadError, match=r"a\.tar: not unpacked: contains a link labels on the"):
        get(LINK, EVIL, file)
    assert tree(place / "data" / "set") == []


@pytest.mark.parametrize("file", PRETENDED.values(), ids=PRETENDED)
@pytest.mark.parametrize("goal", ["videos", "./x/../videos"])
def test_a_link_that_is_there_already_does_not_pretend_it_either(get, place, file, goal):
    get(EVIL)
    (place / "data" / "set" / "labels").symlink_to(goal)
    (place / "data" / "set" / "x").mkdir()
    with pytest.raises(FusevadError, match=r"set/labels: a link to videos of .* delete the link"):
        get(EVIL, file)
    assert file[0] not in (place / "lock.json").read_text()
    (place / "data" / "set" / "labels").unlink()
    assert get(EVIL, file).joinpath("labels").is_dir()


@pytest.mark.parametrize("target", ["videos", "videos/train"])
def test_an_archive_is_unpacked_behind_a_link_of_the_users(get, place, target):
    folder, goal = place / "data" / "set", place / "elsewhere"
    goal.mkdir()
    (folder / "videos").symlink_to(goal)
    asked = ("a.tar", tarred(("a.txt", b"a")), {"unpack": target})
    get(asked)
    assert (folder / target / "a.txt").read_bytes() == b"a"
    (place / "0.mirror").unlink()  # what is there is not fetched again
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "unpack", None)
        get(asked)


@pytest.mark.parametrize("more", [{"unpack": "videos/train"}, {"unpack": "videos"}, {}])
def test_a_link_of_the_users_to_another_disk_is_told_before_anything_is_fetched(get, place, more):
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == place.stat().st_dev:
        pytest.skip("no second disk")
    with tempfile.TemporaryDirectory(dir=shared) as other:
        (place / "data/set/videos").symlink_to(other)
        with pytest.raises(FusevadError, match=r"set/videos.*: a link leads to another disk"):
            get(("videos/a.tar", tarred(("a.txt", b"a")), more))
        assert not list(Path(other).iterdir())
    assert not list(place.rglob("part")) and not list(place.rglob("complete"))


def test_links_of_the_users_to_other_places_are_followed(get, place):
    (place / "disk").mkdir()
    (place / "disk" / "test.csv").write_bytes(b"mine")
    for name, goal in (("labels", place / "disk"), ("more", "../../disk")):
        (place / "data" / "set" / name).symlink_to(goal)
        archive = ("c.tar", GOOD, {"unpack": True, "gives": [f"{name}/test.csv"]})
        folder = get((f"{name}/test.csv", b"not asked for", {}), archive)
        assert (folder / name / "test.csv").read_bytes() == b"mine"


def test_a_link_is_safe_whatever_another_archive_puts_around_it(unpack, place):
    """`sub/../x` stays inside as long as `sub` is a folder, and then `sub` becomes a link."""
    unpack(tarred(("d/up", tarfile.SYMTYPE, "..")), "a.tar")
    with pytest.raises(FusevadError, match="not unpacked: member"):
        unpack(tarred(("link", tarfile.SYMTYPE, "d/up/../lock.json")), "b.tar")
    assert tree(place / "data" / "set") == ["d", "d/up"]


def test_folders_count_as_members(unpack):
    with pytest.raises(FusevadError, match="more than 5 members"):
        unpack(tarred(("a/b/c/d/e/f", b"x")), max_members=5)


DEFLATE64 = bytearray(zipped(("a", b"a")))
for _start in (8, DEFLATE64.rindex(b"PK\x01\x02") + 10):  # its method
    DEFLATE64[_start] = 9


def test_an_archive_that_windows_made_above_2_gb_is_repacked_as_told(unpack, place):
    with pytest.raises(FusevadError, match=r"above 2 GB; unpack it with 7z or unzip, pack that"):
        unpack(bytes(DEFLATE64), "a.zip")
    (place / "lock.json").unlink(missing_ok=True)
    (place / "data/set/a.zip").write_bytes(tarred(("a", b"a")))
    assert tree(unpack(b"not asked again", "a.zip")) == ["a", "a.zip"]


def test_such_an_archive_is_unpacked_by_hand_as_told(unpack, place):
    advice = r"unzip into .*data/set, remove it, and run the command again"
    with pytest.raises(FusevadError, match=advice):
        unpack(bytes(DEFLATE64), "a.zip", gives=["a"])
    (place / "data/set/a.zip").unlink()
    (place / "data/set/a").write_bytes(b"a")
    assert tree(unpack(b"not asked again", "a.zip", gives=["a"])) == ["a"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_members_that_are_decoded_in_whole_blocks_are_refused(unpack, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.txt", b"a")
    with pytest.raises(FusevadError, match=r"compressed by (bzip2|lzma)"):
        unpack(buffer.getvalue())


def test_an_encrypted_archive_is_told(unpack):
    content = bytearray(zipped(("a", b"a")))
    for start in (6, content.rindex(b"PK\x01\x02") + 8):  # its flags
        content[start] |= 1
    with pytest.raises(FusevadError, match="encrypted"):
        unpack(bytes(content))


def test_what_is_no_archive_is_told(unpack):
    with pytest.raises(FusevadError, match="not a zip or tar archive"):
        unpack(b"<html>")


@pytest.mark.parametrize("member", [("l", tarfile.SYMTYPE, "v/none"), ("\udcff.txt", b"1")])
def test_an_archive_with_odd_names_at_its_top_is_unpacked_once(unpack, monkeypatch, member):
    content = tarred(("v/x", b"1"), member)
    folder = unpack(content)
    monkeypatch.setattr(archives, "unpack", None)
    assert unpack(content) == folder


@pytest.mark.parametrize("name", [".", "./", "v"])
def test_a_file_with_the_name_of_a_folder_is_refused_and_said_to_be_the_archives(unpack, name):
    with pytest.raises(FusevadError, match="has the name of a folder; do not use this archive"):
        unpack(tarred(("v/x", b"1"), (name, b"1")))


def test_a_hard_link_to_itself_is_the_file(unpack):
    link = ("v/x", tarfile.LNKTYPE, "v/x")
    assert (unpack(tarred(("v/x", b"1"), link)) / "v/x").read_bytes() == b"1"


def test_a_chain_of_links_is_not_followed_further_than_the_system_does(unpack):
    links = [(f"l{i}", tarfile.SYMTYPE, f"l{i - 1}") for i in range(1, 100)]
    with pytest.raises(FusevadError, match="is a link without an end"):
        unpack(tarred(("l0", b"1"), *links))
