"""`fetch --features`: from a hub on this machine, whole, checked against the split, or one line."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest

from fusevad.config.load import load_dataset
from fusevad.data.fetch import https, hugging_face
from fusevad.data.fetch.record import Record
from fusevad.data.fetch.settings import FetchSettings
from fusevad.data.recorded.settings import RecordedSettings
from fusevad.embed.imported.fetched import fetch_features
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from tests import stand_ins
from tests.local_mirrors import COMMIT, running

CONFIG = Path(__file__).parents[2] / "config"
TRAIN = [video.name for video in stand_ins.UCF_TRAIN]
TEST = [video.name for video in stand_ins.UCF_TEST]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with nothing in it, an empty working folder, and no long pauses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(https, "_BACKOFF_SECONDS", 0.01)
    with running() as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        monkeypatch.setattr(huggingface_hub.hf_api.constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def npy(*shape: int) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.full(shape, 0.5, np.float16))
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def archives() -> dict[str, bytes]:
    """As the hub has them: pooled training videos, whole test videos."""
    train = {f"UCF_Train/{name}_i3d.npy": npy(10, 32, 2048) for name in TRAIN}
    test = {f"UCF_Test/{name}_i3d.npy": npy(3, 10, 2048) for name in TEST}
    return {"train.zip": zipped(train), "test.zip": zipped(test)}


def folder_of_files() -> dict[str, bytes]:
    """Rows of 64 frames of five crops; the names have what addresses must quote."""
    files = {f"data/i3d_rgb/1-1004/{v.name}.npy": npy(2, 5, 2048) for v in stand_ins.XD_TRAIN}
    tests = {f"data/i3d_rgb/test_videos/{v.name}.npy": npy(1, 5, 2048) for v in stand_ins.XD_TEST}
    return files | tests | {"data/train_list.txt": b"a list", "README.md": b"a page"}


def lists(dataset: str) -> dict:
    """The lists in data/DATASET, without videos; returns the data set's small numbers."""
    everything = Path("everything")
    over = stand_ins.STAND_INS[dataset](everything)
    folder = Path("data") / dataset
    shutil.copytree(everything / "lists", folder / "lists")
    shutil.rmtree(everything)
    return over["recorded"]


@pytest.fixture
def get(hub, monkeypatch):
    """Fetch features of a stand-in's split from the hub on this machine, as configured for real."""
    monkeypatch.setattr(stand_ins, "write_clip", lambda *_: None)

    def run(dataset: str, name: str, small: dict, files=(), **changes) -> Path:
        configured = load_dataset(CONFIG, dataset)
        text = json.dumps(configured.fetch["features"][name])
        for repo in ("ucf_crime_tencrop_i3d_seg32", "xd-violence", "ucf-crime-tencrop-i3d"):
            for owner in ("jinmang2", "jherng"):
                text = text.replace(f'"{owner}/{repo}"', '"owner/repo"')
        values = json.loads(text) | changes
        fetched = {"licence": {"text": "x"}, "files": list(files), "features": {name: values}}
        fetch_features(
            dataset,
            name,
            parse(FetchSettings, fetched, "fetch"),
            parse(RecordedSettings, stand_ins.merge(configured.settings, small), "recorded"),
            Path("data") / dataset,
            Path("checksums.json"),
        )
        return Path("data") / dataset / "features" / name

    return run


def one_line(raised) -> str:
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_archives_are_unpacked_where_the_configuration_looks(hub, get, capsys):
    hub.files = archives()
    small = lists("ucf-crime")
    place = get("ucf-crime", "i3d-32", small)
    assert (place / "UCF_Train" / f"{TRAIN[0]}_i3d.npy").read_bytes() == npy(10, 32, 2048)
    assert not list(place.glob("*.zip"))
    said = capsys.readouterr().err
    for words in (
        "re-host",
        "9.93 GB to download, which need 15.7 GB",
        "by using it you accept",
        "features of 8 of 8 train, 6 of 6 test videos",
        "{ucf-crime: {layout: i3d-32, folder: data/ucf-crime/features/i3d-32}}",
    ):
        assert words in said
    asked = len(hub.seen)
    get("ucf-crime", "i3d-32", small)
    assert len(hub.seen) == asked, "what is there is not asked for again"


