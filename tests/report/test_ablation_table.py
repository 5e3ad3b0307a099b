"""Tables of experiments, made from made-up runs whose values are known."""

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import save_file

from fusevad.config.load import load
from fusevad.report import latex
from fusevad.report.ablation import LabelledRow, Shown, make_ablation
from tests.made_up_runs import SEEDS, make_up

SHAPES = {"gaussian": ((3, 4), (4,)), "student-t": ((3, 4), (1000,))}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    made = make_up(tmp_path_factory.mktemp("ablation") / "rendered")
    for row in made.rows:
        folder = row.runs["rendered"] / "weights"
        folder.mkdir()
        shapes = SHAPES.get(row.name, ((1,),))
        tensors = {f"t{k}": np.zeros(shape, np.float32) for k, shape in enumerate(shapes)}
        save_file(tensors, folder / "seed-0-last.safetensors")
    return made


def ablation(made_up, folder, parameters, labels=None):
    rows = [
        LabelledRow(row.name, labels or {"Method": row.label}, row)
        for row in made_up.rows
        if row.name in SHAPES
    ]
    files = folder / "table8.tex", folder / "table8.csv"
    make_ablation(
        "table8", "Title", rows, [made_up.dataset], "validation", None, list(SEEDS),
        Shown(parameters=parameters),
        *files,
    )  # fmt: skip
    return files[0].read_text(), pd.read_csv(files[1])


def test_the_parameters_of_each_row_are_counted_in_its_weights(made_up, tmp_path):
    text, table = ablation(made_up, tmp_path, parameters=True)
    counts = table.groupby("experiment").parameters.unique().to_dict()
    assert {name: list(found) for name, found in counts.items()} == {
        "gaussian": [16],
        "student-t": [1012],
    }
    (line,) = [x for x in text.splitlines() if x.startswith("IEF-VAD (Student-t)")]
    assert line.endswith(r"& 1,012 \\")
    text, table = ablation(made_up, tmp_path, parameters=False)
    assert "Parameters" not in text
    assert "parameters" not in table


def with_events(made_up) -> None:
    """Each run's events: `student-t` finds half of them, others a fifth."""
    for row in made_up.rows:
        found = 0.5 if row.name == "student-t" else 0.2
        rows = [
            (seed, "validation", counting, iou, name, found + 0.1 * (counting == "ours") + add)
            for seed in SEEDS
            for counting in ("ours", "released")
            for iou, add in (("0.1", 0.1), ("0.2", -0.1))
            for name in ("fire", "mean")
        ]
        columns = ["seed", "protocol", "counting", "iou", "class", "value"]
        file = row.runs["rendered"] / "localisation.csv"
        pd.DataFrame(rows, columns=columns).to_csv(file, index=False)


def papers_table(made_up, folder):
    """A table of another paper with events, whose numbers are of other data sets and methods."""
    with_events(made_up)
    published = folder / "published.csv"
    published.write_text(
        "row,dataset,metric,mean,std\n"
        "student-t,xd-violence,AP,85.53,\nstudent-t,cctv-fights,mAP,27.44,\n"
        "Somebody,xd-violence,AP,80.01,\n"
    )
    rows = [LabelledRow(r.name, {"Method": r.label}, r) for r in made_up.rows if r.name in SHAPES]
    shown = Shown("AVadCLIP", events=True, all_printed=True)
    files = folder / "avadclip-1.tex", folder / "avadclip-1.csv"
    make_ablation(
        "avadclip-1", "Title", rows, [made_up.dataset], "validation", published, list(SEEDS), shown,
        *files,
    )  # fmt: skip
    return files[0].read_text(), pd.read_csv(files[1])


def test_all_numbers_of_a_paper_are_shown_with_methods_and_data_sets_that_are_not_run(
    made_up, tmp_path
):
    text, table = papers_table(made_up, tmp_path)
    assert "Printed in the AVadCLIP paper, nothing re-run" in text
    lines = [line for line in text.splitlines() if "85.53" in line or "80.01" in line]
    assert [line.split(" &")[0] for line in lines] == ["IEF-VAD (Student-t)", "Somebody"]
    assert "27.44" in lines[0] and "XD-Violence, AP" in text and "CCTV-Fights, mAP" in text
    printed = table[table["block"] == "published"].set_index(["row", "dataset"])["mean"]
    assert printed["Somebody", "xd-violence"] == 80.01
    assert len(printed) == 3


def test_events_found_are_a_column_counted_as_released(made_up, tmp_path):
    text, table = papers_table(made_up, tmp_path)
    events = table[(table["metric"] == "mAP") & (table["block"] == "measured")]
    found = events.set_index("experiment")["mean"].to_dict()
    assert found == pytest.approx({"student-t": 50.0, "gaussian": 20.0})
    assert "mAP: of events found" in text


def test_numbers_of_tables_and_figures_stand_apart_from_their_kind(made_up, tmp_path):
    assert r"\textbf{Table 8.} Title." in ablation(made_up, tmp_path, parameters=False)[0]
    assert latex.numbered("table14") == "Table 14."
    assert latex.numbered("figure4-ucf-crime") == "Figure 4, ucf-crime."
    assert latex.numbered("beyond") == "Beyond."


def test_greek_letters_and_their_subscripts_are_set_as_symbols(made_up, tmp_path):
    labels = {"Parameter": "λ_r", "Value": "0.5"}
    text, table = ablation(made_up, tmp_path, parameters=False, labels=labels)
    assert r"$\lambda_r$ & 0.5 &" in text
    assert set(table["Parameter"]) == {"λ_r"}
    assert latex.escape("ν, λ, ε, τ, a_b") == r"$\nu$, $\lambda$, $\epsilon$, $\tau$, a\_b"


def test_no_table_writes_the_name_of_a_greek_letter(root):
    values = yaml.safe_load((root / "config/config.yaml").read_text())
    config = load(values, root / "config")
    words = {
        word
        for table in config.ablations.values()
        for row in table.rows
        for text in (table.title, *row.labels.values(), config.experiments[row.experiment].label)
        for word in text.replace(",", " ").split()
    }
    assert {"ν", "λ_r", "ε", "τ"} <= words
    assert not words & {"nu", "lambda_r", "epsilon", "tau"}
