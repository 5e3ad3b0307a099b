"""The parts that the released split assigns to the videos of the official split."""

from pathlib import Path

import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.data.recorded.inventory import Inventory
from fusevad.data.recorded.settings import RecordedSettings, SplitName
from fusevad.data.recorded.split import Listed, read_split
from fusevad.errors import FusevadError, notice

# For a video that is not in a split, and for all videos of a split whose lists are missing.
NOWHERE, UNKNOWN = "none", "unknown"
COLUMNS = ["video", "official", "released"]


def study_leaks(folder: Path, settings: RecordedSettings, out_csv: Path) -> None:
    """Write the part (train|test|none) of every video in the official and the released split.

    If lists of the official split can't be read, it is `unknown`, with a warning: for one data set
    these come with the videos, which users of features may not have.

    Args:
        folder: the raw data, in the publisher's layout.
        settings: section `recorded:` of a data set with both splits.
        out_csv: video, official, released.

    Raises:
        FusevadError: the released split's lists are missing, or a list of either split differs
            from the expected one.
    """
    inventory = Inventory.of(folder)
    released = _parts(inventory, "released", *_read(inventory, settings, "released"))
    try:
        listed = _read(inventory, settings, "official")
    except FusevadError as error:
        notice(f"leaks are unknown without the official split: {error}")
        official = dict.fromkeys(released, UNKNOWN)
    else:
        official = _parts(inventory, "official", *listed)
    names = dict.fromkeys([*official, *released])
    rows = [(name, official.get(name, NOWHERE), released.get(name, NOWHERE)) for name in names]
    write_csv(pd.DataFrame(rows, columns=COLUMNS), out_csv)


def _read(
    inventory: Inventory, settings: RecordedSettings, split: SplitName
) -> tuple[list[Listed], list[str]]:
    return read_split(inventory, settings.chosen(split), settings.labels)


def _parts(
    inventory: Inventory, split: SplitName, videos: list[Listed], problems: list[str]
) -> dict[str, str]:
    if problems:
        raise FusevadError(f"{inventory.folder}: split {split}: {problems[0]}; get the lists again")
    return {video.name: video.part for video in videos}
