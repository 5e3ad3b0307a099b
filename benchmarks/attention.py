"""Scoring windows with torch's fast path of attention and without it, as `fusevad watch` does.

    python benchmarks/attention.py [--method student-t] [--width 128] [--windows 25 50 100 200]

A detector of random weights scores windows of random embeddings, one at a time and eight together,
on one thread. Prints milliseconds a window, their ratio (the median over the rounds of one run) and
the largest difference of the outputs.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from fusevad.models.base import Detector, build
from fusevad.models.registry import METHODS, own
from fusevad.parsing import read_yaml
from fusevad.plan.made import processor
from fusevad.train.settings import train_settings

ROUNDS, REPEATS = 5, 4
HYPERPARAMETERS = Path("config/hyperparameters/paper.yaml")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="student-t", choices=sorted(METHODS))
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--windows", type=int, nargs="+", default=[25, 50, 100, 200])
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = _detector(given.method, given.width)
    print(f"{given.method}, {given.width} features, {processor()}\n")
    print("| window | at once | fast path, ms | without, ms | ratio | difference |")
    print("|---:|---:|---:|---:|---:|---:|")
    for window in given.windows:
        for rows in (1, 8):
            streams = {
                name: torch.nn.functional.normalize(torch.randn(rows, window, given.width), dim=-1)
                for name in model.streams
            }
            print(_row(model, streams))


def _detector(method: str, width: int) -> Detector:
    values = read_yaml(HYPERPARAMETERS)["all"]
    sections = {name: own(method, name, values[name]) for name in ("model", "loss")}
    settings = train_settings(values | sections | {"method": method}, str(HYPERPARAMETERS))
    return build(method, settings.model, dict.fromkeys(METHODS[method].streams, width)).eval()


@torch.inference_mode()
def _row(model: Detector, streams: Mapping[str, Tensor]) -> str:
    rows, window, _ = next(iter(streams.values())).shape
    mask = torch.ones(rows, window, dtype=torch.bool)
    times: dict[bool, list[float]] = {True: [], False: []}
    outputs = {}
    for _ in range(ROUNDS):
        for fast, found in times.items():
            torch.backends.mha.set_fastpath_enabled(fast)
            outputs[fast] = model(streams, mask).logits
            start = time.process_time()
            for _ in range(REPEATS):
                model(streams, mask)
            found.append(1000 * (time.process_time() - start) / REPEATS / rows)
    ratios = [one / other for one, other in zip(*times.values(), strict=True)]
    with_it, without = (statistics.median(found) for found in times.values())
    difference = float((outputs[True] - outputs[False]).abs().max())
    return (
        f"| {window} | {rows} | {with_it:.1f} | {without:.1f} |"
        f" {statistics.median(ratios):.2f} | {difference:.1g} |"
    )


if __name__ == "__main__":
    main()
