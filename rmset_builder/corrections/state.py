"""A video while it is corrected: its faces, what was corrected before, and the numbers that people have or had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.faces import NOBODY, VideoFaces, read_faces
from rmset_builder.corrections.ledger import Entry, active, noting, numbers_of, read_ledger
from rmset_builder.corrections.numbering import Numbers, replayed
from rmset_builder.corrections.pieces import Mask
from rmset_builder.corrections.record import Correction
from rmset_builder.corrections.replay import Applied
from rmset_builder.corrections.rewrite import begun, finish, is_unfinished
from rmset_builder.shards.lock import alone
from rmset_builder.shards.tombstones import people_removed, read_tombstones
from rmset_builder.shards.videos_table import VideoRecord, read_videos


@dataclass(frozen=True)
class Then:
    """The numbers that somebody saw, and after which correction; None for now."""

    as_of: int | None
    numbers: Numbers


@dataclass(frozen=True)
class State:
    """A video under correction: nobody else is at it."""

    shards: Path
    video: str
    faces: VideoFaces
    entries: list[Entry]
    applied: list[Applied]
    numbers: Numbers
    record: VideoRecord | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures that boxes lie in; (0, 0) if they are not known."""
        return (self.record.width, self.record.height) if self.record else (0, 0)

    @property
    def corrections(self) -> list[Correction]:
        """Those that count."""
        return [one.correction for one in self.applied]

    def after(self, entry: Entry) -> State:
        """The video once ``entry`` is noted too; its files are still as they were."""
        entries = [*self.entries, entry]
        applied, numbers = replayed(self.faces, active(entries, self.video), self.size)
        return replace(self, entries=entries, applied=applied, numbers=numbers)

    def then(self, as_of: int | None) -> Then:
        """The numbers when ``as_of`` was the last correction; the present ones where it is None.

        Raises:
            RmsetError: there is no such correction yet.
        """
        if as_of is None:
            return Then(None, self.numbers)
        if as_of > len(self.entries):
            raise RmsetError(f"there is no correction {as_of} yet: the last is {len(self.entries)}")
        return Then(as_of, replayed(self.faces, active(self.entries[:as_of], self.video), self.size)[1])


@contextmanager
def at_work(shards: Path, video: str) -> Iterator[State]:
    """The video as all corrections leave it; whatever was interrupted is finished first.

    Raises:
        RmsetError: there is no such video, something else is at work on it, or a removal is unfinished.
        VideoError: something of the video is damaged.
    """
    if not shards.is_dir():
        raise RmsetError(f"no folder of shards at {shards}", remedy="make one with: rmset extract VIDEO")
    with noting(shards):
        finish_all(shards)
        with alone(shards, video):
            yield _read(shards, video)


def finish_all(shards: Path) -> list[str]:
    """Make every interrupted correction of the folder to its end; tells of which videos.

    Raises:
        RmsetError: something else is at work on one of them.
    """
    with noting(shards):
        found = []
        for one in begun(shards):
            noted = is_unfinished(shards, one)
            try:
                with alone(shards, one):
                    finish(shards, one)
            except RmsetError:
                if noted:
                    raise
                continue  # it is being extracted, and will be corrected anew
            found += [one] if noted else []
        return found


def _read(shards: Path, video: str) -> State:
    faces = read_faces(shards, video)
    records = read_videos(shards)
    if faces is None:
        near = [one for one in records if video.casefold() in one.casefold()][:5]
        meant = f"; did you mean {', '.join(near)}?" if near else ""
        raise RmsetError(f"no shards of a video {video!r} in {shards}{meant}")
    if people_removed(read_tombstones(shards))[video] > (faces.metadata.pruned or 0):
        raise RmsetError(
            f"a removal from {video} was interrupted", remedy="give the same `rmset prune` again, which finishes it"
        )
    entries = read_ledger(shards)
    record = records.get(video)
    size = (record.width, record.height) if record else (0, 0)
    applied, numbers = replayed(faces, active(entries, video), size)
    return State(shards, video, faces, entries, applied, numbers, record)


def identity_now(state: State, identity: int, then: Then) -> int:
    """The present number of an identity that had another by the numbers ``then``."""
    chosen = faces_of(state, then, "identity", identity)
    people = np.unique(state.numbers.identity[chosen])
    if len(people) > 1:
        raise RmsetError(
            f"identity {identity} of {state.video} has become several since correction {then.as_of}",
            remedy="look at it again: rmset report",
        )
    if people[0] == NOBODY:
        raise RmsetError(f"identity {identity} of {state.video} was left out since correction {then.as_of}")
    return int(people[0])


def faces_of(state: State, then: Then, what: str, wanted: int) -> Mask:
    """The faces (n,) that have a number as identity or track by the numbers ``then``."""
    column = then.numbers.identity if what == "identity" else then.numbers.track
    chosen = column == wanted
    if wanted < 0 or not chosen.any():
        count = int(column.max(initial=NOBODY)) + 1
        named = f"0 to {count - 1}" if count else "none"
        raise RmsetError(
            f"no {what} {wanted} in {state.video}: it has {named}", remedy="look at them: rmset report, rmset contact"
        )
    return np.asarray(chosen)


def lagging(shards: Path, video: str, corrections: str | None, entries: Sequence[Entry]) -> bool:
    """Whether shards whose footers name ``corrections`` are not what ``entries`` say, or are about to be."""
    return (corrections or "") != numbers_of(active(entries, video)) or is_unfinished(shards, video)
