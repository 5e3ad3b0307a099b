"""What the user's own files hold is in lineages: edited files leave no results of old ones."""

import shutil
from pathlib import Path

import pytest
import yaml

from fusevad.artifacts.check import lineage_differences
from fusevad.config.load import load_files
from fusevad.plan.lineage import Plan
from fusevad.plan.records import Record
from fusevad.plan.stages import plan

THEIRS = {"label": "Theirs", "imported": {"form": "per-segment"}}
FEATURES = "features={rendered-tiny: {layout: vadclip, folder: given}}"


@pytest.fixture(autouse=True)
def _in_a_folder(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "config", "config")
    write("given/a.txt", "0.1")


def write(path: str, text: str) -> None:
    """Write a file and its folders."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def tiny(*pairs: str, theirs: dict | None = None, encoder: dict | None = None) -> Plan:
    """The plan of the tiny configuration with values laid over, an import and an encoder."""
    if theirs:
        entry = {"theirs": THEIRS | {"imported": THEIRS["imported"] | theirs}}
        write("config/experiments/theirs.yaml", yaml.safe_dump(entry))
    if encoder:
        write("config/encoders/mine.yaml", yaml.safe_dump(encoder))
    return plan(load_files([Path("config/tiny.yaml")], pairs=[*pairs, "name=x"]))


def encoder(weights: str) -> dict:
    tower = "config/encoders/fusevad-small/motion-cue.safetensors"
    return {"model": "ViT-B-32", "pretrained": weights, "motion_cue_weights": tower}


FOLDER = {"scores": {"rendered-tiny": "given"}}
LIST = {"scores": {"rendered-tiny": "given/a.txt"}, "order": {"rendered-tiny": "list.txt"}}


@pytest.mark.parametrize(
    ("file", "changed", "pairs", "own"),
    [
        ("given/a.txt", "import-scores/rendered-tiny/theirs", (), {"theirs": FOLDER}),
        ("given/new.txt", "import-scores/rendered-tiny/theirs", (), {"theirs": FOLDER}),
        ("given/a.txt", "import-scores/rendered-tiny/theirs", (), {"theirs": LIST}),
        ("list.txt", "import-scores/rendered-tiny/theirs", (), {"theirs": LIST}),
        ("given/new.npy", "manifest/rendered-tiny", (FEATURES, "table1=[image-only]"), {}),
        ("given/new.npy", "index/rendered-tiny/imported-vadclip/rgb", (FEATURES,), {}),
        ("given/a.txt", "embed/*/*/text/0", ("streams={text: {captions: given}}",), {}),
        *(
            (f"mine{suffix}", "embed/*/*/rgb/0", ("encoder=mine",), {"encoder": suffix})
            for suffix in (".pt", ".bin", ".PTH", ".safetensors")
        ),
    ],
)
def test_a_file_that_was_edited_is_another_input(file, changed, pairs, own):
    if "encoder" in own:
        own = {"encoder": encoder(f"mine{own['encoder']}")}
    if FEATURES in pairs:
        pairs = (FEATURES, "table1=[image-only]", "radar=[image-only]")
    for each in (file, "list.txt"):
        if "new" not in each:
            write(each, "before")

    def found() -> tuple[str, dict]:
        made = tiny(*pairs, **own)
        (job, *_) = [job for job in made.jobs.values() if Path(job.name).match(changed)]
        return made.settings_file(job), made.lineage(job)

    first = found()
    assert found() == first
    write(file, "after it")
    assert found()[0] != first[0]
    assert found()[1] != first[1]


def test_results_of_files_that_are_not_here_fit_and_of_edited_ones_do_not():
    """Somebody who pulls a table needs none of the features behind it."""
    name = "import-scores/rendered-tiny/theirs"
    first = tiny(theirs=FOLDER)
    record = Record(name, "import-scores", first.lineage(first.jobs[name]), {}, {}, {})
    Path("given").rename("away")
    absent = tiny(theirs=FOLDER)
    assert not lineage_differences(absent, absent.jobs[name], record)
    Path("away").rename("given")
    write("given/a.txt", "0.9")
    edited = tiny(theirs=FOLDER)
    (line,) = lineage_differences(edited, edited.jobs[name], record)
    assert line.startswith(f"{name}: settings: content: ")


def test_a_model_of_hugging_face_is_no_local_file_whatever_its_name():
    made = tiny("encoder=mine", encoder=encoder("laion") | {"model": "hf-hub:me/clip.bin"})
    assert not [path for job in made.jobs.values() for path in job.inputs if "hf-hub" in path]
