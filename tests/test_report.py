"""Tables and figures of made-up runs, whose differences are known."""

import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import av
import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from fusevad.cues import CueSettings, make_cues
from fusevad.errors import FusevadError
from fusevad.files import sha256, write_csv
from fusevad.metrics import LabelledVideo
from fusevad.report import curves, latex, radar, timelines
from fusevad.report.classes import make_classes
from fusevad.report.curves import make_curves, seed_curves
from fusevad.report.published import read_published, read_published_classes
from fusevad.report.radar import make_radar
from fusevad.report.runs import TableDataset, TableRow
from fusevad.report.style import line_styles
from fusevad.report.table1 import make_table1
from fusevad.report.timelines import choose_videos, make_timelines
from fusevad.report.truth import test_videos as read_truth

PUBLISHED = Path(__file__).parents[1] / "config" / "published"
METHODS = {
    "image-only": ("Image only", 0.80),
    "event-only": ("Motion cue only", 0.78),
    "concat": ("Concatenation", 0.83),
    "cross-attention": ("Cross-attention", 0.84),
    "gating": ("Gating", 0.84),
    "gaussian": ("IEF-VAD (Gaussian)", 0.87),
    "student-t": ("IEF-VAD (Student-t)", 0.87),
}
CLASSES = ("abandoned_object", "fall", "fighting", "fire", "running")
METRICS = ("AUC", "AP", "Ano-AUC", "Ano-AP")
PROTOCOL_SHIFT = {"last": -0.01, "validation": 0.0, "oracle": 0.02}
SEEDS = range(10)
FRAMES, FPS = 90, 15


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A data set with its rows, and the values that its runs hold."""

    dataset: TableDataset
    rows: list[TableRow]


def write_data(folder, videos_on_disk):
    rows, intervals = [], []
    for k, name in enumerate(["normal", *CLASSES, "normal", *CLASSES]):
        video = f"test-{k:03d}"
        path = folder / f"{video}.mp4"
        if videos_on_disk:
            write_video(path, brightness=20 * k, moving=slice(30, 60))
        digest = sha256(path) if videos_on_disk else ""
        rows.append((video, path, "test", name, FRAMES, FPS, 320, 240, digest or "0"))
        if name != "normal":
            intervals.append((video, name, 30 + k, 60 + k))
    columns = ["video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256"]
    write_csv(pd.DataFrame(rows, columns=columns), folder / "manifest.csv")
    write_csv(
        pd.DataFrame(intervals, columns=["video", "class", "start", "end"]),
        folder / "intervals.csv",
    )
    write_csv(pd.DataFrame(columns=["video", "path", "reason"]), folder / "skipped.csv")
    return TableDataset(
        key="rendered",
        title="Rendered",
        metrics=METRICS,
        manifest=folder / "manifest.csv",
        intervals=folder / "intervals.csv",
        skipped=folder / "skipped.csv",
        crops=1,
        frame_stride=2,
    )


def write_video(path, brightness, moving):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for k in range(FRAMES):
            picture = np.full((240, 320, 3), brightness, dtype=np.uint8)
            left = 20 + 4 * (k if moving.start <= k < moving.stop else moving.start)
            picture[80:200, left : left + 40] = (250, 120, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_run(folder, name, mean, generator, videos, shared):
    """Values of each method are its mean, what all methods share of a seed, and its own noise."""
    keys = [(seed, protocol) for seed in SEEDS for protocol in PROTOCOL_SHIFT]

    def value(protocol, seed, shift=0.0):
        noise = shared[seed] + 0.002 * generator.standard_normal()
        return float(np.clip(mean + shift + PROTOCOL_SHIFT[protocol] + noise, 0, 1))

    write_csv(
        pd.DataFrame(
            [(s, p, 9, m, value(p, s, -0.05 * k)) for s, p in keys for k, m in enumerate(METRICS)],
            columns=["seed", "protocol", "epoch", "metric", "value"],
        ),
        folder / "seeds.csv",
    )
    strength = dict(zip(CLASSES, np.linspace(-0.2, 0.1, len(CLASSES)), strict=True))
    sign = -1 if name == "image-only" else 1
    write_csv(
        pd.DataFrame(
            [
                (s, p, c, m, value(p, s, sign * strength[c]))
                for s, p in keys
                for c in CLASSES
                for m in ("AUC", "AP")
            ],
            columns=["seed", "protocol", "class", "metric", "value"],
        ),
        folder / "classes.csv",
    )
    weight = np.nan if name in ("image-only", "event-only", "concat") else 0.6
    parts = [
        scores_of(video, mean, weight, generator).assign(seed=s, protocol=p)
        for s, p in keys
        for video in videos
    ]
    pd.concat(parts, ignore_index=True).to_parquet(folder / "scores.parquet", index=False)


def scores_of(video, mean, weight, generator):
    starts = np.arange(0, len(video.labels), 16)
    anomalous = np.add.reduceat(video.labels.astype(float), starts) / 16
    noise = (1 - mean) * 1.5 * generator.standard_normal(len(starts))
    weights = weight + 0.1 * np.sin(starts / 20)
    return pd.DataFrame(
        {
            "video": video.name,
            "segment": np.arange(len(starts)),
            "start": starts,
            "end": np.minimum(starts + 16, len(video.labels)),
            "score": 1 / (1 + np.exp(-4 * (anomalous - 0.5 + noise))),
            "weight_rgb": weights,
            "weight_event": 1 - weights,
        }
    )


def make_up(folder, videos_on_disk=False):
    folder.mkdir(parents=True, exist_ok=True)
    dataset = write_data(folder, videos_on_disk)
    generator = np.random.default_rng(0)
    shared = 0.01 * generator.standard_normal(len(SEEDS))
    videos, rows = read_truth(dataset), []
    for name, (label, mean) in METHODS.items():
        write_run(folder / "runs" / name, name, mean, generator, videos, shared)
        rows.append(TableRow(label, name, {"rendered": folder / "runs" / name}))
    return MadeUp(dataset, rows)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("report") / "rendered", videos_on_disk=True)


def table1(made_up, folder, protocol="validation", rows=None, datasets=None):
    """Make Table 1 and return its LaTeX and its tidy numbers."""
    tex, csv = folder / "table1.tex", folder / "table1.csv"
    make_table1(
        rows or made_up.rows,
        datasets or [made_up.dataset],
        protocol,
        PUBLISHED / "table01.csv",
        list(SEEDS),
        tex,
        csv,
    )
    return tex.read_text(), pd.read_csv(csv, keep_default_na=True)


def measured_line(text, label):
    """The cells of a method's first row."""
    line = next(line for line in text.splitlines() if line.startswith(latex.escape(label) + " & "))
    return line.removesuffix(r" \\").split(" & ")[1:]


