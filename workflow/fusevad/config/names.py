"""Names that become parts of paths: of data sets, encoders, experiments, tables, configurations."""

import re

from fusevad.errors import FusevadError

_GIVEN = re.compile(r"[a-z0-9][a-z0-9.-]*")
# Sweeps add their short names and values, such as in `student-t.lambda_r-0.5`.
_MADE = re.compile(r"[a-z0-9][A-Za-z0-9_.+-]*")


def check_name(name: str, kind: str, source: str) -> str:
    """The name, if it can be a part of a path on any system.

    Raises:
        FusevadError: it has other characters, naming `source`, where it is from.
    """
    if not _GIVEN.fullmatch(name):
        raise FusevadError(
            f"{source}: {kind} {name!r}: a name has lower-case letters, digits, dots and dashes"
            " alone, and starts with a letter or digit; rename it"
        )
    return name


def check_swept(name: str, source: str) -> str:
    """The name of an experiment that a sweep makes, if it can be a part of a path.

    Raises:
        FusevadError: a value of the sweep is no word or number.
    """
    if not _MADE.fullmatch(name):
        raise FusevadError(
            f"{source}: experiment {name!r}: a sweep's values must be numbers or single words, as"
            " they are parts of names; correct the value"
        )
    return name
