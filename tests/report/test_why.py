"""What is behind a number: its seeds, followed back to weights, data, commit and machine."""

import hashlib
import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.config.load import load_files
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from fusevad.plan.made import Made
from fusevad.plan.records import FileRecord, Record, read_record, write_record
from fusevad.report.named_tables import NamedTable
from fusevad.report.runs import TableRow
from fusevad.report.why import why_lines
from tests.made_up_runs import SEEDS, make_up

RUN = Path("results/rendered/runs/student-t")
OF_RUN, OF_SEED = (
    Made("a" * 40, "A processor", 600.0),
    Made("b" * 40 + "-dirty", "Another processor", 90.0),
)
SETTINGS = {"method": "student-t", "epochs": 8, "learning_rate": "searched"}


@pytest.fixture
def world(tmp_path, monkeypatch, root):
    """Made-up runs in results/, with weights, a record, and the store's note of seed 3."""
    monkeypatch.chdir(tmp_path)
    made_up = make_up(Path("results/rendered"))
    (RUN / "weights").mkdir()
    outputs = {}
    for seed in SEEDS:
        for protocol in ("last", "validation"):
            path = RUN / "weights" / f"seed-{seed}-{protocol}.safetensors"
            path.write_text(path.name)
            outputs[str(path)] = FileRecord.of(path)
    job = "train/rendered/student-t"
    lineage = {job: {"stage": "train", "settings": SETTINGS | {"seeds": [*SEEDS]}}}
    inputs = {"results/rendered/manifest.csv": "1" * 64, "e/rgb/shard-0.safetensors": "2" * 64}
    found = {"learning_rate": 0.01}
    record = Record(job, "train", lineage, inputs, outputs, {}, found, OF_RUN)
    write_record(record, RUN / "history.provenance.json")
    store = Path("results/rendered/seeds/student-t/cpu-1")
    store.mkdir(parents=True)
    files = {
        name: outputs[str(RUN / "weights" / name)].sha256 for name in ["seed-3-last.safetensors"]
    }
    noted = {"files": files, "history": [], "made": {**vars_of(OF_SEED)}}
    (store / "seed-3.json").write_text(json.dumps(noted))
    (store.parent / "cpu-2").mkdir()
    other = noted | {"files": {"seed-4-last.safetensors": "0" * 64}}
    (store.parent / "cpu-2" / "seed-4.json").write_text(json.dumps(other))
    return made_up, Jobs(load_files([], root / "config"))


def vars_of(made):
    return {"commit": made.commit, "machine": made.machine, "seconds": made.seconds}


def table_of(made_up, protocol="validation", rows=None):
    rows = made_up.rows if rows is None else rows
    return NamedTable("table1", "results/table1.tex", rows, [made_up.dataset], protocol)


def lines_of(world, *words, protocol="validation", rows=None):
    made_up, jobs = world
    return list(why_lines(table_of(made_up, protocol, rows), jobs, *words))


def seed_line(lines, seed):
    return re.split(r"  +", next(line for line in lines if line.split()[0] == str(seed)).strip())


def test_the_first_line_is_the_cell_as_printed_and_each_seed_has_its_value(world):
    lines = lines_of(world, "student-t", "AUC")
    values = pd.read_csv(RUN / "seeds.csv").query("metric == 'AUC' and protocol == 'validation'")
    mean, std = 100 * values["value"].mean(), 100 * values["value"].std()
    assert lines[0] == (
        "results/table1.tex: IEF-VAD (Student-t), Rendered, AUC, protocol validation:"
        f" {mean:.2f} ± {std:.2f}, n = 10"
    )
    for row in values.itertuples():
        assert seed_line(lines, row.seed)[:3] == [
            str(row.seed), f"{100 * row.value:.2f}", str(row.epoch)
        ]  # fmt: skip


def test_the_label_names_the_row_as_well(world):
    assert lines_of(world, "IEF-VAD (Student-t)", "AUC") == lines_of(world, "student-t", "AUC")


def test_a_name_is_that_of_its_own_row_though_another_rows_label_is_the_same(world):
    row = next(row for row in world[0].rows if row.name == "student-t")
    other = replace(row, label="student-t", name="gating", runs={})
    for rows in ([other, row], [row, other]):
        assert lines_of(world, "student-t", "AUC", rows=rows) == lines_of(world, "student-t", "AUC")


def test_weights_are_followed_to_their_hash_and_a_changed_file_is_said_to_be_changed(world):
    path = RUN / "weights/seed-5-validation.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert seed_line(lines_of(world, "student-t", "AUC"), 5)[3] == digest[:12]
    path.write_text("other")
    assert "CHANGED" in seed_line(lines_of(world, "student-t", "AUC"), 5)[3]


