"""`fusevad init-dataset`: what it writes and says, and when it writes nothing."""

import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from fusevad.artifacts.units import units_of
from fusevad.cli import app
from fusevad.config.load import load_files
from fusevad.data.label_tables import read_intervals, read_labels
from fusevad.plan.stages import plan
from tests.made_up_videos import cut, write_video

CAMERAS = ("cam1", "cam2", "cam3", "cam4")


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """Two normal videos and a fire on each of four cameras, and a video that breaks off."""
    folder = tmp_path_factory.mktemp("videos")
    for number, camera in enumerate(CAMERAS):
        for name in ("normal/{}/1.mp4", "normal/{}/2.mp4", "anomalous/fire/{}/1.mp4"):
            path = folder / name.format(camera)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, frames=20 + number, seed=number)
    cut(write_video(folder / "normal/cam1/3.mp4", frames=20), 0.5)
    return folder


@pytest.fixture
def repository(root, tmp_path, monkeypatch) -> Path:
    shutil.copytree(root / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words: object, name: str = "shop"):
    result = CliRunner().invoke(app, ["init-dataset", *map(str, words), "--name", name])
    return result.exception if result.exit_code else result.stdout


def test_what_it_finds_is_said_and_what_does_not_decode_is_left_out(shop, repository):
    said = init(shop).splitlines()
    assert said[0] == "12 videos, 0.00 hours: 4 fire, 8 normal"
    assert said[1:3] == ["sizes: 64x48 (12)", "frames a second: 20 (12)"]
    assert said[3].startswith(f"left out: {shop}/normal/cam1/3.mp4")
    assert said[4] == "train: 9 videos of 3 sources: 3 fire, 6 normal"
    assert said[5] == "test: 3 videos of 1 source: 1 fire, 2 normal"
    assert said[6] == "no source is in both parts"
    assert said[-1].endswith("results/shop/table1.tex --configfile config/shop.yaml")


def test_what_it_writes_is_a_configured_data_set_judged_by_videos(shop, repository):
    init(shop)
    config = load_files([Path("config/shop.yaml")])
    dataset = config.datasets["shop"]
    assert (dataset.origin, dataset.metrics) == ("own", ("Video-AUC", "AUC", "AP"))
    assert not config.frame_level
    assert config.protocol == "last"
    labels = read_labels(Path(dataset.settings["labels"]))
    assert len(labels) == 12 and all(label.path.is_file() for label in labels)
    assert read_intervals(Path(dataset.settings["intervals"])) == {}


@pytest.mark.parametrize("name", ["2024", "1e5", "null"])
def test_a_name_that_yaml_takes_for_a_value_is_a_name_all_the_same(shop, repository, name):
    init(shop, name=name)
    config = load_files([Path(f"config/{name}.yaml")])
    assert list(config.datasets) == [name]
    assert config.datasets[name].title == name


def test_without_intervals_no_job_judges_frames_and_all_others_are_there(shop, repository):
    init(shop)
    jobs = plan(load_files([Path("config/shop.yaml")])).jobs
    assert {"report/table1", "report/metrics", "report/timelines-shop", "explorer"} <= set(jobs)
    assert "bundle/shop/student-t" in jobs, "whose thresholds come from normal training videos"
    judged = r"report/(classes|curves|claims|methods|figure\d.*)|leaderboard|book|study-(?!alarms)"
    assert [name for name in jobs if re.match(judged, name)] == []


def test_data_beside_one_without_intervals_keeps_what_is_its_own(shop, repository):
    init(shop)
    Path("config/both.yaml").write_text("datasets: [rendered, shop]\nprotocol: last\n")
    jobs = plan(load_files([Path("config/both.yaml")])).jobs
    assert {"study-masking/rendered", "report/figure4-rendered"} <= set(jobs)
    assert not {"study-masking/shop", "report/figure3", "report/claims", "leaderboard"} & set(jobs)


def test_that_nothing_tells_cameras_is_said(shop, repository):
    rows = [
        f"{path};{'normal' if 'normal' in path.parts else 'fire'};{number}"
        for number, path in enumerate(sorted(shop.rglob("[12].mp4")))
    ]
    Path("labels.csv").write_text("\n".join(["video;label;source", *rows]))
    assert "warning: neither folders nor names tell cameras" in init("labels.csv")
    assert "neither folders nor names" not in init(shop, "--force")


def test_dvc_tracks_its_tables_as_those_of_any_data_set(shop, repository, root):
    init(shop)
    units = units_of(plan(load_files([Path("config/shop.yaml")])))
    (outs,) = [unit.outs for unit in units if unit.name == "data@shop"]
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    tracked = {path for each in stages["data"]["do"]["outs"] for path in each}
    assert {path.replace("${item.dataset}", "shop") for path in tracked} == set(outs)


def test_paths_below_the_repository_are_relative_so_that_both_can_move(shop, repository):
    shutil.copytree(shop, "videos")
    init("videos")
    table = pd.read_csv("config/datasets/shop/labels.csv")
    assert table.path[0] == "../../../videos/anomalous/fire/cam1/1.mp4"
    assert all(
        label.path.is_file() for label in read_labels(Path("config/datasets/shop/labels.csv"))
    )


