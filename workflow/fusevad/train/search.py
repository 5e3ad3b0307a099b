"""Choose the learning rate of a run on validation videos, held out from the training split.

The test split is not used: test videos are not scored, and only their lines in the manifest are
read. Each candidate is trained with the same seeds, and none of them is a seed of a run, so that no
run is judged on the validation videos that chose its learning rate.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fusevad.csv_tables import read_csv, write_csv
from fusevad.errors import DivergedError, FusevadError
from fusevad.evaluate.history import EpochRecord, best_epoch
from fusevad.train.inputs import TrainData
from fusevad.train.run import histories
from fusevad.train.settings import TrainSettings

_COLUMNS = ["learning_rate", "seed", "epoch", "validation_auc", "validation_loss", "chosen"]


def search_learning_rate(
    candidates: Sequence[TrainSettings],
    data: TrainData,
    seeds: Sequence[int],
    out: Path,
    store: Path,
    workers: int,
    memory_mb: int | None = None,
) -> None:
    """Train every candidate with every seed, and write the validation results of each.

    The table has a row a candidate and seed: learning_rate, seed, the epoch that validation
    chooses, validation_auc and validation_loss after it (empty if training diverged), and
    whether the candidate is chosen (`choose`). The arguments are those of `run.train`.

    Raises:
        FusevadError: test videos would be scored, training diverged with every candidate, or as in
            `run.train`.
    """
    if data.tests:
        raise FusevadError("search: test videos must not choose; leave them out")
    found = histories(candidates, data, seeds, store, workers, memory_mb)
    rows = [
        _row(candidate.learning_rate, seed, by_seed.get(seed))
        for candidate, by_seed in zip(candidates, found, strict=True)
        for seed in seeds
    ]
    table = pd.DataFrame(rows, columns=_COLUMNS).astype({"epoch": "Int64"})
    table["chosen"] = table["learning_rate"] == choose(table)
    write_csv(table, out)


def _row(rate: float, seed: int, records: Sequence[EpochRecord] | None) -> dict[str, Any]:
    if records is None:
        return {"learning_rate": rate, "seed": seed}
    chosen = records[best_epoch(records)]
    return {
        "learning_rate": rate,
        "seed": seed,
        "epoch": chosen.epoch,
        "validation_auc": chosen.validation_auc,
        "validation_loss": chosen.validation_loss,
    }


def choose(table: pd.DataFrame) -> float:
    """The candidate with the highest mean AUC over seeds; ties go to the lower loss.

    A candidate that diverged with any seed is excluded.

    Raises:
        FusevadError: no candidate has an AUC.
    """
    by_rate = table.groupby("learning_rate")[["validation_auc", "validation_loss"]]
    means = by_rate.mean()[by_rate.count().eq(by_rate.size(), axis="index").all(axis="columns")]
    if means.empty:
        raise DivergedError("search: training diverged with every learning rate; give lower ones")
    order = ["validation_auc", "validation_loss"]
    return float(means.sort_values(order, ascending=[False, True], kind="stable").index[0])


def chosen_learning_rate(path: Path) -> float:
    """The learning rate that a search chose.

    Raises:
        FusevadError: the file is missing, or does not choose one learning rate.
    """
    table = read_csv(path, _COLUMNS, truths=("chosen",))
    chosen = table.loc[table["chosen"], "learning_rate"].unique()
    if len(chosen) != 1:
        raise FusevadError(f"{path}: chooses {len(chosen)} learning rates, not one; search again")
    return float(chosen[0])
