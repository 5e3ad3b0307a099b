"""Files of motion cues: what they hold, what is kept of them, and what damage does to them."""

import dataclasses
import hashlib
import json
import shutil
from contextlib import contextmanager

import h5py
import hdf5plugin  # noqa: F401 (other software reads the counts with it)
import numpy as np
import pandas as pd
import pytest

from fusevad.cues import store as store_module
from fusevad.cues.reading import CueShards
from fusevad.cues.settings import CueSettings
from fusevad.cues.shards import open_shard
from fusevad.cues.store import make_cues, write_cues
from fusevad.data import footage as footage_module
from fusevad.data.manifest import read_manifest
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.hash_tables import hashes_text
from fusevad.plan.stage import STAGES
from fusevad.video.decode import probe, read_frames
from tests.made_up_cues import all_counts, stored_counts
from tests.made_up_tables import write_table
from tests.made_up_videos import cut, files_of_at_most, write_video


@pytest.fixture
def manifest(tmp_path):
    """A manifest of two videos, of 40 and 16 frames."""
    rows = []
    for name, frames in (("a", 40), ("b", 16)):
        path = write_video(tmp_path / f"{name}.mp4", frames, seed=frames)
        info = probe(path)
        rows.append((name, path, "train", "normal", frames, info.fps, 64, 48, sha256(path)))
    write_table(tmp_path, "manifest", rows)
    return tmp_path / "manifest.csv"


@pytest.fixture
def shard(manifest):
    """The cues of both videos."""
    file = manifest.parent / "cues/shard-0.h5"
    make_cues(manifest, 0, 1, CueSettings(), file)
    return file


def parts(folder):
    return sorted(folder.glob(".shard-0-*.progress/*.h5"))


def test_a_shard_holds_the_counts_of_each_setting(manifest):
    file = manifest.parent / "cues/shard-0.h5"
    make_cues(manifest, 0, 1, CueSettings("released"), file)
    video = list(read_frames(manifest.parent / "a.mp4"))
    for name, counts in all_counts(video, "released").items():
        window, threshold = name.removeprefix("T").split("-thr")
        stored = stored_counts(file, manifest, "a", int(window), int(threshold))
        np.testing.assert_array_equal(stored, counts)
        assert stored.dtype == np.uint8
        with h5py.File(file) as store:  # as other software reads it
            np.testing.assert_array_equal(store[name][:3], counts)
    with open_shard(file) as found:
        assert [(v.video, v.segments) for v in found.index.videos] == [("a", 3), ("b", 1)]
        assert found.index.videos[0].source == sha256(manifest.parent / "a.mp4")
        assert found.index.made_with.definition == "released"
    assert [each.name for each in file.parent.iterdir()] == ["shard-0.h5"]


def test_shards_share_the_videos_and_one_may_be_empty(manifest):
    folder = manifest.parent / "cues"
    files = [folder / f"shard-{number}.h5" for number in range(3)]
    for number, file in enumerate(files):
        make_cues(manifest, number, 3, CueSettings(), file)
    shards = CueShards(files)
    videos = read_manifest(manifest)
    assert [shards.file(video) for video in videos] == files[:2]
    assert [len(list(shards.counts(video, 16, 10))) for video in videos] == [3, 1]
    with pytest.raises(FusevadError, match="a: no motion cues in the given shards"):
        list(CueShards(files[1:]).counts(videos[0], 16, 10))
    with pytest.raises(FusevadError, match=r"shard-0\.h5: video a is in .*shard-0\.h5 too"):
        CueShards([files[0], files[0]])


def test_a_killed_job_counts_no_video_twice_and_ends_with_the_same_bytes(manifest, monkeypatch):
    fresh, killed = (manifest.parent / name / "shard-0.h5" for name in ("fresh", "killed"))
    make_cues(manifest, 0, 1, CueSettings(), fresh)
    real, counted = footage_module.read_pictures, []

    def read_or_die(path, *rest):
        counted.append(path.stem)
        if counted == ["a", "b"]:
            raise KeyboardInterrupt
        return real(path, *rest)

    monkeypatch.setattr(footage_module, "read_pictures", read_or_die)
    with pytest.raises(KeyboardInterrupt):
        make_cues(manifest, 0, 1, CueSettings(), killed)
    assert not killed.exists() and len(parts(killed.parent)) == 1
    make_cues(manifest, 0, 1, CueSettings(), killed)
    assert counted == ["a", "b", "b"]
    assert killed.read_bytes() == fresh.read_bytes()
    assert [each.name for each in killed.parent.iterdir()] == ["shard-0.h5"]


