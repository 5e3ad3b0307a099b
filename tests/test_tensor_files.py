"""Safetensors files of others: a header that says everything once, and not too much."""

import ast
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from fusevad.tensor_files import open_tensors

PACKAGE = Path(__file__).resolve().parents[1] / "workflow" / "fusevad"
HALVES = b'"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}'
WHOLES = b'"w":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}'


def write(file: Path, header: bytes) -> Path:
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return file


def test_tensors_and_notes_are_read(tmp_path):
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    save_file({"w": values}, tmp_path / "a.safetensors", {"note": "x"})
    with open_tensors(tmp_path / "a.safetensors") as file:
        assert file.metadata() == {"note": "x"}
        np.testing.assert_array_equal(file.get_tensor("w"), values)


@pytest.mark.parametrize(
    "header",
    [
        b"{" + HALVES + b"," + WHOLES + b"}",
        b'{"__metadata__":{"a":"1","a":"2"},' + HALVES + b"}",
    ],
)
def test_a_tensor_or_note_that_is_there_twice_is_refused(tmp_path, header):
    with pytest.raises(SafetensorError, match="given twice"):
        open_tensors(write(tmp_path / "a.safetensors", header))


@pytest.mark.parametrize("length", [17 << 20, 1 << 62])
def test_a_header_of_many_megabytes_is_refused_before_it_is_read(tmp_path, length):
    file = tmp_path / "a.safetensors"
    file.write_bytes(length.to_bytes(8, "little") + b"{")
    with pytest.raises(SafetensorError, match="a header of"):
        open_tensors(file)


@pytest.mark.parametrize("content", [b"", b"abc", bytes(8), b"\x02" + bytes(7) + b"\xff{"])
def test_other_files_are_damaged(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(SafetensorError):
        open_tensors(tmp_path / "a.safetensors")


@pytest.mark.parametrize("ml_dtypes", ["imported", "not imported"])
@pytest.mark.parametrize(("kind", "size"), [("BF16", 4), ("F8_E4M3", 2), ("F4", 1)])
def test_types_that_numpy_lacks_are_refused_whatever_is_imported(tmp_path, kind, size, ml_dtypes):
    if ml_dtypes == "imported":
        pytest.importorskip("ml_dtypes", reason="needs make env EXTRAS=onnx")
    header = f'{{"w":{{"dtype":"{kind}","shape":[2],"data_offsets":[0,{size}]}}}}'.encode()
    file = tmp_path / "a.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(SafetensorError, match=f"tensor w: NumPy has no type {kind}"):
        open_tensors(file)


def test_no_other_module_opens_tensors_without_this_look():
    names = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "safetensors"
        and any(each.name == "safe_open" for each in node.names)
    }
    assert names == {"tensor_files.py"}
