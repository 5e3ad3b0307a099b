"""Bounds of paths that others name."""

import pytest

from fusevad.paths import stays_inside


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/".join(["a"] * 100), True),
        ("/".join(["a"] * 101), False),
        ("/".join(["a" * 255] * 15), True),
        ("/".join(["a" * 255] * 16), True),  # 4,095 bytes
        ("/".join(["a" * 255] * 15 + ["a" * 254, "b"]), False),
        ("/".join(["\u00fc" * 120] * 18), False),
    ],
)
def test_a_path_of_others_is_one_that_the_system_takes(path, expected):
    assert stays_inside(path) == expected