def test_a_damaged_part_of_a_killed_job_is_named_and_counted_again(manifest, monkeypatch, capsys):
    file = manifest.parent / "cues/shard-0.h5"
    with monkeypatch.context() as patch:
        patch.setattr(store_module.shutil, "rmtree", lambda _: None)
        make_cues(manifest, 0, 1, CueSettings(), file)
    expected = file.read_bytes()
    for damage in (b"", b"damaged", flipped(parts(file.parent)[0].read_bytes(), 300)):
        file.unlink(missing_ok=True)
        parts(file.parent)[0].write_bytes(damage)
        with monkeypatch.context() as patch:
            patch.setattr(store_module.shutil, "rmtree", lambda _: None)
            make_cues(manifest, 0, 1, CueSettings(), file)
        assert capsys.readouterr().err.count("damaged motion cues; they are made again") == 1
        assert file.read_bytes() == expected


def test_what_an_earlier_shard_has_is_kept_if_it_is_whole(manifest, shard, monkeypatch, capsys):
    counted = []
    real = footage_module.read_pictures

    def watched(path, *rest):
        counted.append(path.stem)
        return real(path, *rest)

    monkeypatch.setattr(footage_module, "read_pictures", watched)
    expected, file = shard.read_bytes(), shard.stat()
    make_cues(manifest, 0, 1, CueSettings(), shard)
    assert counted == [] and shard.stat().st_ino == file.st_ino
    assert shard.stat().st_mtime_ns > file.st_mtime_ns  # or Snakemake would count again
    # The last segment belongs to video b.
    with h5py.File(shard) as store:
        place = store["T64-thr25"].id.get_chunk_info(3)
    shard.write_bytes(flipped(expected, 8 * place.byte_offset + 9))
    make_cues(manifest, 0, 1, CueSettings(), shard)
    assert counted == ["b"] and shard.read_bytes() == expected
    assert "shard-0.h5: damaged motion cues" in capsys.readouterr().err
    table = pd.read_csv(manifest)
    table[::-1].to_csv(manifest, index=False)
    make_cues(manifest, 0, 1, CueSettings(), shard)
    assert counted == ["b"]
    make_cues(manifest, 0, 1, CueSettings(thresholds=(5,)), shard)
    assert counted == ["b", "b", "a"]
    assert len(stored_counts(shard, manifest, "a", 16, 5)) == 3


def test_cues_of_other_pixels_are_refused_and_made_again(manifest, shard, monkeypatch):
    monkeypatch.setattr("fusevad.cues.reading.PIXELS_VERSION", 999)
    message = r"shard-0\.h5: motion cues made with version \d+ of the pixels, not 999.*delete it"
    with pytest.raises(FusevadError, match=message):
        CueShards([shard])
    monkeypatch.setattr(store_module, "PIXELS_VERSION", 999)
    make_cues(manifest, 0, 1, CueSettings(), shard)
    assert len(stored_counts(shard, manifest, "a", 16, 10)) == 3


def test_cues_of_another_version_of_the_stage_are_counted_again(manifest, shard, monkeypatch):
    raised = dataclasses.replace(STAGES["cues"], version=STAGES["cues"].version + 1)
    monkeypatch.setitem(STAGES, "cues", raised)
    real, counted = footage_module.read_pictures, []

    def watched(path, *rest):
        counted.append(path.stem)
        return real(path, *rest)

    monkeypatch.setattr(footage_module, "read_pictures", watched)
    make_cues(manifest, 0, 1, CueSettings(), shard)
    assert counted == ["a", "b"]
    with open_shard(shard) as found:
        assert found.index.made_with.version == raised.version


