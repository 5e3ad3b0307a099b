"""The highest memory of a process.

`ru_maxrss` will not do in a process that a larger one started: the kernel counts what the new
process was before `exec`, which is its parent.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MB_OF_KB = 1024 / 1e6
# A small parent, of which the kernel may count what it likes.
_RUN = (
    "import resource, subprocess, sys\n"
    "with open(sys.argv[1], 'w') as log:\n"
    "    status = subprocess.call(sys.argv[2:], stdout=log, stderr=log)\n"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
    "print(status, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
)


def highest_mb() -> float:
    """Of this process so far."""
    line = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(line.split()[0]) * MB_OF_KB


def run(
    command: Sequence[str], folder: Path, environment: dict[str, str], log: Path
) -> tuple[int, float, float]:
    """Status, processor seconds and highest MB of a command, which writes to `log`."""
    words = [sys.executable, "-c", _RUN, str(log), *command]
    done = subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    status, processor, kilobytes = done.stdout.split()
    return int(status), float(processor), int(kilobytes) * MB_OF_KB