def changed_run(row, folder, change, file="seeds.csv"):
    """A copy of a run in which `change` has altered the table in `file`."""
    copy = folder / "changed"
    shutil.copytree(row.runs["rendered"], copy)
    change(pd.read_csv(copy / file)).to_csv(copy / file, index=False)
    return replace(row, runs={"rendered": copy})


# Table 1


def test_table_1_prints_the_mean_and_spread_of_the_seeds(made_up, tmp_path):
    text, tidy = table1(made_up, tmp_path)
    for row in made_up.rows:
        seeds = pd.read_csv(row.runs["rendered"] / "seeds.csv")
        seeds = seeds[seeds["protocol"] == "validation"]
        for metric, cell in zip(METRICS, measured_line(text, row.label), strict=True):
            values = 100 * seeds.loc[seeds["metric"] == metric, "value"]
            printed = [float(number) for number in re.findall(r"\d+\.\d+", cell)]
            assert printed == [round(values.mean(), 2), round(values.std(), 2)]
            found = tidy.query(
                "experiment == @row.name and metric == @metric and protocol == 'validation'"
            )
            assert float(found["mean"].iloc[0]) == pytest.approx(values.mean())
            assert float(found["std"].iloc[0]) == pytest.approx(values.std())


def test_the_csv_holds_all_protocols_and_both_blocks(made_up, tmp_path):
    _, tidy = table1(made_up, tmp_path)
    measured = tidy[tidy["block"] == "measured"]
    assert len(measured) == len(METHODS) * len(METRICS) * len(PROTOCOL_SHIFT)
    assert set(measured["protocol"]) == set(PROTOCOL_SHIFT)
    published = tidy[tidy["block"] == "published"]
    expected = pd.read_csv(PUBLISHED / "table01.csv")
    assert list(published["mean"]) == list(expected["mean"])
    assert published["experiment"].isna().all()


def test_two_equal_leaders_get_daggers_and_no_bold(made_up, tmp_path):
    text, tidy = table1(made_up, tmp_path)
    assert r"\mathbf" not in text
    for label in ("IEF-VAD (Gaussian)", "IEF-VAD (Student-t)"):
        assert measured_line(text, label)[0].endswith(r"^{\dagger}$")
    assert measured_line(text, "Gating")[0].endswith(r"^{\phantom{\dagger}}$")
    leading = tidy[(tidy["protocol"] == "validation") & (tidy["metric"] == "AUC") & tidy["leading"]]
    assert set(leading["experiment"]) == {"gaussian", "student-t"}


