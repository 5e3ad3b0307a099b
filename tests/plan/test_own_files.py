"""What the user's own files hold is in lineages: edited files leave no results of old ones."""

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from fusevad.artifacts.check import lineage_differences
from fusevad.cli import app
from fusevad.config.load import load_files
from fusevad.embed.imported.settings import ImportSettings
from fusevad.errors import FusevadError
from fusevad.plan import embedding_jobs
from fusevad.plan.job import Job
from fusevad.plan.lineage import Plan
from fusevad.plan.own_files import content_of, outline_of
from fusevad.plan.records import Record, write_record
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


def settings_files(made: Plan) -> dict[str, str]:
    """The settings file of each job."""
    return {name: made.settings_file(job) for name, job in made.jobs.items()}


def note(made: Plan) -> None:
    """Write records of all jobs, as if they had run."""
    for job in made.jobs.values():
        Path(job.record).parent.mkdir(parents=True, exist_ok=True)
        write_record(Record(job.name, job.stage, made.lineage(job), {}, {}, {}), Path(job.record))


ENCODER = {
    "model": "ViT-B-32",
    "pretrained": "openai",
    "motion_cue_weights": "config/encoders/fusevad-small/motion-cue.safetensors",
}
FOLDER = {"scores": {"rendered-tiny": "given"}}
CAPTIONS = ("streams={text: {captions: given}}",)
ONLY_FEATURES = (FEATURES, "table1=[image-only]", "radar=[image-only]")
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
        ("given/a.csv", "embed/*/*/text/0", CAPTIONS, {}),
        *(
            (file, f"embed/*/*/{stream}/0", ("encoder=mine",), {"encoder": {key: file}})
            for file in ("mine.pt", "mine.bin", "mine.PTH", "my.safetensors", "my/w.pth.tar", "./w")
            for key, stream in (("pretrained", "rgb"), ("motion_cue_weights", "motion-*"))
        ),
    ],
)
def test_a_file_that_was_edited_is_another_input(file, changed, pairs, own):
    if "encoder" in own:
        own = {"encoder": ENCODER | own["encoder"]}
    if FEATURES in pairs:
        pairs = ONLY_FEATURES
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


@pytest.mark.parametrize(
    ("pairs", "theirs"), [((), FOLDER), (CAPTIONS, None), (ONLY_FEATURES, None)]
)
def test_a_file_that_is_not_read_changes_nothing(pairs, theirs):
    for suffix in ("txt", "csv", "npy"):
        write(f"given/a.{suffix}", "0.1")
    first = settings_files(tiny(*pairs, theirs=theirs))
    write("given/README.md", "how these were made")
    write("given/model.pth", "weights")
    assert settings_files(tiny(*pairs, theirs=theirs)) == first


OWN = [
    ("import-scores/rendered-tiny/theirs", (), FOLDER),
    ("embed/rendered-tiny/*/text/0", CAPTIONS, None),
    ("manifest/rendered-tiny", ONLY_FEATURES, None),
]


@pytest.mark.parametrize(("name", "pairs", "theirs"), OWN)
@pytest.mark.parametrize(
    ("noted", "left"),
    [("records", "nothing"), ("settings files", "an empty folder, where nothing is mounted")],
)
def test_files_that_go_away_run_nothing_again(name, pairs, theirs, noted, left):
    for suffix in ("txt", "csv", "npy"):
        write(f"given/a.{suffix}", "0.1")
    first = tiny(*pairs, theirs=theirs)
    (job, *_) = [job for job in first.jobs.values() if Path(job.name).match(name)]
    assert first.lineage(job)[job.step]["settings"]["content"]
    if noted == "records":
        note(first)
    else:
        first.write_all_settings()
    shutil.rmtree("given")
    if left != "nothing":
        Path("given").mkdir()
    assert settings_files(tiny(*pairs, theirs=theirs)) == settings_files(first)


def test_records_count_before_settings_files_and_these_from_the_last_on():
    plans = []
    for text in ("0.1", "0.2", "0.3"):
        write("given/a.txt", text)
        plans.append(tiny(theirs=FOLDER))
        plans[-1].write_all_settings()
    shutil.rmtree("given")
    assert settings_files(tiny(theirs=FOLDER)) == settings_files(plans[2])
    note(plans[0])
    assert settings_files(tiny(theirs=FOLDER)) == settings_files(plans[0])


def test_fetched_results_of_absent_files_are_planned_as_their_records_say():
    """Somebody without the scores has a result of old ones, and pulls that of new ones."""
    name = "import-scores/rendered-tiny/theirs"
    old = tiny(theirs=FOLDER)
    write("given/a.txt", "0.9")
    new = tiny(theirs=FOLDER)
    shutil.rmtree("given")
    note(old)
    absent = tiny(theirs=FOLDER)
    record = Record(name, "import-scores", new.lineage(new.jobs[name]), {}, {}, {})
    assert not lineage_differences(absent, absent.jobs[name], record)
    note(new)
    assert settings_files(absent.reread()) == settings_files(new)


def test_a_damaged_record_of_absent_files_stops_no_plan():
    first = tiny(theirs=FOLDER)
    shutil.rmtree("given")
    for text in ("[]", '{"lineage": {"import', "\udc80".encode(errors="surrogateescape").hex()):
        write(first.jobs["import-scores/rendered-tiny/theirs"].record, text)
        tiny(theirs=FOLDER).write_all_settings()


RELEASED = (
    "features={rendered-tiny: {layout: released, folder: given}}",
    *ONLY_FEATURES[1:],
)
ELSEWHERE = (
    "features={rendered-tiny: {layout: vadclip, folder: given, streams: {rgb: ../disk/rgb}}}",
    *ONLY_FEATURES[1:],
)


