"""Write the explorer's page: its program, and its data as scripts that it loads when needed.

    FOLDER/index.html, *.js, style.css, vendor/   the program, the same for all pages
    FOLDER/data/index.js                          data sets, methods, results
    FOLDER/data/0/videos.js                       videos of data set 0
    FOLDER/data/0/3/scores-mean.js                its method 3: mean over seeds, all videos, exactly
    FOLDER/data/0/3/scores-7.js                   seed 7 alone
    FOLDER/data/0/3/video-12.js                   video 12: band over seeds, weights of streams

`write_page` is what other parts of FuseVAD call to show scores of their own: build a `Page`
(`contents.py`) of their videos, with or without annotations.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from fusevad.errors import FusevadError
from fusevad.files import (
    remove_abandoned,
    remove_folder,
    replace_folder,
    sha256,
    temporary_path,
    write_text,
)
from fusevad.hash_tables import HASHES, folder_files, hashes_text, listed_hashes
from fusevad.paths import path_text
from fusevad.report.explorer.contents import (
    Floats,
    Page,
    ShownDataset,
    ShownMethod,
    ShownVideo,
    VideoScores,
)
from fusevad.report.explorer.packing import pack, pack_exactly, write_script

STATIC = Path(__file__).parent / "static"
_MEAN = "mean"
_REDIRECT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Explorer</title>
<script>location.replace("FOLDER/index.html" + location.hash);</script>
</head>
<body><p><a href="FOLDER/index.html">Explorer</a></p></body>
</html>
"""


def write_page(page: Page, folder: Path) -> None:
    """Write the page; `folder/index.html` opens it. An earlier page there is replaced.

    Films are not copied: the page names them by their places as seen from `folder`.

    Raises:
        FusevadError: a method's scores do not fit the videos.
    """
    remove_abandoned(folder.parent)
    progress = temporary_path(folder)
    remove_folder(progress)  # of a killed process of this number, as in a restarted container
    try:
        shutil.copytree(STATIC, progress)
        _write_data(page, progress, folder)
        hashes = {path: sha256(progress / path) for path in folder_files(progress)}
        write_text(hashes_text(hashes), progress / HASHES)
        replace_folder(progress, folder)
    except BaseException:
        shutil.rmtree(progress, ignore_errors=True)
        raise


def _write_data(page: Page, progress: Path, final: Path) -> None:
    datasets = [
        _write_dataset(dataset, f"data/{place}", progress, final)
        for place, dataset in enumerate(page.datasets)
    ]
    index = {
        "title": page.title,
        "rules": asdict(page.rules),
        "threshold": page.threshold,
        "datasets": datasets,
    }
    write_script("data/index.js", index, progress)


def is_page(folder: Path) -> bool:
    """Whether `write_page` wrote a folder, to which nobody has added anything."""
    if folder.is_symlink() or not (folder / HASHES).is_file():
        return False
    listed = listed_hashes(folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return "data/index.js" in listed and found <= {HASHES, *listed}


def is_redirect(index: Path, folder: Path) -> bool:
    """Whether `write_redirect` wrote a page."""
    text = _redirect(folder).encode()
    return index.is_file() and index.stat().st_size == len(text) and index.read_bytes() == text


def _redirect(folder: Path) -> str:
    return _REDIRECT.replace("FOLDER", quote(folder.name))


def write_redirect(index: Path, folder: Path) -> None:
    """Write a page that leads to the page in `folder`, with the address that it was given."""
    write_text(_redirect(folder), index)


def _write_dataset(
    dataset: ShownDataset, place: str, progress: Path, final: Path
) -> dict[str, Any]:
    """Write the scripts of a data set; return its entry of the index."""
    videos = [_video(video, final) for video in dataset.videos]
    write_script(f"{place}/videos.js", videos, progress)
    methods = [
        _write_method(method, dataset, f"{place}/{number}", progress)
        for number, method in enumerate(dataset.methods)
    ]
    return {
        "key": dataset.key,
        "title": dataset.title,
        "timed": dataset.timed,
        "notes": dataset.notes,
        "noFilm": dataset.no_film,
        "cue": dataset.cue,
        "first": dataset.first,
        "methods": methods,
        "results": asdict(dataset.results) if dataset.results else None,
    }


def _video(video: ShownVideo, final: Path) -> dict[str, Any]:
    film = None
    if video.film is not None:
        film = quote(os.fsencode(Path(os.path.relpath(video.film, final)).as_posix()))
    return {
        "name": path_text(video.name),
        "classes": video.classes,
        "film": film,
        "truth": video.truth,
        "edges": pack_exactly(video.edges),
    }


def _write_method(
    method: ShownMethod, dataset: ShownDataset, place: str, progress: Path
) -> dict[str, Any]:
    """Write the scripts of a method; return its entry of the index."""
    packed: dict[str, list[Floats]] = {name: [] for name in (_MEAN, *map(str, method.seeds))}
    streams: tuple[str, ...] = ()
    for number, (video, scores) in enumerate(_pairs(method, dataset)):
        streams = tuple(scores.weights)
        parts = {_MEAN: scores.mean, **{str(seed): own for seed, own in scores.by_seed.items()}}
        for name, own in packed.items():
            own.append(_fitting(parts[name], video, method))
        write_script(f"{place}/video-{number}.js", _details(scores), progress)
    for name, own in packed.items():
        # Thresholds cut the mean, and one of them may be any of its values.
        pack_scores = pack_exactly if name == _MEAN else pack
        write_script(f"{place}/scores-{name}.js", pack_scores(np.concatenate(own)), progress)
    return {
        "key": method.key,
        "label": method.label,
        "seeds": method.seeds,
        "streams": streams,
    }


def _pairs(method: ShownMethod, dataset: ShownDataset) -> Iterator[tuple[ShownVideo, VideoScores]]:
    """Each video with its scores."""
    left = iter(method.scores)
    for video in dataset.videos:
        scores = next(left, None)
        if scores is None:
            raise FusevadError(f"explorer: {method.label}: no scores of video {video.name}")
        yield video, scores
    if next(left, None) is not None:
        raise FusevadError(
            f"explorer: {method.label}: scores of more than the {len(dataset.videos)} videos of"
            f" {dataset.title}"
        )


def _fitting(scores: Floats, video: ShownVideo, method: ShownMethod) -> Floats:
    segments = len(video.edges) - 1
    if len(scores) != segments:
        raise FusevadError(
            f"explorer: {method.label}: {len(scores)} scores of video {video.name}, which has"
            f" {segments} segments"
        )
    return scores


def _details(scores: VideoScores) -> dict[str, Any]:
    weights: dict[str, Mapping[str, Floats]] = {_MEAN: scores.weights}
    weights |= {str(seed): own for seed, own in scores.weights_by_seed.items()}
    return {
        "low": pack(scores.low),
        "high": pack(scores.high),
        "weights": {
            name: {stream: pack(values) for stream, values in own.items()}
            for name, own in weights.items()
            if own
        },
    }