def test_every_video_without_features_and_every_file_without_a_video_is_named(hub, get, capsys):
    test = {f"{name}_i3d.npy": npy(3, 10, 2048) for name in TEST[2:]}
    test |= {"Arson999_x264_i3d.npy": npy(3, 10, 2048), f"{TEST[0]}_i3d.npy": npy(10, 32, 2048)}
    hub.files = archives() | {"test.zip": zipped(test)}
    with pytest.raises(FusevadError) as raised:
        get("ucf-crime", "i3d-32", lists("ucf-crime"))
    text = one_line(raised)
    assert "2 of 14 videos of split official have no usable features" in text
    assert f"{TEST[0]} ({TEST[0]}_i3d.npy is pooled to 32 rows" in text
    assert f"{TEST[1]} (no file)" in text
    said = capsys.readouterr().err
    assert "1 files belong to no video of split official: Arson999_x264_i3d.npy" in said


def test_a_disk_that_is_too_small_is_told_before_the_download(hub, get, monkeypatch):
    hub.files = archives()
    small = lists("ucf-crime")
    usage = shutil.disk_usage(".")._replace(free=15_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(
        FusevadError, match=r"15\.70 GB are to come but the disk has 15\.00"
    ) as told:
        get("ucf-crime", "i3d-32", small)
    one_line(told)
    assert not hub.seen


def test_a_folder_of_files_comes_at_one_commit_and_only_what_is_missing_again(hub, get, capsys):
    hub.files = folder_of_files()
    small = lists("xd-violence")
    place = get("xd-violence", "i3d", small)
    there = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.npy"))
    wanted = [name.removeprefix("data/i3d_rgb/") for name in hub.files if name.endswith(".npy")]
    assert there == sorted(wanted)
    locked = {"commit": COMMIT, "revision": "main"}
    assert json.loads(Path("checksums.i3d.json").read_text()) == {"owner/repo": locked}
    assert "crops: [0, 1, 2, 3, 4]}}" in capsys.readouterr().err
    (place / there[0]).unlink()
    before = hub.sent
    get("xd-violence", "i3d", small)
    assert hub.sent - before == len(hub.files[f"data/i3d_rgb/{there[0]}"])


def test_the_record_of_thousands_of_files_is_written_a_few_times(hub, get, monkeypatch):
    """It names all of them: writing it after each file would take longer than the download."""
    hub.files = folder_of_files()
    written = []
    add = Record.add
    monkeypatch.setattr(Record, "add", lambda *each: written.append(len(each[1])) or add(*each))
    place = get("xd-violence", "i3d", lists("xd-violence"))
    assert len(Record(place).entries()) == len(list(place.rglob("*.npy"))) > len(written)


def test_a_folder_that_was_cut_off_keeps_the_record_of_what_had_come(hub, get, monkeypatch):
    hub.files = folder_of_files()
    small = lists("xd-violence")
    asked, download = [], https.download

    def cut_off(url: str, *how, **further) -> None:
        asked.append(url)
        if len(asked) > 2:
            raise KeyboardInterrupt
        download(url, *how, **further)

    monkeypatch.setattr(https, "download", cut_off)
    with pytest.raises(KeyboardInterrupt):
        get("xd-violence", "i3d", small)
    place = Path("data/xd-violence/features/i3d")
    assert len(Record(place).entries()) == len(list(place.glob("1-1004/*.npy"))) == 2


def test_files_of_another_commit_are_not_taken_for_those_of_this_one(hub, get):
    """Arrays of one shape have one size."""
    hub.files = folder_of_files()
    small = lists("xd-violence")
    name = f"data/i3d_rgb/1-1004/{stand_ins.XD_TRAIN[0].name}.npy"
    corrected = hub.files[name]
    hub.files[name] = corrected[:-1] + b"1"
    place = get("xd-violence", "i3d", small)
    hub.files[name] = corrected
    with pytest.raises(FusevadError, match=r"npy: not the file of commit .*, as 1 file of 1") as no:
        get("xd-violence", "i3d", small)
    one_line(no)
    file = place / name.removeprefix("data/i3d_rgb/")
    file.unlink()
    get("xd-violence", "i3d", small)
    assert file.read_bytes() == corrected


def test_small_files_of_a_folder_are_told_apart_by_git_s_hash(hub, get):
    hub.files, hub.large = folder_of_files(), 10**9
    small = lists("xd-violence")
    place = get("xd-violence", "i3d", small)
    asked = hub.sent
    get("xd-violence", "i3d", small)
    assert hub.sent == asked, "what is there is not downloaded again"
    (damaged,) = place.rglob(f"{stand_ins.XD_TRAIN[0].name}.npy")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"1")
    with pytest.raises(FusevadError, match="not the file of commit"):
        get("xd-violence", "i3d", small)


