"""Figures of made-up runs: their axes, series and labels."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from fusevad.cues.settings import CueSettings
from fusevad.cues.store import make_cues
from fusevad.data.manifest import Video
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import LabelledVideo
from fusevad.files import sha256
from fusevad.report import curves, radar, seeds_figure, timelines
from fusevad.report.curves import make_curves, seed_curves
from fusevad.report.radar import make_radar
from fusevad.report.scored_videos import test_videos as read_truth
from fusevad.report.seeds_figure import make_seeds_figure
from fusevad.report.style import line_styles
from fusevad.report.timelines import choose_videos, make_timelines
from tests.made_up_runs import (
    CLASSES,
    FPS,
    FRAMES,
    METHODS,
    SEEDS,
    changed_run,
    make_up,
)
from tests.made_up_tables import with_a_changed_video, write_table


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("report") / "rendered", videos_on_disk=True)


@pytest.fixture
def drawn(monkeypatch):
    """Figures as they are saved, for a look at their parts."""
    figures: list[Figure] = []
    for module in (radar, curves, seeds_figure, timelines):
        save = module.save_figure

        def keep(figure, out_pdf, out_png, caption, *, save=save):
            figures.append(figure)
            save(figure, out_pdf, out_png, caption)

        monkeypatch.setattr(module, "save_figure", keep)
    return figures


def test_the_radar_draws_each_inputs_mean_of_each_class(made_up, tmp_path, drawn):
    rows = [row for row in made_up.rows if row.name in ("image-only", "motion-only", "student-t")]
    files = tmp_path / "radar.pdf", tmp_path / "radar.png"
    make_radar(rows, [made_up.dataset], "validation", *files)
    (axis,) = drawn[0].axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == [
        name.replace("_", "\n") for name in CLASSES
    ]
    lines = {line.get_label(): line.get_ydata() for line in axis.get_lines()}
    values = pd.read_csv(rows[1].runs["rendered"] / "classes.csv")
    chosen = values[(values["protocol"] == "validation") & (values["metric"] == "AUC")]
    expected = 100 * chosen.groupby("class")["value"].mean().loc[list(CLASSES)]
    np.testing.assert_allclose(lines["Motion cue only"][:-1], expected)
    assert {row.label for row in rows} <= set(lines)
    assert drawn[0].get_suptitle() == ""
    assert b"validation" in files[1].read_bytes()
    assert all(file.stat().st_size for file in files)


def test_labels_of_the_radar_overlap_neither_each_other_nor_the_legend(made_up, tmp_path, drawn):
    files = tmp_path / "radar.pdf", tmp_path / "radar.png"
    make_radar(made_up.rows[:3], [made_up.dataset], "validation", *files)
    (figure,) = drawn
    figure.draw_without_rendering()
    texts = [
        *figure.axes[0].get_xticklabels(),
        *figure.legends[0].get_texts(),
        figure.axes[0].title,
    ]
    boxes = [text.get_window_extent() for text in texts]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[k + 1 :]), texts[k].get_text()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("count", [1, 2])
def test_few_classes_are_bars_as_no_radar_shows_them(made_up, tmp_path, drawn, count):
    def few(table):
        return table[table["class"].isin(CLASSES[:count])]

    rows = [changed_run(row, tmp_path / row.name, few, "classes.csv") for row in made_up.rows[:3]]
    make_radar(rows, [made_up.dataset], "validation", tmp_path / "a.pdf", tmp_path / "a.png")
    (axis,) = drawn[0].axes
    assert axis.name == "rectilinear" and axis.get_ylabel() == "AUC in %"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == [
        name.replace("_", "\n") for name in CLASSES[:count]
    ]
    bars = {box.get_label(): [bar.get_height() for bar in box] for box in axis.containers[1::2]}
    for row in rows:
        values = pd.read_csv(row.runs["rendered"] / "classes.csv").query(
            "protocol == 'validation' and metric == 'AUC'"
        )
        assert bars[row.label] == pytest.approx(100 * values.groupby("class")["value"].mean())


def draw_all(rows, datasets, folder):
    """Figures that have the data set's name in their caption."""
    for name, make in (("radar", make_radar), ("curves", make_curves)):
        make(rows, datasets, "validation", folder / f"{name}.pdf", folder / f"{name}.png")
    make_seeds_figure(rows, datasets, "last", [], folder / "seeds.pdf", folder / "seeds.png")
    return [folder / f"{name}.png" for name in ("radar", "curves", "seeds")]


