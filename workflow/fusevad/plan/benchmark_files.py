"""The benchmark files that Snakemake writes of finished jobs: memory, time and threads."""

import math
import re
from collections.abc import Mapping
from pathlib import Path

from fusevad.errors import FusevadError
from fusevad.files import read_limited

# What Snakemake writes of a job that ended before it could be measured.
_NOT_MEASURED = ("NA", "-")
# Seconds or MB: far more than any job takes, and far less than what no whole number can be made of.
_MOST = 1e12


class BenchmarkFile:
    """A benchmark file: a header, and a line for each time the job was measured."""

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            FusevadError: it is no text with such lines.
        """
        self._path = path
        try:
            # Without the limits and quotes of `csv`: a cell names all inputs of a job.
            lines = read_limited(path).decode(errors="replace").rstrip("\n").split("\n")
            self.columns, *cells = (tuple(line.split("\t")) for line in lines)
            self.rows = [dict(zip(self.columns, row, strict=True)) for row in cells]
        except (OSError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def number(self, row: Mapping[str, str], column: str) -> float | None:
        """A measured value; None if Snakemake could not measure it.

        Raises:
            FusevadError: it is missing, or no number that can be measured.
        """
        text = row.get(column, "")
        if text in _NOT_MEASURED:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value <= _MOST:
            raise self._damaged(f"{column} is '{text}'")
        return value

    def word(self, row: Mapping[str, str], column: str) -> str:
        """A name, such as a rule's.

        Raises:
            FusevadError: it has other characters than letters, digits, `_`, `-` and `.`, of which
                rules of a data set have some.
        """
        if not re.fullmatch(r"\w[\w.-]*", row[column]):
            raise self._damaged(f"{column} is '{row[column]}'")
        return row[column]

    def known(self, row: Mapping[str, str], column: str) -> float:
        """A value that Snakemake always measures.

        Raises:
            FusevadError: as `number`, or it is not measured.
        """
        value = self.number(row, column)
        if value is None:
            raise self._damaged(f"{column} is not measured")
        return value

    def _damaged(self, why: str) -> FusevadError:
        return FusevadError(f"{self._path}: not a benchmark file ({why}); delete it")
