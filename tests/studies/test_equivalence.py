"""Whether two methods are one function: the study on a tiny run, its table on made-up values."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from scipy import stats

from fusevad.csv_tables import write_csv
from fusevad.data.truth import read_test_videos
from fusevad.embed.store import open_streams
from fusevad.errors import FusevadError
from fusevad.models.base import build
from fusevad.report.equivalence_table import make_equivalence_table
from fusevad.report.latex import set_cell
from fusevad.report.sheet import scientific
from fusevad.studies.equivalence import study_equivalence
from fusevad.studies.settings import EquivalenceSettings
from tests.made_up_runs import SEEDS as MADE_UP_SEEDS
from tests.made_up_runs import make_up
from tests.made_up_studies import DIM, SEEDS, TRAINING, World, training


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("equivalence"))


def compare(world: World, run: Path, method: str, out: Path) -> pd.DataFrame:
    paths = world.manifest, world.intervals, world.streams
    study_equivalence(run, *paths, EquivalenceSettings(method), out / "equivalence.csv", workers=1)
    return pd.read_csv(out / "equivalence.csv")


def by_hand(world: World, method: str, seed: int):
    """Weights by dimension and scores of all test segments, one video at a time."""
    model = build(method, training(method).model, {"rgb": DIM, "motion": DIM}).eval()
    model.load_state_dict(load_file(world.run / "weights" / f"seed-{seed}-last.safetensors"))
    streams = open_streams(world.streams, ("rgb", "motion"), "test")
    model.to(streams.device)
    weights, scores = [], []
    for video in read_test_videos(world.manifest, world.intervals):
        for start in range(0, streams.length(video.name), TRAINING.max_segments):
            chunk = slice(start, start + TRAINING.max_segments)
            part = {
                role: store[video.name][chunk, 1].float()[None]
                for role, store in streams.stores.items()
            }
            with torch.no_grad():
                output = model(part, torch.ones_like(part["rgb"][..., 0], dtype=torch.bool))
            weights.append(torch.stack(list(output.weights.values()))[:, 0].cpu())
            scores.append(output.logits[0].sigmoid().cpu())
    return torch.cat(weights, dim=1).numpy(), torch.cat(scores).numpy()


def test_student_t_with_the_same_parameters_is_gaussian(world, tmp_path):
    table = compare(world, world.run, "gaussian", tmp_path)
    assert len(table) == len(SEEDS) * 2 * 8
    assert table["value"].abs().max() < 1e-5


def test_differences_are_those_of_the_models_called_by_hand(world, tmp_path):
    table = compare(world, world.run, "robust-student-t", tmp_path)
    found = table[table["protocol"] == "last"].set_index(["seed", "quantity"])["value"]
    for seed in SEEDS:
        (weights, scores), (other_weights, other_scores) = (
            by_hand(world, method, seed) for method in ("student-t", "robust-student-t")
        )
        expected = np.abs(weights - other_weights), np.abs(scores - other_scores)
        for name, difference in zip(("weights", "scores"), expected, strict=True):
            assert found[seed, f"{name}_max"] == pytest.approx(difference.max(), abs=1e-6)
            assert found[seed, f"{name}_mean"] == pytest.approx(difference.mean(), abs=1e-6)
        assert found[seed, "weights_max"] > 1e-4


def test_methods_that_cannot_be_compared_are_one_clear_line(world, tmp_path):
    with pytest.raises(FusevadError, match="not the parameters of method gating"):
        compare(world, world.run, "gating", tmp_path)
    run = world.trained("concat")
    with pytest.raises(FusevadError, match="do not both have fusion"):
        compare(world, run, "concat", tmp_path)


# The table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The table of two made-up runs, whose seed 3 chose another epoch under `last`."""
    folder = tmp_path_factory.mktemp("table")
    made = make_up(folder / "rendered")
    rows = {row.name: row for row in made.rows}
    seeds = pd.read_csv(rows["gaussian"].runs["rendered"] / "seeds.csv")
    seeds.loc[(seeds["seed"] == 3) & (seeds["protocol"] == "last"), "epoch"] = 2
    write_csv(seeds, rows["gaussian"].runs["rendered"] / "seeds.csv")
    quantities = {"weights_max": 1e-7, "weights_mean": 1e-8, "scores_max": 2e-7, "scores_mean": 0}
    study = [
        ("student-t", seed, protocol, quantity, (seed + 1) * value)
        for seed in MADE_UP_SEEDS
        for protocol in ("last", "validation")
        for quantity, value in (quantities | {"AUC": 0.001}).items()
    ]
    columns = ["experiment", "seed", "protocol", "quantity", "value"]
    write_csv(pd.DataFrame(study, columns=columns), folder / "equivalence.csv")
    files = folder / "table.tex", folder / "table.csv"
    make_equivalence_table(
        "equivalence", "Title", rows["student-t"], rows["gaussian"],
        {"rendered": folder / "equivalence.csv"}, [made.dataset], list(MADE_UP_SEEDS), *files,
    )  # fmt: skip
    return files[0].read_text(), pd.read_csv(files[1]), rows


def test_same_parameters_show_the_largest_of_all_seeds_and_the_mean(table):
    text, cells, _ = table
    found = cells.set_index(["compared", "protocol"]).loc[("parameters", "last")]
    assert found["weights_max"] == pytest.approx(10e-7)
    assert found["weights_mean"] == pytest.approx(5.5e-8)
    assert found["difference"] == pytest.approx(0.55)
    assert r"Same parameters, last & $1.0\cdot 10^{-6}$ & $5.5\cdot 10^{-8}$" in text


def test_runs_trained_apart_are_compared_seed_by_seed(table):
    _, cells, rows = table
    found = cells[cells["compared"] == "runs"].set_index("protocol")
    runs = [rows[name].runs["rendered"] for name in ("student-t", "gaussian")]
    raw = []
    for protocol in ("last", "validation", "oracle"):
        scores = [pd.read_parquet(run / "scores.parquet") for run in runs]
        first, second = (part[part["protocol"] == protocol]["score"].to_numpy() for part in scores)
        assert found["scores_max"][protocol] == pytest.approx(np.abs(first - second).max())
        assert found["scores_mean"][protocol] == pytest.approx(np.abs(first - second).mean())
        values = [pd.read_csv(run / "seeds.csv") for run in runs]
        auc = [
            part[(part["protocol"] == protocol) & (part["metric"] == "AUC")]["value"].to_numpy()
            for part in values
        ]
        assert found["difference"][protocol] == pytest.approx(100 * (auc[0] - auc[1]).mean())
        raw.append(stats.ttest_rel(*auc).pvalue)
    assert found["p"].min() == pytest.approx(min(3 * min(raw), 1))
    assert found["other_epoch"].to_dict() == {"last": 1, "validation": 0, "oracle": 0}


def test_small_numbers_are_powers_of_ten():
    assert set_cell(scientific(1.84e-7)) == r"$1.8\cdot 10^{-7}$"
    cells = scientific(0.0543), scientific(0), scientific(float("nan"))
    assert [set_cell(cell) for cell in cells] == ["0.054", "0", "--"]
