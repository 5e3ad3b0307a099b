"""`fusevad resources`: what rules need, by benchmark files of finished jobs."""

import pytest
import yaml

from fusevad.errors import FusevadError
from fusevad.plan.measured import measured_jobs, proposed_lines

# As Snakemake 9 writes them, without columns that nobody reads.
PLAIN = "s\th:m:s\tmax_rss\n"
EXTENDED = "s\th:m:s\tmax_rss\tjobid\trule_name\tthreads\n"


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "rendered" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "cues-0.tsv").write_text(f"{EXTENDED}100.5\t0:01:40\t800.2\t3\tcues\t1\n")
    (folder / "cues-1.tsv").write_text(f"{EXTENDED}900\t0:15:00\t400\t4\tcues\t2\n")
    (folder / "old.tsv").write_text(f"{PLAIN}5\t0:00:05\t9999\n")
    top = tmp_path / "results" / "benchmarks"
    top.mkdir()
    (top / "table1.tsv").write_text(f"{EXTENDED}0.4\t0:00:00\tNA\t0\ttable1\t1\n")
    return tmp_path / "results"


def test_a_rule_gets_half_again_of_its_largest_job_and_three_times_its_longest(results):
    proposed = yaml.safe_load("\n".join(proposed_lines(measured_jobs(results))))
    assert proposed == {
        "set-resources": {"cues": {"mem_mb": 1201, "runtime": 45}, "table1": {"runtime": 10}}
    }


def test_comments_say_what_was_measured(results):
    lines = list(proposed_lines(measured_jobs(results)))
    assert "  cues: # 800 MB, 900 s at most; jobs: 2, threads: 2" in lines
    assert "  table1: # memory not measured, 0 s at most; jobs: 1, threads: 1" in lines


def test_a_job_of_thousands_of_inputs_is_measured_too(results):
    """Snakemake writes the size of each into one cell."""
    sizes = "{" + ", ".join(f"'results/a/shard-{k}.h5': {k}" for k in range(10_000)) + "}"
    file = results / "rendered" / "benchmarks" / "cues-2.tsv"
    file.write_text(f"{EXTENDED.rstrip()}\tinput_size_mb\n1\t0:00:01\t9\t3\tcues\t1\t{sizes}\n")
    assert len([job for job in measured_jobs(results) if job.rule == "cues"]) == 3


def test_a_rule_of_one_data_set_has_its_name(results):
    file = results / "rendered" / "benchmarks" / "import.tsv"
    file.write_text(f"{EXTENDED}30\t0:00:30\t600\t5\timport_features_ucf-crime\t1\n")
    proposed = yaml.safe_load("\n".join(proposed_lines(measured_jobs(results))))
    assert proposed["set-resources"]["import_features_ucf-crime"] == {"mem_mb": 900, "runtime": 10}


def test_files_that_name_no_rule_are_no_help(tmp_path):
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "old.tsv").write_text(f"{PLAIN}5\t0:00:05\t9999\n")
    (folder / "empty.tsv").touch()
    with pytest.raises(FusevadError, match="no benchmark file names its rule"):
        measured_jobs(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "5\t0:00:05\t9\t3\tcues",
        "5\t0:00:05\t9\t3\tcues\t1\t1",
        "five\t0:00:05\t9\t3\tcues\t1",
        "inf\t0:00:05\t9\t3\tcues\t1",
        "5\t0:00:05\tnan\t3\tcues\t1",
        "-5\t0:00:05\t9\t3\tcues\t1",
        "5\t0:00:05\t9\t3\tcues\t1e999",
        "5\t0:00:05\t1.7e308\t3\tcues\t1",
        '5\t0:00:05\t9\t3\t"cues:\n    mem_mb: 1\n  train"\t1',
        "5\t0:00:05\t9\t3\tcu\x1b[31mes\t1",
    ],
)
def test_a_damaged_file_is_named(results, line):
    damaged = results / "rendered" / "benchmarks" / "cues-2.tsv"
    damaged.write_text(EXTENDED + line)
    with pytest.raises(FusevadError, match=r"cues-2\.tsv: not a benchmark file"):
        measured_jobs(results)
