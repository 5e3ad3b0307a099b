"""`fusevad doctor`: each line for a machine that has the thing, and for one that lacks it."""

import shutil
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusevad.artifacts.store import Store
from fusevad.cli import app, machine
from fusevad.config.load import load_files
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs

Usage = namedtuple("Usage", "free")


@pytest.fixture
def repository(root, tmp_path, monkeypatch) -> Path:
    shutil.copytree(root / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def jobs(text: str = "") -> Jobs:
    """Of the default configuration with values laid over it."""
    over = Path("mine.yaml")
    over.write_text(text or "{}")
    return Jobs(load_files([over]))


def lines(check, text: str = "") -> list[str]:
    """What a check of a configuration says."""
    return of(check(jobs(text)))


def of(findings) -> list[str]:
    return [finding.line for finding in findings]


def test_packages_that_are_not_installed_are_named(repository, monkeypatch):
    asked = ["torch>=2", "not-there-at-all; python_version > '3'", "of-an-extra; extra == 'x'"]
    monkeypatch.setattr(metadata, "requires", lambda name: asked)
    (line,) = of(machine.packages())
    assert line == "MISSING packages: no not-there-at-all; run: make env, or pip install . again"


@pytest.mark.parametrize("listed", [None, []])
def test_packages_are_not_called_installed_where_no_list_of_them_is_known(monkeypatch, listed):
    monkeypatch.setattr(metadata, "requires", lambda name: listed)
    (line,) = of(machine.packages())
    assert line.startswith("note    packages: not known") and line.endswith("; run: make env")


def test_an_extra_is_needed_only_where_its_stream_has_weights(repository, monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda module: None)
    assert lines(machine.extras)[0].startswith("note    extra streams")
    text = "streams: {depth: {weights: a.safetensors}}"
    assert lines(machine.extras, text)[0].startswith("MISSING extra streams")
    assert lines(machine.extras)[0].endswith("run: make env EXTRAS=streams")


def test_the_remedy_for_an_extra_keeps_those_that_are_installed(repository, monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda module: module == "paho" or None)
    (line,) = [line for line in lines(machine.extras) if "extra sign:" in line]
    assert line.endswith('run: make env EXTRAS="mqtt sign"')


def test_every_extra_of_the_environment_is_looked_for(root):
    # `make fuzz` and `make audit` install their own tools, outside the environment.
    others = {"requirements", "fuzz", "audit"}
    extras = {path.stem for path in (root / "envs").glob("*.in")} - others
    assert set(machine.EXTRAS) == extras


def test_programs_are_looked_for_where_the_shell_looks(repository, monkeypatch):
    (repository / "bin").mkdir()
    git = repository / "bin" / "git"
    git.write_text("#!/bin/sh\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent))
    found = of(machine.programs())
    assert found[0] == f"ok      git: {git}"
    assert "latexmk texlive" in found[1] and found[1].startswith("note    latexmk")


def test_codecs_are_those_of_this_machine_s_ffmpeg(repository, monkeypatch):
    assert of(machine.codecs())[0].startswith("ok ")
    monkeypatch.setattr(machine, "_DECODERS", ("h264", "no-such-codec"))
    assert "MISSING codecs: no no-such-codec;" in of(machine.codecs())[0]


def test_weights_that_the_configuration_names_must_be_files(repository):
    assert all(line.startswith("ok ") for line in lines(machine.weights))
    tower = Path("config/encoders/fusevad-small/motion-cue.safetensors")
    tower.unlink()
    (missing,) = [line for line in lines(machine.weights) if not line.startswith("ok ")]
    assert missing.startswith(f"MISSING weights {tower}: no file for motion-T16-thr10 of rendered")


def test_weights_to_be_downloaded_are_looked_for_in_the_cache(repository, monkeypatch):
    import huggingface_hub

    assert lines(machine.downloads) == []
    for cached, start in (("/cache/weights", "ok "), (None, "note ")):
        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, c=cached: c)
        (line,) = lines(machine.downloads, "encoder: vit-b-32")
        assert line.startswith(start) and "ViT-B-32" in line


def test_disk_is_compared_with_what_a_manifest_s_segments_take(repository, monkeypatch):
    first, second = lines(machine.disk)
    assert first.startswith("note    disk for rendered: not known")
    assert second.startswith("ok ")
    manifest = Path("results/rendered/manifest.csv")
    manifest.parent.mkdir(parents=True)
    head = "video,path,split,classes,frames,fps,width,height,sha256,variable_rate"
    row = f"a,a.mp4,train,normal,16000000,25,640,480,{'0' * 64},False"
    manifest.write_text(f"{head}\n{row}\n")
    # A million segments with ten cues of 12 kB each are 120 GB.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100e9))
    (line,) = lines(machine.disk)
    assert line.startswith("MISSING disk: 100.0 GB free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(500e9))
    assert lines(machine.disk)[0].startswith("ok ")


def test_memory_is_what_linux_calls_available(repository, tmp_path, monkeypatch):
    table = tmp_path / "meminfo"
    table.write_text("MemTotal: 9 kB\nMemAvailable:    4000000 kB\n")
    assert machine.available_mb(table) == 4096
    table.write_text("MemTotal: 9 kB\n")
    with pytest.raises(FusevadError, match="no line MemAvailable"):
        machine.available_mb(table)
    monkeypatch.setattr(machine, "available_mb", lambda: 1500)
    assert lines(machine.memory)[0].startswith("MISSING memory: 1.5 GB available, 1.9")


def test_a_gpu_is_named_and_none_is_no_fault(repository, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card 9")
    assert of(machine.graphics()) == ["ok      GPU: Card 9"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert of(machine.graphics())[0].startswith("note    GPU: none")


def test_the_remote_is_asked(repository, monkeypatch):
    (line,) = lines(machine.remote)
    assert line.startswith("note    DVC remote") and "no .dvc here" in line
    monkeypatch.setattr(Store, "__init__", lambda self: None)
    monkeypatch.setattr(Store, "reach_remote", lambda self: "remote 'folder' (/there)")
    assert lines(machine.remote) == ["ok      DVC remote: remote 'folder' (/there)"]


@pytest.mark.parametrize(("needed", "status"), [(True, 1), (False, 0)])
def test_the_status_says_whether_something_needed_is_missing(
    repository, monkeypatch, needed, status
):
    found = [machine.Finding("a", "there"), machine.Finding("b", "none", True, needed, "get it")]
    monkeypatch.setattr(machine, "examine", lambda config: iter(found))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == status
    assert result.stdout.splitlines()[0] == "ok      a: there"
    assert result.stdout.splitlines()[1].endswith("b: none; get it")


def test_outside_a_repository_only_the_machine_is_examined(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["doctor"])
    said = {line.split(":")[0].split()[-1] for line in result.stdout.splitlines()}
    assert said == {"packages", "git", "latexmk", "chromium", "codecs", "GPU"}
