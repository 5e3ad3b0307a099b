"""Try all faults on the tiny workflow and write what came of it: `make faults`.

`make faults KINDS="jobs disks"` tries some, and leaves the other rows of the page as they are.
"""

import argparse
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults import damage, disks, kills, memory, remote, sharing
from tests.faults.page import write_page
from tests.faults.project import Reference
from tests.faults.trial import Fault, Row, attempt

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
_KINDS = {
    "jobs": kills.of_jobs,
    "workflow": kills.of_the_workflow,
    "disks": disks.faults,
    "damage": damage.faults,
    "remote": remote.faults,
    "sharing": sharing.faults,
    "memory": memory.faults,
}


def main() -> int:
    """Try the chosen kinds of faults, or all, and put what came of it into the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(_KINDS))
    parser.add_argument("--seed", type=int, default=0, help="of the random moments and places")
    given = parser.parse_args()
    if unknown := [kind for kind in given.kinds if kind not in _KINDS]:
        parser.error(f"no kind {unknown[0]}; choose from {', '.join(_KINDS)}")
    os.environ["OMP_NUM_THREADS"] = "1"  # threads don't survive the fork of preloaded commands
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fusevad-faults-") as temporary:
        folder = Path(temporary).resolve()
        reference = Reference.made(ROOT, folder)
        print(f"Table 1 without any fault: {reference.seconds:.0f} s", flush=True)
        kinds = [_KINDS[kind] for kind in given.kinds or _KINDS]
        folders = _folders(folder / "tries")
        rows = [_timed(fault, folders) for kind in kinds for fault in kind(reference, given.seed)]
    write_page(PAGE, rows)
    print(f"{PAGE} written after {(time.monotonic() - start) / 60:.0f} minutes", flush=True)
    return 1 if any(row.broken for row in rows) else 0


def _timed(fault: Fault, folders: Iterator[Path]) -> Row:
    start = time.monotonic()
    row = attempt(fault, folders, lambda line: print(line, flush=True))
    print(f"{fault.name}: {time.monotonic() - start:.0f} s", flush=True)
    return row


def _folders(above: Path) -> Iterator[Path]:
    """A new folder each time; the one before is removed."""
    for number in itertools.count():
        folder = above / str(number)
        folder.mkdir(parents=True)
        yield folder
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
