"""Work in processes: in order, and one clear line when a process dies."""

import os
import signal
import subprocess
import sys

import pytest

from fusevad.errors import FusevadError
from fusevad.parallel import in_processes


def double(number: int) -> int:
    return 2 * number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    assert list(in_processes(double, range(7), workers, "doubling", "number")) == [
        0, 2, 4, 6, 8, 10, 12,
    ]  # fmt: skip


def test_a_killed_process_is_one_clear_line():
    with pytest.raises(FusevadError, match="counting: a process was killed"):
        list(in_processes(die_at_three, range(7), 2, "counting", "number"))


WAITING = """
import os, sys, time
from fusevad.parallel import in_processes
def work(number):
    print(os.getpid(), flush=True)
    time.sleep(number)
    return number
if __name__ == "__main__":
    for _ in in_processes(work, [0, 60, 0, 0], 2, "waiting", "number"):
        pass
"""


def test_workers_of_a_killed_process_end(tmp_path):
    """One of them is at work, the other waits for more of it."""
    (tmp_path / "waiting.py").write_text(WAITING)
    words = [sys.executable, str(tmp_path / "waiting.py")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.kill()
        # Its workers have the same pipe, which ends with the last of them.
        assert process.communicate(timeout=20) == ("", None)


IMPORTED = """
import os
with open("imported", "a") as file:
    file.write(f"{os.getpid()}\\n")
def work(shift, number):
    return shift + number
"""
PROGRAM = """
import slow_to_import
from functools import partial
from fusevad.parallel import in_processes
if __name__ == "__main__":
    work = partial(slow_to_import.work, 1)
    assert list(in_processes(work, range(8), 4, "working", "number")) == [*range(1, 9)]
"""


def test_all_processes_share_one_import_of_the_work(tmp_path):
    (tmp_path / "slow_to_import.py").write_text(IMPORTED)
    (tmp_path / "program.py").write_text(PROGRAM)
    paths = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=paths, check=True)
    imports = (tmp_path / "imported").read_text().split()
    # One is the caller's.
    assert len(imports) == len(set(imports)) == 2
