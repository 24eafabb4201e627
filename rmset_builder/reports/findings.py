"""What the review list is made of: one doubt about a video, and the command that would settle it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.shards.mirror import name_of

ONE_PERSON = "one-person"
TWO_PEOPLE = "two-people"
FILM = "film"
TWICE = "twice"
TINY = "tiny"
BLURRED = "blurred"
UPSIDE_DOWN = "upside-down"


@dataclass(frozen=True)
class Finding:
    """One thing of a video that somebody should look at.

    Attributes:
        video: its id.
        kind: ``one-person`` (identities that may be one person), ``two-people`` (an identity that may hold two),
            ``film`` (somebody of the film that is watched), ``twice`` (somebody shown twice at once), ``tiny``,
            ``blurred`` or ``upside-down`` (tracks whose faces are so).
        identities: whom it is about, ascending.
        tracks: what of them, ascending; none where it is about them as a whole.
        score: 0..1, how sure and how bad it is; the worst has the highest. At 0.5 the evidence lies on the border
            between what speaks for and what against it (docs/review.md has each kind's).
        why: one plain sentence with the numbers that made it.
        command: the command that would mend it.
    """

    video: str
    kind: str
    identities: tuple[int, ...]
    tracks: tuple[int, ...]
    score: float
    why: str
    command: str


@dataclass(frozen=True)
class Mending:
    """The commands that change the identities of a video in the folder ``shards``.

    ``as_of`` is the last correction of those that the numbers of identities and tracks are of: with it a command means
    the same after others were given. It is left out where it is not known.
    """

    shards: Path
    video: str
    as_of: int | None = None

    def merge(self, one: int, other: int) -> str:
        """Make two identities one."""
        return self._command("merge", [one, other], ())

    def split(self, identity: int, tracks: Iterable[int]) -> str:
        """Make some tracks of an identity another one."""
        return self._command("split", [identity], tracks)

    def drop(self, identity: int) -> str:
        """Take an identity out."""
        return self._command("drop", [identity], ())

    def _command(self, name: str, identities: list[int], tracks: Iterable[int]) -> str:
        options = [word for track in tracks for word in ("--track", str(track))]
        options += [] if self.as_of is None else ["--as-of", str(self.as_of)]
        options += ["--shards", name_of(self.shards)]
        arguments = [self.video, *map(str, identities)]
        # An id may begin with what begins an option.
        words = [*options, "--", *arguments] if self.video.startswith("-") else [*arguments, *options]
        return shlex.join(["rmset", name, *words])