def test_a_supported_best_is_bold_and_its_p_value_is_the_corrected_one(made_up, tmp_path):
    rows = [row for row in made_up.rows if row.name in ("image-only", "gaussian")]
    text, tidy = table1(made_up, tmp_path, rows=rows)
    assert r"\mathbf" in measured_line(text, "IEF-VAD (Gaussian)")[0]
    assert r"\mathbf" not in measured_line(text, "Image only")[0]
    runs = [pd.read_csv(row.runs["rendered"] / "seeds.csv") for row in rows]
    p = {}
    for metric in METRICS:
        chosen = [run[(run["metric"] == metric) & (run["protocol"] == "last")] for run in runs]
        pair = [run.set_index("seed")["value"] for run in chosen]
        p[metric] = stats.ttest_rel(*pair).pvalue
    # Four columns with one pair each: Holm multiplies the smallest p-value by four.
    smallest = min(p, key=p.get)
    found = tidy.query("protocol == 'last' and metric == @smallest and experiment == 'gaussian'")
    assert float(found["p"].iloc[0]) == pytest.approx(4 * p[smallest])


def test_published_numbers_of_other_data_sets_stand_in_a_table_of_their_own(made_up, tmp_path):
    text, _ = table1(made_up, tmp_path)
    main, orientation = text.split("For orientation: published numbers.")
    assert "PUBLISHED" not in main
    assert "MEASURED" not in orientation
    assert "NOT comparable" in orientation
    assert r"\textit{88.67 $\pm$ 0.45}" in orientation
    assert all(name in orientation for name in ("Sultani et al.", "VadCLIP", "MSAD"))


def test_a_configured_data_set_of_the_paper_gets_the_published_block_above(made_up, tmp_path):
    crime = replace(made_up.dataset, key="ucf-crime", title="UCF-Crime", metrics=("AUC", "Ano-AUC"))
    rows = [
        replace(row, runs={**row.runs, "ucf-crime": row.runs["rendered"]}) for row in made_up.rows
    ]
    text, _ = table1(made_up, tmp_path, rows=rows, datasets=[crime, made_up.dataset])
    main, orientation = text.split("For orientation: published numbers.")
    first, second = main.index("PUBLISHED"), main.index("MEASURED")
    assert first < main.index(r"\textit{88.67 $\pm$ 0.45}") < second
    assert main.index(r"\textit{RTFM}") < second < main.index("Image only & ")
    assert "UCF-Crime" not in orientation
    assert r"\textit{EGO}" not in main, "a method without a number in any column has no row"


def test_the_caption_names_the_protocol_and_warns_of_the_oracle(made_up, tmp_path):
    text, _ = table1(made_up, tmp_path, protocol="oracle")
    caption = text.split(r"\par")[0]
    assert "Protocol: oracle" in caption
    assert "TEST SET" in caption
    assert "Holm" in caption


def test_the_protocols_stand_side_by_side(made_up, tmp_path):
    text, tidy = table1(made_up, tmp_path)
    below = text.split("The same runs under each protocol.")[1]
    numbers = [float(re.findall(r"\d+\.\d+", c)[0]) for c in measured_line(below, "Gating")]
    means = tidy[(tidy["experiment"] == "gating") & (tidy["metric"] == "AUC")]
    by_protocol = means.set_index("protocol")["mean"].astype(float)
    assert numbers == [round(by_protocol[name], 2) for name in PROTOCOL_SHIFT]
    assert numbers[0] < numbers[1] < numbers[2]


def test_footnotes_state_sampling_skipped_videos_and_missing_seeds(made_up, tmp_path):
    skipped = tmp_path / "skipped.csv"
    write_csv(
        pd.DataFrame([("bad_1", "bad_1.mp4", "cut")], columns=["video", "path", "reason"]), skipped
    )
    dataset = replace(made_up.dataset, skipped=skipped, frame_stride=4, crops=10)
    short = changed_run(made_up.rows[0], tmp_path, lambda table: table[~table["seed"].isin([3, 7])])
    text, _ = table1(made_up, tmp_path, rows=[short, *made_up.rows[1:]], datasets=[dataset])
    assert "1 frame in 4 is encoded, 10 crops a frame" in text
    assert r"1 bad video skipped (bad\_1)" in text
    assert "Image only on Rendered: seeds 3, 7 missing, n = 8." in text


def test_a_method_that_was_not_run_has_dashes_and_a_footnote(made_up, tmp_path):
    absent = TableRow("Not yet", "not-yet", {})
    text, _ = table1(made_up, tmp_path, rows=[*made_up.rows, absent])
    assert set(measured_line(text, "Not yet")) == {"--"}
    assert "Not yet was not run on Rendered." in text


