"""Throughput of an image encoder, as a share of what the machine reaches in matrix products.

    python benchmarks/encoder.py [--model ViT-B-16] [--batch 16 64] [--threads 1] [--rounds 5]
    python benchmarks/encoder.py --decode        # on a GPU: from video files, too

Weights are random. Images start as uint8 in the computer's memory and end as embeddings, as in the
`embed` stage. The operations of a forward pass are torch's count of its matrix products and
convolutions, two for a multiplication and an addition. The machine's own rate is the best of square
products of the same type; both take turns in one run, and medians count.

On a CPU it is float32, and CPU time of one thread unless `--threads` says more; several threads are
measured by wall time and need an idle machine. On a GPU it is bfloat16 and ViT-L-14, and the share
of 790 TFLOP/s, what an H200 reaches in practice, is printed as well. `--decode` runs the stage
itself, `embed_shard`, on copies of the 1.7 Mb/s clip of benchmarks/cues.py, ten crops of every
frame, once with few and once with many: the difference is free of start-up.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from cues import make_clips
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from fusevad.csv_tables import write_csv
from fusevad.embed.run import embed_shard
from fusevad.embed.settings import EmbedSettings
from fusevad.encoders.clip import Tower, round_weights
from fusevad.encoders.open_clip_models import create_model
from fusevad.encoders.settings import EncoderSettings
from fusevad.files import sha256
from fusevad.video.decode import probe
from fusevad.video.settings import CROP_COUNT

H200_FLOPS = 790e12
MODEL = {"cpu": "ViT-B-16", "cuda": "ViT-L-14"}
BATCHES = {"cpu": [16], "cuda": [256, 1024]}
MATRIX_SIZE = {"cpu": 3072, "cuda": 8192}
# Calls in a measurement: on a GPU several, so that copies and products overlap.
REPEATS = {"cpu": 1, "cuda": 16}
COPIES = {"cpu": (1, 2), "cuda": (8, 24)}


def random_tower(model: str, device: torch.device) -> tuple[Tower, float]:
    """A tower of random weights, and the operations that it spends on an image."""
    clip = create_model(model, None, text=False)
    size = clip.visual.image_size
    side = size[0] if isinstance(size, tuple) else size
    # With gradients, torch does without the fused layers that the counter doesn't know.
    with FlopCounterMode(display=False) as counter:
        clip.requires_grad_(True).encode_image(torch.zeros(1, 3, side, side))
    precision = torch.bfloat16 if device.type == "cuda" else torch.float32
    mean, std = tuple(clip.visual.image_mean), tuple(clip.visual.image_std)
    clip = clip.requires_grad_(False).to(device)
    round_weights(clip, precision)
    return Tower(clip, side, mean, std, "", precision), float(counter.get_total_flops())


def matrix_product(
    device: torch.device, precision: torch.dtype
) -> tuple[Callable[[], None], float]:
    """A function that multiplies two large square matrices, and the operations it takes."""
    size, repeats = MATRIX_SIZE[device.type], REPEATS[device.type]
    left, right = (torch.randn(size, size, device=device, dtype=precision) for _ in range(2))

    def multiply() -> None:
        for _ in range(repeats):
            torch.matmul(left, right)

    return multiply, 2.0 * size**3 * repeats


def seconds(work: Callable[[], None], device: torch.device, threads: int) -> float:
    """Time of one call: CPU time of one thread, or wall time of several or of a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    clock = time.process_time if device.type == "cpu" and threads == 1 else time.perf_counter
    start = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def encoding(tower: Tower, batch: int) -> Callable[[], None]:
    """A function that embeds batches of random images."""
    shape = (batch, tower.image_size, tower.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def encode() -> None:
        with torch.inference_mode():
            for _ in range(REPEATS[tower.device.type]):
                tower.forward(images)

    return encode


def measure(
    tower: Tower, operations: float, batches: list[int], rounds: int, threads: int
) -> tuple[float, dict[int, float]]:
    """Operations a second of matrix products, and images a second at each batch size."""
    device = tower.device
    multiply, product_operations = matrix_product(device, tower.precision)
    encoders = {batch: encoding(tower, batch) for batch in batches}
    for work in (multiply, *encoders.values()):
        work()
    products: list[float] = []
    times: dict[int, list[float]] = {batch: [] for batch in batches}
    for _ in range(rounds):
        for batch, encode in encoders.items():
            products.append(seconds(multiply, device, threads))
            times[batch].append(seconds(encode, device, threads))
    rates = {
        batch: batch * REPEATS[device.type] / statistics.median(each)
        for batch, each in times.items()
    }
    return product_operations / statistics.median(products), rates


def shares(
    images_per_second: float, operations: float, own_rate: float, device: torch.device
) -> str:
    """A throughput in the units asked for."""
    rate = images_per_second * operations
    text = f"{images_per_second:.1f} images/s, {rate / 1e12:.3f} TFLOP/s, {rate / own_rate:.1%}"
    if device.type == "cuda":
        text += f", {rate / H200_FLOPS:.1%} of {H200_FLOPS / 1e12:.0f} TFLOP/s"
    return text


def stage_images_per_second(tower: Tower, model: str, threads: int) -> float:
    """Images a second of `embed_shard`, from video files to the shard."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "random.safetensors"
        save_file(tower.model.state_dict(), weights)
        clip = make_clips(folder)[0]
        settings = EmbedSettings("rgb", EncoderSettings("random", model, str(weights)))
        spent = []
        few, many = COPIES[tower.device.type]
        for copies in (few, many):
            manifest = copies_manifest(clip, copies, folder / f"{copies}")
            start = time.perf_counter()
            shard = folder / f"{copies}.safetensors"
            embed_shard(manifest, 0, 1, settings, shard, threads=threads)
            spent.append(time.perf_counter() - start)
        images = (many - few) * probe(clip).frames * CROP_COUNT
        return images / (spent[1] - spent[0])


def copies_manifest(clip: Path, copies: int, folder: Path) -> Path:
    """A manifest of copies of a clip; an empty box at their end tells them apart, so all count."""
    folder.mkdir()
    info = probe(clip)
    rows = []
    for number in range(copies):
        path = folder / f"{number}.mp4"
        shutil.copy(clip, path)
        with path.open("ab") as file:
            file.write((16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
        rows.append(
            (
                path.stem,
                path,
                "train",
                "normal",
                info.frames,
                info.fps,
                320,
                240,
                sha256(path),
                False,
            )
        )
    columns = ["video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256"]
    columns.append("variable_rate")
    write_csv(pd.DataFrame(rows, columns=columns), folder / "manifest.csv")
    return folder / "manifest.csv"


def main() -> None:
    """Measure one encoder on this machine."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=MODEL[device.type], help="architecture of open_clip")
    parser.add_argument("--batch", type=int, nargs="+", default=BATCHES[device.type])
    parser.add_argument(
        "--threads", type=int, default=1 if device.type == "cpu" else os.cpu_count()
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decode", action="store_true", help="from video files, too")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tower, operations = random_tower(arguments.model, device)
    print(f"{arguments.model}, {tower.precision}, {operations / 1e9:.1f} GFLOP an image, {device}")
    own_rate, rates = measure(
        tower, operations, arguments.batch, arguments.rounds, arguments.threads
    )
    print(f"matrix products of {MATRIX_SIZE[device.type]}: {own_rate / 1e12:.3f} TFLOP/s")
    for batch, rate in rates.items():
        print(f"batch {batch}: {shares(rate, operations, own_rate, device)}")
    if arguments.decode:
        rate = stage_images_per_second(tower, arguments.model, arguments.threads)
        print(f"from video files: {shares(rate, operations, own_rate, device)}")


if __name__ == "__main__":
    main()
