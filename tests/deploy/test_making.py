"""What of a run goes into its bundle."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fusevad.deploy.making import for_others, make_bundle, paths_in
from fusevad.deploy.settings import BundleSettings, NormalFootage
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.parsing import parse
from fusevad.plan.job import record_path
from fusevad.plan.records import FileRecord, Record, read_record, write_record
from fusevad.plan.stage import STAGES

RUN = Path("results/tiny/runs/student-t")
STUDIES = Path("results/tiny/studies")
SETTINGS = BundleSettings(
    "student-t",
    "IEF-VAD",
    "tiny",
    "validation",
    (1.0,),
    NormalFootage("tiny", "tiny.csv", f"{STUDIES}/normal-scores/student-t.parquet"),
    NormalFootage("shop", "shop.csv", f"{STUDIES}/footage/student-t.parquet"),
)
MANIFESTS = (SETTINGS.learned.manifest, SETTINGS.footage.manifest)
TABLES = (RUN / "seeds.csv", Path(SETTINGS.learned.scores), Path(SETTINGS.footage.scores))


def written(files: dict[Path, bytes], inputs: list[Path], **step: object) -> None:
    """Write the outputs of a job, and its record with the job's own step."""
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    outputs = {str(path): FileRecord.of(path) for path in files}
    read = {str(path): sha256(path) for path in inputs}
    record = Record("job", "stage", {"job": {"stage": "stage", **step}}, read, outputs, {})
    write_record(record, Path(record_path(next(iter(outputs)))))


def trained(weights: list[Path], losses: str) -> None:
    """Write a run that has trained two seeds; its record names no embeddings."""
    history = f"seed,loss\n0,{losses}\n1,{losses}\n".encode()
    kept = {
        RUN / f"weights/seed-{seed}-validation.safetensors": file.read_bytes()
        for seed, file in enumerate(weights)
    }
    written({RUN / "history.csv": history} | kept, [])


def measured(table: Path, **other: object) -> None:
    """Write a table that another job has made from the run, perhaps with other settings."""
    settings = {"protocol": "validation"}
    if table.parent.name == "footage":
        settings["videos"] = "footage"
    version = other.pop("version", STAGES["study-alarms"].version)
    inputs = [RUN / "history.csv", *map(Path, MANIFESTS)]
    written({table: b"numbers"}, inputs, version=version, settings=settings | other)


@pytest.fixture
def run(made_up, tmp_path, monkeypatch) -> Path:
    """A run, and what other jobs have made from it."""
    monkeypatch.chdir(tmp_path)
    trained(made_up.weights, "0.5")
    for manifest in MANIFESTS:
        Path(manifest).write_text(f"{manifest} lists videos")
    for table in TABLES:
        measured(table)
    return RUN


def test_all_that_was_made_from_the_last_training_is_taken(run):
    with pytest.raises(FusevadError, match="no index of stream rgb in its record"):  # comes after
        make_bundle(run, SETTINGS, Path("a.fusevad"))


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.parent.name)
def test_metrics_and_scores_of_an_earlier_training_are_one_line(run, made_up, table):
    trained(made_up.weights[::-1], "0.25")
    for other in TABLES:
        if other != table:
            measured(other)
    with pytest.raises(FusevadError, match=f"{table}: not recorded as made from the {RUN}/history"):
        make_bundle(run, SETTINGS, Path("a.fusevad"))


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.parent.name)
def test_scores_that_nobody_recorded_are_one_line(run, table):
    table.write_bytes(b"numbers of other seeds")
    with pytest.raises(FusevadError, match=f"{table}: changed since it was made"):
        make_bundle(run, SETTINGS, Path("a.fusevad"))
    Path(record_path(str(table))).unlink()
    with pytest.raises(FusevadError, match=f"{table}: not recorded as made from"):
        make_bundle(run, SETTINGS, Path("a.fusevad"))


@pytest.mark.parametrize("table", TABLES[1:], ids=lambda path: path.parent.name)
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"protocol": "last"}, "protocol last, not validation"),
        ({"version": 0}, f"version 0, not {STAGES['study-alarms'].version}"),
        ({"videos": "other"}, "videos other, not"),
    ],
    ids=["protocol", "version", "videos"],
)
def test_scores_of_other_weights_videos_or_code_are_one_line(run, table, other, message):
    measured(table, **other)
    with pytest.raises(FusevadError, match=f"{table}: scored with {message}"):
        make_bundle(run, SETTINGS, Path("a.fusevad"))


