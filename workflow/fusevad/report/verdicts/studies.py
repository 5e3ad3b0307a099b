"""Tests over the studies of trained runs: noise in the motion cues, and masked features."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fusevad.config.claims import Robust, WeightsMove
from fusevad.csv_tables import read_csv
from fusevad.embed.streams.registry import stream_title
from fusevad.report.statistics import paired_test
from fusevad.report.studies import TEXT_COLUMNS
from fusevad.report.verdicts.judge import Comparison, Finding, Missing

_WEIGHT = "weight_"


def study_findings(
    test: Robust | WeightsMove, path: Path, protocol: str, metric: str, margin: float
) -> list[Finding]:
    """Findings of a test that reads a study; a missing study makes the test untestable.

    Columns, after experiment, seed, protocol and level (0 is clean): `noise.csv` metric, value;
    `masking.csv` masked (none or a stream), metric, subset, value; `masking-dimensions.csv` masked,
    dimension, is_masked, weight_change (of the masked stream in the dimension, masked minus clean).
    """
    if not path.is_file():
        return [Missing(f"no {path.name}")]
    match test.kind:
        case "robust":
            found = _robust(_own(path, test, ["metric", "value"], protocol), metric, margin)
        case "weights-move":
            columns = ["masked", "metric", "subset", "value"]
            found = _weights_move(_own(path, test, columns, protocol), margin)
        case "dimensions-move":
            columns = ["masked", "dimension", "is_masked", "weight_change"]
            found = _dimensions_move(_own(path, test, columns, protocol), margin)
    return list(found) or [Missing(f"{test.experiment} ({protocol}) is not in {path.name}")]


def _own(path: Path, test: Robust | WeightsMove, columns: list[str], protocol: str) -> pd.DataFrame:
    """The rows of the test's experiment under the protocol."""
    needed = ["experiment", "seed", "protocol", "level", *columns]
    table = read_csv(path, needed, text=tuple(set(needed) & set(TEXT_COLUMNS)))
    return table[(table["experiment"] == test.experiment) & (table["protocol"] == protocol)]


def _robust(table: pd.DataFrame, metric: str, margin: float) -> Iterator[Finding]:
    by_level = _by_level(table[table["metric"] == metric])
    if 0 not in by_level:
        return
    clean = by_level.pop(0)
    for level, values in by_level.items():
        yield Comparison(
            label=f"background activity {level:g} − none, {metric}",
            goal="not-worse",
            margin=margin,
            percent=True,
            seeds=paired_test(values, clean),
        )


def _weights_move(table: pd.DataFrame, margin: float) -> Iterator[Finding]:
    table = table[table["subset"] == "all"]
    for metric in (each for each in table["metric"].unique() if each.startswith(_WEIGHT)):
        stream = metric.removeprefix(_WEIGHT)
        title = stream_title(stream)
        own = table[table["metric"] == metric]
        clean = own[own["level"] == 0].set_index("seed")["value"]
        if clean.empty:
            continue
        masked = own[(own["masked"] == stream) & (own["level"] > 0)]
        for level, values in _by_level(masked).items():
            yield Comparison(
                label=f"weight of the {title}: clean − {100 * level:g} % of it masked",
                goal="greater",
                margin=margin,
                percent=False,
                seeds=paired_test(clean, values),
            )


def _dimensions_move(table: pd.DataFrame, margin: float) -> Iterator[Finding]:
    table = table[table["level"] > 0]
    for (stream, level), own in table.groupby(["masked", "level"], sort=True):
        change = own.groupby(["is_masked", "seed"])["weight_change"].mean()
        groups = {bool(flag): part.droplevel(0) for flag, part in change.groupby(level=0)}
        if len(groups) < 2:
            continue
        title = stream_title(str(stream))
        yield Comparison(
            label=f"change of the weight of the {title}, {100 * level:g} % masked: "
            "other − masked dimensions",
            goal="greater",
            margin=margin,
            percent=False,
            seeds=paired_test(groups[False], groups[True]),
        )


def _by_level(table: pd.DataFrame) -> dict[float, pd.Series]:
    return {
        float(str(level)): own.set_index("seed")["value"]
        for level, own in table.groupby("level", sort=True)
    }
