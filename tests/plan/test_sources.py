"""Source that changes without a new version is noticed, and the method or stage named."""

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fusevad.errors import FusevadError
from fusevad.models.base import implementation
from fusevad.models.gaussian import GaussianFusion
from fusevad.models.registry import METHODS
from fusevad.plan.sources import PACKAGE, RECORD, Sources
from fusevad.plan.stage import STAGES

TRAINING = ("stage search", "stage train")
GATING = "models/gating.py"
GATED = 'Output(logits, weights={"rgb": gate, "motion": 1 - gate})'
# Their classes count each for the methods that they set.
SETTINGS = tuple(
    path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "models").rglob("settings.py")
)
# Rooms that compute what stages make, and in them what no stage runs.
COMPUTING = ("video", "data", "cues", "encoders", "embed", "models", "evaluate", "train")
COMPUTING += ("studies", "report")
OF_NO_STAGE = {*SETTINGS, "models/registry.py"}
OF_NO_STAGE |= {f"embed/streams/{name}.py" for name in ("registry", "settings")}
# `fusevad init-dataset` writes configuration, which is an input of stages.
OF_NO_STAGE |= {f"data/own/{name}.py" for name in ("dataset", "found", "settings")}
OF_NO_STAGE |= {f"data/own/{name}.py" for name in ("split", "summary")}
# `fusevad plan` asks how large data sets are.
OF_NO_STAGE.add("data/sizes.py")


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package, to be edited."""
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
    return Path(shutil.copytree(PACKAGE, tmp_path / "fusevad", ignore=ignored))


@pytest.fixture
def newer_gating(monkeypatch) -> None:
    """Gating has its second version."""
    monkeypatch.setitem(METHODS, "gating", replace(METHODS["gating"], version=2))


def edit(package: Path, file: str, old: str, new: str) -> None:
    text = (package / file).read_text()
    assert old in text
    (package / file).write_text(text.replace(old, new))


def changed(package: Path) -> dict[str, tuple[str, ...]]:
    return {name: change.parts for name, change in Sources(package).changes().items()}


def test_no_source_has_changed_without_a_new_version():
    lines = [change.line for change in Sources().changes().values()]
    assert not lines, "\n".join(lines)


def test_a_changed_number_names_its_method_alone_and_says_what_to_do(package):
    edit(package, GATING, "1 - gate})", "1.5 - gate})")
    (change,) = Sources(package).changes().values()
    assert change.line == (
        "method gating: models/gating.py changed but version 1 did not, so results of the old code"
        " pass for the new code's; raise it in models/registry.py, or, if the code computes the"
        " same, run 'fusevad versions --same gating'"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"return {GATED}", f"return {GATED}  # a gate\n        # of two streams"),
        ('"""See `Detector.forward`."""', '"""Gate the\n\n        streams."""'),
        ('        """See `Detector.forward`."""\n', ""),
        (GATED, "Output(\n  logits, weights={\n  \"rgb\": (gate), 'motion': 1-gate,\n})"),
    ],
    ids=["comment", "docstring", "no docstring", "format"],
)
def test_what_people_read_alone_is_no_change(package, old, new):
    edit(package, GATING, old, new)
    assert not changed(package)


def test_a_message_in_other_words_is_no_change_but_another_condition_is(package):
    edit(package, "data/fetch/caps.py", "has more than", "contains over")
    edit(package, "data/fetch/dataset.py", "by using it you accept", "it is licensed")
    assert not changed(package)
    edit(package, "data/fetch/caps.py", "> self._caps.members", ">= self._caps.members")
    assert changed(package) == {"stage fetch": ("data/fetch/caps.py",)}


def test_a_method_counts_for_those_that_build_on_it(package):
    edit(package, "models/gaussian.py", "import torch\n", "import torch\n\nHALF = 0.5\n")
    heirs = {
        name for name, each in METHODS.items() if issubclass(implementation(each), GaussianFusion)
    }
    assert len(heirs) > 2
    assert changed(package) == {f"method {name}": ("models/gaussian.py",) for name in heirs}


def test_what_all_methods_share_counts_as_training_and_for_own_videos(package):
    edit(package, "models/layers.py", "from torch", "HALF = 0.5\nfrom torch")
    assert changed(package) == dict.fromkeys((*TRAINING, "stage score"), ("models/layers.py",))


def test_a_default_of_settings_counts_for_the_methods_that_have_it(package):
    head = "class LearnedNuSettings(GaussianSettings):\n"
    edit(package, "models/settings.py", head, f"{head}    half: float = 0.5\n")
    assert changed(package) == {"method learned-nu": ("models/settings.py:LearnedNuSettings",)}


def test_reading_of_videos_counts_for_all_stages_that_read_them(package):
    edit(package, "video/crops.py", "import", "HALF = 0.5\nimport")
    readers = {name for name, stage in STAGES.items() if stage.reads_videos} | {"embed"}
    assert changed(package).keys() == {f"stage {name}" for name in readers}


def test_a_new_file_of_a_stage_is_a_change_of_its_source(package):
    (package / "train/momentum.py").write_text("HALF = 0.5\n")
    assert changed(package) == dict.fromkeys(TRAINING, ("train/momentum.py",))


def test_a_removed_file_of_a_stage_is_a_change_of_its_source(package):
    (package / "train/optimizer.py").unlink()
    assert changed(package) == dict.fromkeys(TRAINING, ("its files",))


def test_a_file_that_does_not_parse_is_named_like_any_other_change(package):
    (package / GATING).write_text("def (\n")
    assert changed(package) == {"method gating": (GATING,)}


def test_a_method_implemented_elsewhere_in_the_package_has_changed(package, monkeypatch):
    other = replace(METHODS["gating"], implementation="concat:ConcatFusion")
    monkeypatch.setitem(METHODS, "gating", other)
    assert changed(package) == {"method gating": ("its files",)}


def test_a_new_version_is_to_be_recorded_and_later_edits_are_named_again(package, newer_gating):
    edit(package, GATING, "1 - gate})", "1.5 - gate})")
    (change,) = Sources(package).changes().values()
    assert change.line == (
        "method gating: version 2 is not recorded; run 'fusevad versions --write'"
    )
    assert Sources(package).write() == ["method gating"]
    assert not changed(package)
    edit(package, GATING, "1.5 - gate})", "1.6 - gate})")
    assert changed(package) == {"method gating": (GATING,)}


def test_nothing_is_recorded_while_something_changed_without_a_new_version(package, newer_gating):
    edit(package, GATING, "1 - gate})", "1.5 - gate})")
    edit(package, "models/concat.py", "import torch\n", "import torch\n\nHALF = 0.5\n")
    before = (package / RECORD).read_bytes()
    with pytest.raises(FusevadError, match=r"method concat: models/concat\.py changed"):
        Sources(package).write()
    assert (package / RECORD).read_bytes() == before
    assert set(Sources(package).write(["concat"])) == {"method gating", "method concat"}
    assert not changed(package)


def test_only_methods_and_stages_compute_the_same(package):
    with pytest.raises(FusevadError, match="--same gate: no method, stage or stream of that name"):
        Sources(package).write(["gate"])


def test_a_record_that_git_left_unmerged_is_one_line(package):
    (package / RECORD).write_text("<<<<<<< HEAD\n")
    with pytest.raises(FusevadError, match=r"sources\.json: not JSON; finish its merge"):
        Sources(package)


def test_a_record_of_unchanged_source_is_the_same_to_the_byte(package):
    before = (package / RECORD).read_bytes()
    Sources(package).write()
    assert (package / RECORD).read_bytes() == before
    assert json.loads(before)["versions"]["stage train"]["version"] == STAGES["train"].version


def test_names_of_methods_and_stages_differ():
    assert not METHODS.keys() & STAGES.keys()


def test_every_module_that_computes_belongs_to_a_method_or_a_stage():
    owned = {part for owner in Sources().owners.values() for part in owner.parts}
    modules = {
        path.relative_to(PACKAGE).as_posix()
        for room in COMPUTING
        for path in (PACKAGE / room).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert modules - owned == OF_NO_STAGE


@pytest.mark.parametrize("name", METHODS)
def test_a_method_owns_all_that_its_module_imports_but_what_training_owns(name):
    owners = Sources().owners
    shared = {*owners["stage train"].parts, *OF_NO_STAGE}
    files = {part for part in owners[f"method {name}"].parts if ":" not in part}
    imported = {
        "/".join(node.module.split(".")[1:]) + ".py"
        for file in files
        for node in ast.walk(ast.parse((PACKAGE / file).read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and ".models" in node.module
    }
    assert files
    assert imported - shared <= files
