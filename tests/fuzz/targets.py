"""What is fuzzed: parsers of files that others may have written.

A target hands bytes to a parser as a file. Bad bytes end with a `FusevadError`; any other exception
is a crash, and so are more than 2 GB of memory or 20 seconds (`tests/fuzz/__main__.py`).
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from fusevad.config.forms import FORMS
from fusevad.config.reading import check
from fusevad.cues.shards import open_shard
from fusevad.data.label_tables import read_intervals, read_labels
from fusevad.data.manifest import read_manifest
from fusevad.data.recorded.formats import read_annotations
from fusevad.data.recorded.settings import AnnotationSettings
from fusevad.deploy.archive import write_archive
from fusevad.deploy.contents import ABOUT, CARD
from fusevad.deploy.opening import read_bundle_facts, unpacked
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import load_detector
from fusevad.parsing import read_mapping
from fusevad.plan.records import parse_record
from fusevad.video.containers import open_container, picture_stream
from tests.fuzz import seeds

FORMATS = ("ucf-crime", "xd-violence", "shanghaitech", "msad", "msad-table", "cctv-fights")
KINDS = tuple(FORMS)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser to fuzz.

    Attributes:
        run: takes bytes and an empty folder, which it may write to.
        seeds: makes inputs to start from, in an empty folder.
    """

    run: Callable[[bytes, Path], None]
    seeds: Callable[[Path], Sequence[bytes]]


def _choice(content: bytes, choices: Sequence[str]) -> tuple[str, bytes]:
    """One of the choices by the first byte, and the other bytes."""
    return choices[content[0] % len(choices)] if content else choices[0], content[1:]


def _annotations(content: bytes, folder: Path) -> None:
    form, text = _choice(content, FORMATS)
    file = folder / "annotations.txt"
    file.write_bytes(text)
    read_annotations(file, AnnotationSettings(form, file.name))


def _tables(content: bytes, folder: Path) -> None:
    name, text = _choice(content, ("labels", "intervals", "manifest"))
    file = folder / f"{name}.csv"
    file.write_bytes(text)
    {"labels": read_labels, "intervals": read_intervals, "manifest": read_manifest}[name](file)


def _configuration(content: bytes, folder: Path) -> None:
    kind, text = _choice(content, KINDS)
    file = folder / "x.yaml"
    file.write_bytes(text)
    check(read_mapping(file), kind, str(file))


def _records(content: bytes, folder: Path) -> None:
    parse_record(content, "x.provenance.json")


def _bundles(content: bytes, folder: Path) -> None:
    """The whole archive, or the facts in one whose hashes are right."""
    what, rest = _choice(content, ("archive", "facts"))
    file = folder / "x.fusevad"
    if what == "archive":
        file.write_bytes(rest)
    else:
        write_archive({ABOUT: rest, CARD: b"# made up\n"}, file)
    with unpacked(file) as there:
        read_bundle_facts(there, file)


def _weights(content: bytes, folder: Path) -> None:
    """The whole file, or what it says of its detector beside intact tensors."""
    what, rest = _choice(content, ("file", "notes"))
    file = folder / "x.safetensors"
    if what == "file":
        file.write_bytes(rest)
    else:
        seeds.write_weights_with_notes(file, rest)
    load_detector(file, torch.device("cpu"))


def _videos(content: bytes, folder: Path) -> None:
    file = folder / "x.mp4"
    file.write_bytes(content)
    with open_container(file) as container:
        picture_stream(container, file)


def _cues(content: bytes, folder: Path) -> None:
    """The whole shard, or an index whose hash is right beside some segments."""
    what, rest = _choice(content, ("shard", "index"))
    file = folder / "shard-0.h5"
    if what == "shard":
        file.write_bytes(rest)
    else:
        seeds.write_shard_with_index(file, rest)
    with open_shard(file) as shard:
        for video, start in zip(shard.index.videos, shard.starts(), strict=True):
            for cue in shard.index.made_with.cues:
                shard.segment(cue, start)
                shard.check(cue, video, start)


TARGETS = {
    "annotations": Target(_annotations, seeds.annotations),
    "tables": Target(_tables, seeds.tables),
    "configuration": Target(_configuration, seeds.configuration),
    "records": Target(_records, seeds.records),
    "bundles": Target(_bundles, seeds.bundles),
    "weights": Target(_weights, seeds.weights),
    "videos": Target(_videos, seeds.videos),
    "cues": Target(_cues, seeds.cues),
}


def try_input(target: Target, content: bytes, folder: Path) -> None:
    """Give bytes to a target; only what is no error of users comes out."""
    with contextlib.suppress(FusevadError):
        target.run(content, folder)
