"""The record of what was taken down: ``pruned.jsonl`` beside the shards, which every later extraction obeys.

A tombstone says which video or which of its people was removed and why. It holds nothing of a face: who asked to be
removed is not remembered by an embedding either. So a video from which a person was taken out is not extracted
again at all, for that would bring the person back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.jsonl import MEND_FIRST, append_rows, mend_end, read_strictly
from rmset_builder.storage.address import is_address, shown
from rmset_builder.storage.sources import text_of

TOMBSTONES_NAME = "pruned.jsonl"


@dataclass(frozen=True, kw_only=True)
class Tombstone:
    """One removal. ``identity`` is the number that the person had at that moment; None for a whole video.

    ``source_sha256`` is the hash of the video's file, by which it is known under any name.
    """

    video: str
    identity: int | None = None
    why: str
    source_sha256: str = ""
    when: str = ""


def read_tombstones(shards: Path) -> list[Tombstone]:
    """Every removal from ``shards``, the oldest first.

    Raises:
        RmsetError: the file cannot be read: going on without it might bring somebody back.
    """
    path = shards / TOMBSTONES_NAME
    found: list[Tombstone] = []
    lines = _lines(path)
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            identity = row.get("identity")
            found.append(
                Tombstone(
                    video=str(row["video"]),
                    identity=None if identity is None else int(identity),
                    why=str(row.get("why", "")),
                    source_sha256=str(row.get("source_sha256", "")),
                    when=str(row.get("when", "")),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            if number == len(lines):  # torn by a crash before anything was removed
                break
            raise RmsetError(f"{path}:{number} is no tombstone", remedy=MEND_FIRST) from error
    return found


def _lines(path: Path) -> list[str]:
    if not is_address(path):
        return read_strictly(path)
    try:
        text = (text_of(path) or b"").decode().removesuffix("\n")
        return text.split("\n") if text else []
    except UnicodeDecodeError as error:
        raise RmsetError(f"{shown(path)} cannot be read ({error})", remedy=MEND_FIRST) from error


def add_tombstone(shards: Path, tombstone: Tombstone) -> None:
    """Note a removal; when this returns, it is on the disk."""
    path = shards / TOMBSTONES_NAME
    shards.mkdir(parents=True, exist_ok=True)
    mend_end(path)
    append_rows(path, [asdict(tombstone)])


def whole_videos(tombstones: Iterable[Tombstone]) -> set[str]:
    """The ids of the videos that were removed as a whole."""
    return {stone.video for stone in tombstones if stone.identity is None}


def people_removed(tombstones: Iterable[Tombstone]) -> Counter[str]:
    """How many people were taken out of each video."""
    return Counter(stone.video for stone in tombstones if stone.identity is not None)