@pytest.mark.parametrize("table", TABLES[1:], ids=lambda path: path.parent.name)
def test_scores_of_footage_that_has_changed_are_one_line(run, table):
    manifest = MANIFESTS[table.parent.name == "footage"]
    Path(manifest).write_text("other videos")
    with pytest.raises(FusevadError, match=f"{table}: not recorded as made from the {manifest}"):
        make_bundle(run, SETTINGS, Path("a.fusevad"))


def test_a_record_whose_steps_lack_everything_is_one_line(run):
    file = RUN / "history.provenance.json"
    index = {"results/tiny/embeddings/vit-b-16/rgb/index.csv": "0" * 64}
    record = replace(read_record(file), lineage={"a": {}, "b": {"stage": "embed"}}, inputs=index)
    write_record(record, file)
    with pytest.raises(FusevadError, match="features that were imported"):
        make_bundle(run, SETTINGS, Path("a.fusevad"))


def test_a_folder_as_the_bundle_is_one_line(run):
    with pytest.raises(FusevadError, match=r"\.: a folder; name the file"):
        make_bundle(run, SETTINGS, Path("."))


@pytest.mark.parametrize(
    ("rates", "message"),
    [([1, 1.0], "rates: 1.0 is named twice"), ([1e9], "3600"), ([], "at least 1")],
)
def test_rates_that_no_bundle_can_have_are_one_line(rates, message):
    with pytest.raises(FusevadError, match=message):
        parse(BundleSettings, asdict(SETTINGS) | {"rates": rates}, "bundle")


def test_no_token_of_a_download_travels():
    addresses = {
        "https://bob:S3CRET@host/a.zip?token=T0KEN": "https://host/a.zip",
        "https://host/b.zip?T0KEN#S3CRET": "https://host/b.zip",
        "https://[T0KEN": "https://[T0KEN",  # no address
        "https://host/c?": "https://host/c",
        "https://bob:S3@CRET@host/c@1.0/d:e?a=b@c": "https://host/c@1.0/d:e",
    }
    sources = [{"url": each} for each in addresses]
    fetch = {
        "files": [{"name": "a", "sources": sources}],
        "licence": {"text": "What?", "url": None},
    }
    steps = {"fetch/d": {"stage": "fetch", "settings": fetch}, "train/d": {"stage": "train"}}
    record = Record("train/d", "train", steps, {}, {}, {})
    found = for_others(record)
    (file,) = found.lineage["fetch/d"]["settings"]["files"]
    assert file["sources"] == [{"url": each} for each in addresses.values()]
    assert found.lineage["fetch/d"]["settings"]["licence"] == fetch["licence"]
    assert replace(found, lineage=steps) == record


def test_seeds_that_were_added_by_hand_are_one_line(run):
    with (run / "history.csv").open("a") as history:
        history.write("0,0.125\n")
    with pytest.raises(FusevadError, match=r"history\.csv: not the file that training recorded"):
        make_bundle(run, SETTINGS, Path("a.fusevad"))


def test_only_models_and_weights_are_files_that_travel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("key.pem", "model.json", "clip.safetensors"):
        (tmp_path / name).touch()
    encoder = {"name": "key.pem", "model": "model.json", "pretrained": "clip.safetensors"}
    settings = {
        "stream": "key.pem",
        "encoder": encoder | {"motion_cue_weights": "none.safetensors"},
    }
    assert list(paths_in(settings)) == ["model.json", "clip.safetensors"]


def test_weights_of_any_name_that_the_plan_takes_for_a_file_travel(tmp_path, monkeypatch):
    """A tag beside a file of that name is no file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "towers").mkdir()
    for name in ("openai", "towers/cue"):
        (tmp_path / name).touch()
    encoder = {"pretrained": "openai", "motion_cue_weights": "towers/cue"}
    assert list(paths_in({"encoder": encoder})) == ["towers/cue"]
