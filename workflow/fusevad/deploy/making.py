"""Make a bundle of a finished run."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from fusevad import json_text
from fusevad.csv_tables import read_csv
from fusevad.deploy.archive import check_place, write_archive
from fusevad.deploy.card import model_card
from fusevad.deploy.contents import (
    ABOUT,
    CARD,
    FORMAT,
    RECORD,
    BundleFacts,
    EncoderFile,
    Metric,
    StreamFacts,
    different,
    weights_member,
)
from fusevad.deploy.settings import BundleSettings
from fusevad.deploy.thresholds import thresholds_of
from fusevad.deploy.versions import check_learned, code_versions
from fusevad.embed.embedder import load_embedder, shard_provenance
from fusevad.embed.shards import UNREADABLE
from fusevad.embed.streams.registry import is_made, is_pictured, kind_of, parse_settings
from fusevad.embed.streams.settings import RENDERED
from fusevad.encoders.settings import local_files
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import read_about, weights_file
from fusevad.files import sha256
from fusevad.models.registry import find
from fusevad.plan.ancestry import check_made_from
from fusevad.plan.records import Record, read_record
from fusevad.plan.stage import STAGES
from fusevad.tensor_files import open_tensors

# Larger encoders are named by their hash: everybody has them, or should get them once.
_LARGEST_ENCLOSED = 64 << 20
_FILE_KEYS = ("model", "pretrained", "motion_cue_weights", "weights")
_AGAIN = "run the workflow again"


def make_bundle(run: Path, settings: BundleSettings, out: Path) -> BundleFacts:
    """Write the bundle of a run, which says everything that its scores depend on.

    Args:
        run: folder of a finished run.
        settings: what it can't say itself.
        out: the bundle.

    Raises:
        FusevadError: a file is missing, is not the one that the run recorded, metrics or scores
            are another run's, other weights' or other code's, or the run reads what no video of a
            user's has.
    """
    check_place(out)
    record_file = run / "history.provenance.json"
    record = read_record(record_file)
    weights = _weights(run, settings, record)
    scored = list(_scored(run, settings))
    method = read_about(next(iter(weights.values()))).settings.method
    streams = {role: _stream(role, record) for role in find(method).streams}
    versions = code_versions(method, [each.name for each in streams.values()])
    for each in (record, *scored):
        check_learned(versions, each)
    files = dict(_files(streams))
    about = BundleFacts(
        format=FORMAT,
        experiment=settings.experiment,
        label=settings.label,
        dataset=settings.dataset,
        protocol=settings.protocol,
        method=method,
        seeds=tuple(weights),
        streams=streams,
        files=files,
        events=settings.events,
        thresholds=thresholds_of(settings, is_pictured(streams)),
        metrics=_metrics(run, settings.protocol),
        commit=record.made.commit if record.made else "",
        versions=versions,
    )
    enclosed = {each.member: Path(path) for path, each in files.items() if each.member}
    content = {
        ABOUT: json.dumps(asdict(about), indent=1).encode() + b"\n",
        CARD: model_card(about).encode(),
        RECORD: json.dumps(asdict(for_others(record)), indent=2).encode() + b"\n",
        **{weights_member(seed): file for seed, file in weights.items()},
        **enclosed,
    }
    write_archive(content, out)
    return about


def for_others(record: Record) -> Record:
    """A record without what may be a token or password in the addresses of downloads."""
    steps = {
        name: {**step, "settings": _without_queries(step.get("settings", {}))}
        if step.get("stage") == "fetch"
        else step
        for name, step in record.lineage.items()
    }
    return replace(record, lineage=steps)


def _without_queries(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: re.sub("(?<=://)[^/]*@", "", re.split("[?#]", inner)[0])
            if key == "url" and isinstance(inner, str)
            else _without_queries(inner)
            for key, inner in value.items()
        }
    return [_without_queries(inner) for inner in value] if isinstance(value, list) else value


def _weights(run: Path, settings: BundleSettings, record: Record) -> dict[int, Path]:
    """The weights by seed, ascending; they and the metrics are of the run's last training."""
    history = run / "history.csv"
    seeds = sorted(int(seed) for seed in read_csv(history, ["seed"])["seed"].unique())
    weights = {seed: weights_file(run, seed, settings.protocol) for seed in seeds}
    for file in (history, *weights.values()):
        _check_recorded(file, record)
    check_made_from(run / "seeds.csv", history)
    return weights


