"""CCTV-Fights, in made-up files of the form that its users describe."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusevad.config.load import load_files
from fusevad.data.fetch.settings import FetchSettings
from fusevad.data.recorded.formats import Annotation, Span, read_annotations
from fusevad.data.recorded.inventory import Inventory
from fusevad.data.recorded.labels import make_labels
from fusevad.data.recorded.settings import AnnotationSettings, ListSettings, RecordedSettings
from fusevad.data.recorded.verify import verify
from fusevad.errors import FusevadError
from fusevad.parsing import parse, read_yaml
from tests import stand_ins
from tests.made_up_videos import write_video

FORM = AnnotationSettings("cctv-fights", "groundtruth.json")
FIGHTS = {"training": 2, "validation": 1, "testing": 2}


def entry(*segments: tuple[float, float], subset: str = "testing", rate: float = 25) -> Any:
    fights = [{"segment": list(each), "label": "Fight"} for each in segments]
    return {
        "duration": 2.0, "frame_rate": rate, "subset": subset, "source": "CCTV",
        "annotations": fights,
    }  # fmt: skip


def write(folder: Path, database: Mapping[str, Any]) -> Path:
    path = folder / "groundtruth.json"
    path.write_text(json.dumps({"version": "1.0", "database": database}))
    return path


def annotation(tmp_path: Path, database: Mapping[str, Any]) -> Annotation:
    (found,) = read_annotations(write(tmp_path, database), FORM).values()
    return found


@pytest.fixture
def published() -> RecordedSettings:
    values = read_yaml(stand_ins.CONFIG / "cctv-fights.yaml")
    parse(FetchSettings, values["fetch"], "cctv-fights")
    return parse(RecordedSettings, values["recorded"], "cctv-fights")


@pytest.fixture
def settings(published) -> RecordedSettings:
    """As published, but for five videos with two fights each."""
    official = published.splits["official"]
    small = replace(official, videos=5, annotations=replace(official.annotations, anomalies=10))
    return replace(published, splits={"official": small})


@pytest.fixture
def folder(tmp_path) -> Path:
    """Five videos of two seconds in two folders, and their file."""
    names = [f"fight_{number:04d}" for number in range(1, 6)]
    subsets = [subset for subset, count in FIGHTS.items() for _ in range(count)]
    for number, name in enumerate(names):
        place = tmp_path / "data" / f"mpeg-{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        write_video(place / f"{name}.mpeg", 50, fps=25, seed=number, codec="mpeg1video")
    fights = (0.2, 0.6), (1.0, 1.48)
    write(tmp_path / "data", {
        name: entry(*fights, subset=subset) for name, subset in zip(names, subsets, strict=True)
    })  # fmt: skip
    return tmp_path / "data"


# Seconds become frames


def test_seconds_are_the_nearest_frames_of_the_videos_own_rate(tmp_path):
    found = annotation(tmp_path, {"a": entry((0.0, 1.0), (1.1, 2.02), rate=29.97)})
    assert found == Annotation(("Fight",), (Span(0, 30, "Fight"), Span(33, 61, "Fight")))


def test_products_that_floating_point_makes_a_little_too_large_are_no_frame_later(tmp_path):
    assert 0.07 * 100 > 7
    (span,) = annotation(tmp_path, {"a": entry((0.07, 0.14), rate=100)}).spans
    assert (span.start, span.end) == (7, 14)


def test_a_fight_shorter_than_a_frame_is_one_frame(tmp_path):
    (span,) = annotation(tmp_path, {"a": entry((1.0, 1.004))}).spans
    assert (span.start, span.end) == (25, 26)


def test_names_that_are_one_video_s_are_refused(tmp_path):
    path = write(tmp_path, {"in/a": entry((0.0, 1.0)), "in_a": entry((1.0, 2.0))})
    with pytest.raises(FusevadError, match="video in_a is annotated twice"):
        read_annotations(path, FORM)


# Files of another form


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ({"a": entry((1.0, 1.0))}, "video a: a fight from second 1 to 1 is empty"),
        ({"a": entry((2.0, 1.0))}, "video a: a fight from second 2 to 1 is empty"),
        ({"a": entry((-1.0, 1.0))}, "database.a.annotations.0.segment.0: -1.0: input should be"),
        ({"a": entry((0.0, 1e300))}, "database.a.annotations.0.segment.1"),
        ({"a": entry((0.0, 1.0), rate=0)}, "database.a.frame_rate: 0: input should be greater"),
        ({"a": entry((0.0, 1.0)) | {"frame_rate": None}}, "database.a.frame_rate"),
        ({"a": {"subset": "testing", "annotations": []}}, "database.a.frame_rate: missing"),
        ({"a": entry((0.0, 1.0), (0.0, 1.0))}, "an anomaly from frame 0 to 25 is there twice"),
        ({"a": []}, "database.a"),
    ],
)
def test_an_entry_of_another_form_is_named_in_one_line(tmp_path, database, message):
    path = write(tmp_path, database)
    with pytest.raises(FusevadError, match=re.escape(message)) as caught:
        read_annotations(path, FORM)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"fight_0001 3 9", b"\xff\xfe\x00", b"[]", b"{}", b'{"database": 1}', b"[" * 10**5]
)
def test_a_file_that_is_no_such_json_is_one_line(tmp_path, content):
    path = tmp_path / "groundtruth.json"
    path.write_bytes(content)
    with pytest.raises(FusevadError) as caught:
        read_annotations(path, FORM)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_another_number_of_fights_than_was_published_is_one_line(tmp_path, published):
    path = write(tmp_path, {"a": entry((0.0, 1.0))})
    with pytest.raises(FusevadError, match="has 1 anomalies instead of 2414"):
        read_annotations(path, published.splits["official"].annotations)


# Lists by subsets


def test_subsets_are_lists_of_videos(folder):
    inventory = Inventory.of(folder)
    listed = {
        subset: inventory.listed(ListSettings("groundtruth.json", subsets=(subset,)))
        for subset in FIGHTS
    }
    assert {subset: len(names) for subset, names in listed.items()} == FIGHTS
    assert listed["testing"] == ["fight_0004", "fight_0005"]


@pytest.mark.parametrize(
    "values",
    [{"file": "a"}, {"file": "a", "line": "(?P<name>.+)", "subsets": ["testing"]}],
)
def test_a_list_is_read_by_its_line_or_by_its_subsets(values):
    with pytest.raises(FusevadError, match="read by its line or by its subsets; give one"):
        parse(ListSettings, values, "list")


def test_its_videos_are_found_and_learned_or_tested_by_their_subsets(folder, settings, tmp_path):
    assert verify("cctv-fights", folder, settings, "official", workers=1) == []
    make_labels(folder, settings, "official", tmp_path / "source")
    labels = pd.read_csv(tmp_path / "source/labels.csv")
    assert list(labels["split"]) == ["train"] * 3 + ["test"] * 2
    assert set(labels["class"]) == {"Fighting"}
    intervals = pd.read_csv(tmp_path / "source/intervals.csv")
    assert intervals.to_numpy().tolist() == [
        [name, "Fighting", *frames]
        for name in ("fight_0004", "fight_0005")
        for frames in ([5, 15], [25, 37])
    ]


def test_another_number_of_videos_than_was_published_is_named(folder, settings):
    wrong = replace(settings.splits["official"], videos=1000)
    changed = replace(settings, splits={"official": wrong})
    problems = verify("cctv-fights", folder, changed, "official", workers=1)
    assert problems == ["the lists name 5 videos instead of 1000"]


# Without normal videos nothing is trained


def test_training_on_it_is_refused_before_any_job():
    with pytest.raises(
        FusevadError, match=r"'cctv-fights' has no normal videos, .* under `only_tested`"
    ) as caught:
        load_files([], stand_ins.CONFIG.parent, ["datasets=[cctv-fights]"])
    assert "\n" not in str(caught.value)