def test_intervals_of_test_videos_make_frames_judged_and_others_are_not_used(shop, repository):
    rows = [f"anomalous/fire/{camera}/1.mp4,fire,5,15" for camera in CAMERAS]
    Path("intervals.csv").write_text("\n".join(["video,class,start,end", *rows]))
    said = init(shop, "--intervals", "intervals.csv")
    assert "intervals: 1 in test videos; 3 in training videos are not used" in said
    config = load_files([Path("config/shop.yaml")])
    assert config.datasets["shop"].metrics == ("AUC", "AP", "Ano-AUC")
    assert config.protocol == "validation"
    ((span,),) = read_intervals(Path("config/datasets/shop/intervals.csv")).values()
    assert (span.start, span.end) == (5, 15)


def test_only_sources_whose_anomalies_have_intervals_test(shop, repository):
    rows = ["video,class,start,end", "anomalous_fire_cam3_1,fire,5,15"]
    Path("intervals.csv").write_text("\n".join(rows))
    init(shop, "--intervals", "intervals.csv")
    table = pd.read_csv("config/datasets/shop/labels.csv")
    assert set(table[table.split == "test"].source) == {"cam3"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("anomalous/fire/cam9/1.mp4,fire,1,2", "no video anomalous/fire/cam9/1.mp4 was found"),
        ("normal/cam1/1.mp4,fire,1,2", "is labelled normal"),
        ("anomalous/fire/cam1/1.mp4,fire,1,900", "ends after the video's 20 frames"),
        ("anomalous/fire/cam1/1.mp4,flood,1,2", "class 'flood' is not among"),
        ("anomalous/fire/cam1/1.mp4,fire,1,2\nanomalous_fire_cam1_1,fire,1,2", "by its path"),
    ],
)
def test_wrong_intervals_leave_no_data_set(shop, repository, row, message):
    Path("intervals.csv").write_text(f"video,class,start,end\n{row}\n")
    assert message in str(init(shop, "--intervals", "intervals.csv"))
    assert not Path("config/shop.yaml").exists()


def test_files_of_that_name_are_replaced_only_by_force(shop, repository):
    init(shop)
    kept = Path("config/datasets/shop.yaml")
    written = kept.read_text()
    kept.write_text(f"{written}# mine\n")
    assert "shop.yaml: there already" in str(init(shop))
    assert kept.read_text() != written
    init(shop, "--force")
    assert kept.read_text() == written


def test_tables_of_the_user_are_never_replaced(shop, repository):
    table = Path("config/datasets/shop/intervals.csv")
    table.parent.mkdir()
    text = "video,class,start,end\nanomalous/fire/cam1/1.mp4,fire,5,15\n"
    table.write_text(text)
    assert "intervals.csv: there already" in str(init(shop, "--force"))
    table.unlink()
    init(shop)
    table.write_text(text)
    said = str(init(shop, "--force", "--intervals", table))
    assert "intervals.csv: read and written by this command" in said
    assert table.read_text() == text


def test_intervals_find_a_file_whose_letters_macos_decomposed(shop, repository):
    shutil.copytree(shop, "videos")
    Path("videos/anomalous/fire/cam1/1.mp4").rename("videos/anomalous/fire/cam1/cafe\u0301.mp4")
    rows = ["anomalous/fire/cam1/caf\u00e9.mp4,fire,5,15"]
    Path("intervals.csv").write_text("\n".join(["video,class,start,end", *rows]))
    init("videos", "--intervals", "intervals.csv")
    (spans,) = read_intervals(Path("config/datasets/shop/intervals.csv")).values()
    assert [(span.start, span.end) for span in spans] == [(5, 15)]


def test_even_force_replaces_no_file_that_it_did_not_write(shop, repository):
    before = Path("config/datasets/rendered.yaml").read_text()
    assert "not written by fusevad init-dataset" in str(init(shop, "--force", name="rendered"))
    assert "config.yaml: not written by" in str(init(shop, "--force", name="config"))
    assert Path("config/datasets/rendered.yaml").read_text() == before


@pytest.mark.parametrize("name", ["Shop", "a/b", "../x", "figures", "config"])
def test_a_name_that_cannot_be_one_is_refused_before_a_video_is_read(repository, name):
    error = init("nowhere", name=name)
    assert "nowhere" not in str(error) and name in str(error)


def test_a_read_only_folder_is_named_before_a_video_is_read(repository, monkeypatch):
    """The superuser may write everywhere, so the system's answer is made up."""
    may = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *rest: Path(path).name != "datasets" and may(path, *rest)
    )
    message = str(init("no-such-folder"))
    assert message.startswith("config/datasets/: no file can be written there; change its owner")


def test_a_folder_without_a_video_that_decodes_is_one_line(repository, tmp_path):
    for name in ("normal/a.mp4", "anomalous/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no film")
    assert "none of its videos can be decoded" in str(init(tmp_path))
    assert not Path("config/datasets/shop").exists()
