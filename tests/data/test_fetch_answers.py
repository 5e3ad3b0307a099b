"""Fetching from servers that contradict themselves or answer nonsense: a whole file or one line."""

import gzip
import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import requests

from fusevad.data.fetch import drive, https, hugging_face
from fusevad.data.fetch.checksums import LockFile
from fusevad.data.fetch.dataset import fetch
from fusevad.data.fetch.hub_folder import fetch_folder
from fusevad.data.fetch.mirrors import MirrorError, Slot
from fusevad.data.fetch.settings import FetchSettings, HuggingFaceFolder
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from tests.local_mirrors import running

BYTES = bytes(range(100))
HALF = BYTES[:50]
MANY = "9" * 5000


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A server with a good file, and no long pauses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(https, "_BACKOFF_SECONDS", 0.001)
    with running() as server:
        server.files = {"a.bin": BYTES}
        yield server


@pytest.fixture
def get(mirror):
    """Fetch a file without a known checksum from the server's `raw` name, then from others."""

    def run(name, *others):
        urls = [f"{mirror.url}/raw/{name}", *others]
        file = {"name": "a.bin", "sources": [{"url": url} for url in urls]}
        settings = parse(FetchSettings, {"licence": {"text": "x"}, "files": [file]}, "set.yaml")
        fetch("set", settings, Path("data"), Path("lock.json"))
        return Path("data/a.bin").read_bytes()

    return run


def answer(status, body=b"", **headers):
    """An answer as the server sends it; a header is left out if it is None."""
    lines = {"Content-Length": str(len(body)), "ETag": '"v1"'}
    lines |= {key.replace("_", "-"): value for key, value in headers.items()}
    text = "".join(f"{key}: {value}\r\n" for key, value in lines.items() if value is not None)
    return f"HTTP/1.1 {status} x\r\n{text}\r\n".encode("latin-1") + body


def chunked(status, body, end=b"0\r\n\r\n", **headers):
    """An answer that says nothing of its length; it breaks off with an empty `end`."""
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n"
    headers = {"Content_Length": None, "Transfer_Encoding": "chunked"} | headers
    return answer(status, chunk + end, **headers)


def part(start, end, whole, body=None):
    body = BYTES[start:end] if body is None else body
    return answer(206, body, Content_Range=f"bytes {start}-{end - 1}/{whole}")


def refused(get, name):
    """The line with which the file is refused; neither it nor a checksum is kept."""
    with pytest.raises(FusevadError) as raised:
        get(name)
    text = str(raised.value)
    assert "\n" not in text and len(text) < 1000
    assert not Path("data/a.bin").exists() and not Path("lock.json").exists()
    return text


CUT = answer(200, HALF, Content_Length="100")
OPEN = chunked(200, HALF, end=b"")


@pytest.mark.parametrize(
    ("first", "rest", "reason"),
    [
        (CUT, {50: part(50, 60, 100), 60: part(50, 60, 100)}, "bytes other than requested"),
        (CUT, {50: part(50, 60, 100), 60: answer(404)}, "404"),
        (CUT, {50: answer(416, Content_Range="bytes */50")}, "nothing follows"),
        (CUT, {50: part(50, 150, 150, BYTES)}, "not the one of 100 bytes"),
        (CUT, {50: part(50, 150, "*", BYTES)}, "not the one of 100 bytes"),
        (CUT, {50: part(50, 40, 100)}, "bytes other than requested"),
        (CUT, {50: part(50, 101, 100)}, "bytes other than requested"),
        (CUT, {50: chunked(206, BYTES, Content_Range="bytes 50-99/100")}, "more than the 100"),
        (CUT, {50: chunked(206, b"abc", Content_Range="bytes 50-99/100"), 53: OPEN}, "interrupted"),
        (CUT, {50: answer(206, HALF, Content_Range=f"bytes {MANY}-1/1")}, "than requested"),
        (CUT, {50: answer(206, HALF)}, "bytes other than requested"),
        (OPEN, {50: part(50, 60, 100), 60: answer(416, Content_Range="bytes */60")}, "follows"),
        (OPEN, {50: part(50, 60, "*")}, "does not say how long"),
        (OPEN, {50: answer(416, Content_Range="bytes */60")}, "nothing follows"),
        (part(0, 10, 100), {}, "a part when asked for the whole"),
        (chunked(200, HALF, Content_Length="100"), {}, "answers 404"),
    ],
)
def test_a_file_of_another_length_than_stated_is_refused(mirror, get, first, rest, reason):
    def on_request(start):
        return first if start is None else rest.get(start, answer(404))

    mirror.raw["bad"] = on_request
    assert reason in refused(get, "bad")
    assert get("bad", f"{mirror.url}/ok/a.bin") == BYTES


