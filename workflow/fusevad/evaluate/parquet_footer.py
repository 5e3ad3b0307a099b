"""Sizes and codecs from the end of a Parquet file.

pyarrow says them too, but a damaged footer then ends the whole process: an exception of C++ leaves
its accessors. The footer is a struct in Thrift's compact protocol.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAGIC = b"PAR1"
# Bytes of the footer, a thousand times as many as a run's has; structs and lists within each other,
# of which it has seven.
_LARGEST, _DEEPEST = 16 << 20, 10
_TRUE, _FALSE, _BYTE, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 6, 7, 8, 9, 10, 12
# Numbers of fields, from parquet.thrift.
_GROUPS, _COLUMNS, _SIZE, _ROWS, _COLUMN, _CODEC = 4, 1, 2, 3, 3, 4
_CODECS = ("uncompressed", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw")


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A part of a Parquet file: rows, declared bytes when unpacked, and its columns' codecs."""

    rows: int
    size: int
    columns: int
    codecs: frozenset[str]


def row_groups(path: Path) -> list[RowGroup]:
    """The parts of a Parquet file.

    Raises:
        ValueError: its end is damaged.
    """
    with path.open("rb") as file:
        file.seek(-min(8, path.stat().st_size), 2)
        end = file.read()
        length = int.from_bytes(end[:4], "little")
        if end[4:] != _MAGIC or not 0 < length <= min(_LARGEST, path.stat().st_size - 8):
            raise ValueError("no end of a Parquet file")
        file.seek(-8 - length, 2)
        content = file.read(length)
    try:
        return [_row_group(each) for each in _Reader(content).struct(0)[_GROUPS]]
    except (ArithmeticError, AttributeError, LookupError, TypeError, struct.error) as error:
        raise ValueError("a damaged end") from error


def _row_group(fields: dict[int, Any]) -> RowGroup:
    codecs = {each[_COLUMN][_CODEC] for each in fields[_COLUMNS]}
    known = {_CODECS[code] if 0 <= code < len(_CODECS) else "another codec" for code in codecs}
    rows, size, columns = int(fields[_ROWS]), int(fields[_SIZE]), len(fields[_COLUMNS])
    return RowGroup(rows, size, columns, frozenset(known))


class _Reader:
    """Values of the compact protocol, one after another; `IndexError` where they end too soon."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def struct(self, depth: int) -> dict[int, Any]:
        """Fields by number."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self._take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._take(1)[0]
        if kind <= _I64:
            return self._signed()
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind == _BINARY:
            return self._take(self._number())
        if kind in (_LIST, _SET):
            head = self._take(1)[0]
            count = head >> 4 if head >> 4 < 15 else self._number()
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError("a value of unknown type")

    def _take(self, count: int) -> bytes:
        end = self._place + count
        if end > len(self._content):
            raise IndexError
        taken, self._place = self._content[self._place : end], end
        return taken

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128 or shift > 63:
                return value

    def _signed(self) -> int:
        value = self._number()
        return value >> 1 ^ -(value & 1)
