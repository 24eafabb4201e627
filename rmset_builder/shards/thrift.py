"""The part of Thrift's compact protocol that finding a page takes; pyarrow reads it but has no interface for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_SIZES = {TRUE: 0, FALSE: 0, BYTE: 1, DOUBLE: 8}
_LONG_FORM = 15
# Of a number of 64 bits, seven a byte: Parquet has no wider one.
_LONGEST_SHIFT = 63


class CompactReader:
    """A cursor over a message; every method moves it past what it read.

    Raises:
        IndexError: the message ends too early.
        ValueError: a type that Parquet does not use, or a number of more than 64 bits.

    Example:
        >>> reader = CompactReader(bytes([0x15, 0x54, 0x00]))
        >>> [(field, reader.integer()) for field, kind in reader.fields()]
        [(1, 42)]
    """

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def varint(self) -> int:
        """An unsigned number."""
        data, at = self.data, self.at
        result = shift = 0
        while (byte := data[at]) > 127:
            result |= (byte & 127) << shift
            shift += 7
            at += 1
            if shift > _LONGEST_SHIFT:
                raise ValueError("a number of more than 64 bits")
        self.at = at + 1
        return (result | byte << shift) & 0xFFFF_FFFF_FFFF_FFFF

    def integer(self) -> int:
        """A signed number (zigzag)."""
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def fields(self) -> Iterator[tuple[int, int]]:
        """(field, kind) of a struct up to its end; the caller must read or `skip` each field's value."""
        field = 0
        while head := self.data[self.at]:
            self.at += 1
            if head >> 4:
                field += head >> 4
            else:
                field = self.integer()
            yield field, head & 15
        self.at += 1

    def elements(self) -> tuple[int, int]:
        """How many elements of which kind the list has that begins here."""
        head = self.data[self.at]
        self.at += 1
        count = head >> 4
        return (self.varint() if count == _LONG_FORM else count), head & 15

    def struct(self) -> dict[int, Any]:
        """The fields of a struct that are numbers or structs."""
        found: dict[int, Any] = {}
        for field, kind in self.fields():
            if kind in _INTEGERS:
                found[field] = self.integer()
            elif kind == STRUCT:
                found[field] = self.struct()
            else:
                self.skip(kind)
        return found

    def skip(self, kind: int) -> None:
        """Pass over a value of ``kind``."""
        if kind in _INTEGERS:
            while self.data[self.at] > 127:
                self.at += 1
            self.at += 1
        elif kind == BINARY:
            size = self.varint()
            self.at += size
        elif kind in _SIZES:
            self.at += _SIZES[kind]
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner)
        elif kind in (LIST, SET):
            count, inner = self.elements()
            if inner in (TRUE, FALSE):
                self.at += count
            else:
                for _ in range(count):
                    self.skip(inner)
        else:
            raise ValueError(f"unknown type {kind}")
