"""Paths in a configuration, which become arguments of commands and inputs of Snakemake's jobs."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from fusevad.paths import fits_a_disk


def _place(path: str) -> str:
    if path.startswith("-"):
        raise ValueError(f"starts with a dash, as options of commands do; write ./{path}")
    if not path or any(unicodedata.category(each) in ("Cc", "Cs") for each in path):
        raise ValueError("not a path: empty, or with control characters or half characters")
    if "{" in path or "}" in path:
        raise ValueError("has braces, which are wildcards to Snakemake; rename the file or folder")
    if not fits_a_disk(path):
        raise ValueError("longer than a path can be")
    return path


Place = Annotated[str, AfterValidator(_place)]
