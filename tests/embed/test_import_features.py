"""Features of others: every published layout arrives as if it had been extracted here."""

import json
import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from fusevad.artifacts.check import check
from fusevad.artifacts.gc import unused
from fusevad.cli import app
from fusevad.embed.imported.settings import ImportSettings
from fusevad.files import sha256
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.records import read_record
from tests.made_up_features import FRAMES, MOTION, SEGMENTS, Features
from tests.made_up_tables import write_table


@pytest.fixture
def features(tmp_path) -> Features:
    return Features(tmp_path)


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == np.float16
        np.testing.assert_array_equal(found[name], array.astype(np.float16))


@pytest.mark.parametrize("folder", ["event_thr_10", "event"])  # the second on ShanghaiTech
def test_released_embeddings_of_both_streams(features, folder):
    rgb = features.save_crops("rgb/Abuse/{}__{}.npy", 768)
    motion = features.save_crops(folder + "/{}__{}.npy", 768)  # XD-Violence has no class folders
    same(features.load(ImportSettings("released")), rgb)
    same(features.load(ImportSettings("released"), MOTION), motion)


def test_vadclip_features_and_a_choice_of_crops(features):
    arrays = features.save_crops("Abuse/{}__{}.npy", 512)
    found = features.load(ImportSettings("vadclip", crops=(5, 0)))
    same(found, {name: array[:, [5, 0]] for name, array in arrays.items()})


@pytest.mark.parametrize("form", ["train/{}__{}.npy", "{}_{}.npy", "{}_{}_i3d.npy"])
def test_i3d_features_with_a_file_for_each_crop(features, form):
    arrays = features.save_crops(form, 1024)
    same(features.load(ImportSettings("i3d")), arrays)


@pytest.mark.parametrize("axis", [0, 1])
def test_i3d_features_with_ten_crops_in_one_file(features, axis):
    arrays = {}
    for name, n in SEGMENTS.items():
        shape = (10, n) if axis == 0 else (n, 10)
        array = features.save(f"UCF_Train_ten_crop_i3d/{name}_i3d.npy", *shape, 2048)
        arrays[name] = np.moveaxis(array, axis, 1)
    same(features.load(ImportSettings("i3d", crop_axis=axis)), arrays)


def test_features_of_one_crop_need_no_axis_of_crops(features):
    arrays = {name: features.save(f"{name}.npy", n, 4096) for name, n in SEGMENTS.items()}
    found = features.load(ImportSettings("c3d", crops=(0,)))
    same(found, {name: array[:, None] for name, array in arrays.items()})
    shutil.rmtree(features.out)
    assert "no crop 1)" in features.error(ImportSettings("c3d", crops=(0, 1)))


def test_the_wrong_axis_of_crops_is_noticed(features):
    for name, n in SEGMENTS.items():
        features.save(f"{name}.npy", 10, n, 2048)
    message = features.error(ImportSettings("i3d", crops=(0,)))
    assert "crops" in message and "set crop_axis to 0" in message


def test_the_32_rows_of_sultani_divide_the_video_evenly(features):
    arrays = {name: features.save(f"Abuse/{name}_C.txt", 32, 4096) for name in SEGMENTS}
    found = features.load(ImportSettings("c3d-txt", crops=(0,)))
    for name, segments in SEGMENTS.items():
        text = np.loadtxt(features.folder / "Abuse" / f"{name}_C.txt", np.float32)
        np.testing.assert_allclose(text, arrays[name], atol=1e-4)
        for segment in range(segments):
            middle = (segment + 0.5) / segments
            row = next(b for b in range(32) if b / 32 <= middle < (b + 1) / 32)
            expected = text[row].astype(np.float16)
            np.testing.assert_array_equal(found[name][segment, 0], expected)


def test_a_missing_tail_repeats_the_last_segment(features):
    name = "Abuse001_x264"
    features.save_crops("{}__{}.npy", 512)
    short = features.save(f"{name}__0.npy", 6, 512)
    array = features.load(ImportSettings("vadclip", crops=(0,)))[name][:, 0]
    np.testing.assert_array_equal(array[:6], short.astype(np.float16))
    np.testing.assert_array_equal(array[6], array[5])


