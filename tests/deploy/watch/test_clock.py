"""When a picture was taken, and whether it comes late."""

import numpy as np
import pytest

from fusevad.deploy.watch.clock import Clock

RATE = 25


def test_pictures_that_come_in_time_are_not_late():
    clock = Clock(100.0, 5000.0)
    for k in range(1, 100):
        assert clock.late(100 + k / RATE, 5000 + k / RATE) == pytest.approx(0, abs=1e-6)
    assert clock.time_of(104.0) == pytest.approx(5004.0)


def test_the_quickest_picture_tells_the_delay():
    """A server sends what it has kept at once: those pictures are old, not the next ones early."""
    clock = Clock(0.0, 1000.0)
    assert [clock.late(k / RATE, 1000.0) for k in range(1, 26)] == pytest.approx([0] * 25)
    assert clock.late(2.0, 1001.0) == pytest.approx(0, abs=2e-3)
    assert clock.late(3.0, 1002.5) == pytest.approx(0.5, abs=5e-3)


def test_pictures_that_pile_up_are_late():
    clock, late = Clock(0.0, 0.0), 0.0
    for k in range(1, 10 * RATE):
        late = clock.late(k / RATE, 1.2 * k / RATE)
    assert late == pytest.approx(0.2 * 10, rel=0.02)


@pytest.mark.parametrize("drift", [-2e-4, 2e-4])
def test_a_clock_that_runs_wrong_makes_nothing_late_in_a_day(drift):
    clock, hour = Clock(0.0, 0.0), 3600.0
    for stamp in np.arange(0, 24 * hour, 0.5):
        now = float(stamp) * (1 + drift)
        assert clock.late(float(stamp), now) < 1e-2
        assert abs(clock.time_of(float(stamp)) - now) < 1e-2


def test_times_of_day_never_jump():
    random = np.random.default_rng(0)
    clock, times, now = Clock(0.0, 100.0), [], 100.0
    for k in range(1, 5000):
        now = max(now, 100 + k / RATE + float(random.exponential(0.2)) - 1.0)
        clock.late(k / RATE, now)
        times.append(clock.time_of(k / RATE))
    # A second after the first arrival, which is one of pictures of the last second.
    steps = np.diff(times[2 * RATE :]) * RATE
    assert steps.min() > 0.5 and steps.max() < 1.5
