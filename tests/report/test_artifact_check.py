"""The comparison of a run with the committed numbers, on made-up ones."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from fusevad.cli import app
from fusevad.errors import FusevadError
from fusevad.plan.records import FileRecord, Record, write_record
from fusevad.report.artifact_check import EXPECTED, TOLERANCE, check_artifact, quantities
from tests.made_up_tables import write_table

CELLS = [("gating", "last", 80.0), ("gating", "oracle", 82.0), ("gating", "validation", 81.0)]


@pytest.fixture
def finished(tmp_path, root, monkeypatch):
    """Results of a made-up run of the tiny configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").symlink_to(root / "config")
    data, home = tmp_path / "results/rendered-tiny", tmp_path / "results/tiny"
    data.mkdir(parents=True)
    home.mkdir()
    videos = [("a", "train", 40), ("b", "train", 60), ("c", "test", 50)]
    rows = [(name, f"{name}.mp4", split, "fire", n, 15, 160, 120, "0") for name, split, n in videos]
    write_table(data, "manifest", rows)
    write_table(data, "intervals", [("c", "fire", 10, 25)])
    write_measured(home, CELLS)
    return home


def write_measured(home, cells):
    measured = pd.DataFrame(cells, columns=["experiment", "protocol", "mean"])
    fixed = {"block": "measured", "method": "x", "dataset": "rendered-tiny", "metric": "AUC"}
    published = pd.DataFrame([{"block": "published", "method": "y", "mean": 99.0}])
    table = pd.concat([measured.assign(n=2, **fixed), published])
    table.to_csv(home / "table1.csv", index=False)


def artifact_check(*words):
    words = ("artifact-check", "--expected", "expected.csv", *words)
    return CliRunner().invoke(app, [*words, "--configfile", "config/tiny.yaml"])


def test_data_are_compared_exactly_and_means_within_the_tolerance(finished):
    found = quantities(finished, ["rendered-tiny"]).set_index("quantity")
    assert found["expected"].to_dict() == {
        "rendered-tiny: train videos": 2,
        "rendered-tiny: train frames": 100,
        "rendered-tiny: test videos": 1,
        "rendered-tiny: test frames": 50,
        "rendered-tiny: frames of annotated anomalies": 15,
        "rendered-tiny: AUC of gating, protocol last": 80.0,
        "rendered-tiny: AUC of gating, protocol oracle": 82.0,
    }
    assert found["tolerance"].to_list() == [0] * 5 + [TOLERANCE] * 2


def test_the_numbers_that_a_run_gave_pass_and_so_do_numbers_within_the_tolerance(finished):
    assert artifact_check("--write").exit_code == 0
    write_measured(finished, [(name, protocol, mean - 1.9) for name, protocol, mean in CELLS])
    result = artifact_check()
    assert result.exit_code == 0
    assert result.output.count("PASS  ") == 7
    assert result.output.endswith("PASS: 7 of 7 as expected\n")


def test_a_number_beyond_the_tolerance_fails_alone_with_both_values(finished):
    artifact_check("--write")
    write_measured(finished, [("gating", "last", 77.9), *CELLS[1:]])
    result = artifact_check()
    assert result.exit_code == 1
    failed = [line for line in result.output.splitlines() if line.startswith("FAIL  ")]
    assert failed == ["FAIL  rendered-tiny: AUC of gating, protocol last: 77.9, expected 80 ± 2"]
    assert result.output.endswith("FAIL: 6 of 7 as expected\n")


def test_one_frame_too_few_and_a_row_that_is_absent_fail(finished):
    artifact_check("--write")
    write_table(finished.parent / "rendered-tiny", "intervals", [("c", "fire", 10, 24)])
    write_measured(finished, CELLS[:1])
    lines = artifact_check().output.splitlines()
    assert "FAIL  rendered-tiny: frames of annotated anomalies: 14, expected 15" in lines
    assert any("protocol oracle: nothing, expected 82 ± 2" in line for line in lines)


@pytest.mark.parametrize(
    "path",
    ["rendered-tiny/manifest.csv", "rendered-tiny/intervals.csv", "tiny/table1.csv"],
)
def test_a_file_that_is_not_as_recorded_neither_passes_nor_is_committed(finished, path):
    artifact_check("--write")
    file = finished.parent / path
    noted = {f"results/{path}": FileRecord.of(file)}
    write_record(Record("a/job", "x", {}, {}, noted, {}), file.with_suffix(".provenance.json"))
    assert artifact_check().exit_code == 0
    file.write_text(file.read_text() + "\n")
    for words in ([], ["--write"]):
        message = str(artifact_check(*words).exception)
        assert message.startswith(f"results/{path}: changed since it was made, so not as recorded")


def test_without_a_table_or_committed_numbers_it_is_one_line(finished):
    assert "expected.csv: no such file" in str(artifact_check().exception)
    artifact_check("--write")
    (finished / "table1.csv").unlink()
    assert "table1.csv: no such file" in str(artifact_check().exception)


def test_the_committed_numbers_are_of_the_tiny_configuration(root):
    found = pd.DataFrame({"quantity": [], "expected": []})
    checks = check_artifact(found, root / EXPECTED)
    assert not any(check.passed for check in checks)
    quantity = {check.quantity: check.expected for check in checks}
    # config/datasets/rendered-tiny.yaml: normal videos, and two of each of two classes.
    assert quantity["rendered-tiny: train videos"] == 6 + 2 * 2
    assert quantity["rendered-tiny: test videos"] == 2 + 2 * 2
    means = [value for name, value in quantity.items() if " of " in name and "protocol" in name]
    assert len(means) == 7 * 3 * 2


def test_an_empty_table_of_committed_numbers_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("quantity,expected,tolerance\n")
    with pytest.raises(FusevadError, match=r"empty\.csv: no numbers"):
        check_artifact(pd.DataFrame({"quantity": [], "expected": []}), tmp_path / "empty.csv")
