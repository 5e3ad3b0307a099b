"""`profiles/default`: options that every `snakemake` in this folder has."""

import os
import shutil
import time

import pytest

from tests.workflow_runs import planned_jobs, run

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
    shutil.copytree(root / "profiles", tmp_path / "profiles")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    source = tmp_path / "in.bin"
    source.write_bytes(bytes(3_000_000))
    run(tmp_path, "snakemake", "--cores", "1", "out.bin", *options)
    os.utime(source, (time.time() + 5,) * 2)
    found = run(tmp_path, "snakemake", "--dry-run", "out.bin", *options)
    assert planned_jobs(found.stdout) == planned
