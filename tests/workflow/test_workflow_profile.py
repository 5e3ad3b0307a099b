"""`profiles/default`: options that every `snakemake` in this folder has."""

import os
import shutil
import time

import pytest

from tests.workflow_runs import copy_project, planned_jobs, run

SNAKEFILE = """
rule:
    name: "copy"
    input: "in.bin"
    output: "out.bin"
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
