"""The table of all methods and the leaderboard, from runs, searches and studies of made-up data."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pandas as pd
import pytest
import torch

from fusevad.config.schemas import described_schema
from fusevad.embed.store import open_streams
from fusevad.evaluate.flops import flops_per_segment
from fusevad.evaluate.imported.run import import_scores
from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.evaluate.run import evaluate
from fusevad.evaluate.scoring import load_detector, weights_file
from fusevad.report.leaderboard import Leaderboard, LeaderboardSettings, make_leaderboard
from fusevad.report.methods import make_methods
from fusevad.report.runs import TableDataset, TableRow
from fusevad.studies.settings import MeasuredRun, SpeedSettings, TransferRun, TransferSettings
from fusevad.studies.speed import study_speed
from fusevad.studies.transfer import study_transfer
from fusevad.train.run import train
from tests.made_up_embeddings import write_reversed_crops
from tests.made_up_tables import write_table
from tests.made_up_training import DIM, VALUES, small, write_training_data

METHODS = {
    "image-only": ("rgb",),
    "mil": ("rgb",),
    "concat": ("rgb", "motion"),
    "image-only-distilled": ("rgb", "motion"),
}
TEACHER = {"image-only-distilled": "concat"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> SimpleNamespace:
    """Two data sets, runs of three methods on both, their speed and what they do on the other."""
    folder = tmp_path_factory.mktemp("methods")
    data = {key: write_training_data(folder / key) for key in ("rendered", "ucf-crime")}
    for key, each in data.items():
        write_table(folder / key, "skipped")
        for method in METHODS:
            run = folder / key / "runs" / method
            model = {} if method == "mil" else VALUES["model"]
            taught = run.with_name(TEACHER[method]) if method in TEACHER else None
            settings = small(method, epochs=2, model=model)
            train(settings, replace(each, teacher=taught), [0, 1], run, workers=1)
            intervals = each.manifest.with_name("intervals.csv")
            evaluate(run, each.manifest, intervals, "AUC")
    return SimpleNamespace(folder=folder, data=data)


def runs(made: SimpleNamespace, key: str) -> list[dict]:
    return [
        {
            "experiment": method,
            "run": str(made.folder / key / "runs" / method),
            "streams": {role: role for role in roles},
        }
        | (
            {"teacher": str(made.folder / key / "runs" / TEACHER[method])}
            if method in TEACHER
            else {}
        )
        for method, roles in METHODS.items()
    ]


def imported(made: SimpleNamespace, run: Path) -> TableRow:
    """A row with the scores of a seed of `mil`, as if somebody else had given them."""
    data, given = made.data["ucf-crime"].manifest, made.folder / "given"
    given.mkdir()
    scores = pd.read_parquet(run.with_name("mil") / "scores.parquet")
    of_seed = scores[(scores.seed == 1) & (scores.protocol == "last")]
    for name, own in of_seed.groupby("video"):
        np.save(given / f"{name}.npy", own.sort_values("segment").score.to_numpy())
    settings = ScoreSettings("per-segment")
    import_scores(given, data, data.with_name("intervals.csv"), settings, "AUC", run)
    return TableRow("Theirs", "theirs", {"ucf-crime": run}, imported=True)


@pytest.fixture(scope="module")
def tables(made) -> SimpleNamespace:
    """Everything that the report writes."""
    folder, speeds, transfers = made.folder, {}, {}
    for key, other in (("rendered", "ucf-crime"), ("ucf-crime", "rendered")):
        data, place = made.data[key], folder / key
        speeds[key], transfers[key] = place / "speed.csv", place / "transfer.csv"
        settings = SpeedSettings(tuple(MeasuredRun(**run) for run in runs(made, key)), 0)
        study_speed(data.manifest, data.streams, settings, speeds[key])
        moved = TransferSettings(
            tuple(TransferRun(**run, dataset=other) for run in runs(made, other))
        )
        intervals = data.manifest.with_name("intervals.csv")
        study_transfer(data.manifest, intervals, data.streams, moved, transfers[key], 1)
    datasets = [
        TableDataset(
            key=key,
            title=title,
            metrics=("AUC", "AP"),
            manifest=folder / key / "manifest.csv",
            intervals=folder / key / "intervals.csv",
            skipped=folder / key / "skipped.csv",
            crops=2,
            frame_stride=16,
            source="msad" if key == "ucf-crime" else key,
        )
        for key, title in (("rendered", "Rendered"), ("ucf-crime", "UCF-Crime"))
    ]
    rows = [imported(made, folder / "ucf-crime" / "runs" / "theirs")]
    rows += [
        TableRow(method.upper(), method, {key: folder / key / "runs" / method for key in made.data})
        for method in METHODS
    ]
    published = folder / "published.csv"
    printed = ["Old,msad,AUC,84.1,", "Old,shanghaitech,AUC,95.2,"]
    published.write_text("\n".join(["method,dataset,metric,mean,std", *printed]))
    tex, csv = folder / "methods.tex", folder / "methods.csv"
    make_methods(
        "All", rows, datasets, "validation", published, [0, 1], speeds, transfers, tex, csv
    )
    titles = {dataset.key: dataset.title for dataset in datasets}
    board = folder / "leaderboard.json"
    make_leaderboard(csv, LeaderboardSettings("config", titles, speeds), board)
    return SimpleNamespace(
        tex=tex.read_text(),
        csv=pd.read_csv(csv),
        board=json.loads(board.read_text()),
        speeds={key: pd.read_csv(path) for key, path in speeds.items()},
        transfers={key: pd.read_csv(path) for key, path in transfers.items()},
    )


def test_a_run_is_tested_on_its_crop_wherever_other_embeddings_have_it(made, tables, tmp_path):
    data = made.data["rendered"]
    streams = write_reversed_crops(tmp_path, data.streams)
    moved = [TransferRun(**run, dataset="ucf-crime", test_crops=(1,))
             for run in runs(made, "ucf-crime")]  # fmt: skip
    paths = data.manifest, data.manifest.with_name("intervals.csv"), streams
    study_transfer(*paths, TransferSettings(tuple(moved)), tmp_path / "moved.csv", 1)
    assert pd.read_csv(tmp_path / "moved.csv").equals(tables.transfers["rendered"])


def test_every_number_is_the_mean_of_its_run_and_says_where_it_is_from(made, tables):
    measured = tables.csv[tables.csv.block == "measured"]
    assert len(measured) == 2 * len(METHODS) * 2 * 3
    for row in measured.itertuples():
        seeds = pd.read_csv(made.folder / row.dataset / "runs" / row.experiment / "seeds.csv")
        own = seeds[(seeds.metric == row.metric) & (seeds.protocol == row.protocol)]
        assert row.mean == pytest.approx(100 * own.value.mean())
    tiers = tables.csv.groupby("block").tier.unique()
    assert tiers["measured"] == tiers["transfer"] == ["re-run here"]
    assert tiers["published"] == ["printed in the paper"]
    assert tiers["imported"] == ["scores imported"]
    for text in ("Old", "IMAGE-ONLY", "On other data.", "What each needs.", "MFLOPs"):
        assert text in tables.tex


def test_imported_scores_have_one_value_under_all_protocols_and_no_costs(made, tables):
    theirs = tables.csv[tables.csv.experiment == "theirs"]
    assert len(theirs) == 2 * 3 and set(theirs.n) == {1}
    seeds = pd.read_csv(made.folder / "ucf-crime/runs/mil/seeds.csv")
    own = seeds[(seeds.seed == 1) & (seeds.protocol == "last")].set_index("metric").value
    for row in theirs.itertuples():
        assert row.mean == pytest.approx(100 * own[row.metric])
    assert theirs[["std", "parameters", "learning_rate", "streams"]].isna().all(axis=None)
    results = [each for each in tables.board["results"] if each["experiment"] == "theirs"]
    assert {each["tier"] for each in results} == {"scores imported"}
    assert "theirs" not in {cost["experiment"] for cost in tables.board["costs"]}


def test_a_detector_on_other_data_gives_what_scoring_it_there_by_hand_gives(made, tables):
    table = tables.transfers["ucf-crime"]
    assert set(table.protocol) == {"last", "validation"}
    assert set(table.trained_on) == {"rendered"}
    data = made.data["ucf-crime"]
    file = weights_file(made.folder / "rendered/runs/image-only", 1, "last")
    detector = load_detector(file, torch.device("cpu"))
    manifest = pd.read_csv(data.manifest)
    names = list(manifest[manifest.split == "test"].video)
    scores = detector.score(open_streams(data.streams, ("rgb",), "test"), names).segments
    labels, values = [], []
    intervals = pd.read_csv(data.manifest.with_name("intervals.csv")).set_index("video")
    for name in names:
        frames = int(manifest.set_index("video").frames[name])
        truth = np.zeros(frames)
        if name in intervals.index:
            truth[intervals.start[name] : intervals.end[name]] = 1
        labels.append(truth)
        values.append(np.repeat(scores[name][:, 0].numpy(), 16)[:frames])
    y, s = np.concatenate(labels), np.concatenate(values)
    pairs = s[y == 1][:, None] - s[y == 0][None, :]
    auc = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    row = table[
        (table.experiment == "image-only")
        & (table.seed == 1)
        & (table.protocol == "last")
        & (table.metric == "AUC")
    ]
    assert row.value.item() == pytest.approx(auc, abs=1e-12)


def test_costs_are_counted_and_the_same_in_every_row_of_a_detector(tables):
    mil = tables.csv[(tables.csv.experiment == "mil") & (tables.csv.block == "measured")]
    products = DIM * 512 + 512 * 32 + 32
    assert set(mil.parameters) == {products + 512 + 32 + 1}
    assert set(mil.flops_per_segment) == {2 * products}
    assert set(mil.learning_rate) == {0.003}
    streams = tables.csv.dropna(subset="streams").groupby("experiment").streams.unique()
    assert list(streams["concat"]) == ["rgb + motion"]


def test_flops_of_attention_are_counted(made):
    file = weights_file(made.folder / "rendered/runs/image-only", 0, "last")
    detector = load_detector(file, torch.device("cpu"))
    longer = load_detector(file, torch.device("cpu"))
    object.__setattr__(longer.settings, "max_segments", 2 * detector.settings.max_segments)
    # Of a layer, a segment is compared with, and reads, each other one: 4 times the width.
    layers, more = 2, detector.settings.max_segments
    growth = flops_per_segment(longer) - flops_per_segment(detector)
    assert growth == layers * 4 * DIM * more


def test_measured_times_are_in_no_table_that_is_compared_by_bytes(tables):
    assert not [name for name in tables.csv.columns if "second" in name]
    for speed in tables.speeds.values():
        assert list(speed.experiment) == list(METHODS)
        assert (speed.training_seconds > 0).all()
        assert (speed.segments_per_second > 0).all()
        assert speed.with_encoder.isna().all()  # made-up embeddings are of no encoder
        assert speed.machine.str.len().min() > 5


def test_the_leaderboard_fits_its_schema_and_says_what_the_table_says(tables, root):
    form = json.loads((root / "workflow/schemas/leaderboard.schema.json").read_text())
    assert form == described_schema(Leaderboard), "run: fusevad schemas"
    jsonschema.validate(tables.board, form)
    assert len(tables.board["results"]) == len(tables.csv)
    for result, row in zip(tables.board["results"], tables.csv.itertuples(), strict=True):
        assert 100 * result["mean"] == pytest.approx(row.mean, abs=1e-4)
        assert (result["trained_on"], result["tested_on"]) == (row.trained_on, row.dataset)
        assert (result["protocol"] is None) == (row.block == "published")
    printed = [each for each in tables.board["results"] if each["tier"] == "printed in the paper"]
    assert [(each["tested_on"], each["mean"]) for each in printed] == [("ucf-crime", 0.841)]
    for result in tables.board["results"]:
        assert {result["trained_on"], result["tested_on"]} <= set(tables.board["datasets"])
    costs = {(cost["experiment"], cost["dataset"]) for cost in tables.board["costs"]}
    assert costs == {(method, key) for method in METHODS for key in tables.speeds}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tables.board | {"version": 2}, form)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tables.board | {"more": 1}, form)


def test_bold_and_leading_are_judged_within_a_column(tables):
    own = tables.csv[(tables.csv.block == "measured") & (tables.csv.protocol == "validation")]
    for _, column in own.groupby(["dataset", "metric"]):
        best = column.loc[column["mean"].idxmax()]
        assert str(best.leading) == "True" or str(best.bold) == "True"
        assert (column.bold.astype(str) == "True").sum() <= 1


def test_every_file_is_written_beside_the_table(made, tables):
    for name in ("methods.tabular.tex", "methods.html", "methods.csv", "leaderboard.json"):
        assert (Path(made.folder) / name).stat().st_size > 500