def test_one_seed_gives_a_table_without_spread_or_bold(made_up, tmp_path):
    rows = [
        changed_run(row, tmp_path / row.name, lambda table: table[table["seed"] == 0])
        for row in made_up.rows
    ]
    text, tidy = table1(made_up, tmp_path, rows=rows)
    assert r"\pm" not in measured_line(text, "Gating")[0]
    assert r"\mathbf" not in text
    assert not tidy["bold"].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(value=t["value"] * 100), "outside 0..1"),
        (lambda t: t[t["metric"] != "AP"], "no metric AP"),
        (lambda t: pd.concat([t, t.head(1)]), "given twice"),
        (lambda t: t.assign(value=t["value"].where(t["seed"] != 4)), "empty value"),
        (lambda t: t.drop(columns="protocol"), "no column protocol"),
    ],
)
def test_a_wrong_run_is_named_and_no_table_is_left(made_up, tmp_path, change, message):
    wrong = changed_run(made_up.rows[0], tmp_path, change)
    with pytest.raises(FusevadError, match=f"seeds.csv: .*{message}"):
        table1(made_up, tmp_path, rows=[wrong, *made_up.rows[1:]])
    assert not list(tmp_path.glob("table1*"))


def test_an_unknown_protocol_is_refused(made_up, tmp_path):
    with pytest.raises(FusevadError, match="protocol 'best'"):
        table1(made_up, tmp_path, protocol="best")


def test_text_is_escaped_for_latex():
    assert latex.escape("50 % of a_b & c ± τ") == r"50 \% of a\_b \& c $\pm$ $\tau$"


