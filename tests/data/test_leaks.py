"""The released splits' leaks: found in stand-ins of the real lists, and judged on made-up runs."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusevad.csv_tables import write_csv
from fusevad.data.recorded.leaks import study_leaks
from fusevad.data.recorded.settings import RecordedSettings
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from fusevad.report.leaks_table import make_leaks_table
from fusevad.report.runs import TableRow
from fusevad.report.scored_videos import test_videos as read_truth
from tests import stand_ins
from tests.made_up_runs import SEEDS, make_up

LEAKED = {"test-001", "test-003"}


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, RecordedSettings]]:
    """All stand-ins with videos, each in a folder of its name, and their settings."""
    folder = tmp_path_factory.mktemp("stand-ins")
    settings = {}
    for name in stand_ins.VIDEOS:
        over = stand_ins.STAND_INS[name](folder / name)
        recorded = stand_ins.configured(name, over)["recorded"]
        settings[name] = parse(RecordedSettings, recorded, name)
    return folder, settings


@pytest.mark.parametrize(
    ("dataset", "official", "released", "names"),
    [
        ("shanghaitech", "test", "train", ["04_0012"]),
        ("xd-violence", "test", "train", ["Desperado.1995__#00-38-36_00-39-21_label_B1-B2-0"]),
        (
            "xd-violence",
            "train",
            "none",
            ["Your.Name.2016__#00-36-52_00-41-00_label_A", "v=8cTqh9tMz_I__#1_label_A"],
        ),
        ("msad", "train", "test", ["Fire_1"]),
        ("ucf-crime", "test", "train", []),
    ],
)
def test_the_study_finds_what_the_stand_ins_moved(
    laid_out, tmp_path, dataset, official, released, names
):
    folder, settings = laid_out
    study_leaks(folder / dataset, settings[dataset], tmp_path / "leaks.csv")
    parts = pd.read_csv(tmp_path / "leaks.csv", dtype=str, keep_default_na=False)
    assert parts["video"].is_unique
    found = parts[(parts["official"] == official) & (parts["released"] == released)]
    assert sorted(found["video"]) == sorted(names)


def test_without_the_official_lists_leaks_are_unknown_and_it_says_so(laid_out, tmp_path, capsys):
    folder, settings = laid_out
    shutil.copytree(folder / "msad", tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "MSAD Dataset")
    study_leaks(tmp_path / "data", settings["msad"], tmp_path / "leaks.csv")
    assert pd.read_csv(tmp_path / "leaks.csv")["official"].eq("unknown").all()
    assert "unknown without the official split" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("split", "file"),
    [("released", "iefvad/train.csv"), ("official", "shanghai-i3d-test-10crop.list")],
)
def test_a_list_that_is_not_the_expected_one_is_an_error(laid_out, tmp_path, split, file):
    folder, settings = laid_out
    shutil.copytree(folder / "shanghaitech", tmp_path / "data")
    (path,) = (tmp_path / "data").rglob(file)
    path.write_text("".join(line for line in path.open() if "04_0012" not in line))
    with pytest.raises(FusevadError, match=rf"split {split}: .*get the lists again"):
        study_leaks(tmp_path / "data", settings["shanghaitech"], tmp_path / "leaks.csv")


# The table


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A made-up data set, and a variant that trains on two of its test videos."""
    folder = tmp_path_factory.mktemp("leaks")
    made = make_up(folder / "rendered")
    files = {}
    for name in ("manifest", "intervals"):
        table = pd.read_csv(getattr(made.dataset, name))
        files[name] = folder / f"{name}.csv"
        write_csv(table[~table["video"].isin(LEAKED)], files[name])
    official = replace(made.dataset, key="set", source="set")
    released = replace(official, key="set.released", **files)
    rows = []
    for row in made.rows[:2]:
        run = row.runs["rendered"]
        scores = pd.read_parquet(run / "scores.parquet")
        scores.loc[~scores["video"].isin(LEAKED), "score"] **= 2
        copy = folder / "released" / row.name
        copy.mkdir(parents=True)
        scores[~scores["video"].isin(LEAKED)].to_parquet(copy / "scores.parquet", index=False)
        rows.append(TableRow(row.label, row.name, {"set": run, "set.released": copy}))
    names = [video.name for video in read_truth(official)]
    parts = pd.DataFrame({"video": names, "official": "test"})
    parts["released"] = np.where(parts["video"].isin(LEAKED), "train", "test")
    write_csv(parts, folder / "leaks.csv")
    return official, released, rows, folder / "leaks.csv"


