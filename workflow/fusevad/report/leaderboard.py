"""The table of all methods for machines: `leaderboard.json`, described in docs/leaderboard.md."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from fusevad.csv_tables import read_csv
from fusevad.files import write_json
from fusevad.parsing import FORBID
from fusevad.report.methods import COLUMNS, PRINTED, RERUN, SPEED_COLUMNS

VERSION = 1
_TEXT = ("block", "tier", "method", "experiment", "trained_on", "dataset", "metric", "protocol")
# Printed numbers have no verdict, so that the columns of verdicts are not all true or false.
_VERDICTS = ("bold", "leading")
# Of a fraction.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class LeaderboardSettings:
    """What the table does not say.

    Attributes:
        configuration: its name.
        datasets: titles, by the key of the data set.
        speeds: tables of `studies.speed`, by the key of the data set.
    """

    __pydantic_config__ = FORBID

    configuration: str
    datasets: dict[str, str]
    speeds: dict[str, Path]


@dataclass(frozen=True, slots=True)
class Result:
    """A number: a method on a data set, by a metric, under a protocol.

    Attributes:
        method: label of the method.
        experiment: of the configuration; null for numbers that a paper printed.
        tier: whether it was re-run here, is of scores that somebody else's detector gave, or was
            printed in a paper.
        trained_on, tested_on: keys of data sets; they differ where a detector was moved.
        metric: AUC, AP, Ano-AUC or Ano-AP, by the frame.
        protocol: how the epoch was chosen: last, validation or oracle; null where a paper does not
            say.
        mean, std: over seeds, fractions; std is null where it is not known.
        seeds: how many; null where it is not known.
        best: whether tests over seeds separate it from every other method, below 0.05 after Holm's
            correction; null for numbers of papers.
        leading: whether it is the best mean, or cannot be separated from that.
        p: corrected, against the best mean of the column; of the best, the largest of the others'.
    """

    __pydantic_config__ = FORBID

    method: str
    experiment: str | None
    tier: Literal["re-run here", "scores imported", "printed in the paper"]
    trained_on: str
    tested_on: str
    metric: Literal["AUC", "AP", "Ano-AUC", "Ano-AP"]
    protocol: Literal["last", "validation", "oracle"] | None
    mean: float
    std: float | None
    seeds: int | None
    best: bool | None
    leading: bool | None
    p: float | None


@dataclass(frozen=True, slots=True)
class DetectorCost:
    """What a method needs on a data set.

    Attributes:
        experiment: of the configuration.
        dataset: key of the data set that it was trained on.
        streams: that it reads to score.
        learning_rate: that validation videos chose.
        parameters: how many numbers it learned.
        flops_per_segment: multiplications and additions of matrix products and convolutions.
        training_seconds: of a seed; measured.
        segments_per_second: scored from embeddings; measured.
        segments_per_second_with_encoder: likewise, with the encoders of its streams; null where
            features were imported.
        machine: on which the last three were measured.
    """

    __pydantic_config__ = FORBID

    experiment: str
    dataset: str
    streams: list[str]
    learning_rate: float
    parameters: int
    flops_per_segment: float
    training_seconds: float
    segments_per_second: float
    segments_per_second_with_encoder: float | None
    machine: str


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All of it.

    Attributes:
        version: of this form.
        configuration: that was run.
        datasets: titles, by key.
        results: numbers.
        costs: what each method needs.
    """

    __pydantic_config__ = FORBID

    version: Literal[1]
    configuration: str
    datasets: dict[str, str]
    results: list[Result]
    costs: list[DetectorCost]


def make_leaderboard(table: Path, settings: LeaderboardSettings, out_json: Path) -> None:
    """Write the numbers of `methods.csv` and of the measured speeds.

    Args:
        table: `methods.csv`.
        settings: what it does not say.
        out_json: `leaderboard.json`.

    Raises:
        FusevadError: a table is missing or wrong.
    """
    numbers = read_csv(table, COLUMNS, text=(*_TEXT, *_VERDICTS, "streams"))
    board = Leaderboard(
        VERSION,
        settings.configuration,
        settings.datasets,
        list(_results(numbers)),
        list(_costs(numbers, settings.speeds)),
    )
    write_json(asdict(board), out_json)


def _results(numbers: pd.DataFrame) -> Iterator[Result]:
    for row in numbers.itertuples():
        printed = row.tier == PRINTED
        yield Result(
            row.method,
            None if printed else row.experiment,
            row.tier,
            row.trained_on,
            row.dataset,
            row.metric,
            None if printed else row.protocol,
            round(row.mean / 100, _DIGITS),
            None if pd.isna(row.std) else round(row.std / 100, _DIGITS),
            None if pd.isna(row.n) else int(row.n),
            None if printed else _true(row.bold),
            None if printed else _true(row.leading),
            None if pd.isna(row.p) else float(row.p),
        )


def _true(value: object) -> bool:
    return str(value) == "True"


def _costs(numbers: pd.DataFrame, speeds: Mapping[str, Path]) -> Iterator[DetectorCost]:
    own = numbers[(numbers["tier"] == RERUN) & (numbers["trained_on"] == numbers["dataset"])]
    rows = own.drop_duplicates(["experiment", "dataset"])
    measured = {
        (speed.experiment, key): speed
        for key, path in speeds.items()
        for speed in read_csv(path, SPEED_COLUMNS, text=("experiment", "machine")).itertuples()
    }
    for row in rows.itertuples():
        speed = measured[row.experiment, row.dataset]
        encoded = speed.with_encoder
        yield DetectorCost(
            row.experiment,
            row.dataset,
            row.streams.split(" + "),
            float(row.learning_rate),
            int(row.parameters),
            float(row.flops_per_segment),
            float(speed.training_seconds),
            float(speed.segments_per_second),
            None if pd.isna(encoded) else float(encoded),
            str(speed.machine),
        )