def test_a_tail_may_be_missing_after_whole_segments_too(features):
    features.save_crops("{}__{}.npy", 512)
    features.save("Normal_Videos_003_x264__0.npy", 3, 512)  # the released code's last 16 of 528
    array = features.load(ImportSettings("vadclip", crops=(0,)))["Normal_Videos_003_x264"]
    np.testing.assert_array_equal(array[3], array[2])


@pytest.mark.parametrize("rows", [5, 8])
def test_another_length_is_named_with_what_was_expected(features, rows):
    features.save_crops("{}__{}.npy", 512)
    features.save("Abuse001_x264__0.npy", rows, 512)
    message = features.error(ImportSettings("vadclip", crops=(0,)))
    assert f"Abuse001_x264__0.npy has {rows} segments, expected 7 or 6" in message
    assert "1 of 4 videos" in message


def test_all_that_is_missing_is_said_at_once(features):
    features.save_crops("{}__{}.npy", 512)
    for path in features.folder.iterdir():
        if not path.name.startswith("Abuse"):
            path.unlink()
    (features.folder / "Abuse001_x264__7.npy").unlink()
    message = features.error(ImportSettings("vadclip"))
    assert "4 of 4 videos" in message and "Abuse001_x264 (no crop 7)" in message
    assert "Normal_Videos_003_x264 (no file)" in message and "and 1 more" in message


def test_crops_of_different_lengths_are_an_error(features):
    features.save_crops("{}__{}.npy", 512)
    features.save("Abuse001_x264__4.npy", 6, 512)
    assert "Abuse001_x264 (crops of 6 to 7 segments)" in features.error(ImportSettings("vadclip"))


def test_a_missing_stream_is_named(features):
    features.save_crops("rgb/{}__{}.npy", 768)
    assert "event_thr_10: no such folder for stream" in features.error(
        ImportSettings("released"), MOTION
    )
    assert "have no stream audio" in features.error(ImportSettings("released"), "audio")


def test_the_folder_of_a_stream_can_be_named(features):
    arrays = features.save_crops("vitb/event_thr_25/{}__{}.npy", 512)
    streams = {"motion-released-T16-thr25": "vitb/event_thr_25"}
    settings = ImportSettings("released", streams=streams)
    same(features.load(settings, "motion-released-T16-thr25"), arrays)


def test_files_of_other_videos_are_left_out_and_said(features, capsys):
    arrays = features.save_crops("{}__{}.npy", 512)
    features.save("Abuse999_x264__0.npy", 3, 512)
    same(features.load(ImportSettings("vadclip")), arrays)
    error = capsys.readouterr().err
    assert "1 files are left out: Abuse999_x264__0.npy (no such video)" in error


def test_a_name_is_what_the_manifest_says(features):
    """`04_0012_0` is a part of a video in one list and a crop of it in a file name."""
    table = pd.read_csv(features.manifest).iloc[:2]
    table["video"] = ["04_0012", "04_0012_0"]
    table["frames"] = [48, 32]
    table.to_csv(features.manifest, index=False)
    part = features.save("04_0012_0.npy", 2, 2048)
    crop = features.save("04_0012__0.npy", 3, 2048)
    found = features.load(ImportSettings("i3d", crops=(0,)), shards=1)
    same(found, {"04_0012": crop[:, None], "04_0012_0": part[:, None]})
    table.iloc[:1].to_csv(features.manifest, index=False)
    (features.folder / "04_0012__0.npy").unlink()
    features.save("04_0012_0.npy", 3, 2048)
    assert features.load(ImportSettings("i3d", crops=(0,)), shards=1).keys() == {"04_0012"}


def test_the_same_crop_twice_is_an_error(features):
    features.save_crops("RGB/{}__{}.npy", 1024)
    features.save("FLOW/Abuse001_x264__0.npy", 7, 1024)
    assert "crop 0 of video Abuse001_x264 is also in" in features.error(ImportSettings("i3d"))


def with_values(features: Features, value: float) -> dict[str, np.ndarray]:
    arrays = features.save_crops("{}__{}.npy", 512, crops=2)
    array = arrays["Abuse001_x264"][:, 1].copy()
    array[2:4, 5:] = value
    np.save(features.folder / "Abuse001_x264__1.npy", array)
    arrays["Abuse001_x264"][:, 1] = array
    return arrays


