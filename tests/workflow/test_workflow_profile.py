"""`profiles/default`: options that every `snakemake` in this folder has."""

import os
import re
import shutil
import time
from importlib.util import find_spec

import pytest

from tests.workflow_runs import copy_project, planned_jobs, run

SNAKEFILE = """
rule:
    name: "copy"
    input: "in.bin"
    output: "out.bin"
    benchmark: "results/benchmarks/copy.tsv"
    threads: 2
    shell: "cp {input} {output}"
"""


@pytest.mark.parametrize(
    ("options", "planned"),
    [((), {}), (("--workflow-profile", "none"), {"copy": 1, "total": 1})],
    ids=["found-without-an-option", "without-it"],
)
def test_an_input_of_megabytes_with_new_times_and_the_same_bytes_reruns_nothing(
    root, tmp_path, options, planned
):
    for name in ("profiles", "workflow"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    source = tmp_path / "in.bin"
    source.write_bytes(bytes(3_000_000))
    run(tmp_path, "snakemake", "--cores", "1", "out.bin", *options)
    os.utime(source, (time.time() + 5,) * 2)
    found = run(tmp_path, "snakemake", "--dry-run", "out.bin", *options)
    assert planned_jobs(found.stdout) == planned


def test_fusevad_resources_knows_the_rules_of_finished_jobs(root, tmp_path):
    for name in ("profiles", "workflow"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "in.bin").touch()
    run(tmp_path, "snakemake", "--cores", "2", "out.bin")
    proposed = run(tmp_path, "fusevad", "resources").stdout
    assert re.search(
        r"^  copy: # .*; jobs: 1, threads: 2\n(    mem_mb: \d+\n)?    runtime: 10$", proposed, re.M
    )


@pytest.mark.parametrize("option", ["--profile", "--workflow-profile"])
@pytest.mark.skipif(
    find_spec("snakemake_executor_plugin_slurm") is None, reason="needs make env EXTRAS=slurm"
)
def test_a_configuration_is_looked_at_before_snakemake_reads_it_on_a_cluster(
    root, tmp_path, option
):
    copy_project(root, tmp_path)
    (tmp_path / "theirs.yaml").write_text("__use_yte__: true\n?open('ran', 'w').name: 1\n")
    command = ("snakemake", option, "profiles/slurm", "--configfile", "theirs.yaml")
    found = run(tmp_path, *command, check=False)
    assert found.returncode == 1
    assert "would run what is written in it" in found.stderr.splitlines()[-1]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__use_yte__: true\n?open('ran', 'w').name: 1\n", "would run what is written in it"),
        ("a: " + "[" * 5000, "nested more than 100 deep"),
    ],
    ids=["program", "nested-without-end"],
)
def test_a_configuration_is_looked_at_before_snakemake_reads_it(root, tmp_path, text, message):
    copy_project(root, tmp_path)
    (tmp_path / "theirs.yaml").write_text(text)
    command = ("snakemake", "--dry-run", "results/table1.tex", "--configfile", "theirs.yaml")
    found = run(tmp_path, *command, check=False)
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert message in found.stderr.splitlines()[-1]
    assert not (tmp_path / "ran").exists()