def texts_of(figure):
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def test_the_caption_names_a_single_data_set_and_each_of_several_has_its_name(
    made_up, tmp_path, drawn
):
    other = replace(made_up.dataset, key="other", title="Other")
    rows = made_up.rows[:2]
    both = [replace(row, runs=row.runs | {"other": row.runs["rendered"]}) for row in rows]
    for picture in draw_all(rows, [made_up.dataset], tmp_path):
        assert "Rendered" in Image.open(picture).info["Description"]
    for picture in draw_all(both, [made_up.dataset, other], tmp_path):
        assert "Rendered, Other" in Image.open(picture).info["Description"]
    for figure in drawn[:3]:
        assert not any("Rendered" in text.get_text() for text in texts_of(figure))
    for figure in drawn[3:]:
        assert {"Rendered", "Other"} <= {text.get_text() for text in texts_of(figure)}


def test_a_data_set_without_a_run_is_not_drawn(made_up, tmp_path):
    other = replace(made_up.dataset, key="other", title="Other")
    places = tmp_path / "alone", tmp_path / "beside"
    alone = draw_all(made_up.rows[:2], [made_up.dataset], places[0])
    beside = draw_all(made_up.rows[:2], [other, made_up.dataset], places[1])
    assert [sha256(file) for file in alone] == [sha256(file) for file in beside]
    with pytest.raises(FusevadError, match="no experiment has a run on a configured data set"):
        draw_all(made_up.rows[:2], [other], tmp_path)


def test_no_text_is_smaller_than_seven_points(made_up, tmp_path, drawn):
    draw_all(made_up.rows, [made_up.dataset], tmp_path)
    for figure in drawn:
        assert min(text.get_fontsize() for text in texts_of(figure)) >= 7


def test_the_curves_pass_through_sklearns_areas(made_up):
    truth = read_truth(made_up.dataset)
    labels = np.concatenate([video.labels for video in truth])
    run = made_up.rows[-1].runs["rendered"]
    found = seed_curves(run, "validation", truth)
    scores = pd.read_parquet(run / "scores.parquet").query("protocol == 'validation'")
    for seed in SEEDS:
        own = dict(list(scores[scores["seed"] == seed].groupby("video")))
        parts = [own[video.name] for video in truth]
        frames = np.concatenate([np.repeat(x["score"], x["end"] - x["start"]) for x in parts])
        assert found.auc[seed] == pytest.approx(roc_auc_score(labels, frames))
        assert found.ap[seed] == pytest.approx(average_precision_score(labels, frames))
        grid = np.linspace(0, 1, found.roc.shape[1])
        assert np.trapezoid(found.roc[seed], grid) == pytest.approx(found.auc[seed], abs=0.005)
        assert found.precision[seed].mean() == pytest.approx(found.ap[seed], abs=0.01)


def test_the_curves_have_a_panel_a_method_with_its_area_and_one_band(made_up, tmp_path, drawn):
    make_curves(
        made_up.rows,
        [made_up.dataset],
        "validation",
        tmp_path / "curves.pdf",
        tmp_path / "curves.png",
    )
    count = len(made_up.rows)
    axes = drawn[0].axes
    assert len(axes) == 2 * count
    for k, row in enumerate(made_up.rows):
        for axis, metric in ((axes[k], "AUC"), (axes[count + k], "AP")):
            label, area = axis.get_title().split("\n")
            assert label == row.label
            assert re.match(rf"{metric} \d", area)
            assert len(axis.collections) == 1, "one band in a panel"
            assert len(axis.get_lines()) == count + 1, "all methods and chance"


def test_every_seed_of_table_1_is_a_dot_and_a_failed_one_has_its_number(made_up, tmp_path, drawn):
    def collapse(table):
        failed = (table["seed"] == 3) & (table["metric"] == "AUC")
        return table.assign(value=table["value"].mask(failed, table["value"] - 0.12))

    broken = changed_run(made_up.rows[0], tmp_path, collapse)
    rows = [broken, *made_up.rows[1:-1]]
    files = tmp_path / "seeds.pdf", tmp_path / "seeds.png"
    make_seeds_figure(rows, [made_up.dataset], "validation", made_up.rows[-1:], *files)
    (axis,) = drawn[0].axes
    values = pd.read_csv(broken.runs["rendered"] / "seeds.csv").query(
        "metric == 'AUC' and protocol == 'validation'"
    )["value"]
    dots = [line for line in axis.get_lines() if len(line.get_xdata()) == len(SEEDS)]
    assert len(dots) == len(rows) + 1
    np.testing.assert_allclose(np.sort(dots[0].get_xdata()), 100 * np.sort(values))
    assert [text.get_text() for text in axis.texts] == ["seed 3"]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels[0] == "Image only" and labels[-1] == "IEF-VAD (Student-t) (ours)"
    diamonds = [line for line in axis.get_lines() if line.get_marker() == "D"]
    assert diamonds[0].get_xdata()[0] == pytest.approx(100 * values.mean())
    assert all(file.stat().st_size for file in files)