def test_the_tables_compile_alone(made_up, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    table1(made_up, tmp_path)
    make_classes(
        made_up.rows,
        [made_up.dataset],
        "validation",
        PUBLISHED / "table07.csv",
        list(SEEDS),
        tmp_path / "classes.tex",
        tmp_path / "classes.csv",
    )
    for name in ("table1", "classes"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout[-2000:]
        assert "Overfull" not in result.stdout
        assert "1 page" in result.stdout


# Published numbers


def test_the_published_numbers_are_the_papers():
    table = read_published(PUBLISHED / "table01.csv").set_index(["method", "dataset", "metric"])
    assert table.loc[("IEF-VAD (Student-T)", "ucf-crime", "Ano-AUC"), "mean"] == 71.50
    assert table["std"].notna().sum() == 10
    classes = read_published_classes(PUBLISHED / "table07.csv")
    assert classes.groupby("dataset")["class"].nunique().to_dict() == {
        "ucf-crime": 13,
        "xd-violence": 6,
        "shanghaitech": 11,
        "msad": 11,
    }


def test_a_published_number_outside_percent_is_refused(tmp_path):
    table = pd.read_csv(PUBLISHED / "table01.csv")
    table.loc[3, "mean"] = 8414
    write_csv(table, tmp_path / "wrong.csv")
    with pytest.raises(FusevadError, match=r"wrong\.csv: mean must be a percentage"):
        read_published(tmp_path / "wrong.csv")


# Classes


def classes(made_up, folder, dataset, rows):
    make_classes(
        rows,
        [dataset],
        "validation",
        PUBLISHED / "table07.csv",
        list(SEEDS),
        folder / "classes.tex",
        folder / "classes.csv",
    )
    return (folder / "classes.tex").read_text(), pd.read_csv(folder / "classes.csv")


def test_the_class_table_has_a_row_a_class_with_its_number_of_videos(made_up, tmp_path):
    text, tidy = classes(made_up, tmp_path, made_up.dataset, made_up.rows)
    values = pd.read_csv(made_up.rows[0].runs["rendered"] / "classes.csv")
    fire = values.query("protocol == 'validation' and metric == 'AUC' and `class` == 'fire'")
    cell = measured_line(text, "fire (2)")[0]
    printed = [float(number) for number in re.findall(r"\d+\.\d+", cell)]
    assert printed == [
        round(100 * fire["value"].mean(), 2),
        round(100 * fire["value"].std(), 2),
    ]
    assert len(tidy) == len(METHODS) * len(CLASSES) * len(PROTOCOL_SHIFT)
    assert set(tidy["videos"]) == {2}


def test_classes_of_a_data_set_of_the_paper_show_the_published_values(made_up, tmp_path):
    crime = replace(made_up.dataset, key="ucf-crime", intervals=tmp_path / "intervals.csv")
    intervals = pd.read_csv(made_up.dataset.intervals).assign(**{"class": "Arson"})
    write_csv(intervals, crime.intervals)
    row = changed_run(
        made_up.rows[0], tmp_path, lambda t: t[t["class"] == "fire"].replace("fire", "Arson"),
        file="classes.csv",
    )  # fmt: skip
    rows = [replace(row, runs={"ucf-crime": row.runs["rendered"]})]
    text, tidy = classes(made_up, tmp_path, crime, rows)
    assert measured_line(text, "Arson (10)")[1:] == [
        r"\textit{65.49}",
        r"\textit{66.75}",
        r"\textit{72.68}",
    ]
    assert set(tidy.query("block == 'published'")["method"]) == {
        "Image only",
        "Motion cue only",
        "IEF-VAD",
    }


# Figures


@pytest.fixture
def drawn(monkeypatch):
    """Figures as they are saved, for a look at their parts."""
    figures: list[Figure] = []
    for module in (radar, curves, timelines):
        save = module.save_figure

        def keep(figure, out_pdf, out_png, save=save):
            figures.append(figure)
            save(figure, out_pdf, out_png)

        monkeypatch.setattr(module, "save_figure", keep)
    return figures


def test_the_radar_draws_each_inputs_mean_of_each_class(made_up, tmp_path, drawn):
    rows = [row for row in made_up.rows if row.name in ("image-only", "event-only", "student-t")]
    files = tmp_path / "radar.pdf", tmp_path / "radar.png"
    make_radar(rows, [made_up.dataset], "validation", *files)
    (axis,) = drawn[0].axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == [
        name.replace("_", " ") for name in CLASSES
    ]
    lines = {line.get_label(): line.get_ydata() for line in axis.get_lines()}
    values = pd.read_csv(rows[1].runs["rendered"] / "classes.csv")
    chosen = values[(values["protocol"] == "validation") & (values["metric"] == "AUC")]
    expected = 100 * chosen.groupby("class")["value"].mean().loc[list(CLASSES)]
    np.testing.assert_allclose(lines["Motion cue only"][:-1], expected)
    assert {row.label for row in rows} <= set(lines)
    assert "validation" in drawn[0].get_suptitle()
    assert all(file.stat().st_size for file in files)


def test_the_curves_pass_through_sklearns_areas(made_up):
    truth = read_truth(made_up.dataset)
    labels = np.concatenate([video.labels for video in truth])
    run = made_up.rows[-1].runs["rendered"]
    found = seed_curves(run, made_up.dataset, "validation", labels)
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


def test_the_curves_have_a_line_a_method_with_its_area(made_up, tmp_path, drawn):
    make_curves(
        made_up.rows,
        [made_up.dataset],
        "validation",
        tmp_path / "curves.pdf",
        tmp_path / "curves.png",
    )
    for axis, metric in zip(drawn[0].axes, ("AUC", "AP"), strict=True):
        labels = [text.get_text() for text in axis.get_legend().get_texts()]
        for row in made_up.rows:
            assert any(re.match(rf"{re.escape(row.label)}: {metric} \d", x) for x in labels)


def test_scores_that_miss_a_video_are_refused(made_up, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    scores = pd.read_parquet(made_up.rows[0].runs["rendered"] / "scores.parquet")
    scores[scores["video"] != "test-004"].to_parquet(run / "scores.parquet", index=False)
    row = replace(made_up.rows[0], runs={"rendered": run})
    with pytest.raises(FusevadError, match=r"scores\.parquet: no scores of video test-004"):
        make_curves(
            [row], [made_up.dataset], "last", tmp_path / "curves.pdf", tmp_path / "curves.png"
        )


def test_videos_are_chosen_by_class_in_the_manifests_order_and_by_nothing_else():
    def video(name, label=None):
        return LabelledVideo(name, np.zeros(10, bool), ((label, 0, 5),) if label else ())

    videos = [video("n1"), video("f1", "fire"), video("f2", "fire"), video("r1", "running")]
    videos += [video("n2"), video("t1", "throwing")]
    assert [v.name for v in choose_videos(videos)] == ["f1", "r1", "t1", "n1"]
    assert [v.name for v in choose_videos(videos, count=3)] == ["f1", "r1", "n1"]


def test_the_timelines_show_scores_weights_and_truth_in_seconds(made_up, tmp_path, drawn):
    cues = tmp_path / "cues"
    make_cues(made_up.dataset.manifest, 0, 1, CueSettings(), cues / "shard-0.csv")
    row = made_up.rows[-1]
    make_timelines(
        row,
        made_up.dataset,
        "validation",
        cues,
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