def test_a_server_that_begins_again_and_again_is_given_up(mirror, get):
    mirror.raw["again"] = lambda start: part(50, 60, 100) if start == 50 else CUT
    assert "interrupted" in refused(get, "again")


def test_a_file_that_comes_in_slices_is_put_together(mirror, get):
    mirror.raw["slices"] = lambda start: part(start, start + 10, 100) if start else CUT
    assert get("slices") == BYTES


def test_a_file_of_unknown_length_is_whole_where_the_server_says_that_nothing_follows(mirror, get):
    whole = answer(416, Content_Range="bytes */50")
    mirror.raw["open"] = lambda start: whole if start else OPEN
    assert get("open") == HALF


def test_a_server_that_once_went_on_with_another_file_is_asked_for_all_of_it_again(mirror, get):
    answers = iter([CUT, part(50, 150, 150, BYTES), answer(200, BYTES[::-1])])
    mirror.raw["new"] = lambda _: next(answers)
    assert get("new") == BYTES[::-1]


def test_a_file_without_end_leaves_room_on_the_disk(mirror, get, monkeypatch):
    """As with a server that says no length and never stops."""
    mirror.raw["endless"] = lambda _: chunked(200, bytes(1000))
    nearly_full = shutil.disk_usage(".")._replace(total=10**12, free=900_000_000)
    assert get("endless") == bytes(1000)  # small files may use what is left
    shutil.rmtree("data")
    Path("lock.json").unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    monkeypatch.setattr(https, "_UNKNOWN", 100)
    said = refused(get, "endless")
    assert "does not say how long the file is" in said and "only 0.90 GB free" in said
    assert not list(Path("data").rglob("part"))
    assert get("endless", f"{mirror.url}/ok/a.bin") == BYTES


@pytest.mark.parametrize("sent", [chunked(200, BYTES), answer(200, BYTES)], ids=["open", "stated"])
def test_a_file_longer_than_its_list_says_is_refused(mirror, tmp_path, sent):
    mirror.raw["a.bin"] = lambda _: sent
    slot = Slot.of(tmp_path, "a.bin", tmp_path / "a.bin")
    slot.folder.mkdir()
    with pytest.raises(MirrorError, match="more than the 99 bytes"):
        https.download(f"{mirror.url}/raw/a.bin", slot, known=True, size=99)
    https.download(f"{mirror.url}/raw/a.bin", slot, known=True, size=100)
    assert slot.part.read_bytes() == BYTES


@pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8"])
def test_a_web_page_is_not_taken_for_the_file(mirror, get, kind):
    mirror.raw["login"] = lambda _: answer(200, b"<html>log in</html>", Content_Type=kind)
    assert "a web page instead of the file" in refused(get, "login")


def test_a_compressed_form_of_a_file_is_not_taken_for_the_file(mirror, get):
    """The first download's checksum is the expected one for ever after."""
    mirror.raw["a.bin"] = lambda _: answer(200, gzip.compress(BYTES), Content_Encoding="gzip")
    with pytest.raises(FusevadError, match=r"sends a compressed form of the file \(gzip\)"):
        get("a.bin")
    assert get("a.bin", f"{mirror.url}/ok/a.bin") == BYTES


@pytest.mark.parametrize("stated", ["utf-8", "aws-chunked", "identity, binary"])
def test_an_encoding_that_compresses_nothing_leaves_the_file_as_it_is(mirror, get, stated):
    mirror.raw["a.bin"] = lambda _: answer(200, BYTES, Content_Encoding=stated)
    assert get("a.bin") == BYTES


def test_the_content_of_a_compressed_file_may_be_called_its_encoding(mirror, tmp_path):
    packed = gzip.compress(BYTES)
    mirror.raw["a.tgz"] = lambda _: answer(200, packed, Content_Encoding="x-gzip")
    slot = Slot.of(tmp_path, "a.tgz", tmp_path / "a.tgz")
    slot.folder.mkdir()
    https.download(f"{mirror.url}/raw/a.tgz", slot, known=False)
    assert slot.part.read_bytes() == packed


@pytest.mark.parametrize("length", ["\xb2", "9" * 4000, MANY, "-1", "1_0", "0x64", ""])
def test_a_content_length_that_is_no_number_of_bytes_is_told(mirror, get, length):
    mirror.raw["bad"] = lambda _: answer(200, BYTES, Content_Length=length)
    assert "malformed" in refused(get, "bad")
    assert get("bad", f"{mirror.url}/ok/a.bin") == BYTES


def test_a_content_length_of_two_values_is_refused(mirror, get):
    mirror.raw["two"] = lambda _: answer(200, BYTES, Content_Length="100, 99")
    refused(get, "two")
    assert get("two", f"{mirror.url}/ok/a.bin") == BYTES