def test_a_video_that_counts_more_segments_than_before_is_counted_again(manifest):
    """The same bytes may have more frames for another reader: no video gets the next one's cues."""
    settings, out = CueSettings(windows=(16,), thresholds=(10,)), manifest.parent / "cues.h5"
    levels = {"a": 10, "b": 20}

    def counts(video):
        for k in range(video.segments):
            yield {"T16-thr10": np.full((256, 340), levels[video.name] + k, np.uint8)}

    first, second = read_manifest(manifest)
    for videos in ([first, second], [dataclasses.replace(first, frames=64), second]):
        write_cues("cues", videos, settings, lambda video: video.sha256, counts, out)
    cues = CueShards([out])
    found = [[int(cue[0, 0]) for cue in cues.counts(video, 16, 10)] for video in videos]
    assert found == [[10, 11, 12, 13], [20]]


def test_a_video_that_counts_other_frames_in_as_many_segments_is_counted_again(manifest):
    settings, out = CueSettings(windows=(16,), thresholds=(10,)), manifest.parent / "cues.h5"
    counted = []

    def counts(video):
        counted.append((video.name, video.frames))
        yield from video.segments * [{"T16-thr10": np.zeros((256, 340), np.uint8)}]

    first, second = read_manifest(manifest)
    for frames in (40, 41, 41):
        videos = [dataclasses.replace(first, frames=frames), second]
        write_cues("cues", videos, settings, lambda video: video.sha256, counts, out)
    assert counted == [("a", 40), ("b", 16), ("a", 41)]


def test_cues_from_before_their_frames_were_noted_are_kept(manifest, shard, monkeypatch):
    def unnoted(store):
        with changed_index(store) as index:
            assert [video.pop("frames") for video in index["videos"]] == [40, 16]

    rewritten(shard, unnoted)
    expected = shard.read_bytes()
    monkeypatch.setattr(footage_module, "read_pictures", None)
    make_cues(manifest, 0, 1, CueSettings(), shard)
    assert shard.read_bytes() == expected


def test_cues_of_another_definition_are_refused(shard):
    message = r"shard-0\.h5: motion cues of definition paper, not released; name the shards"
    with pytest.raises(FusevadError, match=message):
        CueShards([shard], "released")


def test_a_video_that_changed_leaves_no_shard_and_keeps_the_others(manifest):
    write_video(manifest.parent / "b.mp4", 20)
    with pytest.raises(FusevadError, match=r"b\.mp4.*manifest"):
        make_cues(manifest, 0, 1, CueSettings(), manifest.parent / "cues/shard-0.h5")
    assert len(parts(manifest.parent / "cues")) == 1
    assert not (manifest.parent / "cues/shard-0.h5").exists()


def test_a_video_of_other_bytes_and_the_same_length_is_not_counted(manifest):
    write_video(manifest.parent / "b.mp4", 16, seed=99)
    with pytest.raises(FusevadError, match=r"b\.mp4: not the file that the manifest was made from"):
        make_cues(manifest, 0, 1, CueSettings(), manifest.parent / "cues/shard-0.h5")


def test_a_damaged_video_that_was_made_here_is_made_again_by_one_deletion(manifest):
    folder = manifest.parent / "videos"
    folder.mkdir()
    table = manifest.read_text()
    for name in "ab":
        moved = (manifest.parent / f"{name}.mp4").rename(folder / f"{name}.mp4")
        table = table.replace(f"{manifest.parent}/{name}.mp4", str(moved))
    manifest.write_text(table)
    hashes = {f"{name}.mp4": sha256(folder / f"{name}.mp4") for name in "ab"}
    (folder / "SHA256SUMS").write_text(hashes_text(hashes))
    write_video(folder / "b.mp4", 16, seed=99)
    shard = manifest.parent / "cues/shard-0.h5"
    with pytest.raises(FusevadError, match="get it again, or make"):
        make_cues(manifest, 0, 1, CueSettings(), shard)  # a folder of somebody else
    (manifest.parent / "labels.csv").touch()
    with pytest.raises(FusevadError, match=rf"; delete {folder} and run the workflow again"):
        make_cues(manifest, 0, 1, CueSettings(), shard)


