"""The package's shape: rooms import only rooms before them, no circles, light starts."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "workflow" / "fusevad"

# The way of the data. Scoring comes before training, which scores the test videos of every epoch.
ROOMS = (
    "config",
    "plan",
    "video",
    "data",
    "cues",
    "encoders",
    "bundled",
    "embed",
    "models",
    "evaluate",
    "deploy",
    "train",
    "studies",
    "report",
    "artifacts",
    "cli",
)
# Modules without computation, from which the configuration is checked: any room may read them.
LIGHT = ("settings", "registry")
HEAVY = ("torch", "pandas", "cv2", "h5py", "sklearn", "scipy", "matplotlib", "av")
# What `fusevad --help` can do without, and would spend most of its time on.
HEAVY_FOR_HELP = (*HEAVY, "numpy", "pydantic", "yaml")


def modules() -> dict[str, Path]:
    """All modules of the package by their dotted names."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path, *, at_top: bool = False) -> set[str]:
    """Modules of the package that a file imports anywhere, or only when it is itself imported."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_top else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fusevad":
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & MODULES.keys()) or {str(node.module)}
    return found


def room(module: str) -> str:
    """The folder of a module; empty for the modules on top, which every room uses."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


def is_light(module: str) -> bool:
    return module.split(".")[-1] in LIGHT


def test_every_folder_is_a_room():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_rooms_before_its_own(module):
    known = ("", *ROOMS)
    later = [
        other
        for other in imported(MODULES[module])
        if known.index(room(other)) > known.index(room(module)) and not is_light(other)
    ]
    assert not later


@pytest.mark.parametrize("module", [name for name in MODULES if is_light(name)])
def test_a_light_module_imports_only_light_ones(module):
    allowed = [room(other) == "" or is_light(other) for other in imported(MODULES[module])]
    assert all(allowed)


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imported(path, at_top=True) - {name} for name, path in MODULES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def heavy_after(start: str, heavy: Iterable[str]) -> list[str]:
    """Which of the heavy packages a new Python has imported after one module of ours."""
    program = f"import fusevad.{start}, sys\nprint(*[m for m in {heavy} if m in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize("start", ["config.load", "plan.stages", *ROOMS])
def test_a_start_that_everybody_pays_imports_nothing_heavy(start):
    assert not heavy_after(start, HEAVY)


def test_the_list_of_verbs_needs_neither_numbers_nor_settings():
    assert not heavy_after("cli", HEAVY_FOR_HELP)


def test_no_file_of_tests_imports_another():
    tests = Path(__file__).parent
    wrong = []
    for path in sorted(tests.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
                last = node.module.split(".")[-1]
                wrong += [f"{path.relative_to(tests)}: {node.module}"] * last.startswith("test_")
    assert not wrong
