"""Corrections as somebody words them, made to what is noted: by the numbers that are seen, or were when one looked.

Each function gives an `Order`, which tells what to note of a video as it is by then, or raises RmsetError where that
makes no sense.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from rmset_builder import __version__
from rmset_builder.core.errors import RmsetError
from rmset_builder.core.words import in_a_row
from rmset_builder.corrections.ledger import Entry
from rmset_builder.corrections.pieces import Mask, describe
from rmset_builder.corrections.record import DROP, GROUPS, MERGE, SPLIT, SWAP, Correction, Undo
from rmset_builder.corrections.state import State, faces_of, identity_now

Order = Callable[[State], Entry]


def merging(identities: Sequence[int], *, as_of: int | None = None, why: str = "") -> Order:
    """Several identities are one person: see `correct.merge`."""
    if len(set(identities)) < 2:
        raise RmsetError("two identities or more make one")
    if len(set(identities)) > GROUPS[MERGE][1]:
        raise RmsetError(f"at most {GROUPS[MERGE][1]:,} identities at once", remedy="merge them in several steps")
    words = f"identities {in_a_row(sorted(set(identities)))} are one person"

    def groups(state: State) -> list[Mask]:
        then = state.then(as_of)
        people = sorted({identity_now(state, one, then) for one in identities})
        if len(people) < 2:
            raise RmsetError(f"{words}: that is so already in {state.video}")
        return [state.numbers.identity == one for one in people]

    return _order(MERGE, groups, words=words, why=why)


def splitting(identity: int, tracks: Sequence[int], *, as_of: int | None = None, why: str = "") -> Order:
    """Some tracks of an identity are another person: see `correct.split`."""
    if not tracks:
        raise RmsetError("which of the identity's tracks are another person?")
    words = f"of identity {identity} {_noun('track', len(set(tracks)))} {in_a_row(sorted(set(tracks)))} " + (
        "is another person" if len(set(tracks)) == 1 else "are another person"
    )

    def groups(state: State) -> list[Mask]:
        then = state.then(as_of)
        whole = state.numbers.identity == identity_now(state, identity, then)
        taken = np.zeros(len(whole), np.bool_)
        for one in tracks:
            chosen = faces_of(state, then, "track", one)
            if not (chosen & whole).any():
                raise RmsetError(
                    f"identity {identity} of {state.video} has no track {one}",
                    remedy=f"its tracks: {_tracks(state, whole)}",
                )
            taken |= chosen & whole
        if (taken == whole).all():
            raise RmsetError(f"these are all tracks of identity {identity}: nobody would be left")
        return [taken, whole & ~taken]

    return _order(SPLIT, groups, words=words, why=why)


def swapping(
    pair: tuple[int, int], *, first: int, last: int | None = None, as_of: int | None = None, why: str = ""
) -> Order:
    """Two identities are exchanged in some frames: see `correct.swap`."""
    until = "" if last is None else f" to {last}"
    words = f"identities {pair[0]} and {pair[1]} are exchanged from frame {first}{until}"

    def groups(state: State) -> list[Mask]:
        then = state.then(as_of)
        one, other = (identity_now(state, each, then) for each in pair)
        if one == other:
            raise RmsetError(f"identities {pair[0]} and {pair[1]} of {state.video} are one person")
        frame = state.faces.frame
        within = (frame >= first) & (frame <= (frame.max() if last is None else last))
        whole = [state.numbers.identity == each for each in (one, other)]
        if not any((mine & within).any() for mine in whole):
            raise RmsetError(f"neither of them is seen from frame {first}{until}")
        if all((mine & within == mine).all() for mine in whole):
            raise RmsetError(f"both are seen from frame {first}{until} alone: they would only exchange their numbers")
        return [part for mine in whole for part in (mine & ~within, mine & within)]

    return _order(SWAP, groups, words=words, why=why)


def dropping(identity: int, *, as_of: int | None = None, why: str = "") -> Order:
    """An identity is left out: see `correct.drop`."""

    def groups(state: State) -> list[Mask]:
        return [state.numbers.identity == identity_now(state, identity, state.then(as_of))]

    return _order(DROP, groups, words=f"identity {identity} is left out", why=why)


def undoing(correction: int) -> Order:
    """A correction counts no more: see `correct.undo`."""

    def order(state: State) -> Entry:
        count = [one.correction.number for one in state.applied]
        if correction not in count:
            raise RmsetError(
                f"there is no correction {correction} that counts of {state.video} in {state.shards}",
                remedy="see them with: rmset corrections",
            )
        chosen = state.applied[count.index(correction)]
        for later in state.applied[count.index(correction) + 1 :]:
            if (later.touched & chosen.touched).any():
                raise RmsetError(
                    f"correction {later.correction.number} ({later.correction.words}) is about what "
                    f"{correction} ({chosen.correction.words}) made",
                    remedy=f"undo {later.correction.number} first",
                )
        number = len(state.entries) + 1
        return Undo(number=number, video=state.video, undoes=correction, when=_now(), version=__version__)

    return order


def _order(kind: str, groups: Callable[[State], list[Mask]], *, words: str, why: str) -> Order:
    def order(state: State) -> Entry:
        width, height = state.size
        return Correction(
            number=len(state.entries) + 1,
            video=state.video,
            kind=kind,
            groups=tuple(describe(state.faces, chosen) for chosen in groups(state)),
            width=width,
            height=height,
            words=words,
            why=why,
            when=_now(),
            version=__version__,
        )

    return order


def _tracks(state: State, chosen: Mask) -> str:
    numbers = np.unique(state.numbers.track[chosen]).tolist()
    return ", ".join(map(str, numbers[:40])) + (", ..." if len(numbers) > 40 else "")


def _noun(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