def test_a_truncated_video_leaves_no_file(manifest):
    cut(manifest.parent / "a.mp4", 0.6)
    with pytest.raises(FusevadError, match=r"a\.mp4"):
        make_cues(manifest, 0, 1, CueSettings(), manifest.parent / "cues/shard-0.h5")
    assert not list((manifest.parent / "cues").rglob("*.h5"))


def test_a_full_disk_is_said_and_leaves_no_file(manifest, capfd):
    folder = manifest.parent / "cues"
    message = r"\.progress/.*\.h5: larger than its file system or a limit allows"
    with files_of_at_most(20_000), pytest.raises(FusevadError, match=message):
        make_cues(manifest, 0, 1, CueSettings(), folder / "shard-0.h5")
    assert not list(folder.rglob("*.h5"))
    assert "Traceback" not in capfd.readouterr().err


def test_missing_shards_and_cues_and_other_lengths_are_named(manifest, shard):
    with pytest.raises(FusevadError, match=r"none\.h5.*run the cues stage"):
        CueShards([manifest.parent / "none.h5"])
    video = read_manifest(manifest)[0]
    with pytest.raises(FusevadError, match=r"shard-0\.h5: no motion cue T16-thr5"):
        next(CueShards([shard]).counts(video, 16, 5))
    table = pd.read_csv(manifest)
    table["frames"] = 100
    table.to_csv(manifest, index=False)
    with pytest.raises(FusevadError, match=r"shard-0\.h5: 3 segments of a, which has 7"):
        next(CueShards([shard]).counts(read_manifest(manifest)[0], 16, 10))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def all_stored(file, videos) -> list[bytes]:
    shards = CueShards([file])
    return [
        b"".join(count.tobytes() for count in shards.counts(video, window, threshold))
        for video in videos
        for window in (4, 64)
        for threshold in (10, 25)
    ]


def test_no_flipped_bit_gives_other_counts(manifest, tmp_path):
    """One line, or the same counts where the bit says nothing, at many places of the file."""
    file = tmp_path / "cues/shard-0.h5"
    make_cues(manifest, 0, 1, CueSettings(windows=(4, 64)), file)
    videos = read_manifest(manifest)
    original, expected = file.read_bytes(), all_stored(file, videos)
    random = np.random.default_rng(0)
    places = {int(bit) for bit in random.integers(0, 8 * len(original), 400)}
    # The structures of the format are few bytes among many of counts.
    places |= {int(bit) for bit in random.integers(0, 8 * 3000, 200)}
    places |= {8 * len(original) - int(bit) for bit in random.integers(1, 8 * 3000, 200)}
    refused = 0
    for bit in places:
        file.write_bytes(flipped(original, bit))
        try:
            assert all_stored(file, videos) == expected
        except FusevadError as error:
            assert str(file) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > len(places) / 2


def rewritten(file, change) -> None:
    """Change a shard as somebody with h5py would, the index included."""
    with h5py.File(file, "r+", libver=("v110", "v110")) as store:
        change(store)


def replace(name, make):
    def change(store):
        del store[name]
        make(store, name)

    return change


def declare(store, name, **options):
    return store.create_dataset(name, **options)


SHAPE = {"shape": (4, 256, 340), "dtype": np.uint8, "chunks": (1, 256, 340)}
LAYOUT = h5py.VirtualLayout((4, 256, 340), np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        lambda store, name: store.__setitem__(name, h5py.ExternalLink("/etc/passwd", "x")),
        lambda store, name: store.__setitem__(name, h5py.SoftLink("/T4-thr10")),
        lambda store, name: store.create_virtual_dataset(name, LAYOUT),
        lambda store, name: declare(
            store, name, shape=(4, 256, 340), dtype=np.uint8, external=[("/etc/passwd", 0, 400_000)]
        ),
        lambda store, name: declare(store, name, **SHAPE | {"dtype": np.float64}),
        lambda store, name: declare(store, name, **SHAPE | {"shape": (5, 256, 340)}),
        lambda store, name: declare(store, name, **SHAPE | {"chunks": (4, 256, 340)}),
        lambda store, name: declare(store, name, **SHAPE | {"shape": (2**40, 256, 340)}),
        lambda store, name: declare(store, name, **SHAPE),
        lambda store, name: declare(store, name, **SHAPE, maxshape=(4, 256, 2**50)),
        lambda store, name: store.create_group(name),
        lambda store, name: store.__setitem__(name, 3),
        lambda store, name: None,
    ],
)
@pytest.mark.parametrize("name", ["T16-thr10", "index"])
def test_no_other_structure_is_read_whatever_it_claims(manifest, shard, name, make):
    rewritten(shard, replace(name, make))
    with pytest.raises(FusevadError, match=r"shard-0\.h5: damaged motion cues; delete it"):
        list(CueShards([shard]).counts(read_manifest(manifest)[0], 16, 10))


