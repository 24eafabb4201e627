"""What a correction is, and how a line of ``corrections.jsonl`` holds it.

Identities have other numbers after each correction, and other tracks after each extraction. So a correction says which
faces it is about by their tracks as they were extracted, and by where and when some of them were seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MERGE, SPLIT, SWAP, DROP, UNDO = "merge", "split", "swap", "drop", "undo"
# How many groups of faces each kind has: see `Correction`.
GROUPS = {MERGE: (2, 1000), SPLIT: (2, 2), SWAP: (4, 4), DROP: (1, 1)}
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Seen:
    """Where a face was: its frame, its time in seconds, its box in pixels."""

    frame: int
    time_s: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Piece:
    """Faces that follow each other in a track, as it was extracted: from the frame ``first`` to the frame ``last``."""

    track: int
    first: int
    last: int
    faces: int
    seen: tuple[Seen, ...]


@dataclass(frozen=True, kw_only=True)
class Correction:
    """A correction of one video.

    ``groups`` are, by kind:
        merge: the faces of each of several people who are one.
        split: of one who is two, the faces of either.
        swap: of two people, the faces of the first that were right and that were the other's, then of the second.
        drop: the faces of one who is left out.
    ``width`` and ``height`` are those of the pictures that boxes lie in; ``words`` says it to a reader, in the numbers
    that identities had at that moment.
    """

    number: int
    video: str
    kind: str
    groups: tuple[tuple[Piece, ...], ...]
    width: int
    height: int
    words: str
    why: str = ""
    when: str = ""
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Undo:
    """That the correction ``undoes`` counts no more."""

    number: int
    video: str
    undoes: int
    when: str = ""
    version: str = ""


def to_row(entry: Correction | Undo) -> dict[str, Any]:
    """An entry as JSON has it."""
    if isinstance(entry, Undo):
        return {**vars(entry), "kind": UNDO}
    groups = [[_piece_row(piece) for piece in group] for group in entry.groups]
    return {**vars(entry), "groups": groups}


def from_row(row: Mapping[str, Any]) -> Correction | Undo:
    """What `to_row` made.

    Raises:
        ValueError: it is no entry; so do KeyError and TypeError.
    """
    number, video = _count(row["number"]), str(row["video"])
    when, version = str(row.get("when", "")), str(row.get("version", ""))
    kind = row["kind"]
    if kind == UNDO:
        return Undo(number=number, video=video, undoes=_count(row["undoes"]), when=when, version=version)
    groups = tuple(tuple(_piece(piece) for piece in group) for group in row["groups"])
    least, most = GROUPS[kind]
    if not least <= len(groups) <= most:
        raise ValueError(f"{len(groups)} groups of faces in a {kind}")
    return Correction(
        number=number,
        video=video,
        kind=kind,
        groups=groups,
        width=_count(row["width"]),
        height=_count(row["height"]),
        words=str(row["words"]),
        why=str(row.get("why", "")),
        when=when,
        version=version,
    )


def _piece_row(piece: Piece) -> list[Any]:
    seen = [[one.frame, one.time_s, *one.box] for one in piece.seen]
    return [piece.track, piece.first, piece.last, piece.faces, seen]


def _piece(row: Any) -> Piece:
    track, first, last, faces, seen = row
    places = [Seen(_count(frame), float(time_s), _box(box)) for frame, time_s, *box in seen]
    return Piece(_count(track), _count(first), _count(last), _count(faces), tuple(places))


def _box(values: list[Any]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = map(float, values)
    return x0, y0, x1, y1


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise ValueError(f"{value!r} is no number of something")
    return value
