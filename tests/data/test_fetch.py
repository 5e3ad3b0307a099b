"""Fetching data sets: from every kind of mirror, whatever it does, the right files or one line."""

import hashlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile
from functools import partial

import filelock
import huggingface_hub
import pytest
import requests

from fusevad import files
from fusevad.data.fetch import archives, drive, https
from fusevad.errors import FusevadError
from tests.local_mirrors import COMMIT, running
from tests.made_up_fetches import fetch_set, from_git, lock, one_line

BYTES = bytes(range(256)) * 1000
NOBODY = "http://127.0.0.1:9/a.bin"


@pytest.fixture
def mirror():
    with running() as server:
        server.files = {"a.bin": BYTES, "empty.txt": b"", "a.zip": zipped({"in/a.txt": b"a"})}
        yield server


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty working folder, and no long pauses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(https, "_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(drive, "_RETRIES", 0)
    return tmp_path


@pytest.fixture
def get(place):
    """Fetch files given as in the configuration; returns the data folder."""
    return partial(fetch_set, place)


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def a_bin(*urls, **more):
    return {"name": "a.bin", "sources": [{"url": url} for url in urls], **more}


# Web servers


@pytest.mark.parametrize("habit", ["ok", "plain", "weak", "dies", "busy", "busy-hang-up"])
def test_a_file_comes_whole_from_servers_of_all_habits(mirror, get, habit):
    folder = get(a_bin(f"{mirror.url}/{habit}/a.bin", sha256=sha256(BYTES)))
    assert (folder / "a.bin").read_bytes() == BYTES


def test_a_broken_transfer_goes_on_at_the_byte_where_it_broke(mirror, get):
    get(a_bin(f"{mirror.url}/dies/a.bin"))
    starts = [int(wanted[6:-1]) for _, _, wanted in mirror.seen if wanted]
    assert starts == sorted(set(starts)) and len(starts) > 3
    assert mirror.sent == len(BYTES)


def test_a_file_that_changed_on_the_server_is_not_spliced_onto_the_old_beginning(mirror, get):
    mirror.cut = 100_000
    with pytest.raises(FusevadError, match="interrupted"):
        get(a_bin(f"{mirror.url}/cut/a.bin"))
    mirror.cut = None
    mirror.files["a.bin"] = BYTES[::-1]
    assert (get(a_bin(f"{mirror.url}/cut/a.bin")) / "a.bin").read_bytes() == BYTES[::-1]
    assert mirror.seen[-1][2] == "bytes=100000-"


def test_an_empty_file_is_a_file(mirror, get):
    folder = get({"name": "empty.txt", "sources": [{"url": f"{mirror.url}/ok/empty.txt"}]})
    assert (folder / "empty.txt").read_bytes() == b""


def test_mirrors_are_tried_in_order_and_the_first_good_one_counts(mirror, get, place):
    (place / "a.bin").write_bytes(BYTES)
    bad = [NOBODY, f"{mirror.url}/ok/missing", f"{mirror.url}/page/a.bin", "file:///nowhere"]
    good = [(place / "a.bin").as_uri(), f"{mirror.url}/ok/a.bin"]
    assert (get(a_bin(*bad, *good)) / "a.bin").read_bytes() == BYTES
    assert not any(path == "/ok/a.bin" for _, path, _ in mirror.seen)


@pytest.mark.parametrize("endless", ["/dev/zero", "pipe", "/"])
def test_a_mirror_on_this_machine_is_a_regular_file(get, place, endless):
    os.mkfifo(place / "pipe")
    with pytest.raises(FusevadError, match="not a regular file"):
        get(a_bin((place / endless).as_uri()))


@pytest.mark.parametrize("pinned", [True, False])
def test_a_flipped_bit_in_a_list_is_noticed_though_its_size_and_time_are_as_before(
    get, place, pinned
):
    (place / "a.bin").write_bytes(BYTES)
    file = a_bin((place / "a.bin").as_uri(), **({"sha256": sha256(BYTES)} if pinned else {}))
    fetched = get(file) / "a.bin"
    times = fetched.stat()
    fetched.write_bytes(bytes([BYTES[0] ^ 1]) + BYTES[1:])
    os.utime(fetched, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(FusevadError, match="SHA-256") as raised:
        get(file)
    assert str(fetched) in one_line(raised)


def test_without_a_good_mirror_one_line_gives_each_ones_reason(mirror, get, place):
    urls = [f"{mirror.url}/{way}" for way in ("ok/missing", "page/a.bin", "hangs-up/a.bin")]
    with pytest.raises(FusevadError) as raised:
        get(a_bin(*urls, "file:///nowhere"))
    text = one_line(raised)
    for words in (*urls, "404", "web page", "No such file", str(place / "data" / "set" / "a.bin")):
        assert words in text
    assert "offline" not in text
    assert not (place / "data" / "set" / "a.bin").exists()


def test_offline_one_line_says_so_and_where_files_are_expected(get, place):
    unknown = "http://nowhere.invalid/a.bin"
    with pytest.raises(FusevadError) as raised:
        get(a_bin(NOBODY, unknown, "file:///nowhere"))
    text = one_line(raised)
    for words in ("offline", str(place / "data" / "set"), NOBODY, "refused", unknown, "unknown"):
        assert words in text


def test_offline_goes_for_the_hub_and_google_drive_too(mirror, get, hub, google, monkeypatch):
    mirror.shutdown()
    mirror.server_close()
    sources = [*from_hub()["sources"], {"drive": "a.bin"}]
    with pytest.raises(FusevadError, match="apparently offline") as raised:
        get({"name": "a.bin", "sources": sources})
    assert "Hugging Face owner/repo/a.bin" in one_line(raised)


def test_offline_a_set_that_is_there_needs_no_network(mirror, get):
    files = [
        a_bin(f"{mirror.url}/ok/a.bin"),
        {"name": "a.zip", "sources": [{"url": f"{mirror.url}/ok/a.zip"}], "unpack": "b"},
    ]
    get(*files)
    seen = len(mirror.seen)
    folder = get(*files)
    assert len(mirror.seen) == seen
    assert not (folder / "a.zip").exists()
    assert (folder / "b" / "in" / "a.txt").read_bytes() == b"a"


def test_the_licence_is_said_before_the_first_download_only(mirror, get, capsys):
    for _ in range(2):
        get(a_bin(f"{mirror.url}/ok/a.bin"))
    assert capsys.readouterr().err.count("CC BY 4.0 (https://example.org/licence)") == 1


# Checksums


def test_the_first_checksum_is_locked_and_enforced_from_then_on(mirror, get, place):
    folder = get(a_bin(f"{mirror.url}/ok/a.bin"))
    assert lock(place) == {"a.bin": {"sha256": sha256(BYTES), "size": len(BYTES)}}
    shutil.rmtree(folder)
    mirror.files["a.bin"] = b"other"
    with pytest.raises(FusevadError) as raised:
        get(a_bin(f"{mirror.url}/ok/a.bin"))
    text = one_line(raised)
    for words in (sha256(BYTES), sha256(b"other"), "a.bin", "checksums/set.json", "if you trust"):
        assert words in text
    assert not (folder / "a.bin").exists()


def test_a_pinned_checksum_passes_over_a_wrong_mirror(mirror, get, place):
    mirror.files["wrong.bin"] = b"wrong"
    urls = [f"{mirror.url}/ok/wrong.bin", f"{mirror.url}/ok/a.bin"]
    assert (get(a_bin(*urls, sha256=sha256(BYTES))) / "a.bin").read_bytes() == BYTES
    assert not (place / "checksums").exists()


def test_a_beginning_from_one_mirror_is_gone_on_with_from_another(mirror, get):
    mirror.cut = 100_000
    urls = [f"{mirror.url}/cut/a.bin", f"{mirror.url}/ok/a.bin"]
    assert (get(a_bin(*urls, sha256=sha256(BYTES))) / "a.bin").read_bytes() == BYTES
    assert ("GET", "/ok/a.bin", "bytes=100000-") in mirror.seen


def test_a_wrong_beginning_costs_a_download_but_not_the_file(mirror, get):
    mirror.files["other.bin"] = BYTES[::-1]
    mirror.cut = 100_000
    urls = [f"{mirror.url}/cut/other.bin", f"{mirror.url}/ok/a.bin"]
    assert (get(a_bin(*urls, sha256=sha256(BYTES))) / "a.bin").read_bytes() == BYTES


def test_a_file_put_there_by_hand_is_checked_and_kept(get, place):
    folder = place / "data" / "set"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(BYTES)
    get(a_bin(NOBODY, sha256=sha256(BYTES)))
    (folder / "a.bin").write_bytes(b"changed")
    with pytest.raises(FusevadError) as raised:
        get(a_bin(NOBODY, sha256=sha256(BYTES)))
    assert sha256(b"changed") in one_line(raised)
    assert (folder / "a.bin").read_bytes() == b"changed"


def test_a_broken_lock_file_is_one_line(mirror, get, place):
    (place / "checksums").mkdir()
    (place / "checksums" / "set.json").write_text('{"a.bin": 3}')
    with pytest.raises(FusevadError, match=r"set\.json: not a file of checksums"):
        get(a_bin(f"{mirror.url}/ok/a.bin"))


# Hugging Face, Google Drive


@pytest.fixture
def hub(mirror, monkeypatch):
    """huggingface_hub with the local server for its hub."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", mirror.url)
    template = mirror.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return mirror


def from_hub(repo="owner/repo", file="a.bin", **more):
    return {"name": "a.bin", "sources": [{"huggingface": {"repo": repo, "file": file} | more}]}


def test_a_file_comes_from_the_hub_at_the_commit_of_its_branch(hub, get):
    assert (get(from_hub()) / "a.bin").read_bytes() == BYTES
    assert ("GET", f"/datasets/owner/repo/resolve/{COMMIT}/a.bin", None) in hub.seen


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"repo": "owner/gated"}, "gated"),
        ({"repo": "owner/absent"}, "no such repository"),
        ({"file": "absent"}, "no such file"),
        ({"revision": "absent"}, "no revision absent"),
    ],
)
def test_what_the_hub_refuses_is_told(hub, get, wrong, reason):
    with pytest.raises(FusevadError) as raised:
        get(from_hub(**wrong))
    assert reason in one_line(raised)


def test_a_file_that_differs_on_the_hub_is_not_even_downloaded(hub, get):
    with pytest.raises(FusevadError, match=sha256(BYTES)):
        get(from_hub() | {"sha256": "0" * 64})
    assert [method for method, *_ in hub.seen] == ["HEAD"]


@pytest.fixture
def google(mirror, monkeypatch):
    """Google Drive's name leads requests, and so gdown, to the local server."""
    send = requests.adapters.HTTPAdapter.send

    def send_here(adapter, request, **options):
        request.url = request.url.replace("https://drive.google.com", mirror.url)
        return send(adapter, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send_here)
    return mirror


def test_a_file_comes_from_google_drive_past_its_question(google, get):
    folder = get({"name": "a.bin", "sources": [{"drive": "a.bin"}]})
    assert (folder / "a.bin").read_bytes() == BYTES


def test_an_address_of_this_machine_that_no_file_can_have_is_told(get):
    with pytest.raises(FusevadError, match="embedded null byte"):
        get({"name": "a.bin", "sources": [{"url": "file:///tmp/%00x"}]})


def test_a_complete_archive_that_is_damaged_before_its_hash_is_locked_is_downloaded_again(
    mirror, get, place, monkeypatch
):
    file = {"name": "a.zip", "sources": [{"url": f"{mirror.url}/ok/a.zip"}], "unpack": True}
    with monkeypatch.context() as patch, pytest.raises(TypeError):
        patch.setattr(archives, "unpack", None)  # as a kill before it
        get(file)
    (complete,) = place.rglob("complete")
    damaged = bytearray(complete.read_bytes())
    damaged[30 + len("in/a.txt")] ^= 1  # the byte of `a.txt`
    complete.write_bytes(damaged)
    assert (get(file) / "in/a.txt").read_bytes() == b"a"
    assert len(mirror.seen) == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_drive_download_that_broke_goes_on_in_the_next_run_if_its_checksum_is_known(
    google, get, known
):
    """Otherwise nothing would tell that what was left is damaged."""
    google.files["dies.bin"] = BYTES * 12
    file = {"name": "a.bin", "sources": [{"drive": "dies.bin"}]}
    file |= {"sha256": sha256(BYTES * 12)} if known else {}
    with pytest.raises(FusevadError, match="incomplete"):
        get(file)
    assert (get(file) / "a.bin").read_bytes() == BYTES * 12
    resumed = f"bytes={512 * 1024}-"  # gdown writes pieces of 512 KiB
    assert google.seen[-1][2] == (resumed if known else None)


def test_what_google_drive_refuses_is_told(google, get):
    with pytest.raises(FusevadError) as raised:
        get({"name": "a.bin", "sources": [{"drive": "absent"}]})
    assert "with a browser" in one_line(raised)


# Data that the user has, or has to ask for


def test_data_that_the_user_has_are_linked_and_left_alone(get, place):
    own = place / "disk" / "own"
    own.mkdir(parents=True)
    (own / "a.bin").write_bytes(b"mine")
    for existing in (own, own, None):
        folder = get(a_bin(NOBODY, sha256=sha256(BYTES)), existing=existing)
        assert folder.is_symlink() and (folder / "a.bin").read_bytes() == b"mine"
    assert [path.name for path in own.iterdir()] == ["a.bin"]


def test_a_data_root_that_does_not_exist_is_told(get, place):
    with pytest.raises(FusevadError, match="nowhere: no such folder; correct data_root"):
        get(a_bin(NOBODY), existing=place / "nowhere")


@pytest.mark.parametrize("occupant", ["folder", "file", "other link"])
def test_a_data_root_never_replaces_what_is_in_its_place(get, place, occupant):
    own, folder = place / "own", place / "data" / "set"
    own.mkdir()
    folder.parent.mkdir()
    if occupant == "folder":
        folder.mkdir()
    elif occupant == "file":
        folder.write_text("")
    else:
        folder.symlink_to(place)
    with pytest.raises(FusevadError, match="exists and is not a link"):
        get(a_bin(NOBODY), existing=own)


def test_a_set_given_on_request_says_what_to_ask_for_and_then_takes_it(mirror, get, place):
    form = "ask for MSAD at https://example.org/form\nand save the archive you get as MSAD.zip"
    files = [
        a_bin(f"{mirror.url}/ok/a.bin"),
        {"name": "MSAD.zip", "unpack": True, "gives": ["in/a.txt"]},
        {"name": "videos"},
    ]
    with pytest.raises(FusevadError) as raised:
        get(*files, form=form)
    text = one_line(raised)
    folder = place / "data" / "set"
    for words in ("https://example.org/form", "MSAD.zip, videos", str(folder)):
        assert words in text
    assert (folder / "a.bin").read_bytes() == BYTES
    (folder / "MSAD.zip").write_bytes(mirror.files["a.zip"])
    (folder / "videos").mkdir()
    get(*files, form=form)
    assert (folder / "in" / "a.txt").read_bytes() == b"a"
    assert (folder / "MSAD.zip").exists(), "what the user put there is the user's"


def test_an_archive_that_the_user_has_unpacked_is_not_fetched(get, place):
    (place / "data" / "set" / "in").mkdir(parents=True)
    get({"name": "a.zip", "sources": [{"url": NOBODY}], "unpack": True, "gives": ["in"]})


# The disk, other commands, the configuration


def test_a_full_disk_is_one_line(mirror, get, place, monkeypatch):
    usage = shutil.disk_usage(place)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(FusevadError, match="free some space") as raised:
        get(a_bin(f"{mirror.url}/ok/a.bin"))
    one_line(raised)


def test_a_disk_that_fills_up_on_the_way_is_one_line_and_what_came_is_kept(mirror, get, place):
    code = (
        "import json, sys; from pathlib import Path; from fusevad.parsing import parse;"
        "from fusevad.data.fetch.settings import FetchSettings;"
        "from fusevad.data.fetch.dataset import fetch;"
        "settings = parse(FetchSettings, json.loads(sys.argv[1]), '');"
        "fetch('set', settings, Path('data/set'), Path('checksums/set.json'))"
    )
    values = {"licence": {"text": "x"}, "files": [a_bin(f"{mirror.url}/ok/a.bin")]}
    most = 100_000
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(values)],
        capture_output=True,
        text=True,
        check=False,
        # The kernel refuses to make a file longer than this, as it would on a full disk.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    assert "FusevadError: data/set/a.bin: larger than its file system or a limit" in result.stderr
    assert (get(a_bin(f"{mirror.url}/ok/a.bin")) / "a.bin").read_bytes() == BYTES
    assert mirror.seen[-1][2] == f"bytes={1 << 16}-", "of the last piece only a part came"


def test_a_files_bytes_are_on_the_disk_before_its_name_and_both_before_the_record(
    mirror, get, place, monkeypatch
):
    folder, synced = place / "data" / "set", []

    def sync(path):
        there = [(folder / name).exists() for name in ("in/a.bin", ".fetch/record.json")]
        if path.name in ("part", "in"):  # not the tables of what was fetched
            synced.append((path.name, *there))

    monkeypatch.setattr(files, "sync", sync)
    get(a_bin(f"{mirror.url}/ok/a.bin") | {"name": "in/a.bin"})
    assert synced == [("part", False, False), ("in", True, False)]


def test_an_archives_content_is_on_the_disk_before_its_names_and_both_before_the_record(
    mirror, get, place, monkeypatch
):
    folder, synced = place / "data" / "set", []

    def sync():
        there = [(folder / name).exists() for name in ("in/a.txt", ".fetch/record.json")]
        synced.append(tuple(there))

    monkeypatch.setattr(os, "sync", sync)
    get({"name": "a.zip", "sources": [{"url": f"{mirror.url}/ok/a.zip"}], "unpack": True})
    assert synced == [(False, False), (True, False)]


def test_two_commands_do_not_fetch_into_one_folder(mirror, get, place):
    (place / "data" / "set" / ".fetch").mkdir(parents=True)
    with (
        filelock.FileLock(place / "data" / "set" / ".fetch" / "lock"),
        pytest.raises(FusevadError, match="another command"),
    ):
        get(a_bin(f"{mirror.url}/ok/a.bin"))


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (a_bin("ftp://example.org/a"), "does not begin with https://"),
        (a_bin("file://relative/a"), "full path"),
        (a_bin(), "no sources"),
        (a_bin(NOBODY, sha256="abc"), "64 hexadecimal digits"),
        (a_bin(NOBODY, unpack="../b"), "not a path below"),
        *(
            (a_bin(NOBODY) | {"name": name}, "not a path below")
            for name in ("../a", "a\0b", "a\nb", "x/" * 1500 + "y", "n" * 256, "")
        ),
        *((from_hub(repo), "not a repository") for repo in ("../../x", "a/b/c", "a--b", "a\0")),
        (from_hub(file="../../etc/passwd"), "not a path below"),
        ({"name": "a", "sources": [{"url": NOBODY, "drive": "b"}]}, "exactly one of"),
        ({"name": "a", "sources": [{}]}, "exactly one of"),
        (from_git("https://example.org/a", "main") | {"unpack": True}, "git source"),
        (a_bin(NOBODY, mirrors=[]), "mirrors"),
    ],
)
def test_what_makes_no_sense_in_the_configuration_is_told(get, file, complaint):
    with pytest.raises(FusevadError, match=complaint) as raised:
        get(file)
    assert one_line(raised).startswith("set.yaml: fetch: ")


@pytest.mark.parametrize("name", ["a\u3000b.bin", "a\u200cb.bin", "a\u00a0b.bin"])
def test_a_name_may_have_any_script_s_spaces_and_joiners(mirror, get, name):
    folder = get(a_bin(f"{mirror.url}/ok/a.bin") | {"name": name})
    assert (folder / name).read_bytes() == BYTES
