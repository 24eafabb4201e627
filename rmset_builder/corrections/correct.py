"""Corrections as somebody gives them: by the numbers that identities and tracks have, or had when they were looked at.

Example:
    >>> merge(Path("shards"), "wall9", [3, 7]).words  # doctest: +SKIP
    'identities 3 and 7 are one person'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.faces import NOBODY, read_faces
from rmset_builder.corrections.ledger import active, noting, read_ledger
from rmset_builder.corrections.numbering import Numbers, replayed
from rmset_builder.corrections.orders import Order, dropping, merging, splitting, swapping, undoing
from rmset_builder.corrections.record import Undo
from rmset_builder.corrections.replay import Applied
from rmset_builder.corrections.rewrite import Change, rewrite
from rmset_builder.corrections.state import at_work, finish_all, lagging
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.videos_table import VideoRecord


@dataclass(frozen=True)
class Corrected:
    """What a correction did.

    Attributes:
        video: its id.
        number: the correction's, by which it is undone.
        words: what was done.
        identities: how many the video has now.
        renumbered: identities that have another number than before, the old number and the new.
        remarks: on other corrections that could not be applied to the present extraction.
    """

    video: str
    number: int
    words: str
    identities: int
    renumbered: Mapping[int, int]
    remarks: tuple[str, ...]


def merge(shards: Path, video: str, identities: Sequence[int], *, as_of: int | None = None, why: str = "") -> Corrected:
    """Make several identities one.

    Args:
        shards: the folder.
        video: its id.
        identities: two or more, by the numbers that they had after the correction ``as_of``; now, where it is None.
        as_of: the number of a correction; 0 for how the video was extracted.
        why: a remark to keep.

    Raises:
        RmsetError: there is no such video or identity, something else is at work on it, or a removal is unfinished.
        VideoError: something of the video is damaged; nothing is done.
    """
    return _one(shards, video, merging(identities, as_of=as_of, why=why))


def split(
    shards: Path, video: str, identity: int, tracks: Sequence[int], *, as_of: int | None = None, why: str = ""
) -> Corrected:
    """Make ``tracks`` of an identity a person of their own; the rest is as for `merge`."""
    return _one(shards, video, splitting(identity, tracks, as_of=as_of, why=why))


def swap(
    shards: Path,
    video: str,
    pair: tuple[int, int],
    *,
    first: int,
    last: int | None = None,
    as_of: int | None = None,
    why: str = "",
) -> Corrected:
    """Exchange two identities from the frame ``first`` on, up to ``last`` if given; the rest is as for `merge`."""
    return _one(shards, video, swapping(pair, first=first, last=last, as_of=as_of, why=why))


def drop(shards: Path, video: str, identity: int, *, as_of: int | None = None, why: str = "") -> Corrected:
    """Leave an identity out; its faces are kept aside, so that it can be undone. The rest is as for `merge`."""
    return _one(shards, video, dropping(identity, as_of=as_of, why=why))


def undo(shards: Path, *, video: str | None = None, correction: int | None = None) -> Corrected:
    """Undo a correction: the last that counts, or the one of a number.

    Raises:
        RmsetError: there is none, or a later one is about what it made.
    """
    with noting(shards):
        finish_all(shards)
        entries = read_ledger(shards)
        videos = {entry.video for entry in entries} if video is None else {video}
        count = sorted((one for each in videos for one in active(entries, each)), key=lambda one: one.number)
        meant = [one for one in count if correction in (None, one.number)]
        if not meant:
            which = "no correction" if correction is None else f"no correction {correction} that counts"
            where = f"of {video} in {shards}" if video else f"in {shards}"
            raise RmsetError(f"there is {which} {where}", remedy="see them with: rmset corrections")
        return _one(shards, meant[-1].video, undoing(meant[-1].number))


def together(shards: Path, video: str, orders: Sequence[Order]) -> list[Corrected | RmsetError]:
    """Several corrections of a video, one after another, for which its files are written once.

    Returns:
        Of each what it did, or why it makes no sense; the others are made all the same.

    Raises:
        As for `merge`, where none can be made.
    """
    done: list[Corrected | RmsetError] = []
    with at_work(shards, video) as start:
        state = start
        for order in orders:
            try:
                entry = order(state)
            except RmsetError as error:
                done.append(error)
                continue
            before, state = state, state.after(entry)
            told, words = entry.number, ""
            if isinstance(entry, Undo):
                told = entry.undoes
                words = "undone: "
            words += next(one.words for one in (*before.corrections, *state.corrections) if one.number == told)
            moved = _renumbered(before.numbers, state.numbers)
            done.append(Corrected(video, told, words, state.numbers.identities, moved, _remarks(state.applied)))
        new = state.entries[len(start.entries) :]
        if new:
            rewrite(shards, video, Change(state.faces, state.numbers, state.corrections, new, state.record))
    return done


def _one(shards: Path, video: str, order: Order) -> Corrected:
    (done,) = together(shards, video, [order])
    if isinstance(done, RmsetError):
        raise done
    return done


def reapply(shards: Path, record: VideoRecord) -> tuple[VideoRecord, tuple[str, ...]]:
    """Correct a video that was just extracted; whoever calls has its lock.

    Returns:
        Its row, and what could not be applied.
    """
    entries = read_ledger(shards)
    corrections = active(entries, record.id)
    faces = read_faces(shards, record.id) if corrections else None
    if faces is None:
        return record, ()
    applied, numbers = replayed(faces, corrections, (record.width, record.height))
    corrected = rewrite(shards, record.id, Change(faces, numbers, corrections, record=record))
    return corrected or record, _remarks(applied)


def catch_up(shards: Path) -> list[str]:
    """Finish what was interrupted, and correct the videos whose shards lag behind; tells of which videos.

    Raises:
        RmsetError: something else is at work on one of them, or it cannot be read.
    """
    with noting(shards):
        found = finish_all(shards)
        entries = read_ledger(shards)
        for shard in find_shards(shards):
            own = read_metadata(shard.path)[1].corrections if shard.part == 0 else None
            if shard.part == 0 and lagging(shards, shard.video, own, entries):
                with at_work(shards, shard.video) as state:
                    change = Change(state.faces, state.numbers, state.corrections, record=state.record)
                    rewrite(shards, shard.video, change)
                found.append(shard.video)
        return found


def _renumbered(old: Numbers, new: Numbers) -> dict[int, int]:
    """Identities all of whose faces have the same other number now."""
    found = {}
    for one in range(old.identities):
        now = np.unique(new.identity[old.identity == one])
        if len(now) == 1 and now[0] not in (one, NOBODY):
            found[one] = int(now[0])
    return found


def _remarks(applied: Sequence[Applied]) -> tuple[str, ...]:
    return tuple(
        f"correction {one.correction.number} ({one.correction.words}): {one.remark}" for one in applied if one.remark
    )
