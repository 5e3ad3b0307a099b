"""The file of a bundle: the same bytes each time, and one line for whatever is wrong with it."""

import hashlib
import json
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from fusevad.deploy.archive import LIST, unpack, write_archive
from fusevad.errors import FusevadError

CONTENT = {"bundle.json": b"{}", "weights/seed-0.safetensors": b"w" * 5000, "MODEL_CARD.md": b"#"}


@pytest.fixture
def bundle(tmp_path) -> Path:
    write_archive(CONTENT, tmp_path / "model.fusevad")
    return tmp_path / "model.fusevad"


def unpacked(bundle: Path) -> dict[str, bytes]:
    folder = bundle.parent / "unpacked"
    folder.mkdir()
    unpack(bundle, folder)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def refused(bundle: Path) -> str:
    """The line that is said of a bundle."""
    with pytest.raises(FusevadError) as caught:
        unpacked(bundle)
    message = str(caught.value)
    assert message.startswith(str(bundle)) and "\n" not in message
    return message


def write_zip(bundle: Path, members: list[tuple[zipfile.ZipInfo | str, bytes]], **options) -> Path:
    with zipfile.ZipFile(bundle, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return bundle


def listing(sha256: str = "0" * 64, size: int = 1, name: str = "bundle.json") -> bytes:
    return json.dumps({name: {"sha256": sha256, "size": size}}).encode()


def test_what_is_written_is_read(bundle):
    assert unpacked(bundle) == CONTENT


def test_any_zip_program_reads_it_as_stored_members(bundle):
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.namelist()[0] == LIST


def test_the_same_content_is_the_same_bytes_in_any_order_from_files_or_memory(bundle, tmp_path):
    file = tmp_path / "w"
    file.write_bytes(CONTENT["weights/seed-0.safetensors"])
    again = dict(reversed(CONTENT.items())) | {"weights/seed-0.safetensors": file}
    write_archive(again, tmp_path / "again.fusevad")
    assert (tmp_path / "again.fusevad").read_bytes() == bundle.read_bytes()


def test_a_changed_byte_of_any_member_is_noticed(bundle):
    whole = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        places = {i.filename: i.header_offset + 30 + len(i.filename) for i in archive.infolist()}
    for place in places.values():
        changed = bytearray(whole)
        changed[place] ^= 1
        bundle.write_bytes(changed)
        refused(bundle)
        for path in sorted((bundle.parent / "unpacked").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        (bundle.parent / "unpacked").rmdir()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_one_line(bundle, share):
    content = bundle.read_bytes()
    bundle.write_bytes(content[: int(len(content) * share)])
    assert "damaged" in refused(bundle) or share < 0.5


def test_files_of_another_kind_are_no_bundle(tmp_path):
    other = tmp_path / "model.fusevad"
    other.write_bytes(b"\x80\x02}q\x00.")  # a pickle
    assert "not a bundle" in refused(other)


def test_a_missing_file_is_one_line(tmp_path):
    assert "no such bundle" in refused(tmp_path / "none.fusevad")


def test_a_foreign_zip_archive_is_no_bundle(tmp_path):
    assert "no manifest.json" in refused(write_zip(tmp_path / "a.fusevad", [("a.txt", b"a")]))


@pytest.mark.parametrize(
    "name",
    ["../out", "/etc/passwd", "weights/../../x", "code/run.py", "a/b/c", ".hidden", "weights"],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    members = [(LIST, listing(name=name)), (name, b"x")]
    assert "no name of a member" in refused(write_zip(tmp_path / "a.fusevad", members))
    assert not (tmp_path / "out").exists()


def test_a_member_that_is_not_listed_is_refused(bundle):
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("extra", b"x")
    assert "'extra' is not listed" in refused(bundle)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(bundle):
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("MODEL_CARD.md", b"#")
    assert "twice" in refused(bundle)


def test_a_listed_member_that_is_missing_is_named(tmp_path):
    assert "bundle.json is missing" in refused(
        write_zip(tmp_path / "a.fusevad", [(LIST, listing())])
    )


def test_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("bundle.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = [(LIST, listing(size=11)), (link, b"/etc/passwd")]
    assert "'bundle.json' is not listed" in refused(write_zip(tmp_path / "a.fusevad", members))


def test_members_that_take_more_room_than_the_bundle_are_refused_before_they_are_written(tmp_path):
    content = bytes(20 << 20)
    members = [(LIST, listing(hashlib.sha256(content).hexdigest(), len(content)))]
    members.append(("bundle.json", content))
    bomb = write_zip(tmp_path / "a.fusevad", members, compression=zipfile.ZIP_DEFLATED)
    assert "lists more bytes than it has" in refused(bomb)
    assert not list((tmp_path / "unpacked").iterdir())


@pytest.mark.parametrize(
    ("mark", "field"), [(b"PK\x01\x02", 42), (b"PK\x01\x02", 16), (b"PK\x05\x06", 16)]
)
@pytest.mark.parametrize("place", [0xFFFFFFF0, 1])
def test_false_places_and_checksums_are_one_line(bundle, mark, field, place):
    content = bytearray(bundle.read_bytes())
    struct.pack_into("<I", content, content.rfind(mark) + field, place)
    bundle.write_bytes(content)
    refused(bundle)


def test_of_a_bomb_no_more_is_written_than_listed(tmp_path):
    members = [(LIST, listing(size=10)), ("bundle.json", bytes(100 << 20))]
    bomb = write_zip(tmp_path / "a.fusevad", members, compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1 << 20
    assert "bundle.json is not as listed" in refused(bomb)
    assert (tmp_path / "unpacked" / "bundle.json").stat().st_size == 10


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{",
        b'{"a": {"sha256": "x", "size": 1}}',
        b'{"a": 1}',
        b"[" * 100_000,
        b" " * (2 << 20),
    ],
)
def test_a_list_of_another_form_is_one_line(tmp_path, text):
    refused(write_zip(tmp_path / "a.fusevad", [(LIST, text)]))


def test_more_than_a_bundle_needs_is_refused(tmp_path):
    assert "size" in refused(write_zip(tmp_path / "a.fusevad", [(LIST, listing(size=1 << 40))]))
    (tmp_path / "unpacked").rmdir()
    many = [(LIST, listing()), *((f"m{k}", b"") for k in range(300))]
    assert "more than 200 members" in refused(write_zip(tmp_path / "a.fusevad", many))
