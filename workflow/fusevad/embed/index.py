"""The index of a stream's embeddings: every video once, complete, with the same settings."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from fusevad import json_text
from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.manifest import Video, read_manifest
from fusevad.embed.shards import UNREADABLE, embeddings_sha256, stored_videos
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.parsing import parse
from fusevad.tensor_files import open_tensors

AGAIN = "delete it and run the workflow again"
ABSENT = "absent"


class _IndexRow(NamedTuple):
    video: str
    file: str
    segments: int
    crops: int
    dim: int
    sha256: str


def make_index(manifest: Path, shards: Sequence[Path], out_csv: Path) -> None:
    """Check the shards of a stream against the manifest and write their index.

    Where segments lack the stream, the column `absent` has their number in each video.

    Raises:
        FusevadError: a video is missing, occurs twice or has the wrong number of segments, values
            are not finite, or shards were made with different settings.
    """
    videos = {video.name: video for video in read_manifest(manifest)}
    rows: dict[str, _IndexRow] = {}
    absent: dict[str, int] = {}
    first: tuple[Path, tuple[int, ...]] | None = None
    noted: dict[str, Any] = {}
    for file in tqdm(shards, desc="checking embeddings", unit="shard"):
        digest = sha256(file) if file.is_file() else ""
        for name, tensor, provenance in _read_shard(file):
            if name in rows:
                raise FusevadError(f"{file}: video {name} is also in {rows[name].file}; {AGAIN}")
            if name not in videos:
                raise FusevadError(f"{file}: video {name} is not in {manifest}; {AGAIN}")
            _check_tensor(file, videos[name], tensor)
            first = first or (file, tensor.shape[1:])
            # What earlier versions did not note is not compared.
            same = all(noted.setdefault(key, value) == value for key, value in provenance.items())
            if not same or first[1] != tensor.shape[1:]:
                raise FusevadError(
                    f"{file}: made with other settings, weights, crops or features than "
                    f"{first[0]}; delete the older one and run the workflow again"
                )
            rows[name] = _IndexRow(name, file.name, *tensor.shape, sha256=digest)
            absent[name] = int(np.sum(~tensor.any(axis=(1, 2))))
    missing = [name for name in videos if name not in rows]
    if missing:
        raise FusevadError(
            f"{manifest}: {len(missing)} videos have no embeddings, such as {missing[0]}; "
            "run the embed stage for all shards"
        )
    table = pd.DataFrame([rows[name] for name in videos])
    if any(absent.values()):
        table[ABSENT] = [absent[name] for name in videos]
    write_csv(table, out_csv)


def videos_without(index: Path) -> tuple[int, int, int]:
    """Numbers of a stream's videos: those that lack it, those that lack it in part, and all.

    Raises:
        FusevadError: the index is missing or has another form.
    """
    text = ("video", "file", "sha256")
    table = read_csv(index, ["video", "segments"], text=text)
    if ABSENT not in table:
        return 0, 0, len(table)
    table = read_csv(index, ["video", "segments", ABSENT], text=text)
    whole = table[ABSENT] == table["segments"]
    return int(whole.sum()), int(((table[ABSENT] > 0) & ~whole).sum()), len(table)


def check_shard(index: Path, file: Path, digest: str) -> None:
    """Compare a shard with the hash in its index, once for each process and state of the file.

    Measured: 2 GB a second, so 5 s for a stream of UCF-Crime's size (8.8 GB).

    Raises:
        FusevadError: it is missing or has other bytes.
    """
    again = f"delete {index} and the shard, and run the workflow again"
    if not file.is_file():
        raise FusevadError(f"{file}: missing embeddings; {again}")
    state = file.stat()
    if _digest_at(file, state.st_size, state.st_mtime_ns) != digest:
        raise FusevadError(f"{file}: damaged embeddings, not those in the index; {again}")


@cache
def _digest_at(file: Path, _size: int, _time: int) -> str:
    return sha256(file)


def _read_shard(file: Path) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """Yield name, tensor and the shard's provenance, for each of its videos."""
    try:
        with open_tensors(file) as store:
            metadata = store.metadata() or {}
            stated = json_text.load(metadata.get("provenance", "{}"))
            # Shards that note no version are older than all versions that do.
            provenance = {"version": ""} | parse(dict[str, Any], stated, str(file))
            videos = stored_videos(file, metadata)
            for name in store.keys():  # noqa: SIM118 (not a dictionary: it can't be iterated)
                tensor = store.get_tensor(name)
                if name in videos and embeddings_sha256(tensor) != videos[name].sha256:
                    raise FusevadError(f"{file}: embeddings of video {name} are damaged; {AGAIN}")
                yield name, tensor, provenance
    except UNREADABLE as error:
        raise FusevadError(f"{file}: missing or damaged embeddings; {AGAIN}") from error


def _check_tensor(file: Path, video: Video, tensor: np.ndarray) -> None:
    if tensor.ndim != 3 or len(tensor) != video.segments:
        raise FusevadError(
            f"{file}: embeddings of video {video.name} have shape {tensor.shape}, but it has "
            f"{video.segments} segments; {AGAIN}"
        )
    if tensor.dtype != np.float16:
        raise FusevadError(f"{file}: embeddings of video {video.name} are not float16; {AGAIN}")
    if not np.isfinite(tensor).all():
        raise FusevadError(f"{file}: embeddings of video {video.name} are not finite; {AGAIN}")
