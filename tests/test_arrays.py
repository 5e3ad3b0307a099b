"""Arrays in files of others: no more memory than the file is worth, and one reason."""

import io
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fusevad.arrays import read_npy, read_npz


def header(shape: tuple[int, ...], kind: str = "<f8", in_columns: bool = False) -> bytes:
    stream = io.BytesIO()
    about = {"descr": kind, "fortran_order": in_columns, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()


def saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("kind", ["float16", "float64", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (0,), ()])
def test_numbers_are_read_as_numpy_reads_them(kind, shape):
    array = np.asfortranarray(np.random.default_rng(0).integers(0, 9, shape).astype(kind))
    found = read_npy(io.BytesIO(saved(array)), 1000)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header((10**12,)), "too large"),
        (header((2**62, 4)) + bytes(64), "too large"),
        (header((-1,)) + bytes(64), "too large"),
        (header((20,)) + bytes(64), "64 of 160 bytes"),
        (header((3,), "|O"), "values of type object"),
        (header((3,), "<U4") + bytes(48), "values of type <U4"),
        (b"\x93NUMPY\x03\x00" + (3 << 30).to_bytes(4, "little"), "header of more than 64 kB"),
        (header((3,)).replace(b"}", b"("), "not an array"),
        (b"", "not an array"),
    ],
)
def test_what_a_header_claims_is_not_believed(content, message):
    with pytest.raises(ValueError, match=message) as error:
        read_npy(io.BytesIO(content), 1000)
    assert "\n" not in str(error.value)


def test_an_archive_is_read_by_name(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=[1, 2], t=[3.5], p=[0])
    (times, columns) = read_npz(tmp_path / "a.npz", ("t", "x"))
    assert times.tolist() == [3.5] and columns.tolist() == [1, 2]


def test_a_member_in_a_foreign_form_is_one_reason(tmp_path):
    good = saved(np.arange(3))
    with pytest.raises(ValueError, match="otherwise than NumPy does"):
        read_npz(zipped(tmp_path / "a.npz", {"t.npy": good}, zipfile.ZIP_LZMA), "t")
    content = zipped(tmp_path / "b.npz", {"t.npy": good}).read_bytes()
    place = content.index(b"PK\1\2")
    encrypted = bytearray(content)
    encrypted[6] |= 1
    encrypted[place + 8] |= 1
    (tmp_path / "b.npz").write_bytes(encrypted)
    with pytest.raises(ValueError, match="encrypted"):
        read_npz(tmp_path / "b.npz", "t")


_BOMB = """
import sys
from pathlib import Path
from fusevad.arrays import read_npz
try:
    read_npz(Path(sys.argv[1]), "t")
except ValueError as error:
    print(error)
"""


def _one_gigabyte() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def test_a_bomb_takes_no_gigabytes(tmp_path):
    """A megabyte that unpacks to one gigabyte, read by a process that may have one in all."""
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("t.npy", "w") as member,
    ):
        member.write(header((1 << 27,)))
        for _ in range(1 << 10):
            member.write(bytes(1 << 20))
    found = subprocess.run(
        [sys.executable, "-c", _BOMB, tmp_path / "a.npz"],
        capture_output=True,
        text=True,
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
        preexec_fn=_one_gigabyte,
    )
    assert found.stdout == "an array of 134217728, which is too large\n", found.stderr