def test_a_seed_has_its_own_circumstances_from_the_store_and_else_those_of_the_run(world):
    lines = lines_of(world, "student-t", "AUC")
    assert seed_line(lines, 3)[4:] == ["bbbbbbbbbbbb-dirty", "Another processor", "1.50"]
    # The store's seed 4 has other weights than the run's.
    assert seed_line(lines, 4)[4:] == ["aaaaaaaaaaaa", "A processor", "–"]


def test_data_are_named_with_their_hashes_and_shards_by_their_index(world):
    lines = lines_of(world, "student-t", "AUC")
    data = [line for line in lines if line.startswith("data: ")]
    assert data == [f"data: {'1' * 64} results/rendered/manifest.csv"]


def test_the_command_trains_with_the_settings_of_the_record_and_what_a_search_found(world):
    words = shlex.split(lines_of(world, "student-t", "AUC")[-1])
    assert words[:4] == ["fusevad", "train", "--manifest", "results/rendered/manifest.csv"]
    assert json.loads(words[words.index("--settings") + 1]) == SETTINGS | {"learning_rate": 0.01}
    assert words[words.index("--seeds") + 1] == "0"
    assert not words[-1].startswith("results/")


def test_the_oracles_weights_are_not_kept_and_that_is_said(world):
    lines = lines_of(world, "student-t", "AUC", protocol="oracle")
    assert seed_line(lines, 0)[3] == "–"
    assert any("not kept for protocol oracle" in line for line in lines)


def test_imported_scores_have_a_value_and_no_training(world):
    made_up, _ = world
    row = made_up.rows[0]
    imported = TableRow(row.label, row.name, row.runs, imported=True)
    assert lines_of(world, row.name, "AUC", rows=[imported])[-1].startswith("one set of imported")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("student", "AUC"), "no row 'student'; did you mean 'student-t'?"),
        (("magic", "AUC"), "no row 'magic'; "),
        (("student-t", "EER"), "no metric 'EER'; choose one of AUC, AP, Ano-AUC, Ano-AP"),
        (("student-t", "AUC", "x"), "no data set 'x'; choose one of rendered"),
        (("gating", "AUC"), "history.provenance.json: no record of how the run was trained"),
    ],
)
def test_a_cell_that_is_not_there_is_one_line(world, words, message):
    with pytest.raises(FusevadError) as error:
        lines_of(world, *words)
    assert message in str(error.value) and "\n" not in str(error.value)


def record_values():
    """Record a run's values, as the evaluation does."""
    file = RUN / "seeds.csv"
    outputs = {str(file): FileRecord.of(file)}
    record = Record("evaluate/rendered/student-t", "evaluate", {}, {}, outputs, {})
    write_record(record, RUN / "seeds.provenance.json")


def test_values_that_are_as_recorded_are_shown_and_others_refused_by_name(world):
    lines = lines_of(world, "student-t", "AUC")
    record_values()
    assert lines_of(world, "student-t", "AUC") == lines
    table = pd.read_csv(RUN / "seeds.csv")
    table.loc[0, "value"] += 0.1
    table.to_csv(RUN / "seeds.csv", index=False)
    with pytest.raises(FusevadError) as error:
        lines_of(world, "student-t", "AUC")
    assert str(error.value) == (
        f"{RUN}/seeds.csv: changed since it was made, so not as recorded in"
        f" {RUN}/seeds.provenance.json; delete {RUN}/seeds.csv and run the workflow again"
    )


def test_the_values_of_another_run_are_not_shown_as_this_ones(world):
    record_values()
    other = Path("results/rendered/runs/gating")
    for name in ("seeds.csv", "seeds.provenance.json", "history.provenance.json"):
        shutil.copy(RUN / name, other / name)
    with pytest.raises(FusevadError, match=r"gating/seeds\.csv: its record .* another file's"):
        lines_of(world, "gating", "AUC")


def test_a_record_without_its_own_job_is_one_line(world):
    file = RUN / "history.provenance.json"
    write_record(replace(read_record(file), lineage={"another": {}}), file)
    with pytest.raises(FusevadError, match="says nothing of its own job"):
        lines_of(world, "student-t", "AUC")


def test_the_command_finds_the_table_by_its_file_and_says_when_it_was_not_made(
    root, tmp_path, monkeypatch
):
    (tmp_path / "config").symlink_to(root / "config")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["why", "results/table1.tex", "student-t", "AUC"])
    assert "seeds.csv: no such run; make the table first" in str(result.exception)
    result = CliRunner().invoke(app, ["why", "results/table99.tex", "student-t", "AUC"])
    assert "table 'table99': not a table of runs" in str(result.exception)
