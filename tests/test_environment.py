"""What the environment promises: exact pins, the same for pip and conda, and a torch pair."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "envs" / "requirements.lock"
# And a package that each extra is for.
EXTRAS = {
    "streams": "transformers",
    "sign": "model-signing",
    "onnx": "onnxruntime",
    "mqtt": "paho-mqtt",
    "notebook": "ipykernel",
    "slurm": "snakemake-executor-plugin-slurm",
    "fuzz": "atheris",
    "audit": "pip-audit",
}

# Split, so that this file does not name what it forbids.
REGISTRY_HOSTS = [
    b"py" + b"pi.org",
    b"python" + b"hosted.org",
    b"download.py" + b"torch.org",
    b"conda.ana" + b"conda.org",
    b"npm" + b"js.org",
]


def lock_entries(lock: Path = LOCK) -> list[tuple[Requirement, int]]:
    """Every requirement of a lock with its number of hashes, by a parser of this test's own."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    logical_lines = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [
        (Requirement(line.split(" --hash=")[0].strip()), line.count(" --hash=sha256:"))
        for line in logical_lines
    ]


def direct_requirements() -> list[Requirement]:
    text = (ROOT / "envs" / "requirements.in").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in (*lines, *project["dependencies"]) if line]


def tracked_files() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a clone")
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_every_locked_requirement_is_pinned_and_hashed() -> None:
    entries = lock_entries()
    assert len(entries) > 100
    for requirement, hashes in entries:
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes > 0, requirement


def lock_of(extra: str) -> Path:
    return ROOT / "envs" / f"{extra}.lock"


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_adds_pinned_and_hashed_packages_and_changes_no_version(extra: str) -> None:
    pins = {canonicalize_name(pin.name): pin.specifier for pin, _ in lock_entries()}
    added = set()
    for requirement, hashes in lock_entries(lock_of(extra)):
        name = canonicalize_name(requirement.name)
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)) and hashes > 0, requirement
        assert pins.get(name, requirement.specifier) == requirement.specifier, requirement
        added |= {name} - pins.keys()
    assert EXTRAS[extra] in added


def test_every_extra_is_locked_by_make_lock() -> None:
    lines = re.findall(r"^(?:ALL_EXTRAS|TOOLS) := (.*)$", (ROOT / "Makefile").read_text(), re.M)
    files = {path.stem for path in (ROOT / "envs").glob("*.in")} - {"requirements"}
    assert set(" ".join(lines).split()) - {"$(TOOLS)"} == files == set(EXTRAS)


@pytest.mark.parametrize("lock", [LOCK, *map(lock_of, EXTRAS)])
def test_the_lock_names_no_place_to_download_from(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "-index" not in text
    assert "--find-links" not in text


def test_the_lock_holds_every_direct_requirement_within_its_bounds() -> None:
    pins = {canonicalize_name(pin.name): pin for pin, _ in lock_entries()}
    for requirement in direct_requirements():
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(str(pin.specifier).removeprefix("==")), pin


def test_the_installed_packages_are_the_locked_ones() -> None:
    for pin, _ in lock_entries():
        if pin.marker is None or pin.marker.evaluate():
            assert pin.specifier.contains(version(pin.name), prereleases=True), pin


def test_the_conda_environment_has_the_pins_of_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "envs" / "fusevad.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    python, pip, packages = environment["dependencies"]
    assert python.startswith("python=3.") and pip == "pip"
    locked = {str(requirement) for requirement, _ in lock_entries()}
    assert {str(Requirement(pin)) for pin in packages["pip"]} == locked
    assert len(packages["pip"]) == len(lock_entries())


def test_torchvision_accepts_the_torch_that_is_locked() -> None:
    needed = [Requirement(line) for line in requires("torchvision") or []]
    (torch_needed,) = [requirement for requirement in needed if requirement.name == "torch"]
    (locked,) = [pin for pin, _ in lock_entries() if pin.name == "torch"]
    assert torch_needed.specifier.contains(str(locked.specifier).removeprefix("=="))


def test_torchvision_was_built_for_the_installed_torch() -> None:
    import torch
    import torchvision

    assert torchvision.__version__.partition("+")[2] == torch.__version__.partition("+")[2]
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])
    kept = torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), iou_threshold=0.5)
    assert kept.tolist() == [0, 2]


def test_open_clip_offers_the_encoder_of_the_paper() -> None:
    import open_clip

    assert "ViT-L-14" in open_clip.list_models()


def test_no_tracked_file_names_a_package_registry() -> None:
    for path in tracked_files():
        content = path.read_bytes()
        assert not [host for host in REGISTRY_HOSTS if host in content], path


def test_no_tracked_file_names_a_path_of_this_machine() -> None:
    folders = [f"{ROOT}/".encode(), f"{Path.home()}/".encode(), b"/wo" + b"rk/"]
    pattern = re.compile(rb"(?<![\w.}/*-])(?:" + b"|".join(map(re.escape, folders)) + rb")")
    for path in tracked_files():
        assert not pattern.search(path.read_bytes()), path
