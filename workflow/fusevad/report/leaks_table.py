"""The released splits' leaks: official test videos that they train on, and the effect."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.truth import LabelledVideo
from fusevad.evaluate.metrics import LabelledSegments, LabelledTest
from fusevad.report import latex, sheet
from fusevad.report.pair_texts import comparisons_note
from fusevad.report.power import judge_tests
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.scored_videos import segment_scores, test_videos
from fusevad.report.statistics import PairedTest, holm, paired_test, summarize
from fusevad.report.write_sheet import write_sheet

Split = Literal["official", "released"]
_SPLITS: tuple[Split, Split] = ("official", "released")
_UNKNOWN = "unknown"
# The parts of a video in the official and in the released split.
_CHANGES = {
    "leaked": ("test", "train"),
    "moved": ("train", "test"),
    "left_out_train": ("train", "none"),
    "left_out_test": ("test", "none"),
}
_MOST_NAMES = 5
_NO_SPLIT = "no released split"
_COLUMNS = ["block", "dataset", "quantity", "videos", "experiment", "metric", "mean", "std", "n"]


def make_leaks_table(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    studies: Mapping[str, Path],
    variants: Mapping[str, Mapping[Split, str]],
    protocol: str,
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write what the released splits change as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a number: block (measured), dataset, quantity, videos, and for metrics
    experiment, metric, mean, std (in percent), n, p. Quantities: no released split;
    official_train, official_test, released_train, released_test (videos of each part); leaked
    (official test videos that the released split trains on), moved (the reverse), left_out_train,
    left_out_test; and, where both variants of a data set are configured, official_all,
    released_all (the metric on the split's own test videos), official_common, released_common (on
    videos that both test, so without the leaked ones) and difference_common.

    Args:
        name: of the target.
        title: caption.
        experiments: their metrics are shown.
        datasets: all configured data sets.
        studies: file of `recorded.leaks.study_leaks`, by source of a data set; data sets without a
            file have no released split.
        variants: the data set's key by split, by source.
        protocol: last, validation or oracle.
        seeds: all seeds, for the caption.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    by_key = {dataset.key: dataset for dataset in datasets}
    shown = {source: by_key[next(iter(keys.values()))] for source, keys in variants.items()}
    parts = {source: _read_parts(path) for source, path in studies.items()}
    counts = [_counts(shown[source], parts.get(source)) for source in variants]
    tests: list[PairedTest] = []
    metrics = []
    for keys in variants.values():
        if set(keys) == set(_SPLITS):
            own = _metrics(experiments, *(by_key[keys[split]] for split in _SPLITS), protocol)
            metrics.append(own[0])
            tests += own[1]
    table = pd.concat([*counts, *metrics], ignore_index=True)
    table = table.assign(block="measured").reindex(columns=[*_COLUMNS, "p"])
    table["p"] = holm(table["p"].to_list())
    write_csv(table.astype({"videos": "Int64", "n": "Int64"}), out_csv)
    body = [
        sheet.Caption(latex.numbered(name), f"{title}. Numbers of videos."),
        _count_tabular(shown, table),
        sheet.Notes(tuple(_names(shown, parts))),
    ]
    if metrics:
        caption = (
            f"Both splits, in percent: mean ± standard deviation of {len(seeds)} seeds. Protocol: "
            f"{protocol}, {PROTOCOLS[protocol]}. All: the split's own test videos. Common: those "
            "that both splits test, so without the leaked ones. p: paired t-test over the shared "
            "seeds, after Holm's correction over the table. "
            + comparisons_note(judge_tests(tests), "both splits on their common videos")
        )
        labels = {row.name: row.label for row in experiments}
        body += [sheet.Caption("What it changes.", caption), _metric_tabular(shown, table, labels)]
    write_sheet(body, out_tex, wide=True)


def _read_parts(path: Path) -> pd.DataFrame:
    columns = ["video", *_SPLITS]
    return read_csv(path, columns, text=tuple(columns))


def _counts(dataset: TableDataset, parts: pd.DataFrame | None) -> pd.DataFrame:
    if parts is None:
        return pd.DataFrame([{"dataset": dataset.source, "quantity": _NO_SPLIT}])
    known = not parts["official"].eq(_UNKNOWN).any()
    counts = {
        f"{split}_{part}": int(parts[split].eq(part).sum())
        for split in (_SPLITS if known else _SPLITS[1:])
        for part in ("train", "test")
    }
    if known:
        pairs = list(zip(parts["official"], parts["released"], strict=True))
        counts |= {change: pairs.count(pair) for change, pair in _CHANGES.items()}
    rows = [{"quantity": quantity, "videos": count} for quantity, count in counts.items()]
    return pd.DataFrame(rows).assign(dataset=dataset.source)


def _metrics(
    experiments: Sequence[TableRow], official: TableDataset, released: TableDataset, protocol: str
) -> tuple[pd.DataFrame, list[PairedTest]]:
    """Metrics of the runs on both splits, on their own and on the common test videos."""
    metric = official.metrics[0]
    videos = {"official": test_videos(official), "released": test_videos(released)}
    common = set.intersection(*({v.name for v in own} for own in videos.values()))
    rows, tests = [], []
    for experiment in experiments:
        if not {official.key, released.key} <= set(experiment.runs):
            continue
        values = {}
        for split, dataset in (("official", official), ("released", released)):
            run, own = experiment.runs[dataset.key], videos[split]
            names = {video.name for video in own}
            for kind, chosen in (("all", names), ("common", common)):
                series = _by_seed(run, protocol, own, chosen, metric)
                values[f"{split}_{kind}"] = series, len(chosen)
        first, second = values["released_common"][0], values["official_common"][0]
        values["difference_common"] = first - second, len(common)
        test = paired_test(first, second)
        tests.append(test)
        for quantity, (series, count) in values.items():
            summary = summarize(series)
            p = test.p if quantity == "difference_common" else float("nan")
            rows.append(
                {"dataset": official.source, "quantity": quantity, "videos": count}
                | {"experiment": experiment.name, "metric": metric, "n": summary.n, "p": p}
                | {"mean": 100 * summary.mean, "std": 100 * summary.std}
            )
    return pd.DataFrame(rows), tests


def _by_seed(
    run: Path, protocol: str, videos: Sequence[LabelledVideo], chosen: Set[str], metric: str
) -> pd.Series:
    """The metric of each seed of a run, on the chosen test videos."""
    seeds, scores = segment_scores(run, protocol, videos)
    test = LabelledTest([video for video in videos if video.name in chosen])
    kept = np.array([video.name in chosen for video in videos])[LabelledSegments.of(videos).video]
    return pd.Series([test.metric(metric, row[kept]) for row in scores], index=seeds)


def _count_tabular(shown: Mapping[str, TableDataset], table: pd.DataFrame) -> sheet.Tabular:
    heads = [
        ("Official", ["training", "test"]),
        ("Released", ["training", "test"]),
        ("Test videos", ["trained on", "left out"]),
        ("Training videos", ["tested on", "left out"]),
    ]
    quantities = [f"{split}_{part}" for split in _SPLITS for part in ("train", "test")]
    quantities += ["leaked", "left_out_test", "moved", "left_out_train"]
    lines = [*sheet.grouped_head("Data set", heads), "rule"]
    for source, dataset in shown.items():
        own = table[(table["dataset"] == source) & table["metric"].isna()]
        counts = own.set_index("quantity")["videos"]
        if _NO_SPLIT in counts.index:
            none = sheet.Span(_NO_SPLIT, len(quantities), "c")
            lines.append(sheet.line([dataset.title, none]))
            continue
        texts = [f"{counts[q]:g}" if q in counts.index else sheet.MISSING for q in quantities]
        lines.append(sheet.line([dataset.title, *texts]))
    return sheet.tabular(len(quantities), lines)


def _names(shown: Mapping[str, TableDataset], parts: Mapping[str, pd.DataFrame]) -> list[str]:
    """The leaked videos of each data set."""
    notes = []
    for source, own in parts.items():
        title = shown[source].title
        if own["official"].eq(_UNKNOWN).any():
            notes.append(f"{title}: the lists of the official split are not there.")
            continue
        leaked = own.loc[own["official"].eq("test") & own["released"].eq("train"), "video"]
        named = ", ".join(leaked[:_MOST_NAMES]) + (", ..." if len(leaked) > _MOST_NAMES else "")
        notes.append(f"{title}: trained on {named or 'none'}.")
    return notes


def _metric_tabular(
    shown: Mapping[str, TableDataset], table: pd.DataFrame, labels: Mapping[str, str]
) -> sheet.Tabular:
    heads = [
        ("Official split", ["all", "common"]),
        ("Released split", ["all", "common"]),
        ("Released − official, common", ["points", "p"]),
    ]
    lines = sheet.grouped_head("", heads)
    measured = table[table["metric"].notna()]
    for (source, metric), part in measured.groupby(["dataset", "metric"], sort=False):
        videos = part.groupby("quantity")["videos"].first()
        title = f"{shown[str(source)].title}, {metric}; {videos['official_common']} common videos"
        lines += ["rule", sheet.heading(title, 7)]
        for experiment, own in part.groupby("experiment", sort=False):
            cells = own.set_index("quantity")
            texts = [
                sheet.spread(cells["mean"][quantity], cells["std"][quantity])
                for quantity in (
                    *(f"{split}_{kind}" for split in _SPLITS for kind in ("all", "common")),
                    "difference_common",
                )
            ]
            p = sheet.p_value(cells["p"]["difference_common"])
            lines.append(sheet.line([labels[str(experiment)], *texts, p]))
    return sheet.tabular(6, lines)