def _scored(run: Path, settings: BundleSettings) -> Iterator[Record]:
    """The records of the scores that thresholds come from; a missing one is left to its reader."""
    for normal, videos in ((settings.learned, "training"), (settings.footage, "footage")):
        if normal is None or not Path(normal.scores).is_file():
            continue
        record = check_made_from(Path(normal.scores), run / "history.csv")
        check_made_from(Path(normal.scores), Path(normal.manifest))
        step = next(reversed(record.lineage.values()), {})  # the last is the job's own
        made = {"version": step.get("version"), "videos": "training"} | step.get("settings", {})
        wanted = {
            "version": STAGES["study-alarms"].version,
            "protocol": settings.protocol,
            "videos": videos,
        }
        for name, value in wanted.items():
            if made.get(name) != value:
                raise FusevadError(
                    f"{normal.scores}: scored with {name} {made.get(name)}, not {value}; {_AGAIN}"
                )
        yield record


def _check_recorded(file: Path, record: Record) -> None:
    """Check that training has written this file."""
    if not file.is_file():
        raise FusevadError(f"{file}: no such file; {_AGAIN}")
    written = {Path(path).name: each for path, each in record.outputs.items()}
    if file.name not in written or written[file.name].sha256 != sha256(file):
        raise FusevadError(f"{file}: not the file that training recorded; {_AGAIN}")


def _stream(role: str, record: Record) -> StreamFacts:
    """How the stream with a role was embedded for a run, and that it can be again."""
    index, name = _index(role, record)
    steps = record.lineage.values()  # a record of others may lack anything
    embedded = (step.get("settings", {}) for step in steps if step.get("stage") == "embed")
    settings = next((each for each in embedded if each.get("stream") == name), None)
    if settings is None:
        raise FusevadError(
            f"{index}: features that were imported; videos of others can't be embedded like them"
        )
    own = {field.name for field in fields(kind_of(name).form)}
    settings = {key: value for key, value in settings.items() if key in own}
    if settings.get("encoder") == RENDERED:
        raise FusevadError(f"{index}: what the renderer knows, and other videos do not have")
    parsed = parse_settings(settings)
    embedder = load_embedder(parsed)
    # Shards that note no version are older than all versions that do.
    noted = {"version": ""} | _provenance(index)
    for difference in different(noted, shard_provenance(parsed, embedder)):
        raise FusevadError(
            f"{index}: embedded otherwise than its encoder does now: {difference}; {_AGAIN}"
        )
    return StreamFacts(settings, embedder.provenance)


def _index(role: str, record: Record) -> tuple[Path, str]:
    """Index and name of the stream with a role that a run learned from."""
    for path in map(Path, record.inputs):
        name = path.parent.name
        if path.name == "index.csv" and is_made(name) and kind_of(name).name == role:
            return path, name
    raise FusevadError(f"{record.job}: no index of stream {role} in its record; {_AGAIN}")


def _provenance(index: Path) -> dict[str, str]:
    """How the stored embeddings of a stream were made."""
    file = index.parent / str(read_csv(index, ["file"], text=("file",))["file"].iloc[0])
    try:
        with open_tensors(file) as shard:
            return json_text.load(shard.metadata()["provenance"])
    except (*UNREADABLE, KeyError) as error:
        raise FusevadError(f"{file}: damaged embeddings; {_AGAIN}") from error


def _files(streams: Mapping[str, StreamFacts]) -> Iterator[tuple[str, EncoderFile]]:
    """The files that encoders are loaded from, by path.

    Only small files of the project itself are enclosed: of others the licence is not known.
    """
    names: dict[str, str] = {}
    for path in dict.fromkeys(p for each in streams.values() for p in paths_in(each.settings)):
        file = Path(path)
        inside = not file.is_absolute() and ".." not in file.parts
        small = file.stat().st_size <= _LARGEST_ENCLOSED
        member = None
        if inside and small:
            member = f"encoder/{re.sub('[^A-Za-z0-9._-]', '_', file.name)}"
            if names.setdefault(member, path) != path:
                raise FusevadError(f"{path}: named like {names[member]}; rename one of them")
        yield path, EncoderFile(sha256(file), member)


def paths_in(settings: Mapping[str, Any]) -> Iterator[str]:
    """The files that the settings of a stream name as weights or models, and that exist.

    Other texts are never taken for paths: settings come from the record of a run, perhaps of
    somebody else, and what they name travels with the bundle.
    """
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from paths_in(value)
        elif key in _FILE_KEYS and isinstance(value, str):
            yield from (path for path in local_files([value]) if Path(path).is_file())


def _metrics(run: Path, protocol: str) -> dict[str, Metric]:
    table = read_csv(run / "seeds.csv", ["seed", "value"], text=("protocol", "metric"))
    own = table[table["protocol"] == protocol].dropna().groupby("metric")["value"]
    return {
        str(metric): Metric(float(values.mean()), float(values.std(ddof=len(values) > 1)))
        for metric, values in own
    }