def test_scores_that_miss_a_video_are_refused(made_up, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    scores = pd.read_parquet(made_up.rows[0].runs["rendered"] / "scores.parquet")
    scores[scores["video"] != "test-004"].to_parquet(run / "scores.parquet", index=False)
    row = replace(made_up.rows[0], runs={"rendered": run})
    with pytest.raises(FusevadError, match=r"scores\.parquet: .* segments of video test-004"):
        make_curves(
            [row], [made_up.dataset], "last", tmp_path / "curves.pdf", tmp_path / "curves.png"
        )


def test_videos_are_chosen_by_class_in_the_manifests_order_and_by_nothing_else():
    labels = {"n1": "normal", "f1": "fire", "f2": "fire", "r1": "running", "n2": "normal"}
    labels["t1"] = "throwing"
    videos = {name: listed(name, label) for name, label in labels.items()}
    anomalies = {name: ((label, 0, 5),) for name, label in labels.items() if label != "normal"}
    unknown = [LabelledVideo(name, np.zeros(10, bool), ()) for name in labels]
    judged = [replace(each, intervals=anomalies.get(each.name, ())) for each in unknown]
    for truths in (judged, unknown):
        assert [v.name for v in choose_videos(truths, videos)] == ["f1", "r1", "t1", "n1"]
        assert [v.name for v in choose_videos(truths, videos, count=3)] == ["f1", "r1", "n1"]


def listed(name, label):
    """A video's row of the manifest."""
    return Video(name, Path(f"{name}.mp4"), "test", (label,), 10, 25.0, 64, 48, "0")


def test_the_pictures_are_even_in_time_and_one_shows_the_anomaly():
    normal = LabelledVideo("n", np.zeros(120, bool), ())
    short = LabelledVideo("a", np.zeros(120, bool), (("fire", 60, 66),))
    assert timelines._shown_frames(normal, np.arange(121) / 25) == [10, 30, 50, 70, 90, 110]
    assert timelines._shown_frames(short, np.arange(121) / 25) == [10, 30, 50, 63, 90, 110]


def test_an_anomaly_whose_frames_share_the_last_time_is_in_the_last_picture():
    late = LabelledVideo("a", np.zeros(4, bool), (("fire", 3, 4),))
    edges = np.array([0, 1.0, 2.0, 3.0, 3.0])
    assert timelines._shown_frames(late, edges)[-1] == 3


def test_the_pictures_of_a_variable_rate_are_even_in_seconds():
    normal = LabelledVideo("n", np.zeros(6, bool), ())
    late = LabelledVideo("a", np.zeros(6, bool), (("fire", 5, 6),))
    edges = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 6])
    assert timelines._shown_frames(normal, edges) == [5, 5, 5, 5, 5, 5]
    assert timelines._shown_frames(late, edges[::-1][0] - edges[::-1]) == [0, 0, 0, 0, 0, 5]


