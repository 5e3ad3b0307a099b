"""Damage that a job finds: one line says what to delete; deleted once, the workflow ends well."""

import re
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.workflow_runs import TINY, run

pytestmark = [pytest.mark.timeout(2400), pytest.mark.slow]

DATA = Path("results/rendered-tiny")
STREAM = DATA / "embeddings/fusevad-small.stride-16/motion-T16-thr10"
CUES = DATA / "cues/paper"
RUN = Path("results/tiny/rendered-tiny/runs/gating")


def snakemake(folder: Path, target: Path, check: bool = True) -> CompletedProcess:
    """Make a file of the tiny data set, or find out why not."""
    return run(folder, "snakemake", "--cores", "2", str(target), *TINY, check=check)


@pytest.fixture(scope="module")
def project(tiny_made, tmp_path_factory) -> Path:
    """A copy of the project with all runs of the tiny data set."""
    return shutil.copytree(tiny_made, tmp_path_factory.mktemp("damage") / "project")


def flip(file: Path) -> None:
    """Change a bit in the middle, and not the times."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(record: Path) -> None:
    """Leave the beginning of a record."""
    record.write_text(record.read_text()[:100])


@pytest.mark.parametrize(
    ("damaged", "damage", "deleted", "made_again"),
    [
        (CUES / "shard-0.h5", flip, CUES / "shard-0.h5", STREAM / "shard-0.safetensors"),
        (
            CUES / "shard-1.provenance.json",
            cut,
            CUES / "shard-1.h5",
            STREAM / "shard-1.safetensors",
        ),
        (
            STREAM / "shard-0.safetensors",
            flip,
            STREAM / "shard-0.safetensors",
            RUN / "history.csv",
        ),
    ],
    ids=["cues", "record", "embeddings"],
)
def test_one_deletion_is_enough(project, damaged, damage, deleted, made_again):
    expected = (project / made_again).read_bytes()
    damage(project / damaged)
    (project / made_again).unlink()
    failed = snakemake(project, made_again, check=False)
    assert failed.returncode != 0 and "Traceback" not in failed.stderr
    advice = re.findall(
        r"^fusevad: .*; delete (\S+) and run the workflow again$", failed.stderr, re.M
    )
    assert set(advice) == {str(deleted)}
    (project / deleted).unlink()
    snakemake(project, made_again)
    assert (project / made_again).read_bytes() == expected
