"""Whether a run on this machine gives the committed numbers, within a tolerance.

Compared are the data, exactly, and the means of Table 1 under `last` and `oracle`. Those are the
mean and the highest of what was scored, which another processor's rounding hardly moves. Under
`validation` it may choose another epoch, so these means are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.label_tables import read_intervals
from fusevad.errors import FusevadError
from fusevad.plan.ancestry import check_recorded

EXPECTED = Path("benchmarks/artifact-check.csv")
PROTOCOLS = ("last", "oracle")
# Points. Two segments of the tiny test set that change places move a mean by about one.
TOLERANCE = 2.0
_COLUMNS = ["quantity", "expected", "tolerance"]
_CELL = ["experiment", "dataset", "metric", "protocol"]


@dataclass(frozen=True, slots=True)
class Check:
    """A quantity that was compared.

    Attributes:
        quantity: in words.
        expected: what is committed, give or take `tolerance`.
        found: here; None if nothing here gives it.
    """

    quantity: str
    expected: float
    tolerance: float
    found: float | None

    @property
    def passed(self) -> bool:
        """Whether it is within the tolerance."""
        return self.found is not None and abs(self.found - self.expected) <= self.tolerance

    def line(self) -> str:
        """The check for people."""
        found = "nothing" if self.found is None else f"{self.found:g}"
        within = f" ± {self.tolerance:g}" if self.tolerance else ""
        verdict = "PASS" if self.passed else "FAIL"
        return f"{verdict}  {self.quantity}: {found}, expected {self.expected:g}{within}"


def check_artifact(found: pd.DataFrame, expected: Path) -> list[Check]:
    """Compare what was found here with the committed numbers, all of which must be found.

    Args:
        found: the result of `quantities`.
        expected: the committed table.

    Raises:
        FusevadError: the committed table is missing, damaged or empty.
    """
    committed = read_csv(expected, _COLUMNS, text=("quantity",))
    if committed.empty:
        raise FusevadError(f"{expected}: no numbers; take it from git again")
    here = dict(zip(found["quantity"], found["expected"], strict=True))
    return [
        Check(row.quantity, float(row.expected), float(row.tolerance), here.get(row.quantity))
        for row in committed.itertuples()
    ]


def write_expected(found: pd.DataFrame, path: Path) -> None:
    """Make what was found here the committed numbers."""
    write_csv(found, path)


def quantities(home: Path, datasets: Sequence[str], data: Path = Path("results")) -> pd.DataFrame:
    """What a finished Table 1 and its data sets give: quantity, expected, tolerance.

    Args:
        home: folder of `table1.csv`.
        datasets: keys of its data sets.
        data: folder of the data sets.

    Raises:
        FusevadError: the table or a data set is missing, damaged or not as recorded.
    """
    tables = [data / key / name for key in datasets for name in ("manifest.csv", "intervals.csv")]
    for path in (*tables, home / "table1.csv"):
        check_recorded(path)
    rows = [row for key in datasets for row in _of_data(data / key, key)]
    return pd.DataFrame([*rows, *_of_table(home / "table1.csv")], columns=_COLUMNS)


def _of_data(folder: Path, key: str) -> Iterator[tuple[str, float, float]]:
    """Numbers of videos and frames of each split, and of anomalous frames; exact."""
    manifest = read_csv(
        folder / "manifest.csv", ["video", "split", "frames"], text=("video", "split")
    )
    for split, videos in manifest.groupby("split", sort=False):
        yield f"{key}: {split} videos", len(videos), 0
        yield f"{key}: {split} frames", float(videos["frames"].sum()), 0
    intervals = chain.from_iterable(read_intervals(folder / "intervals.csv").values())
    frames = float(sum(each.end - each.start for each in intervals))
    yield f"{key}: frames of annotated anomalies", frames, 0


def _of_table(path: Path) -> Iterator[tuple[str, float, float]]:
    table = read_csv(
        path, ["block", *_CELL, "mean", "n"], text=("block", "method", *_CELL, "bold", "leading")
    )
    shown = (table["block"] == "measured") & table["protocol"].isin(PROTOCOLS)
    for row in table[shown].itertuples():
        name = f"{row.dataset}: {row.metric} of {row.experiment}, protocol {row.protocol}"
        yield name, round(float(row.mean), 2), TOLERANCE