@pytest.mark.parametrize("pairs", [RELEASED, ELSEWHERE])
def test_features_behind_a_link_or_outside_their_folder_count(pairs):
    """They are read, and hundreds of gigabytes are rarely on the disk of the project."""
    name = "index/rendered-tiny/imported-*/rgb"
    write("disk/rgb/a__0.npy", "0.1")
    write("given/event_thr_10/a__0.npy", "0.1")
    if pairs is RELEASED:
        Path("given/rgb").symlink_to(Path("disk/rgb").resolve())

    def found() -> str:
        made = tiny(*pairs)
        (job, *_) = [job for job in made.jobs.values() if Path(job.name).match(name)]
        made.write_all_settings()
        return made.settings_file(job)

    first = found()
    write("disk/rgb/a__0.npy", "0.12")
    changed = found()
    assert changed != first
    Path("disk/rgb").rename("away")
    assert found() == changed, "an unmounted disk runs nothing again"


@pytest.mark.parametrize(
    ("link", "streams"), [("rgb", {}), ("current", {"rgb": "current/x"}), (".x", {"rgb": ".x"})]
)
def test_a_link_that_leads_to_other_features_of_the_same_folder_counts(link, streams):
    for version in ("v1", "v2"):
        write(f"given/{version}/x/a__0.npy", "0.1" + version[-1] * (version == "v2"))
    outlines = []
    for version in ("v1", "v2"):
        Path("given", link).unlink(missing_ok=True)
        Path("given", link).symlink_to(version)
        outlines.append(outline_of("given", ImportSettings("released", streams=streams)))
    assert outlines[0] != outlines[1]


def test_features_of_a_hidden_folder_count_only_where_a_stream_names_it():
    write("given/a.npy", "0.1")
    outlines = {}
    for content in ("0.1", "0.12"):
        write("given/.trash/a.npy", content)
        for folder in (".", ".trash"):
            settings = ImportSettings("vadclip", streams={"rgb": folder})
            outlines[folder, content] = outline_of("given", settings)
    assert outlines[".", "0.1"] == outlines[".", "0.12"]
    assert outlines[".trash", "0.1"] != outlines[".trash", "0.12"]


def test_an_outline_is_the_same_whether_streams_are_named_or_not():
    """Else features that were imported before streams were looked at would be imported again."""
    write("given/rgb/a.npy", "0.1")
    write("given/event/a.npy", "0.12")
    expected = outline_of("given", ImportSettings("vadclip"))
    assert expected is not None
    assert outline_of("given", ImportSettings("released")) == expected


def test_a_folder_of_features_is_listed_once_a_plan(monkeypatch):
    write("given/a.npy", "0.1")
    listed = []
    monkeypatch.setattr(embedding_jobs, "outline_of", lambda *given: listed.append(given))
    tiny(*ONLY_FEATURES)
    assert len(listed) == 1


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


SHARE = ("--manifest", "m", "--shards", "1")
IMPORT = {"layout": "vadclip"}
CAPTIONED = {
    "stream": "text",
    "encoder": {"name": "a", "model": "ViT-B-32", "pretrained": "openai"},
    "captions": "given",
}


@pytest.mark.parametrize(
    ("worker", "settings", "words"),
    [
        (
            "evaluate.imported.run.import_scores",
            {"form": "per-segment", "order": "list.txt"},
            ("import-scores", "given", "out", "--manifest", "m", "--intervals", "i"),
        ),
        ("embed.run.embed_shard", CAPTIONED, ("embed", *SHARE, "--shard", "0", "out/a")),
        (
            "embed.imported.run.import_features",
            IMPORT,
            ("import-features", "given", *SHARE, "--stream", "rgb", "out"),
        ),
        (
            "data.manifest_making.make_manifest",
            IMPORT,
            ("manifest", "l", "i", "out", "--features", "given"),
        ),
        (
            "embed.imported.manifest.manifest_from_features",
            IMPORT,
            ("manifest-from-features", "given", "l", "i", "out"),
        ),
    ],
)
def test_a_file_that_is_edited_while_the_workflow_runs_is_not_taken_for_the_planned_one(
    monkeypatch, worker, settings, words
):
    write("list.txt", "a")
    content = {
        "import-scores": lambda: content_of((".npy", ".csv", ".txt"), "given", "list.txt"),
        "embed": lambda: content_of((".csv",), "given"),
    }.get(words[0], lambda: outline_of("given", ImportSettings("vadclip")))
    for suffix in ("csv", "npy"):
        write(f"given/a.{suffix}", "0.1")
    job = Job("x", words[0], settings, {}, ("out/a",), {"content": content()})
    file = Plan([job]).write_settings(job)
    monkeypatch.setattr(f"fusevad.{worker}", lambda *_: write("out/a", "made"))

    def run() -> str:
        write("out/sources.csv", "")
        error = CliRunner().invoke(app, [*words, "--settings", file]).exception
        assert error is None or isinstance(error, FusevadError)
        return str(error or "")

    assert run() == ""
    assert Path(job.record).is_file()
    for suffix in ("txt", "csv", "npy"):
        write(f"given/a.{suffix}", "other")
    assert run() == "given: changed since the workflow was planned; run the workflow again"
    assert not Path(job.record).exists()


def test_a_model_of_hugging_face_is_no_local_file_whatever_its_name():
    made = tiny("encoder=mine", encoder=ENCODER | {"model": "hf-hub:me/clip.bin"})
    assert not [path for job in made.jobs.values() for path in job.inputs if "hf-hub" in path]
