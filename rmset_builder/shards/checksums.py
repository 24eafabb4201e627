"""The checksums of the files of a folder, kept in the folder itself: a flipped bit in any of them is found."""

from __future__ import annotations

import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SUMS_NAME = "crc32.json"
INDEX_FOLDER = ".rmfer-index"
"""Where rmfer keeps its indexes of a folder of shards, each a folder with its sums."""

_READERS, _BLOCK = 8, 1 << 22


def write_sums(folder: Path) -> None:
    """Note the CRC-32 of every file in ``folder``."""
    sums = {path.name: _crc32(path) for path in sorted(folder.iterdir()) if path.is_file()}
    (folder / SUMS_NAME).write_text(json.dumps(sums))


def broken_files(folder: Path) -> list[str]:
    """Names of the files in ``folder`` that are missing or not as they were when their sums were noted.

    Without readable sums it is these that are broken.
    """
    try:
        sums: dict[str, int] = json.loads((folder / SUMS_NAME).read_text())
        names = list(sums)
        with ThreadPoolExecutor(_READERS, thread_name_prefix="sums") as pool:
            found = list(pool.map(lambda name: _crc32(folder / name), names))
    except (OSError, ValueError, AttributeError, TypeError):
        return [SUMS_NAME]
    return [name for name, crc in zip(names, found, strict=True) if crc != sums[name]]


def _crc32(path: Path) -> int | None:
    """The CRC-32 of a file, None where it is missing."""
    found = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found = zlib.crc32(block, found)
    except FileNotFoundError:
        return None
    return found
