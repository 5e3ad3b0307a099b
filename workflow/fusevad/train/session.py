"""Train seeds one after another, with the data loaded once."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from fusevad.data.manifest import read_manifest
from fusevad.embed.store import open_streams
from fusevad.encoders.text import load_class_texts
from fusevad.errors import FusevadError
from fusevad.evaluate.scoring import load_detector
from fusevad.models.base import Detector
from fusevad.plan.made import Made, commit, processor
from fusevad.train.inputs import RunInputs
from fusevad.train.sampling import training_videos
from fusevad.train.seed_run import SeedData, SeedRun


class Session:
    """The data of runs, loaded once (memory-mapped) for all seeds of one process."""

    def __init__(self, inputs: RunInputs) -> None:
        manifest = read_manifest(inputs.data.manifest)
        tests = [v for v in manifest if v.split == "test"] if inputs.data.tests else []
        if inputs.data.tests and {video.anomalous for video in tests} != {True, False}:
            raise FusevadError(
                f"{inputs.data.manifest}: the test split lacks normal or anomalous videos;"
                " there is nothing to measure"
            )
        what = f"method '{inputs.settings.method}'"
        streams = open_streams(inputs.data.streams, inputs.roles, what)
        texts = None
        if inputs.settings.model.reads_texts:
            texts = load_class_texts(inputs.data.texts, streams.device)
            named = {name for video in manifest for name in video.classes}
            if lacking := named - set(texts.classes.names):
                raise FusevadError(
                    f"{inputs.data.texts}: no text of class {min(lacking)} of"
                    f" {inputs.data.manifest}; make the texts of this manifest"
                )
        self.data = SeedData(
            streams, training_videos(manifest), [video.name for video in tests], texts
        )

    def train(self, inputs: RunInputs, seed: int, after_epoch: Callable[[], object]) -> None:
        """Train one seed, independently of the others, and store it."""
        kept = inputs.kept(seed)
        teacher = self._teacher(inputs.data.teacher_weights(seed))
        run = SeedRun(inputs.settings, self.data, seed, kept.checkpoint, teacher)
        start, device = time.monotonic(), self.data.streams.device.type
        result = run.run(after_epoch)
        machine = torch.cuda.get_device_name() if device == "cuda" else processor()
        made = Made(commit(), machine, round(time.monotonic() - start, 1))
        kept.keep(result, inputs.settings, device, made)

    def _teacher(self, weights: Path | None) -> Detector | None:
        if weights is None:
            return None
        teacher = load_detector(weights, self.data.streams.device)
        teacher.check_widths(self.data.streams.only(teacher.model.streams))
        return teacher.model