def test_a_commit_counts_for_the_revision_that_it_was_locked_for(hub, get):
    hub.files = folder_of_files()
    small = lists("xd-violence")
    other = {"commit": "b" * 40, "revision": "v1"}
    Path("checksums.i3d.json").write_text(json.dumps({"owner/repo": other}))
    get("xd-violence", "i3d", small)
    locked = json.loads(Path("checksums.i3d.json").read_text())
    assert locked == {"owner/repo": {"commit": COMMIT, "revision": "main"}}


def test_a_revision_that_does_not_fit_the_files_leaves_the_lock_as_it_is(hub, get, monkeypatch):
    """Or the revision from before would be asked for its newest commit."""
    hub.files = folder_of_files()
    small = lists("xd-violence")
    get("xd-violence", "i3d", small)
    locked = Path("checksums.i3d.json").read_text()
    name = f"data/i3d_rgb/1-1004/{stand_ins.XD_TRAIN[0].name}.npy"
    hub.files[name] = hub.files[name][:-1] + b"1"
    other = {"repo": "owner/repo", "folder": "data/i3d_rgb", "revision": "v2"}
    with pytest.raises(FusevadError, match="not the file of commit"):
        get("xd-violence", "i3d", small, huggingface=other)
    assert Path("checksums.i3d.json").read_text() == locked


def test_files_that_a_commit_no_longer_has_are_not_left_among_the_features(hub, get):
    """They were withdrawn, perhaps because they were wrong."""
    hub.files = folder_of_files()
    small = lists("xd-violence")
    place = get("xd-violence", "i3d", small)
    name = f"1-1004/{stand_ins.XD_TRAIN[0].name}.npy"
    del hub.files[f"data/i3d_rgb/{name}"]
    with pytest.raises(FusevadError, match=r"npy: fetched earlier, but commit .* as 1 file") as no:
        get("xd-violence", "i3d", small, lacks=1)
    one_line(no)
    (place / name).unlink()
    get("xd-violence", "i3d", small, lacks=1)


@pytest.mark.parametrize("size", ["12", None, -1])
def test_a_size_that_is_none_is_one_line(hub, get, monkeypatch, size):
    hub.files = folder_of_files()
    listed = hugging_face.listed

    def with_size(*asked):
        for entry in listed(*asked):
            entry.size = size
            yield entry

    monkeypatch.setattr(hugging_face, "listed", with_size)
    with pytest.raises(FusevadError, match="states no size of 'data/i3d_rgb/") as raised:
        get("xd-violence", "i3d", lists("xd-violence"))
    one_line(raised)


def test_an_archive_resumes_after_a_run_that_was_cut_off(hub, get):
    hub.files = archives()
    small = lists("ucf-crime")
    whole = hub.files["test.zip"]
    slot = Path("data/ucf-crime/features/i3d-32/.fetch/staging/test.zip")
    slot.mkdir(parents=True)
    (slot / "part").write_bytes(whole[:20_000])
    url = huggingface_hub.hf_hub_url("owner/repo", "test.zip", repo_type="dataset", revision=COMMIT)
    (slot / "part.json").write_text(json.dumps({"url": url, "validator": "", "length": None}))
    get("ucf-crime", "i3d-32", small)
    assert hub.sent == len(hub.files["train.zip"]) + len(whole) - 20_000


