"""Work in processes: in order, and one clear line when a process dies."""

import os
import signal

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