def test_nan_is_an_error_unless_it_may_be_zeroed(features, capsys):
    arrays = with_values(features, np.nan)
    message = features.error(ImportSettings("vadclip", crops=(0, 1)))
    assert "Abuse001_x264__1.npy: NaN in 2 of 7 rows; set on_nan: zero" in message
    found = features.load(ImportSettings("vadclip", crops=(0, 1), on_nan="zero"))
    same(found, {name: np.nan_to_num(array) for name, array in arrays.items()})
    assert "NaN replaced by 0 in 2 rows of 1 of 4 videos" in capsys.readouterr().err
    sources = pd.read_csv(features.out / "sources.csv").set_index("file")
    assert sources.loc["Abuse001_x264__1.npy", "rows_with_nan"] == 2
    assert sources["rows_with_nan"].sum() == 2


@pytest.mark.parametrize("value", [np.inf, 1e6])
def test_what_float16_cannot_hold_is_an_error(features, value):
    with_values(features, value)
    message = features.error(ImportSettings("vadclip", crops=(0, 1), on_nan="zero"))
    assert "Abuse001_x264__1.npy: values too large for float16" in message


def spoil(file: Path, how: str) -> None:
    if how == "pickle":
        np.save(file, np.array([torch.zeros(2), None], dtype=object), allow_pickle=True)
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif how == "text":
        file.write_text("no features")
    elif how == "open header":
        file.write_bytes(file.read_bytes().replace(b"}", b" ", 1))
    elif how == "half":  # of each number: a damaged type
        file.write_bytes(file.read_bytes().replace(b"<f4", b"<f2", 1))
    elif how == "integers":
        np.save(file, np.zeros((7, 512), np.int64))
    elif how == "width":
        np.save(file, np.zeros((7, 640), np.float32))
    elif how == "axes":
        np.save(file, np.zeros((7, 1, 512), np.float32))
    elif how == "one number":
        np.save(file, np.float32(1))
    elif how in ("negative", "claimed"):
        about = {"descr": "<f4", "fortran_order": False}
        shape = (-1, 512) if how == "negative" else (10**12, 512)
        with file.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, about | {"shape": shape})
            stream.write(bytes(7 * 512 * 4))
    elif how == "pipe":  # opening it would never end
        file.unlink()
        os.mkfifo(file)
    elif how == "empty":  # what the released extractor saves for 16 frames or fewer
        np.save(file, np.zeros(0, np.float32))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pickle", "not a readable array"),
        ("cut", "not a readable array"),
        ("text", "not a readable array"),
        ("open header", "not a readable array"),
        ("half", "more bytes than its array of 7 x 512 float16"),
        ("negative", "not a readable array"),
        ("claimed", "not a readable array"),
        ("pipe", "not a readable array"),
        ("one number", "an array of"),
        ("integers", "values of type int64"),
        ("width", "an array of 7 x 640, but layout vadclip has 512 features"),
        ("axes", "an array of 7 x 1 x 512"),
        ("empty", "Abuse001_x264 (no segment)"),
    ],
)
def test_a_file_that_is_no_features_is_named(features, how, message):
    features.save_crops("{}__{}.npy", 512)
    spoil(features.folder / "Abuse001_x264__0.npy", how)
    text = features.error(ImportSettings("vadclip", crops=(0,)))
    assert message in text and "Abuse001_x264" in text


def test_text_of_another_size_is_named(features):
    for name in SEGMENTS:
        features.save(f"{name}.txt", 31, 4096)
    text = features.error(ImportSettings("c3d-txt", crops=(0,)))
    assert "31 x 4096 features instead of 32 x 4096" in text


def test_text_without_numbers_is_one_line(features, recwarn):
    for name in SEGMENTS:
        features.save(f"{name}.txt", 32, 4096)
    (features.folder / f"{name}.txt").write_text("# nothing\n")
    assert "(no numbers)" in features.error(ImportSettings("c3d-txt", crops=(0,)))
    assert not [each for each in recwarn if "loadtxt" in str(each.message)]