def test_a_folder_resumes_in_the_middle_of_a_file(hub, get):
    hub.files = folder_of_files()
    small = lists("xd-violence")
    name = f"data/i3d_rgb/1-1004/{stand_ins.XD_TRAIN[0].name}.npy"
    get("xd-violence", "i3d", small)
    place = Path("data/xd-violence/features/i3d")
    whole = place / name.removeprefix("data/i3d_rgb/")
    # As a killed run leaves it: half of the file, with a note of where it is from.
    quoted = name.replace("/", "%2F").replace("#", "%23")
    slot = place / ".fetch/staging" / quoted
    slot.mkdir(parents=True)
    (slot / "part").write_bytes(whole.read_bytes()[:9000])
    url = huggingface_hub.hf_hub_url("owner/repo", name, repo_type="dataset", revision=COMMIT)
    (slot / "part.json").write_text(json.dumps({"url": url, "validator": "", "length": None}))
    content = whole.read_bytes()
    whole.unlink()
    before = hub.sent
    get("xd-violence", "i3d", small)
    assert whole.read_bytes() == content
    assert hub.sent - before == len(content) - 9000


def test_what_has_come_of_the_videos_is_kept_while_features_are_fetched(hub, get):
    """An interrupted download of a hundred gigabytes, and an archive that waits to be unpacked."""
    hub.files = folder_of_files() | {"notes.txt": b"notes"}
    small = lists("xd-violence")
    staging = Path("data/xd-violence/.fetch/staging")
    for waiting in ("videos.zip/part", "more.zip/complete"):
        (staging / waiting).parent.mkdir(parents=True)
        (staging / waiting).write_bytes(b"received")
    url = f"{hub.url}/ok/notes.txt"
    nowhere = {"unpack": True, "sources": [{"url": f"{hub.url}/ok/absent"}]}
    videos = [{"name": name, **nowhere} for name in ("videos.zip", "more.zip")]
    get("xd-violence", "i3d", small, [*videos, {"name": "notes.txt", "sources": [{"url": url}]}])
    assert Path("data/xd-violence/notes.txt").read_bytes() == b"notes"
    assert {path.name for path in staging.glob("*/*")} == {"part", "complete"}


def test_videos_that_are_known_to_lack_features_are_named_and_no_error(hub, get, capsys):
    hub.files = folder_of_files()
    lacking = [video.name for video in stand_ins.XD_TRAIN[:4]]
    for name in lacking:
        del hub.files[f"data/i3d_rgb/1-1004/{name}.npy"]
    small = lists("xd-violence")
    get("xd-violence", "i3d", small)
    said = capsys.readouterr().err
    assert "as is known" in said and "on_bad_video: skip" in said
    assert all(name in said for name in lacking)
    with pytest.raises(FusevadError, match=r"4 of 14 .* have no usable features, expected 3: "):
        get("xd-violence", "i3d", small, lacks=3)


def test_a_hub_that_refuses_is_one_line(hub, get):
    hub.files = folder_of_files()
    folder = {"repo": "owner/absent"}
    with pytest.raises(FusevadError, match="no such repository, or a private one") as raised:
        get("xd-violence", "i3d", lists("xd-violence"), huggingface=folder)
    one_line(raised)


def test_features_have_no_slash_in_their_name():
    configured = load_dataset(CONFIG, "xd-violence").fetch
    features = {"clip/v2": configured["features"]["i3d"]}
    with pytest.raises(FusevadError, match="'clip/v2': a name of features has no /"):
        parse(FetchSettings, configured | {"features": features}, "fetch")


def test_features_that_nobody_publishes_are_told_with_those_that_are(hub, get):
    with pytest.raises(FusevadError, match=r"no features 'swin' .*, but i3d;"):
        fetch_features(
            "xd-violence",
            "swin",
            parse(FetchSettings, load_dataset(CONFIG, "xd-violence").fetch, "fetch"),
            parse(RecordedSettings, load_dataset(CONFIG, "xd-violence").settings, "recorded"),
            Path("data/xd-violence"),
            Path("checksums.json"),
        )
