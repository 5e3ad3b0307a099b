"""Weights of the repository are its own or refused: damaged ones would be another encoder's."""

import hashlib
import shutil
from pathlib import Path

import pytest

from fusevad.errors import FusevadError
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan

BUNDLED = Path("config/encoders/fusevad-small")


def test_the_table_lists_all_bundled_weights_with_their_hashes(root):
    lines = (root / BUNDLED / "SHA256SUMS").read_text().splitlines()
    files = sorted((root / BUNDLED).glob("*.safetensors"))
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert lines == [f"{digest}  {file.name}" for digest, file in zip(hashes, files, strict=True)]


def lineage(weights: Path) -> dict:
    job = Job("align/x", "align", {}, {"weights": str(weights)}, ("out.csv",))
    return Plan([job]).lineage(job)


def test_a_flipped_bit_in_bundled_weights_stops_every_plan(root, tmp_path, monkeypatch):
    shutil.copytree(root / BUNDLED, tmp_path / BUNDLED)
    monkeypatch.chdir(tmp_path)
    weights = BUNDLED / "clip.safetensors"
    lineage(weights)
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(FusevadError, match=r"clip\.safetensors: not the bytes that .*SHA256SUMS"):
        lineage(weights)


def test_weights_of_ones_own_need_no_table(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/clip.safetensors").write_bytes(b"weights")
    (tmp_path / "own/SHA256SUMS").write_text("00  clip.safetensors\n")
    lineage(Path("own/clip.safetensors"))
