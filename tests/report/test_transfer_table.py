"""A table of transfer between data sets, from made-up runs and a made-up study of known values."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fusevad.errors import FusevadError
from fusevad.report.transfer_table import make_transfer_table
from tests.made_up_runs import SEEDS, make_up

MOVED = {"AUC": 0.7, "AP": 0.3}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("transfer") / "rendered")


def write_study(folder: Path) -> Path:
    """What the run on `rendered` does on `elsewhere`, a hundredth better with each seed."""
    rows = [
        ("rendered", "student-t", seed, "validation", metric, value + 0.01 * seed)
        for seed in SEEDS
        for metric, value in MOVED.items()
    ]
    columns = ["trained_on", "experiment", "seed", "protocol", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "transfer.csv", index=False)
    return folder / "transfer.csv"


def table(made_up, folder: Path, published: str | None = None) -> tuple[list[str], pd.DataFrame]:
    """Lines of LaTeX and rows of the CSV; nothing is trained on the second data set."""
    (row,) = [row for row in made_up.rows if row.name == "student-t"]
    elsewhere = replace(
        made_up.dataset, key="elsewhere", source="cctv-fights", title="Elsewhere",
        metrics=("AP", "AUC"),
    )  # fmt: skip
    home = replace(made_up.dataset, source="xd-violence", metrics=("AUC", "AP", "Ano-AUC"))
    paper = None
    if published is not None:
        paper = folder / "published.csv"
        paper.write_text("row,trained_on,dataset,metric,mean,std\n" + published)
    files = folder / "t.tex", folder / "t.csv"
    make_transfer_table(
        "t", "Title", [row], [home, elsewhere], {"elsewhere": write_study(folder)}, paper,
        "AVadCLIP", "validation", list(SEEDS), *files,
    )  # fmt: skip
    return files[0].read_text().splitlines(), pd.read_csv(files[1])


def line(lines: list[str], start: str) -> list[str]:
    """Cells of the line that starts with these words."""
    (found,) = [each for each in lines if each.startswith(start)]
    return [cell.strip() for cell in found.removesuffix(r"\\").split("&")]


def test_a_pair_has_the_values_of_the_study_and_a_dash_for_what_is_not_measured(made_up, tmp_path):
    lines, _ = table(made_up, tmp_path)
    found = line(lines, "Rendered & Elsewhere")
    assert "74.50" in found[2] and "34.50" in found[3] and found[4] == "--"
    assert not [each for each in lines if each.startswith("Elsewhere &")]


def test_a_data_set_that_is_only_tested_lacks_no_run(made_up, tmp_path):
    text = "\n".join(table(made_up, tmp_path)[0])
    assert "Elsewhere: none of these was trained on it." in text
    assert "Elsewhere: 1 frame in" in text
    assert "was not run on" not in text


def test_a_pair_of_one_data_set_has_the_values_of_its_runs(made_up, tmp_path):
    _, numbers = table(made_up, tmp_path)
    own = numbers[(numbers.block == "measured") & (numbers.metric == "AUC")].iloc[0]
    (row,) = [row for row in made_up.rows if row.name == "student-t"]
    values = pd.read_csv(row.runs["rendered"] / "seeds.csv")
    chosen = values[(values.protocol == "validation") & (values.metric == "AUC")].value
    assert own.n == len(SEEDS) and own["mean"] == pytest.approx(100 * chosen.mean())
    moved = numbers[(numbers.block == "transfer") & (numbers.metric == "AP")].iloc[0]
    assert (moved.trained_on, moved.dataset) == ("rendered", "elsewhere")
    assert moved["mean"] == pytest.approx(34.5) and moved.n == len(SEEDS)


def test_printed_numbers_are_beside_their_pair_or_in_a_line_of_their_own(made_up, tmp_path):
    lines, numbers = table(
        made_up, tmp_path,
        "student-t,xd-violence,cctv-fights,AP,69.24,\nstudent-t,cctv-fights,msad,AP,76.60,\n",
    )  # fmt: skip
    assert "69.24" in line(lines, "Rendered & Elsewhere")[-1]
    alone = line(lines, "CCTV-Fights & MSAD")
    assert "76.60" in alone[-1] and set(alone[2:-1]) == {"--"}
    assert list(numbers[numbers.block == "published"]["mean"]) == [69.24, 76.6]
    assert any("printed in the AVadCLIP paper" in each for each in lines)


@pytest.mark.parametrize(
    "published",
    [
        "student-t,xd-violence,nowhere,AP,1,\n",
        "student-t,xd-violence,msad,AP,1,\nstudent-t,xd-violence,msad,AP,2,\n",
    ],
)
def test_printed_numbers_that_are_wrong_are_refused(made_up, tmp_path, published):
    with pytest.raises(FusevadError, match=r"published\.csv: a number is given twice, or a data"):
        table(made_up, tmp_path, published)
