"""The explorer of videos that `fusevad score` has scored: no annotations, so no errors."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.deploy.card import threshold_line
from fusevad.deploy.contents import Threshold
from fusevad.deploy.detector import HIGHEST, LOWEST
from fusevad.deploy.kept_results import read_facts, read_segments
from fusevad.embed.streams.registry import stream_title
from fusevad.errors import FusevadError, counted
from fusevad.evaluate.history import SCORE, WEIGHT
from fusevad.found_videos import EVENTS, FILM
from fusevad.report.explorer.contents import (
    Page,
    ShownDataset,
    ShownMethod,
    ShownVideo,
    VideoScores,
)
from fusevad.report.explorer.page import is_page, is_redirect, write_page, write_redirect

INDEX, PAGE = "index.html", "page"
_KEY = "own"


def make_own_explorer(
    scored: Path, model_sha256: str, threshold: Threshold, code: Mapping[str, int]
) -> Path | None:
    """Write the page of all videos in a folder that one model has scored.

    Args:
        scored: folder of the results, one folder a video (`fusevad score --out`).
        model_sha256: hash of the bundle; results of other models are left out, as their scores
            and thresholds are others.
        threshold: at which the page opens.
        code: `code_here`; results of other code are left out, too.

    Returns:
        The page to open; None without such results.

    Raises:
        FusevadError: results are damaged.
    """
    check_place(scored)
    folders = sorted(file.parent for file in scored.glob(f"[!.]*/{EVENTS}"))
    found = [(each, facts) for each in folders if (facts := read_facts(each, model_sha256))]
    own = [(each, facts) for each, facts in found if facts.made_with.code == code]
    if not own:
        return None
    tables = [read_segments(folder) for folder, _ in own]
    facts = own[0][1]
    model = facts.model
    method = ShownMethod(model.experiment, model.label, (), map(_scores, tables))
    dataset = ShownDataset(
        key=_KEY,
        title="Own videos",
        videos=[_video(folder, table) for (folder, _), table in zip(own, tables, strict=True)],
        methods=[method],
        notes=(
            f"{model.label}, trained on {model.dataset}. {_vouched(threshold)}",
            *_others([each.made_with.threshold.rate for _, each in own], threshold),
            *_left_out(len(found) - len(own)),
        ),
    )
    title = f"Scores of {counted(len(own), 'video')}"
    write_page(Page(title, [dataset], facts.rules, threshold.threshold), scored / PAGE)
    write_redirect(scored / INDEX, scored / PAGE)
    return scored / INDEX


def check_place(scored: Path) -> None:
    """Check that the page replaces nothing but an earlier one.

    Raises:
        FusevadError: somebody else's files are where it would be.
    """
    index, page = scored / INDEX, scored / PAGE
    for there, ours in ((index, is_redirect(index, page)), (page, is_page(page))):
        if os.path.lexists(there) and not ours:
            raise FusevadError(
                f"{there}: not a page of fusevad score; move it, or name another --out"
            )


def _video(folder: Path, table: pd.DataFrame) -> ShownVideo:
    edges = np.append(table["start_seconds"], table["end_seconds"].iloc[-1])
    film = folder / FILM
    return ShownVideo(folder.name, edges, film if film.is_file() else None)


def _scores(table: pd.DataFrame) -> VideoScores:
    weights = [str(name) for name in table if str(name).startswith(WEIGHT)]
    return VideoScores(
        table[SCORE].to_numpy(),
        table[LOWEST].to_numpy(),
        table[HIGHEST].to_numpy(),
        {stream_title(name.removeprefix(WEIGHT)): table[name].to_numpy() for name in weights},
    )


def _others(rates: Sequence[float], threshold: Threshold) -> tuple[str, ...]:
    """A line about videos that were scored with the thresholds for other rates."""
    others = [rate for rate in rates if rate != threshold.rate]
    if not others:
        return ()
    shown = ", ".join(f"{rate:g}" for rate in sorted(set(others)))
    return (
        f"Films and events.json of {len(others)} of the {len(rates)} videos are of the threshold"
        f" for {shown} false alarms/h.",
    )


def _left_out(count: int) -> tuple[str, ...]:
    """A line about videos whose scores would differ by now."""
    if not count:
        return ()
    return (f"Left out: {counted(count, 'video')} scored by another version of fusevad.",)


def _vouched(threshold: Threshold) -> str:
    return f"The page opens at the model's threshold, {threshold_line(threshold)}."
