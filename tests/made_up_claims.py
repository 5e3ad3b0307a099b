"""A made-up data set whose scores, metrics and studies follow a known truth, for the claims."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from fusevad.csv_tables import write_csv
from fusevad.evaluate.metrics import LabelledTest
from fusevad.report.runs import TableDataset, TableRow
from fusevad.report.scored_videos import test_videos as read_truth
from tests.made_up_tables import write_table

CLASSES = ("fall", "fire")
SEEDS = range(10)


@dataclass(frozen=True, slots=True)
class Truth:
    """How well a made-up experiment scores: `skill` in standard deviations of the noise.

    `seed_spread` is what the seeds add to the skill; `by_class` is added on that class's videos.
    """

    skill: float
    seed_spread: float = 0.005
    by_class: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """A data set with its experiments and the folder of its studies."""

    dataset: TableDataset
    rows: list[TableRow]
    studies: Path


TRUTHS = {
    "student-t": Truth(2.0),
    "twin": Truth(2.0),
    "poor": Truth(1.2),
    "unstable": Truth(2.1, seed_spread=0.8),
    "only-fire": Truth(2.0, by_class=(("fire", 1.5), ("fall", -1.5))),
    "student-t.nu-2": Truth(1.5),
    "student-t.nu-4": Truth(1.6),
    "student-t.N-10": Truth(2.5),
}


def make_world(folder, truths=TRUTHS, videos=48):
    """Experiments see the same videos and the same noise; what differs is their skill alone."""
    folder.mkdir(parents=True)
    dataset = write_data(folder, videos)
    truth = read_truth(dataset)
    shared = [np.random.default_rng(k).standard_normal(len(v.labels)) for k, v in enumerate(truth)]
    rows = []
    for k, (name, one) in enumerate(truths.items()):
        write_run(folder / "runs" / name, truth, shared, one, np.random.default_rng(100 + k))
        rows.append(TableRow(name, name, {"rendered": folder / "runs" / name}))
    return World(dataset, rows, folder / "studies")


def write_data(folder, count):
    rows, intervals = [], []
    for k in range(count):
        frames = 96 + 16 * (k % 5)
        label = CLASSES[k % 4 // 2] if k % 2 else "normal"
        rows.append((f"v{k:03d}", f"v{k:03d}.mp4", "test", label, frames, 15, 320, 240, "0"))
        if k % 2:
            intervals.append((f"v{k:03d}", label, 24, 72))
    write_table(folder, "manifest", rows)
    write_table(folder, "intervals", intervals)
    write_table(folder, "skipped")
    files = {name: folder / f"{name}.csv" for name in ("manifest", "intervals", "skipped")}
    return TableDataset(
        "rendered", "Rendered", ("AUC", "Ano-AUC"), crops=1, frame_stride=2, **files
    )


def write_run(folder, videos, shared, truth, generator):
    test = LabelledTest(videos)
    seeds, classes, scores = [], [], []
    spread = generator.standard_normal(len(SEEDS))
    skills = truth.skill + truth.seed_spread * (spread - spread.mean()) / spread.std()
    for seed, skill in zip(SEEDS, skills, strict=True):
        segments = {
            video.name: segment_scores(video, noise, skill, dict(truth.by_class), generator)
            for video, noise in zip(videos, shared, strict=True)
        }
        key = (seed, "validation")
        pooled = test.pooled(segments)
        seeds += [(*key, 1, m, v) for m, v in test.metrics(pooled).items()]
        for name, metrics in test.class_metrics(pooled).items():
            classes += [(*key, name, metric, value) for metric, value in metrics.items()]
        scores += [
            (*key, name, k, 16 * k, 16 * k + 16, value, 0.5, 0.5)
            for name, values in segments.items()
            for k, value in enumerate(values)
        ]
    columns = ["seed", "protocol", "epoch", "metric", "value"]
    write_csv(pd.DataFrame(seeds, columns=columns), folder / "seeds.csv")
    columns = ["seed", "protocol", "class", "metric", "value"]
    write_csv(pd.DataFrame(classes, columns=columns), folder / "classes.csv")
    columns = ["seed", "protocol", "video", "segment", "start", "end", "score"]
    frame = pd.DataFrame(scores, columns=[*columns, "weight_rgb", "weight_motion"])
    frame.to_parquet(folder / "scores.parquet", index=False)


def segment_scores(video, noise, skill, by_class, generator):
    starts = np.arange(0, len(video.labels), 16)
    share = np.add.reduceat(video.labels.astype(float), starts) / 16
    own = {name for name, _, _ in video.intervals}
    skill = skill + sum(extra for name, extra in by_class.items() if name in own)
    raw = skill * share + noise[starts] + 0.05 * generator.standard_normal(len(starts))
    return 1 / (1 + np.exp(-raw))


def write_noise(studies, drops, spread=0.002, experiment="student-t"):
    """`noise.csv` in which AUC falls from 0.9 by `drops[level]`."""
    generator = np.random.default_rng(1)
    clean = 0.9 + 0.02 * generator.standard_normal(len(SEEDS))
    rows = [
        (experiment, s, p, level, "AUC", clean[s] - drop + spread * generator.standard_normal())
        for level, drop in ({0: 0.0} | drops).items()
        for s in SEEDS
        for p in ("validation", "oracle")
    ]
    columns = ["experiment", "seed", "protocol", "level", "metric", "value"]
    write_csv(pd.DataFrame(rows, columns=columns), studies / "noise.csv")


def write_masking(studies, falls, spread=0.0005, experiment="student-t"):
    """`masking.csv` in which masking half of a stream lowers its mean weight by `falls[stream]`."""
    generator = np.random.default_rng(2)
    image = 0.5 + 0.01 * generator.standard_normal(len(SEEDS))
    rows = []
    for masked, level, fall in [("none", 0.0, 0.0), *((name, 0.5, f) for name, f in falls.items())]:
        for s in SEEDS:
            moved = (fall + spread * generator.standard_normal()) * (level > 0)
            own = image[s] - (moved if masked == "rgb" else -moved)
            for metric, value in (("weight_rgb", own), ("weight_motion", 1 - own)):
                key = (experiment, s, "validation", masked, level, metric)
                rows += [(*key, "all", value), (*key, "normal", 0.5)]
    columns = ["experiment", "seed", "protocol", "masked", "level", "metric", "subset", "value"]
    write_csv(pd.DataFrame(rows, columns=columns), studies / "masking.csv")


def write_dimensions(studies, masked_change, other_change, experiment="student-t"):
    """`masking-dimensions.csv` with eight dimensions, half of them masked."""
    generator = np.random.default_rng(3)
    rows = [
        (
            experiment,
            s,
            "validation",
            "rgb",
            0.5,
            d,
            int(d < 4),
            change + 0.0005 * generator.standard_normal(),
        )
        for s in SEEDS
        for d in range(8)
        for change in [masked_change if d < 4 else other_change]
    ]
    columns = ["experiment", "seed", "protocol", "masked", "level", "dimension"]
    columns += ["is_masked", "weight_change"]
    write_csv(pd.DataFrame(rows, columns=columns), studies / "masking-dimensions.csv")


def claim_file(folder, *tests, **over):
    """A file with a claim for each of the tests."""
    values = {"alpha": 0.05, "margin": 0.01, "resamples": 400} | over
    claims = [
        {"claim": f"Claim {k}", "place": "Table 0", "tests": [t]} for k, t in enumerate(tests)
    ]
    path = folder / "claims.yaml"
    path.write_text(yaml.safe_dump(values | {"claims": claims}))
    return path


def compare(kind, *against, experiment="student-t", **more):
    """A test of `experiment` against others, as it stands in the file."""
    return {"kind": kind, "experiment": experiment, "against": list(against)} | more
