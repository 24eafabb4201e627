"""Corrections as somebody gives them: by the numbers that identities and tracks have, or had when they were looked at.

Example:
    >>> merge(Path("shards"), "wall9", [3, 7]).words  # doctest: +SKIP
    'identities 3 and 7 are one person'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from rmset_builder import __version__
from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.faces import NOBODY, read_faces
from rmset_builder.corrections.ledger import Entry, active, noting, read_ledger
from rmset_builder.corrections.numbering import Numbers, number
from rmset_builder.corrections.pieces import Mask, describe
from rmset_builder.corrections.record import DROP, MERGE, SPLIT, SWAP, Correction, Undo
from rmset_builder.corrections.replay import Applied, people_after, replay
from rmset_builder.corrections.rewrite import Change, rewrite
from rmset_builder.corrections.state import State, at_work, faces_of, finish_all, identity_now
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
    if len(set(identities)) < 2:
        raise RmsetError("two identities or more make one")
    words = f"identities {_listed(sorted(set(identities)))} are one person"

    def groups(state: State) -> list[Mask]:
        people = sorted({identity_now(state, one, as_of) for one in identities})
        if len(people) < 2:
            raise RmsetError(f"{words}: that is so already in {video}")
        return [state.numbers.identity == one for one in people]

    return _correct(shards, video, MERGE, groups, words=words, why=why)


def split(
    shards: Path, video: str, identity: int, tracks: Sequence[int], *, as_of: int | None = None, why: str = ""
) -> Corrected:
    """Make ``tracks`` of an identity a person of their own; the rest is as for `merge`."""
    if not tracks:
        raise RmsetError("which of the identity's tracks are another person?")
    words = f"of identity {identity} {_noun('track', len(set(tracks)))} {_listed(sorted(set(tracks)))} " + (
        "is another person" if len(set(tracks)) == 1 else "are another person"
    )

    def groups(state: State) -> list[Mask]:
        whole = state.numbers.identity == identity_now(state, identity, as_of)
        taken = np.zeros(len(whole), np.bool_)
        for one in tracks:
            chosen = faces_of(state, as_of, "track", one)
            if not (chosen & whole).any():
                raise RmsetError(
                    f"identity {identity} of {video} has no track {one}", remedy=f"its tracks: {_tracks(state, whole)}"
                )
            taken |= chosen & whole
        if (taken == whole).all():
            raise RmsetError(f"these are all tracks of identity {identity}: nobody would be left")
        return [taken, whole & ~taken]

    return _correct(shards, video, SPLIT, groups, words=words, why=why)


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
    until = "" if last is None else f" to {last}"
    words = f"identities {pair[0]} and {pair[1]} are exchanged from frame {first}{until}"

    def groups(state: State) -> list[Mask]:
        one, other = (identity_now(state, each, as_of) for each in pair)
        if one == other:
            raise RmsetError(f"identities {pair[0]} and {pair[1]} of {video} are one person")
        frame = state.faces.frame
        within = (frame >= first) & (frame <= (frame.max() if last is None else last))
        whole = [state.numbers.identity == each for each in (one, other)]
        if not any((mine & within).any() for mine in whole):
            raise RmsetError(f"neither of them is seen from frame {first}{until}")
        if all((mine & within == mine).all() for mine in whole):
            raise RmsetError(f"both are seen from frame {first}{until} alone: they would only exchange their numbers")
        return [part for mine in whole for part in (mine & ~within, mine & within)]

    return _correct(shards, video, SWAP, groups, words=words, why=why)


def drop(shards: Path, video: str, identity: int, *, as_of: int | None = None, why: str = "") -> Corrected:
    """Leave an identity out; its faces are kept aside, so that it can be undone. The rest is as for `merge`."""

    def groups(state: State) -> list[Mask]:
        return [state.numbers.identity == identity_now(state, identity, as_of)]

    return _correct(shards, video, DROP, groups, words=f"identity {identity} is left out", why=why)


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
        chosen = meant[-1]
        with at_work(shards, chosen.video) as state:
            place = [one.correction.number for one in state.applied].index(chosen.number)
            for later in state.applied[place + 1 :]:
                if (later.touched & state.applied[place].touched).any():
                    raise RmsetError(
                        f"correction {later.correction.number} ({later.correction.words}) is about what "
                        f"{chosen.number} ({chosen.words}) made",
                        remedy=f"undo {later.correction.number} first",
                    )
            entry = Undo(
                number=len(state.entries) + 1,
                video=chosen.video,
                undoes=chosen.number,
                when=_now(),
                version=__version__,
            )
            return _made(state, entry, f"undone: {chosen.words}", chosen.number)


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
    applied = replay(faces, corrections, (record.width, record.height))
    numbers = number(faces, people_after(faces, applied))
    corrected = rewrite(shards, record.id, Change(faces, numbers, corrections, record=record))
    return corrected or record, _remarks(applied)


def _correct(
    shards: Path, video: str, kind: str, groups: Callable[[State], list[Mask]], *, words: str, why: str
) -> Corrected:
    with at_work(shards, video) as state:
        width, height = state.size
        entry = Correction(
            number=len(state.entries) + 1,
            video=video,
            kind=kind,
            groups=tuple(describe(state.faces, chosen) for chosen in groups(state)),
            width=width,
            height=height,
            words=words,
            why=why,
            when=_now(),
            version=__version__,
        )
        return _made(state, entry, words, entry.number)


def _made(state: State, entry: Entry, words: str, told: int) -> Corrected:
    corrections = active([*state.entries, entry], state.video)
    applied = replay(state.faces, corrections, state.size)
    numbers = number(state.faces, people_after(state.faces, applied))
    change = Change(state.faces, numbers, corrections, (entry,), state.record)
    rewrite(state.shards, state.video, change)
    return Corrected(
        state.video, told, words, numbers.identities, _renumbered(state.numbers, numbers), _remarks(applied)
    )


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


def _tracks(state: State, chosen: Mask) -> str:
    numbers = np.unique(state.numbers.track[chosen]).tolist()
    return ", ".join(map(str, numbers[:40])) + (", ..." if len(numbers) > 40 else "")


def _listed(items: Sequence[object]) -> str:
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def _noun(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
