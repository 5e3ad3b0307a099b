"""The explorer of videos that `fusevad score` has scored: no annotations, so no errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusevad.deploy.detector import HIGHEST, LOWEST
from fusevad.deploy.results import EVENTS, FILM, read_segments
from fusevad.embed.streams.registry import stream_title
from fusevad.evaluate.history import SCORE, WEIGHT
from fusevad.evaluate.settings import AlarmSettings
from fusevad.parsing import parse, read_noted
from fusevad.report.explorer.contents import (
    Page,
    ShownDataset,
    ShownMethod,
    ShownVideo,
    VideoScores,
)
from fusevad.report.explorer.page import write_page, write_redirect

INDEX, PAGE = "index.html", "page"
_KEY = "own"


def make_own_explorer(scored: Path, model_sha256: str) -> Path | None:
    """Write the page of all videos in a folder that one model has scored.

    Args:
        scored: folder of the results, one folder a video (`fusevad score --out`).
        model_sha256: hash of the bundle; results of other models are left out, as their scores
            and thresholds are others.

    Returns:
        The page to open; None without such results.

    Raises:
        FusevadError: results are damaged.
    """
    found = [
        (folder.parent, read_noted(folder)) for folder in sorted(scored.glob(f"[!.]*/{EVENTS}"))
    ]
    own = [each for each in found if _is_of(each[1], model_sha256)]
    if not own:
        return None
    tables = [read_segments(folder) for folder, _ in own]
    facts = own[0][1]
    model, threshold = facts["model"], facts["made_with"]["threshold"]
    method = ShownMethod(model["experiment"], model["label"], (), map(_scores, tables))
    dataset = ShownDataset(
        key=_KEY,
        title="Own videos",
        videos=[_video(folder, table) for (folder, _), table in zip(own, tables, strict=True)],
        methods=[method],
        notes=(f"{model['label']}, trained on {model['dataset']}. {_vouched(threshold)}",),
    )
    rules = parse(AlarmSettings, facts["rules"], f"{own[0][0] / EVENTS}: rules")
    title = f"Scores of {len(own)} videos"
    write_page(Page(title, [dataset], rules, threshold["threshold"]), scored / PAGE)
    write_redirect(scored / INDEX, scored / PAGE)
    return scored / INDEX


def _is_of(facts: Any, model_sha256: str) -> bool:
    """Whether facts are of a model's results; other programs write files of that name, too."""
    made_with = facts.get("made_with") if isinstance(facts, dict) else None
    return isinstance(made_with, dict) and made_with.get("model_sha256") == model_sha256


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


def _vouched(threshold: dict[str, Any]) -> str:
    return (
        f"The page opens at the model's threshold for a rate of {threshold['rate']:g} false"
        f" alarms/h; the 95 % bound on its footage is {threshold['bound']:.3g}/h"
        f" ({threshold['footage']})."
    )