def test_text_of_gigabytes_is_not_read(features):
    for name in SEGMENTS:
        features.save(f"{name}.txt", 32, 4096)
    with (features.folder / f"{name}.txt").open("r+b") as file:
        file.truncate(3 << 30)
    assert "3221225472 bytes" in features.error(ImportSettings("c3d-txt", crops=(0,)))


def test_an_import_tells_where_it_comes_from(features):
    features.save_crops("{}__{}.npy", 512)
    settings = ImportSettings("vadclip")
    features.load(settings)
    with safe_open(features.out / "shard-1.safetensors", "np") as shard:
        provenance = json.loads(shard.metadata()["provenance"])
        assert list(shard.keys()) == sorted(list(SEGMENTS)[1::2])
    assert provenance["origin"] == "imported" and provenance["layout"] == "vadclip"
    sources = pd.read_csv(features.out / "sources.csv")
    assert len(sources) == 40
    for row in sources.itertuples():
        assert row.sha256 == sha256(features.folder / row.file)
    index = pd.read_csv(features.out / "index.csv").set_index("video")
    assert index.segments.to_dict() == SEGMENTS
    first = {file.name: file.read_bytes() for file in features.out.iterdir()}
    features.load(settings)
    assert {file.name: file.read_bytes() for file in features.out.iterdir()} == first


def test_pooled_features_of_videos_of_different_lengths_say_so(features):
    for name in FRAMES:
        features.save(f"{name}__0.npy", 32, 512)
    message = features.error(ImportSettings("vadclip", crops=(0,)))
    assert "all 4 videos have 32 rows, though their lengths differ" in message


def test_all_features_that_are_longer_than_their_videos_are_named_at_once(features):
    features.save_crops("{}__{}.npy", 512, crops=1)
    for extra, name in enumerate(FRAMES, start=1):
        features.save(f"{name}__0.npy", SEGMENTS[name] + extra, 512)
    message = features.error(ImportSettings("vadclip", crops=(0,)))
    assert "features of 4 of 4 videos differ in length" in message
    assert all(f"{name} ({name}__0.npy has" in message for name in FRAMES)


def test_features_in_hidden_folders_are_not_those_of_the_data_set(features):
    """Of an interrupted download, a waste bin or an archiver: no lineage has them."""
    arrays = features.save_crops("{}__{}.npy", 512, crops=1)
    for folder in (".fetch/staging", ".Trash-1000", "__MACOSX"):
        for name in FRAMES:
            features.save(f"{folder}/{name}__0.npy", SEGMENTS[name], 512)
    same(features.load(ImportSettings("vadclip", crops=(0,))), arrays)


def test_features_of_a_name_with_decomposed_letters_are_found(features):
    name = unicodedata.normalize("NFC", "Prügelei")
    row = [name, f"{name}.mp4", "train", "normal", 40, 30.0, 320, 240, "0" * 64]
    write_table(features.manifest.parent, "manifest", [row])
    array = features.save(f"{unicodedata.normalize('NFD', name)}__0.npy", 3, 512)
    found = features.load(ImportSettings("vadclip", crops=(0,)), shards=1)
    same(found, {name: array[:, None]})


def test_the_list_of_imported_files_is_recorded_and_kept(features, tmp_path, monkeypatch):
    """Nothing else says which bytes were imported: of features lineages have names and sizes."""
    monkeypatch.chdir(tmp_path)
    features.save_crops("{}__{}.npy", 512, crops=1)
    folder = "results/x/embeddings/imported-vadclip/rgb"
    job = Job(
        "index/x/imported-vadclip/rgb",
        "import-features",
        {"layout": "vadclip", "crops": [0]},
        {"manifest": "manifest.csv"},
        tuple(f"{folder}/{name}" for name in ("index.csv", "shard-0.safetensors", "sources.csv")),
    )
    plan = Plan([job])
    words = ["features", "--manifest", "manifest.csv", "--stream", "rgb", "--shards", "1", folder]
    settings = ["--settings", plan.write_settings(job)]
    assert CliRunner().invoke(app, ["import-features", *words, *settings]).exit_code == 0
    listed = f"{folder}/sources.csv"
    assert read_record(Path(job.record)).outputs[listed].sha256 == sha256(Path(listed))
    assert unused([plan]) == []
    assert check(plan, [job])[job.name].fits
