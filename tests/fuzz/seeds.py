"""Small real files that fuzzing starts from, each behind the byte that chooses its parser."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from safetensors.torch import load, save

from fusevad.config.forms import FORMS
from fusevad.deploy.archive import write_archive
from fusevad.deploy.contents import ABOUT, CARD
from fusevad.plan.records import FileRecord, Record, write_record
from tests.made_up_bundles import make_bundle_file
from tests.made_up_cues import write_made_up_shard
from tests.made_up_tables import write_table
from tests.made_up_videos import write_video

CONFIG = Path(__file__).parents[2] / "config"
_DIGEST = 64  # letters before the index of a shard
# A line or two of each format of annotations, in its publisher's form (docs/datasets.md).
_ANNOTATIONS = (
    "Abuse028_x264.mp4  Abuse  165  240  -1  -1\nNormal_003_x264.mp4  Normal  -1  -1  -1  -1\n",
    "Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6 12 20 33 40\n",
    "01_0014.avi 1 265 420 450 460 -1 -1\n05_0017.avi 0 -1 -1\n",
    "Fire_1.mp4 office 120 200 -1 -1\nNormal_2.mp4 Normal -1 -1 -1 -1\n",
    "name,scenario,total frames,starting frame of anomaly,ending frame of anomaly\n"
    "Fire_1,office,300,20,90\n",
    '{"database": {"fight_0001": {"duration": 40.2, "frame_rate": 29.97, "subset": "testing",'
    ' "source": "CCTV", "annotations": [{"segment": [1.5, 7.25], "label": "Fight"}]}}}',
)


def _chosen(texts: Sequence[bytes]) -> list[bytes]:
    return [bytes([number]) + text for number, text in enumerate(texts)]


def annotations(folder: Path) -> list[bytes]:
    """A text in each format."""
    return _chosen([text.encode() for text in _ANNOTATIONS])


def tables(folder: Path) -> list[bytes]:
    """Labels, intervals and a manifest."""
    write_table(folder, "intervals", [("fire_1", "fire", 3, 20), ("fire_1", "smoke", 25, 30)])
    videos = [("fire_1", "v/fire_1.mp4", "test", "fire;smoke", 40, 15.0, 320, 240, "a")]
    videos.append(("calm", "v/calm.mp4", "train", "normal", 31, 29.97, 320, 240, "b"))
    write_table(folder, "manifest", videos)
    labels = b"video,split,class,path\nfire_1,test,fire,v/fire_1.mp4\ncalm,train,normal,v/c.mp4\n"
    written = [(folder / f"{name}.csv").read_bytes() for name in ("intervals", "manifest")]
    return _chosen([labels, *written])


def configuration(folder: Path) -> list[bytes]:
    """The repository's own files of each kind, without overlays, which lack keys."""
    return [
        bytes([number]) + path.read_bytes()
        for number, kind in enumerate(FORMS)
        for path in (
            [CONFIG / "config.yaml"] if kind == "config" else (CONFIG / kind).glob("*.yaml")
        )
        if b"\nbased_on:" not in path.read_bytes()
    ]


def records(folder: Path) -> list[bytes]:
    """A record of a training."""
    lineage = {"train/shop/x": {"stage": "train", "version": 1, "settings": {"seeds": [0]}}}
    outputs = {"results/shop/x.csv": FileRecord("0" * 64, 7)}
    file = folder / "x.provenance.json"
    write_record(
        Record("train/shop/x", "train", lineage, {"m.csv": "1" * 64}, outputs, {"torch": "2"}), file
    )
    return [file.read_bytes()]


def bundles(folder: Path) -> list[bytes]:
    """A small archive, and the facts of a bundle."""
    facts = json.dumps(asdict(make_bundle_file(folder / "bundle", seeds=1).about)).encode()
    file = folder / "x.fusevad"
    write_archive({ABOUT: facts, CARD: b"# made up\n"}, file)
    return _chosen([file.read_bytes(), facts])


def weights(folder: Path) -> list[bytes]:
    """Weights of a detector, and what they say of it."""
    content = _weights()
    (notes,) = _metadata(content).values()
    return _chosen([content, notes.encode()])


@cache
def _weights() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return make_bundle_file(Path(folder) / "bundle", seeds=1).weights[0].read_bytes()


def _metadata(content: bytes) -> dict[str, str]:
    """The texts in the header of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]


def write_weights_with_notes(file: Path, notes: bytes) -> None:
    """The weights with other notes of what they are."""
    content = _weights()
    name = next(iter(_metadata(content)))
    file.write_bytes(save(load(content), {name: notes.decode(errors="replace")}))


def videos(folder: Path) -> list[bytes]:
    """Three frames in each container that people have."""
    return [
        write_video(folder / f"x.{suffix}", 3, (32, 32), codec=codec).read_bytes()
        for suffix, codec in (
            ("mp4", "libx264"),
            ("mkv", "libx264"),
            ("avi", "mpeg4"),
            ("mov", "mpeg4"),
        )
    ]


def cues(folder: Path) -> list[bytes]:
    """A shard, and its index."""
    file = folder / "shard-0.h5"
    file.write_bytes(_shard())
    with h5py.File(file) as store:
        index = store["index"][()].tobytes()[_DIGEST:]
    return _chosen([_shard(), index])


@cache
def _shard() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shard-0.h5"
        counts = [np.full((256, 340), count, np.uint8) for count in (1, 2)]
        write_made_up_shard(file, {"video": {"T16_thr10": counts}})
        return file.read_bytes()


def write_shard_with_index(file: Path, index: bytes) -> None:
    """The shard with another index, whose hash is right whatever it says."""
    file.write_bytes(_shard())
    text = hashlib.sha256(index).hexdigest().encode() + index
    with h5py.File(file, "r+", libver=("v110", "v110")) as store:
        del store["index"]
        store.create_dataset("index", data=np.frombuffer(text, np.uint8))
