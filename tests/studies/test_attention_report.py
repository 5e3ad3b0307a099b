"""Table and figure of the encoders' attention: means over videos, maps over pictures."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.report import attention_maps as figure_module
from fusevad.report import make_report
from fusevad.report.attention_maps import borders, choose_classes, make_attention_maps
from fusevad.report.attention_table import make_attention_table
from fusevad.report.runs import TableDataset
from fusevad.report.style import PAGE
from tests.made_up_tables import with_a_changed_video

pytestmark = pytest.mark.usefixtures("one_thread")


def dataset(folder, source=""):
    files = (folder / f"{name}.csv" for name in ("manifest", "intervals", "skipped"))
    return TableDataset("made-up", "Made up", ("AUC",), *files, 1, 16, source=source)


def write_areas(path):
    """Anomaly is 0.1 above Normal for images, on average, and as high for motion cues."""
    rows = []
    for k, name in enumerate(["Abuse", "Abuse", "Arrest", "Arrest", "normal"]):
        for modality in ("image", "motion cue"):
            step = 0.05 + 0.02 * k if modality == "image" else 0.0
            for kind in ("Normal",) if name == "normal" else ("Anomaly", "Normal"):
                area = 0.4 + 0.1 * (k % 2) + step * (kind == "Anomaly")
                rows.append((name, kind, modality, f"v{k}", 4, area, "last", "maximum", 0.5, "3x3"))
    columns = ["class", "frame_type", "modality", "video", "segments", "area"]
    columns += ["method", "relative_to", "threshold", "patches"]
    write_csv(pd.DataFrame(rows, columns=columns), path)


@pytest.mark.parametrize("source", ["", "ucf-crime"])
def test_the_table_gives_means_over_videos_beside_the_papers(tmp_path, root, source):
    write_areas(tmp_path / "attention.csv")
    files = tmp_path / "table6.tex", tmp_path / "table6.csv"
    make_attention_table(
        "table6",
        "Attention area",
        [dataset(tmp_path, source)],
        {"made-up": tmp_path / "attention.csv"},
        root / "config/published/table06.csv",
        *files,
    )
    table = pd.read_csv(files[1]).set_index(["block", "class", "modality", "frame_type"])
    abuse = table.loc[("measured", "Abuse", "image", "Normal")]
    assert abuse["mean"] == pytest.approx(0.45)
    assert abuse["standard_error"] == pytest.approx(0.05)  # of 0.4 and 0.5
    assert abuse["videos"] == 2 and abuse["segments"] == 8
    everything = table.loc[("measured", "all classes", "image", "Anomaly")]
    assert everything["mean"] == pytest.approx(0.45 + 0.08) and everything["videos"] == 4
    text = files[0].read_text()
    assert "0.5 times the image's maximum" in text and "3 x 3" in text
    assert "image +0.080" in text and "motion cue +0.000" in text
    assert ("published" in table.index) == bool(source)
    assert (r"\textit{0.44}" in text) == bool(source)
    if source:
        assert table.loc[("published", "Abuse", "motion cue", "Anomaly"), "mean"] == 0.04
        assert len(table.loc["published"]) == 13 * 4


def table_of(folder, areas, published):
    """The LaTeX of the table with areas of a paper."""
    write_csv(areas, folder / "attention.csv")
    (folder / "paper.csv").write_text(
        "\n".join(["dataset,class,modality,frame_type,area", *published])
    )
    files = folder / "table6.tex", folder / "table6.csv"
    studies = {"made-up": folder / "attention.csv"}
    given = [dataset(folder, "ucf-crime")], studies, folder / "paper.csv"
    make_attention_table("table6", "Attention area", *given, *files)
    return files[0].read_text()


def test_a_paper_may_print_some_of_the_areas(tmp_path):
    write_areas(tmp_path / "areas.csv")
    areas = pd.read_csv(tmp_path / "areas.csv")
    rows = ["ucf-crime,Abuse,image,Anomaly,0.25", "ucf-crime,Abuse,image,Normal,"]
    text = table_of(tmp_path, areas, rows)
    assert r"\textit{0.25}" in text and "image Anomaly 0.25." in text


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Abuse,image,anomaly,0.2", "a frame_type is not one of Anomaly, Normal"),
        ("Abuse,sound,Anomaly,0.2", "a modality is not one of image, motion cue"),
        ("Abuse,image,Anomaly,12", "not a number from 0 to 1"),
    ],
)
def test_areas_of_a_paper_that_none_can_be_are_one_line(tmp_path, row, said):
    write_areas(tmp_path / "areas.csv")
    with pytest.raises(FusevadError, match=f"paper.csv: .*{said}"):
        table_of(tmp_path, pd.read_csv(tmp_path / "areas.csv"), [f"ucf-crime,{row}"])


@pytest.mark.parametrize(("videos", "said"), [(["v0"], "1 video"), (["v4"], "0 videos")])
def test_one_anomalous_video_is_not_tested(tmp_path, videos, said):
    write_areas(tmp_path / "areas.csv")
    areas = pd.read_csv(tmp_path / "areas.csv")
    text = table_of(tmp_path, areas[areas["video"].isin(videos)], [])
    assert f"image not testable with {said}" in text and "nan" not in text


def test_a_video_of_two_classes_counts_once_among_all_classes(measured, data, tmp_path):
    files = tmp_path / "t.tex", tmp_path / "t.csv"
    values = {
        "name": "table6",
        "title": "Attention area",
        "datasets": [dataclasses.asdict(dataset(data))],
        "studies": {"made-up": measured[0]},
        "published": None,
    }
    make_report("attention", values, *files)
    table = pd.read_csv(files[1]).set_index(["class", "modality", "frame_type"])
    assert table.loc[("all classes", "image", "Normal"), "videos"] == 3
    # The segment of both classes that is normal is one segment; the anomalous ones are two.
    assert table.loc[("all classes", "image", "Normal"), "segments"] == 5
    assert table.loc[("all classes", "image", "Anomaly"), "segments"] == 5


def test_classes_are_shown_in_order_and_normal_last():
    assert choose_classes(["normal", "a", "b", "c"], 3) == ["a", "b", "normal"]
    assert choose_classes(["a", "b"], 8) == ["a", "b"]


def test_lines_run_where_attended_patches_end():
    lone = {tuple(map(tuple, line)) for line in borders(np.array([[False, True]])).astype(int)}
    assert lone == {((1, 0), (2, 0)), ((1, 1), (2, 1)), ((1, 0), (1, 1)), ((2, 0), (2, 1))}
    assert len(borders(np.ones((3, 4), bool))) == 2 * (3 + 4)
    assert len(borders(np.zeros((2, 2), bool))) == 0


def test_the_figure_lays_each_map_over_the_picture_that_was_seen(
    measured, data, tmp_path, monkeypatch
):
    kept: list[Figure] = []
    monkeypatch.setattr(figure_module, "save_figure", lambda figure, *_: kept.append(figure))
    files = tmp_path / "figure4.pdf", tmp_path / "figure4.png"
    make_attention_maps(dataset(data), measured[1], (data / "cues/shard-0.h5",), 16, 10, *files)
    assert kept[0].get_figwidth() == PAGE, "printed unscaled"
    texts = [text for text in kept[0].findobj(Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    shown = [axis for axis in kept[0].axes if axis.images]
    assert len(shown) == 3 * 4
    labels = [axis.get_ylabel() for axis in shown if axis.get_ylabel()]
    assert sorted(labels) == [
        "fighting\nfight-1\n2.0 s",
        "fire\nmixed\n1.2 s",
        "no anomaly\ncalm\n1.2 s",
    ]
    maps = pd.read_csv(measured[1])
    fire = next(k for k, axis in enumerate(shown) if axis.get_ylabel().startswith("fire"))
    for place, modality in ((1, "image"), (3, "motion cue")):
        own = maps[(maps["class"] == "fire") & (maps["modality"] == modality)]
        weights = own["weight"].to_numpy().reshape(2, 2)
        overlay = shown[fire + place].images[-1]
        np.testing.assert_allclose(overlay.get_array(), weights / weights.max())
        side = 32 / 80 * 224
        assert overlay.get_extent() == pytest.approx([58, 58 + 2 * side, 16 + 2 * side, 16])


def test_the_figure_is_written(measured, data, tmp_path):
    files = tmp_path / "figure4.pdf", tmp_path / "figure4.png"
    make_attention_maps(dataset(data), measured[1], (data / "cues/shard-0.h5",), 16, 10, *files)
    assert files[0].read_bytes()[:4] == b"%PDF" and files[1].read_bytes()[1:4] == b"PNG"


def test_the_figure_shows_no_picture_of_a_video_that_changed(measured, data, tmp_path):
    files = tmp_path / "figure4.pdf", tmp_path / "figure4.png"
    manifest = with_a_changed_video(data / "manifest.csv", "mixed", tmp_path)
    changed = dataclasses.replace(dataset(data), manifest=manifest)
    with pytest.raises(FusevadError, match=r"mixed\.mp4: not the file that the manifest was made"):
        make_attention_maps(changed, measured[1], (data / "cues/shard-0.h5",), 16, 10, *files)
    assert not files[1].exists()