@pytest.mark.slow
def test_the_timelines_show_scores_weights_and_truth_in_seconds(made_up, tmp_path, drawn):
    cues = tmp_path / "cues/shard-0.h5"
    make_cues(made_up.dataset.manifest, 0, 1, CueSettings(), cues)
    row = made_up.rows[-1]
    make_timelines(
        row,
        made_up.dataset,
        "validation",
        (cues,),
        16,
        10,
        tmp_path / "timelines.pdf",
        tmp_path / "timelines.png",
    )
    axes = drawn[0].axes
    assert len(axes) == 4 * (len(CLASSES) + 1)
    pictures, motion, score, weights = axes[:4]
    assert pictures.get_title(loc="left") == "abandoned object  (test-001)"
    assert len(pictures.images) == len(motion.images) == 6
    (shade,) = [p for p in score.patches if isinstance(p, matplotlib.patches.Rectangle)]
    assert (shade.get_x(), shade.get_width()) == pytest.approx((31 / FPS, 30 / FPS))
    assert score.get_xlim() == pytest.approx((0, FRAMES / FPS))
    scores = pd.read_parquet(row.runs["rendered"] / "scores.parquet")
    own = scores.query("protocol == 'validation' and video == 'test-001'")
    mean = own.groupby("segment")["score"].mean()
    steps = [p for p in score.patches if isinstance(p, matplotlib.patches.StepPatch)]
    np.testing.assert_allclose(steps[0].get_data().values, mean)
    assert steps[0].get_data().edges[-1] == pytest.approx(FRAMES / FPS)
    assert len(weights.patches) == 5, "two means, two bands, one shade"
    steps = [p.get_data() for p in weights.patches if isinstance(p, matplotlib.patches.StepPatch)]
    low, high = weights.get_ylim()
    assert all(low <= value <= high for mean in steps[::2] for value in mean.values)
    for band in steps[1::2]:
        assert low <= band.baseline.min() and band.values.max() <= high, "bands are whole"
    assert {axis.get_ylim() for axis in axes[3::4]} == {(low, high)}, "one axis for the page"


def test_without_intervals_the_timelines_call_no_anomalous_video_normal(made_up, tmp_path, drawn):
    cues = tmp_path / "cues/shard-0.h5"
    make_cues(made_up.dataset.manifest, 0, 1, CueSettings(), cues)
    write_table(tmp_path, "intervals")
    unknown = replace(made_up.dataset, intervals=tmp_path / "intervals.csv")
    files = tmp_path / "timelines.pdf", tmp_path / "timelines.png"
    make_timelines(made_up.rows[-1], unknown, "last", (cues,), 16, 10, *files)
    titles = [axis.get_title(loc="left") for axis in drawn[0].axes[::4]]
    assert titles[0] == "abandoned object, no intervals  (test-001)"
    assert len(titles) == len(CLASSES) + 1
    assert [title for title in titles if "normal" in title] == ["normal  (test-000)"]


def test_the_timelines_show_no_picture_of_a_video_that_changed(made_up, tmp_path):
    cues = tmp_path / "cues/shard-0.h5"
    make_cues(made_up.dataset.manifest, 0, 1, CueSettings(), cues)
    manifest = with_a_changed_video(made_up.dataset.manifest, "test-002", tmp_path)
    changed = replace(made_up.dataset, manifest=manifest)
    files = tmp_path / "timelines.pdf", tmp_path / "timelines.png"
    with pytest.raises(FusevadError, match=r"test-002\.mp4: not the file that the manifest was"):
        make_timelines(made_up.rows[-1], changed, "validation", (cues,), 16, 10, *files)
    assert not files[1].exists()


def test_weights_of_next_to_nothing_are_zoomed_and_a_method_without_any_has_no_axis():
    def line(weights):
        edges = np.array([0.0, 1.0, 2.0])
        return timelines.Timeline("", 2.0, (), [], [], edges, np.zeros((3, 2)), weights)

    near = {"rgb": np.full((3, 2), 0.49), "motion": np.array([[0.51, 0.53]] * 3)}
    low, high = timelines._weight_limits([line(near)])
    assert 0.4 < low < 0.49 and 0.53 < high < 0.6
    assert timelines._weight_limits([line({})]) is None


def test_equal_figures_are_equal_files(made_up, tmp_path):
    for name in ("first", "second"):
        make_radar(
            made_up.rows[:3],
            [made_up.dataset],
            "last",
            tmp_path / f"{name}.pdf",
            tmp_path / f"{name}.png",
        )
    assert sha256(tmp_path / "first.pdf") == sha256(tmp_path / "second.pdf")
    assert sha256(tmp_path / "first.png") == sha256(tmp_path / "second.png")


def test_figures_leave_matplotlibs_settings_alone(made_up, tmp_path):
    before = dict(matplotlib.rcParams)
    make_radar(
        made_up.rows[:3],
        [made_up.dataset],
        "last",
        tmp_path / "radar.pdf",
        tmp_path / "radar.png",
    )
    assert dict(matplotlib.rcParams) == before


def test_no_two_methods_look_alike():
    names = [*METHODS, "learned-nu", "low-rank", "process-noise"]
    styles = line_styles(names)
    assert len(set(styles.values())) == len(names)
    assert line_styles(["student-t"])["student-t"] == styles["student-t"]
