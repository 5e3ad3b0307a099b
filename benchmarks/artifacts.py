"""Time that DVC and the store need for many artifact files.

    python benchmarks/artifacts.py [--files 20000] [--folder /tmp/somewhere]

Makes a clone whose embeddings and motion cues of the tiny rendered set hold that many made-up files
of 2 kB in two folder units, and measures: recording them, pushing to a folder, `dvc status` cold
and warm, the question which files are tracked, fetching into an empty cache, checking a full cache,
and restoring. Wall and CPU time; on a busy machine CPU time tells more.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fusevad.artifacts.store import Store
from tests.made_up_store import (
    CONFIGFILE,
    CUES,
    clone,
    configuration,
    make,
    share,
    unit,
)

EMBEDDINGS = "embeddings@rendered-tiny.fusevad-small.stride-16.rgb"


def timed(text: str, action: Callable[[], object]) -> None:
    """Run `action` and print its wall time and the CPU time of this process and its children."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    action()
    wall, cpu = time.perf_counter() - wall, sum(os.times()[:4]) - cpu
    print(f"{text:42s} {wall:7.1f} s wall {cpu:7.1f} s CPU", flush=True)


def many(folder: Path, place: str, count: int) -> list[str]:
    """Write `count` files of 2 kB, each of its own content."""
    (folder / place).mkdir(parents=True, exist_ok=True)
    names = [f"{place}/video-{number:05d}.h5" for number in range(count)]
    for name in names:
        (folder / name).write_text(f"{name} " * (2000 // len(name)))
    return names


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    base = Path(tempfile.mkdtemp(dir=chosen.folder))
    os.environ["DVC_SITE_CACHE_DIR"] = str(base / "site")
    try:
        measure(base, chosen.files)
    finally:
        shutil.rmtree(base)


def measure(base: Path, count: int) -> None:
    """All measurements, in `base`."""
    first = clone(base / "first", str(base / "remote"))
    units = [make(first, "cues@rendered-tiny.paper"), make(first, EMBEDDINGS)]
    files = many(first, CUES, count // 2) + many(first, unit(EMBEDDINGS).outs[0], count // 2)
    timed("record", lambda: Store(first).record(units, configuration(), [CONFIGFILE]))
    timed("record again", lambda: Store(first).record(units, configuration(), [CONFIGFILE]))
    timed("push", lambda: Store(first).push(units))

    def status() -> None:
        dvc = [sys.executable, "-m", "dvc", "status", "--quiet"]
        subprocess.run(dvc, cwd=first, check=False)

    timed("dvc status, first", status)
    timed("dvc status, warm", status)
    second = clone(base / "second", str(base / "remote"))
    share(first, second)
    timed("which are tracked", lambda: Store(second).tracked(files))
    timed("fetch", lambda: Store(second).fetch(files))
    timed("check a full cache", lambda: Store(second).fetch(files))
    timed("restore", lambda: Store(second).restore(files))


if __name__ == "__main__":
    main()