def table_of(both, folder, variants, studies):
    official, released, rows, _ = both
    files = folder / "leaks.tex", folder / "leaks.csv"
    make_leaks_table(
        "leaks", "Title", rows, [official, released], studies, variants, "validation",
        list(SEEDS), *files,
    )  # fmt: skip
    return files[0].read_text(), pd.read_csv(files[1])


def test_counts_and_names_of_leaked_videos(both, tmp_path):
    text, table = table_of(both, tmp_path, {"set": {"official": "set"}}, {"set": both[3]})
    counts = table.set_index("quantity")["videos"]
    assert (counts["official_test"], counts["released_test"]) == (12, 10)
    assert (counts["leaked"], counts["moved"], counts["left_out_test"]) == (2, 0, 0)
    assert "trained on test-001, test-003." in text
    assert "What it changes" not in text


def test_with_both_variants_metrics_stand_on_all_and_on_the_common_videos(both, tmp_path):
    official, _, rows, path = both
    variants = {"set": {"official": "set", "released": "set.released"}}
    _, table = table_of(both, tmp_path, variants, {"set": path})
    cells = table[table["experiment"] == rows[0].name].set_index("quantity")
    videos = read_truth(official)
    scores = pd.read_parquet(rows[0].runs["set"] / "scores.parquet")
    scores = scores[scores["protocol"] == "validation"]

    def expected(wanted):
        values = []
        for _, own in scores.groupby("seed"):
            chosen = [v for v in videos if v.name in wanted]
            frames = [
                np.repeat(own[own["video"] == v.name]["score"], 16)[: len(v.labels)] for v in chosen
            ]
            labels = np.concatenate([v.labels for v in chosen])
            values.append(roc_auc_score(labels, np.concatenate(frames)))
        return 100 * np.mean(values)

    names = {video.name for video in videos}
    assert cells["mean"]["official_all"] == pytest.approx(expected(names))
    assert cells["mean"]["official_common"] == pytest.approx(expected(names - LEAKED))
    # Squared scores keep their order, so that both splits agree on the common videos.
    assert cells["mean"]["released_common"] == pytest.approx(expected(names - LEAKED))
    assert cells["mean"]["difference_common"] == pytest.approx(0)
    assert cells["p"]["difference_common"] == 1
    assert (cells["videos"]["official_all"], cells["videos"]["official_common"]) == (12, 10)


def test_a_data_set_without_a_released_split_is_one_row_that_says_so(both, tmp_path):
    text, table = table_of(both, tmp_path, {"set": {"official": "set"}}, {})
    assert table["quantity"].tolist() == ["no released split"]
    assert "no released split" in text


def test_an_unknown_official_split_leaves_the_counts_open(both, tmp_path):
    parts = pd.read_csv(both[3]).assign(official="unknown")
    write_csv(parts, tmp_path / "unknown.csv")
    text, table = table_of(
        both, tmp_path, {"set": {"official": "set"}}, {"set": tmp_path / "unknown.csv"}
    )
    assert set(table["quantity"]) == {"released_train", "released_test"}
    assert "the lists of the official split are not there" in text


def test_one_seed_has_a_mean_and_no_spread(both, tmp_path):
    official, released, rows, path = both
    first = []
    for row in rows:
        runs = {}
        for key, run in row.runs.items():
            scores = pd.read_parquet(run / "scores.parquet")
            runs[key] = tmp_path / row.name / key
            runs[key].mkdir(parents=True)
            scores[scores["seed"] == 0].to_parquet(runs[key] / "scores.parquet", index=False)
        first.append(replace(row, runs=runs))
    variants = {"set": {"official": "set", "released": "set.released"}}
    text, table = table_of((official, released, first, path), tmp_path, variants, {"set": path})
    cells = table[table["experiment"] == rows[0].name].set_index("quantity")
    assert f"& ${cells['mean']['official_all']:.2f}$ &" in text
    assert "nan" not in text
