"""Where, from which code and how fast something was made; none of it changes what was made."""

import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fusevad.parsing import FORBID


@dataclass(frozen=True, slots=True)
class Made:
    """The circumstances of a job or a seed.

    Attributes:
        commit: of the code, `-dirty` if files differed from it; empty outside a git clone.
        machine: its processor or GPU.
        seconds: how long it took; of a resumed one, since it was resumed.
    """

    __pydantic_config__ = FORBID

    commit: str
    machine: str
    seconds: float


@cache
def commit() -> str:
    """The commit of the package's code, as it was when this process first asked."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"]
    try:
        # A job of a second need not wait for the index of a clone on a slow disk.
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def processor() -> str:
    """Name of the processor."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