def test_a_content_length_that_a_proxy_repeats_counts(mirror, get):
    mirror.raw["twice"] = lambda _: answer(200, BYTES, Content_Length="100, 100")
    assert get("twice") == BYTES


LOCATIONS = {
    "http://[": "Invalid IPv6",
    "http://127.0.0.1/\xff\xfe": "decode",
    "http://a\u2100b/".encode().decode("latin-1"): "NFKC",
    f"http://{'a' * 80}/": "too long",
    "http://a..b/": "empty or too long",
    "http://127.0.0.1:99999999/": "Port out of range",
}


@pytest.mark.parametrize(("location", "reason"), LOCATIONS.items())
def test_a_redirection_to_no_address_is_told(mirror, get, location, reason):
    mirror.raw["bad"] = lambda _: answer(302, Location=location)
    assert reason in refused(get, "bad")
    assert get("bad", f"{mirror.url}/ok/a.bin") == BYTES


@pytest.mark.parametrize("wait", ["Mon, 01 Jan 99999999999 00:00:00 GMT", MANY, "soon"])
def test_a_pause_of_no_length_is_told(mirror, get, wait):
    mirror.raw["bad"] = lambda _: answer(503, Retry_After=wait)
    assert f"{mirror.url}/raw/bad" in refused(get, "bad")
    assert get("bad", f"{mirror.url}/ok/a.bin") == BYTES


def test_a_chunk_of_negative_size_is_told(mirror, get):
    mirror.raw["bad"] = lambda _: answer(
        200, b"-5\r\nabc", Content_Length=None, Transfer_Encoding="chunked"
    )
    assert "malformed" in refused(get, "bad")
    assert get("bad", f"{mirror.url}/ok/a.bin") == BYTES


def test_a_redirection_of_google_drive_to_no_address_is_told(mirror, tmp_path, monkeypatch):
    send = requests.adapters.HTTPAdapter.send

    def send_here(adapter, request, **options):
        request.url = request.url.replace("https://drive.google.com", f"{mirror.url}/raw")
        return send(adapter, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send_here)
    mirror.raw["uc"] = lambda _: answer(302, Location="http://[")
    with pytest.raises(MirrorError, match="malformed: Invalid IPv6"):
        drive.download("a", Slot(tmp_path, tmp_path / "a.bin"), known=False)


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "nonsense",
    [
        answer(200, b"<html>Please log in</html>"),
        answer(200, b"{}", **JSON),
        answer(200, b"[3]", **JSON),
        answer(401, b"[3]", **JSON),
        answer(302, Location="http://a..b/"),
        answer(429, ratelimit=f'"api";r=0;t={MANY}', ratelimit_policy='"x";q=1;w=1'),
    ],
)
def test_nonsense_from_the_hub_is_told(mirror, monkeypatch, nonsense):
    mirror.raw["api/datasets/owner/repo/revision/main"] = lambda _: nonsense
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"{mirror.url}/raw")
    with pytest.raises(MirrorError):
        hugging_face.commit_of(HuggingFaceFolder(repo="owner/repo"))


def listing(path):
    """What the hub answers for a folder of one file."""
    entry = {"type": "file", "path": path, "size": len(BYTES), "oid": "0" * 40}
    return answer(200, json.dumps([entry]).encode(), **JSON)


@pytest.mark.parametrize(
    "path",
    ["a\0.npy", "/etc/a.npy", "a\ud800.npy", ".fetch/a.npy", "in/.FETCH/a.npy", "b/../a.npy",
     "特" * 90 + ".npy"],
)  # fmt: skip
def test_names_of_the_hub_that_no_file_may_have_are_one_line(mirror, monkeypatch, path):
    mirror.raw[f"api/datasets/owner/repo/tree/{'a' * 40}"] = lambda _: listing(path)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"{mirror.url}/raw")
    source = HuggingFaceFolder(repo="owner/repo", revision="a" * 40)
    with pytest.raises(FusevadError, match="Hugging Face owner/repo: lists ") as caught:
        fetch_folder(source, Path("data"), LockFile(Path("lock.json")))
    assert "\n" not in str(caught.value) and not list(Path.cwd().rglob("*.npy"))


def test_a_long_name_in_any_letters_has_a_folder_until_it_is_complete(tmp_path):
    slot = Slot.of(tmp_path, "特" * 85, tmp_path / "a")
    slot.folder.mkdir()
    assert slot.folder != Slot.of(tmp_path, "征" * 85, tmp_path / "a").folder
    assert Slot.of(tmp_path, "in/a b", tmp_path / "a").folder.name == "in%2Fa%20b"
