"""Features of others whose videos are here too: each one that does not fit its video is named."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fusevad.config.load import load
from fusevad.data.manifest import read_manifest
from fusevad.data.manifest_making import make_manifest
from fusevad.embed.imported.manifest import without_unusable
from fusevad.embed.imported.run import import_features
from fusevad.embed.imported.settings import ImportSettings
from fusevad.embed.store import EmbeddingStore
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from tests.made_up_videos import write_video

CONFIG = Path(__file__).parents[2] / "config"
NAMES = [f"walk{number}" for number in range(6)]
FRAMES = 40  # 3 segments
SETTINGS = ImportSettings("vadclip", crops=(0,))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Six videos with a file of features each, and their labels."""
    (tmp_path / "features").mkdir()
    for number, name in enumerate(NAMES):
        write_video(tmp_path / f"{name}.mp4", FRAMES, seed=number)
        save(tmp_path, name, np.full((3, 512), number))
    rows = [(name, "train", "normal", f"{name}.mp4") for name in NAMES]
    labels = pd.DataFrame(rows, columns=["video", "split", "class", "path"])
    labels.to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "intervals.csv").write_text("video,class,start,end\n")
    return tmp_path


def save(folder: Path, name: str, array: np.ndarray) -> None:
    np.save(folder / "features" / f"{name}__0.npy", array.astype(np.float32))


def spoil(folder: Path) -> None:
    """One is longer than its video, one is missing, one holds NaN, one what float16 can't hold."""
    save(folder, "walk0", np.zeros((5, 512)))
    (folder / "features" / "walk1__0.npy").unlink()
    save(folder, "walk2", np.full((3, 512), np.nan))
    save(folder, "walk3", np.full((3, 512), 1e9))


def manifest(folder: Path, on_bad_video: str) -> None:
    check = partial(
        without_unusable,
        settings=SETTINGS,
        folder=folder / "features",
        on_bad_video=on_bad_video,
    )
    tables = folder / "labels.csv", folder / "intervals.csv"
    make_manifest(*tables, folder / "out", on_bad_video, 1, check=check)


def test_features_that_do_not_fit_their_videos_are_all_named(folder, capsys):
    spoil(folder)
    with pytest.raises(FusevadError, match="2 of 6 videos can't be used; correct them, or say"):
        manifest(folder, "stop")
    lines = [line for line in capsys.readouterr().err.splitlines() if ": walk" in line]
    assert [line.split(": ")[1] for line in lines] == ["walk0", "walk1"]
    assert "walk0__0.npy has 5 segments, expected 3 or 2" in lines[0]
    assert not (folder / "out").exists()


def test_skip_leaves_out_the_videos_of_faulty_features_alone(folder):
    spoil(folder)
    manifest(folder, "skip")
    out = folder / "out"
    videos = read_manifest(out / "manifest.csv")
    assert [(video.name, video.frames) for video in videos] == [("walk4", 40), ("walk5", 40)]
    assert pd.read_csv(out / "skipped.csv").video.tolist() == NAMES[:4]
    import_features(SETTINGS, folder / "features", out / "manifest.csv", "rgb", out / "rgb")
    store = EmbeddingStore(out / "rgb" / "index.csv", device="cpu")
    assert [float(store[name].mean()) for name in NAMES[4:]] == [4, 5]


def test_an_import_names_every_file_with_nan_in_one_run(folder):
    manifest(folder, "stop")
    for name in NAMES[1:4]:
        save(folder, name, np.full((3, 512), np.nan))
    with pytest.raises(FusevadError) as caught:
        import_features(
            SETTINGS, folder / "features", folder / "out/manifest.csv", "rgb", folder / "rgb", 2
        )
    message = str(caught.value)
    assert "\n" not in message and "walk2__0.npy: NaN in 3 of 3 rows" in message
    assert "unusable too: walk1 (NaN in 3 of 3 rows), walk3 (NaN in 3 of 3 rows)" in message
    assert not list((folder / "rgb").glob("*.safetensors"))


def test_a_configuration_says_whether_the_videos_are_here():
    values = yaml.safe_load((CONFIG / "config.yaml").read_text())
    features = {"layout": "vadclip", "folder": "features", "crops": [0]}
    values["features"] = {"rendered": features}
    values["hyperparameters"] = {"test_crops": [0]}
    assert load(values, CONFIG).without_videos == ["rendered"]
    features["videos"] = True
    config = load(values, CONFIG)
    assert config.with_videos == ["rendered"]
    assert Jobs(config).imported("rendered") == ["--features", "features"]
    assert Jobs(config).features("rendered") == {"layout": "vadclip", "crops": [0]}
