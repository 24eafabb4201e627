"""``corrections.jsonl`` beside the shards: every correction that was ever made there, and every one that was undone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.jsonl import MEND_FIRST, append_rows, mend_end, read_strictly
from rmset_builder.corrections.record import Correction, Undo, from_row, to_row
from rmset_builder.shards.layout import lock_path

LEDGER_NAME = "corrections.jsonl"
Entry = Correction | Undo


def read_ledger(shards: Path) -> list[Entry]:
    """Every entry, the oldest first; their numbers are 1, 2, ...

    Raises:
        RmsetError: the file cannot be read: going on without it might undo what somebody put right.
    """
    path = shards / LEDGER_NAME
    lines = read_strictly(path)
    found: list[Entry] = []
    for number, line in enumerate(lines, 1):
        try:
            entry = from_row(json.loads(line))
            if entry.number != number:
                raise ValueError(f"its number is {entry.number}")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            if number == len(lines) and not _is_json(line):  # torn by a crash before anything was corrected
                break
            raise RmsetError(f"{path}:{number} is no correction", remedy=MEND_FIRST) from error
        found.append(entry)
    return found


@contextmanager
def noting(shards: Path) -> Iterator[None]:
    """Nobody else adds an entry meanwhile, so that numbers stay in order; within one process it may be nested."""
    place = lock_path(shards, LEDGER_NAME)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place, is_singleton=True):
        yield


def append(shards: Path, entries: Iterable[Entry]) -> None:
    """Note entries that are not there yet; when this returns, they are on the disk."""
    path = shards / LEDGER_NAME
    with noting(shards):
        known = len(read_ledger(shards))
        new = [to_row(entry) for entry in entries if entry.number > known]
        if new:
            mend_end(path)
            append_rows(path, new)


def active(entries: Sequence[Entry], video: str) -> list[Correction]:
    """The corrections of a video that count: those that were not undone."""
    undone = {entry.undoes for entry in entries if isinstance(entry, Undo)}
    return [
        entry
        for entry in entries
        if isinstance(entry, Correction) and entry.video == video and entry.number not in undone
    ]


def listed(entries: Sequence[Entry], video: str | None = None) -> list[dict[str, Any]]:
    """Corrections as plain values for a reader, those of one video if one is given, and whether each counts."""
    counts = {one.number for each in {entry.video for entry in entries} for one in active(entries, each)}
    told = ("number", "video", "kind", "words", "why", "when")
    return [
        {**{name: getattr(one, name) for name in told}, "counts": one.number in counts}
        for one in entries
        if isinstance(one, Correction) and video in (None, one.video)
    ]


def numbers_of(corrections: Iterable[Correction]) -> str:
    """Which corrections, as a shard's footer has it."""
    return " ".join(str(one.number) for one in corrections)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
