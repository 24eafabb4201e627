"""Files with a JSON object a line, to which lines are only ever added: whole, or mended the next time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import fsync_folder

MEND_FIRST = "mend it before anything else"


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add a line for each row, in one write, and wait until they are on the disk.

    Raises:
        OSError: the disk is full; `mend_end` takes off what is torn.
    """
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        lines = (f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        rest = "".join(lines).encode("utf-8", "replace")
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        fsync_folder(path.parent)


def read_lines(path: Path, *, errors: str = "replace") -> Iterator[str]:
    """The lines of a file without their ends; bytes that are no UTF-8 become U+FFFD, unless ``errors`` says otherwise.

    Raises:
        OSError: the file is not there or may not be read.
    """
    # Not `str.splitlines`, which also parts a line where a title has a separator of Unicode's.
    with path.open(encoding="utf-8", errors=errors) as lines:
        for line in lines:
            yield line.removesuffix("\n")


def read_strictly(path: Path) -> list[str]:
    """The lines of a file that nothing may go on without being understood; none where there is no file.

    Raises:
        RmsetError: it cannot be read, or is no UTF-8.
    """
    try:
        return list(read_lines(path, errors="strict"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise RmsetError(f"{path} cannot be read ({error})", remedy=MEND_FIRST) from error


def parse_object(line: str) -> dict[str, Any] | None:
    """The JSON object in a line; None where it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def mend_end(path: Path) -> None:
    """Take off what a crash left of a last line; a last line that only lacks its end gets it."""
    try:
        with path.open("r+b") as handle:
            content = handle.read()
            start = content.rfind(b"\n") + 1
            rest = content[start:]
            if not rest:
                return
            try:
                json.loads(rest)
            except (ValueError, RecursionError):
                handle.truncate(start)
            else:
                handle.write(b"\n")
            handle.flush()
            os.fsync(handle.fileno())
    except FileNotFoundError:
        return
