"""What a reader of files that others made is, to those who try it.

Readers import what they need when they are called: torch takes longer than all that is tried without it.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A reader of files.

    Args:
        command: that reads such files.
        file: the file's path within the folder that ``make`` is given.
        make: lays out what belongs around the file, and gives whole files.
        read: reads it: gives an answer, or raises RmsetError.
        text: whether the file is text.
    """

    command: str
    file: str
    make: Callable[[Path], list[bytes]]
    read: Callable[[Path], object]
    text: bool = False


def collection(file: str) -> Callable[[Path], list[bytes]]:
    """Files of a small collection."""

    def make(folder: Path) -> list[bytes]:
        from collection import Collection

        Collection(folder)
        return [(folder / file).read_bytes()]

    return make
