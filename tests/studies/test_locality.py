"""The study of locality against detectors called by hand on changed embeddings."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

from fusevad.data.truth import read_test_videos
from fusevad.embed.store import default_device, open_streams
from fusevad.errors import FusevadError
from fusevad.models.base import build
from fusevad.report.locality_table import make_locality_table
from fusevad.report.runs import TableDataset, TableRow
from fusevad.studies.locality import study_locality
from fusevad.studies.settings import LocalitySettings
from fusevad.train.inputs import TrainData
from fusevad.train.run import train
from fusevad.train.settings import train_settings
from tests.made_up_studies import DIM, SEEDS, TRAINING, World
from tests.made_up_tables import write_table


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("locality"))


def study(world, run, folder) -> pd.DataFrame:
    paths = world.manifest, world.intervals, world.streams
    study_locality(run, *paths, LocalitySettings("last"), folder / "locality.csv", workers=1)
    return pd.read_csv(folder / "locality.csv")


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    table = study(world, world.run, tmp_path_factory.mktemp("found"))
    return table.set_index(["seed", "quantity"])["value"]


def scorer(run, seed, settings=TRAINING):
    """Scores of `T x D` embeddings, by role, as the trained detector gives them."""
    model = build("student-t", settings.model, {"rgb": DIM, "motion": DIM}).eval()
    model.load_state_dict(load_file(run / "weights" / f"seed-{seed}-last.safetensors"))
    model.to(default_device())

    def score(x):
        (crop,) = TRAINING.test_crops
        length = len(x["rgb"])
        parts = []
        for start in range(0, length, TRAINING.max_segments):
            chunk = {
                k: v[start : start + TRAINING.max_segments, crop if v.shape[1] > 1 else 0].float()[
                    None
                ]
                for k, v in x.items()
            }
            with torch.no_grad():
                mask = torch.ones_like(chunk["rgb"][..., 0], dtype=torch.bool)
                parts.append(model(chunk, mask).logits[0].sigmoid())
        return torch.cat(parts).double().cpu().numpy()

    return score


def test_a_foreign_segment_moves_scores_as_when_it_is_spliced_in_by_hand(world, found):
    streams = open_streams(world.streams, ("rgb", "motion"), "test")
    videos = read_test_videos(world.manifest, world.intervals)
    for seed in SEEDS:
        score = scorer(world.run, seed)
        x = {v.name: {k: s[v.name] for k, s in streams.stores.items()} for v in videos}
        plain = {name: score(each) for name, each in x.items()}
        donor = max((v.name for v in videos if v.labels.any()), key=lambda n: plain[n].max())
        best = int(plain[donor].argmax())
        own, others = [], []
        for name in (v.name for v in videos if not v.labels.any()):
            place = len(plain[name]) // 2
            changed = {k: e.clone() for k, e in x[name].items()}
            for k in changed:
                changed[k][place] = x[donor][k][best]
            moved = np.abs(score(changed) - plain[name])
            own.append(moved[place])
            others += [*moved[:place], *moved[place + 1 :]]
        assert found[seed, "spliced"] == pytest.approx(np.mean(own), abs=1e-6)
        assert found[seed, "others"] == pytest.approx(np.mean(others), abs=1e-6)
        assert found[seed, "others"] > 0


def test_shuffled_segments_are_scored_as_by_hand(world, found):
    streams = open_streams(world.streams, ("rgb", "motion"), "test")
    for seed in SEEDS:
        score, rng, moved = scorer(world.run, seed), np.random.default_rng(0), []
        for video in read_test_videos(world.manifest, world.intervals):
            x = {role: store[video.name] for role, store in streams.stores.items()}
            order = rng.permutation(len(x["rgb"]))
            shuffled = score({role: values[order] for role, values in x.items()})
            moved += [*np.abs(shuffled - score(x)[order])]
        assert found[seed, "order"] == pytest.approx(np.mean(moved), abs=1e-6)


def test_alone_is_a_segment_without_the_state_of_those_before_it(world, tmp_path):
    """Of a method whose state runs through the video, whatever its attention sees."""
    settings = replace(TRAINING, model=replace(TRAINING.model, sequential_update=True))
    run = tmp_path / "sequential"
    train(settings, TrainData(world.manifest, world.streams), SEEDS, run, workers=1)
    found = study(world, run, tmp_path).set_index(["seed", "quantity"])["value"]
    streams = open_streams(world.streams, ("rgb", "motion"), "test")
    for seed in SEEDS:
        score, scores, labels = scorer(run, seed, settings), [], []
        for video in read_test_videos(world.manifest, world.intervals):
            x = {role: store[video.name] for role, store in streams.stores.items()}
            alone = [score({k: v[[i]] for k, v in x.items()})[0] for i in range(len(x["rgb"]))]
            scores += np.repeat(alone, 16)[: len(video.labels)].tolist()
            labels += video.labels.tolist()
        assert found[seed, "AUC_alone"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)


def test_the_metrics_are_those_of_the_run(world, found):
    seeds = pd.read_csv(world.run / "seeds.csv")
    last = seeds[seeds["protocol"] == "last"].set_index(["seed", "metric"])["value"]
    for seed in SEEDS:
        for metric in ("AUC", "AP"):
            assert found[seed, metric] == pytest.approx(last[seed, metric], abs=1e-6)


def test_a_method_without_attention_is_one_line(world, tmp_path):
    settings = train_settings(
        {"method": "mil", "epochs": 1, "batch_size": 8, "test_crops": [1]}, ""
    )
    run = tmp_path / "mil"
    train(settings, TrainData(world.manifest, world.streams), SEEDS, run, workers=1)
    with pytest.raises(FusevadError, match="method 'mil' has no attention over segments"):
        study(world, run, tmp_path)


def test_the_table_shows_means_and_every_seed(tmp_path):
    rows = []
    for seed in (0, 1):
        for name in ("AUC", "AUC_alone", "within", "spliced", "others", "order"):
            rows.append(("gating", seed, "last", name, 0.5 + 0.1 * seed))
    columns = ["experiment", "seed", "protocol", "quantity", "value"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "study.csv", index=False)
    empty = tmp_path / "empty.csv"
    dataset = TableDataset("rendered", "Rendered", ("AUC",), empty, empty, empty, 1, 16)
    row = TableRow("Gating", "gating", {"rendered": tmp_path})
    make_locality_table(
        "locality", "Title", [row], {"gating": {"rendered": tmp_path / "study.csv"}}, [dataset],
        "last", [0, 1], tmp_path / "table.tex", tmp_path / "table.csv",
    )  # fmt: skip
    text = (tmp_path / "table.tex").read_text()
    assert text.count("55.0") == 6
    assert "Gating: within & 50 & 60" in text.replace("  ", " ")


def test_frames_are_not_judged_where_no_interval_is_known(world, tmp_path):
    write_table(tmp_path, "intervals")
    paths = world.manifest, tmp_path / "intervals.csv", world.streams
    with pytest.raises(FusevadError, match=r"intervals\.csv: no intervals of the anomalous test"):
        study_locality(world.run, *paths, LocalitySettings("last"), tmp_path / "x.csv", workers=1)
