"""Made-up scores of three test videos, as other people's detectors save them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fusevad.config.protocols import PROTOCOLS
from fusevad.errors import FusevadError
from fusevad.evaluate.imported.run import import_scores
from fusevad.evaluate.imported.settings import ScoreSettings
from tests.made_up_tables import write_table

FRAMES = {"Abuse028_x264": 100, "Arson007_x264": 64, "Normal_Videos_003_x264": 33}
SEGMENTS = {name: -(-frames // 16) for name, frames in FRAMES.items()}
SPANS = [("Abuse028_x264", "Abuse", 20, 70), ("Arson007_x264", "Arson", 5, 30)]
TRUTH = {name: np.zeros(frames, bool) for name, frames in FRAMES.items()}
for _name, _, _start, _end in SPANS:
    TRUTH[_name][_start:_end] = True
BY_SEGMENT = ScoreSettings("per-segment")
BY_FRAME = ScoreSettings("per-frame")


class Given:
    """A folder of made-up scores, and the tables of the data set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scores = folder / "scores"
        self.out = folder / "run"
        self.random = np.random.default_rng(0)
        classes = {name: label for name, label, _, _ in SPANS}
        rows = [
            (name, f"{name}.mp4", "test", classes.get(name, "normal"), frames, 30, 320, 240, "0")
            for name, frames in FRAMES.items()
        ]
        write_table(folder, "manifest", rows)
        write_table(folder, "intervals", SPANS)

    def draw(self, lengths: dict[str, int]) -> dict[str, np.ndarray]:
        """Scores in 32nds, so that some are equal and none is rounded."""
        return {name: self.random.integers(0, 33, n) / 32 for name, n in lengths.items()}

    def save(self, arrays: dict[str, np.ndarray], form: str = "{}.npy") -> dict[str, np.ndarray]:
        for name, array in arrays.items():
            file = self.scores / form.format(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".npy":
                np.save(file, array)
            else:
                file.write_text("".join(f"{value}\n" for value in array))
        return arrays

    def as_table(self, video: str) -> Path:
        """Where a video's table goes, in place of its saved array."""
        (self.scores / f"{video}.npy").unlink()
        return self.scores / f"{video}.csv"

    def judge(self, settings: ScoreSettings, place: Path | None = None) -> dict[str, float]:
        """Import; returns the metrics."""
        tables = self.folder / "manifest.csv", self.folder / "intervals.csv"
        import_scores(place or self.scores, *tables, settings, "AUC", self.out)
        seeds = pd.read_csv(self.out / "seeds.csv")
        assert set(seeds.seed) == {0} and set(seeds.protocol) == set(PROTOCOLS)
        assert seeds.groupby("metric").value.nunique().eq(1).all(), "no protocol chooses anything"
        return seeds.groupby("metric").value.first().to_dict()

    def error(self, settings: ScoreSettings, place: Path | None = None) -> str:
        before = self.out.exists()
        with pytest.raises(FusevadError) as caught:
            self.judge(settings, place)
        assert self.out.exists() == before
        assert "\n" not in str(caught.value)
        return str(caught.value)


def on_frames(scores: dict[str, np.ndarray]) -> dict[str, float]:
    """Metrics by scikit-learn, of one score a frame."""

    def pooled(names):
        truth = np.concatenate([TRUTH[name] for name in names])
        return truth, np.concatenate([scores[name] for name in names])

    anomalous = [name for name in FRAMES if TRUTH[name].any()]
    return {
        "AUC": roc_auc_score(*pooled(FRAMES)),
        "AP": average_precision_score(*pooled(FRAMES)),
        "Ano-AUC": roc_auc_score(*pooled(anomalous)),
        "Ano-AP": average_precision_score(*pooled(anomalous)),
    }


def repeated(arrays: dict[str, np.ndarray], size: int = 16) -> dict[str, np.ndarray]:
    return {name: np.repeat(array, size)[: FRAMES[name]] for name, array in arrays.items()}
