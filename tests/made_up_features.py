"""Made-up features of others, a file a crop or a video, and their import."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from fusevad.embed.imported.run import import_features
from fusevad.embed.imported.settings import ImportSettings
from fusevad.errors import FusevadError
from tests.made_up_tables import write_table

MOTION = "motion-released-T16-thr10"
FRAMES = {
    "Abuse001_x264": 100,  # 7 segments
    "Normal_Videos_003_x264": 64,  # 4 segments exactly
    "v=S-7rRLrxnVQ__#1_label_B4-0-0": 33,  # 3 segments
    "A.Beautiful.Mind.2001__#00-01-45_00-02-50_label_A": 17,  # 2 segments
}
SEGMENTS = {name: -(-frames // 16) for name, frames in FRAMES.items()}


class Features:
    """A folder of made-up features, and the manifest of their videos."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "features"
        self.out = folder / "out"
        self.manifest = folder / "manifest.csv"
        rows = [
            [name, f"{name}.mp4", "train", "normal", frames, 30.0, 320, 240, "a" * 64]
            for name, frames in FRAMES.items()
        ]
        write_table(folder, "manifest", rows)
        self.random = np.random.default_rng(0)

    def save(self, path: str, *shape: int) -> np.ndarray:
        array = self.random.normal(size=shape).astype(np.float32)
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(file, array, "%.4f") if file.suffix == ".txt" else np.save(file, array)
        return array

    def save_crops(self, form: str, width: int, crops: int = 10) -> dict[str, np.ndarray]:
        """A file for each video and crop, named by `form`; returns segments x crops x D."""
        return {
            name: np.stack(
                [self.save(form.format(name, crop), n, width) for crop in range(crops)], axis=1
            )
            for name, n in SEGMENTS.items()
        }

    def load(self, settings: ImportSettings, stream: str = "rgb", shards: int = 2) -> dict:
        import_features(settings, self.folder, self.manifest, stream, self.out, shards)
        return {
            name: tensor
            for number in range(shards)
            for name, tensor in load_file(self.out / f"shard-{number}.safetensors").items()
        }

    def error(self, settings: ImportSettings, stream: str = "rgb") -> str:
        with pytest.raises(FusevadError) as caught:
            self.load(settings, stream)
        assert not (self.out / "index.csv").exists()
        assert "\n" not in str(caught.value)
        return str(caught.value)
