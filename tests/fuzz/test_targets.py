"""The targets of `make fuzz` do what they say: real files are read, and no changed one crashes."""

import random
from contextlib import nullcontext

import pytest

from fusevad.errors import FusevadError
from tests.fuzz.__main__ import keep_crash
from tests.fuzz.targets import TARGETS, try_input

CHANGES = 60  # what a test can afford; `make fuzz` has minutes
# What is looked at last: the target has a bundle's facts without its weights.
LAST = {"bundles": "no weights of seed 0"}


def changed(content: bytes, generator: random.Random) -> bytes:
    """Cut, overwrite, repeat or insert some bytes."""
    start, end = sorted(generator.randrange(len(content) + 1) for _ in range(2))
    piece = content[start : min(end, start + 40)]
    other = bytes(generator.choice(b'\x00\xff"{}[]:,-9\n') for _ in piece)
    return (
        content[:start]
        + generator.choice([b"", other, piece + piece])
        + content[start + len(piece) :]
    )


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_reads_the_files_that_it_starts_from(name, tmp_path):
    seeds = TARGETS[name].seeds(tmp_path)
    assert seeds
    for content in seeds:
        expected = pytest.raises(FusevadError, match=LAST[name]) if name in LAST else nullcontext()
        with expected:
            TARGETS[name].run(content, tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files_end_with_one_line_or_are_read(name, tmp_path):
    generator = random.Random(name)
    seeds = TARGETS[name].seeds(tmp_path)
    for _ in range(CHANGES):
        try_input(TARGETS[name], changed(generator.choice(seeds), generator), tmp_path)


def test_an_input_that_crashes_is_kept_and_the_error_is_passed_on(tmp_path):
    def crash(content, folder):
        raise KeyError(content)

    with pytest.raises(KeyError):
        keep_crash(crash, b"bad", tmp_path, tmp_path)
    keep_crash(lambda content, folder: None, b"good", tmp_path, tmp_path)
    assert [each.read_bytes() for each in tmp_path.glob("crash-*")] == [b"bad"]