def test_a_refused_shard_is_closed(shard):
    rewritten(shard, replace("T16-thr10", lambda store, name: None))
    with pytest.raises(FusevadError) as refused:
        open_shard(shard)
    with h5py.File(shard, "r+"):  # HDF5 refuses that while this process reads the file
        assert refused.value.__traceback__ is not None


@contextmanager
def changed_index(store):
    """The content of an index, whose changes get the right hash."""
    index = json.loads(store["index"][()].tobytes()[64:])
    yield index
    del store["index"]
    content = json.dumps(index).encode()
    text = hashlib.sha256(content).hexdigest().encode() + content
    store.create_dataset("index", data=np.frombuffer(text, np.uint8))


def bomb(store) -> None:
    """A segment that says and holds a gigabyte of zeros."""
    import pyarrow

    zeros = pyarrow.Codec("zstd").compress(bytes(2**30), asbytes=True)
    store["T16-thr10"].id.write_direct_chunk((0, 0, 0), zeros)
    digest = hashlib.sha256(zeros)
    for place in (1, 2):
        digest.update(store["T16-thr10"].id.read_direct_chunk((place, 0, 0))[1])
    with changed_index(store) as index:
        index["videos"][0]["sha256"]["T16-thr10"] = digest.hexdigest()


def test_a_segment_that_unpacks_to_gigabytes_is_one_line(manifest, shard):
    rewritten(shard, bomb)
    with pytest.raises(FusevadError, match=r"shard-0\.h5: damaged motion cues"):
        next(CueShards([shard]).counts(read_manifest(manifest)[0], 16, 10))


def billion_segments(store) -> None:
    with changed_index(store) as index:
        index["made_with"]["cues"] = ["T16-thr10"]
        index["videos"] = index["videos"][:1]
        index["videos"][0]["segments"] = 10**12
    del store["T16-thr10"]
    made = declare(store, "T16-thr10", **SHAPE | {"shape": (10**12, 256, 340)}, compression="gzip")
    made.id.write_direct_chunk((0, 0, 0), b"x")


def cue_of_a_million_times(store) -> None:
    with changed_index(store) as index:
        index["made_with"]["cues"] = ["T16-thr10"] * 1_000_000


@pytest.mark.parametrize("change", [billion_segments, cue_of_a_million_times])
def test_an_index_of_a_few_kilobytes_takes_no_minutes(shard, change):
    rewritten(shard, change)
    with (
        pytest.raises(FusevadError, match=r"shard-0\.h5: damaged motion cues"),
        open_shard(shard) as found,
    ):
        found.check("T16-thr10", found.index.videos[0], 0)


@pytest.mark.parametrize("external", [True, False])
def test_a_link_to_a_folder_of_cues_is_not_followed_whatever_the_index_names(
    manifest, shard, tmp_path, external
):
    other = tmp_path / "other.h5"
    shutil.copy(shard, other)

    def behind_a_link(store):
        text = store["index"][()].tobytes()
        index = json.loads(text[64:])
        index["made_with"]["cues"] = [f"e/{cue}" for cue in index["made_with"]["cues"]]
        content = json.dumps(index).encode()
        content = hashlib.sha256(content).hexdigest().encode() + content
        del store["index"]
        store["index"] = np.frombuffer(content, np.uint8)
        store["e"] = h5py.ExternalLink(str(other), "/") if external else h5py.SoftLink("/")
        assert store["e/T16-thr10"].shape == (4, 256, 340)

    rewritten(shard, behind_a_link)
    with pytest.raises(FusevadError, match=r"shard-0\.h5: damaged motion cues; delete it"):
        open_shard(shard)
