"""What a reader may choose of a report, and what it is made by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from rmset_builder import __version__

DEFAULT_FACES, DEFAULT_SIZE = 12, 96
STRIP_FACES, STRIP_SIZE = 8, 48
LINES = 48
"""The most lines of a sprite."""
MOST_IDENTITIES = 200
"""Identities shown of one video: bounds its page where clustering failed."""


class Faces(Enum):
    """How faces are in a report."""

    SHOWN = "shown"
    BLURRED = "blurred"
    ABSENT = "absent"


@dataclass(frozen=True)
class Look:
    """How a report looks.

    ``columns`` are the most faces of an identity, ``size`` is their side in pixels; with ``single`` everything lies in
    one file, pictures too. Pages that are ``served`` tell scripts what their faces are, and get style, script and the
    policy for these from the server.
    """

    columns: int = DEFAULT_FACES
    size: int = DEFAULT_SIZE
    faces: Faces = Faces.SHOWN
    single: bool = False
    served: bool = False

    @property
    def published(self) -> bool:
        """Whether strangers may read it, whom paths and commands of this machine are none of."""
        return self.faces is not Faces.SHOWN


@cache
def maker() -> str:
    """The version of all that decides how a page looks: pages that another one made are made again."""
    rooms = Path(__file__).parents[1] / "reports", Path(__file__).parent
    files = (path for room in rooms for path in room.rglob("*") if path.is_file())
    sources = sorted(path for path in files if path.suffix != ".pyc")
    digest = hashlib.sha256(__version__.encode())
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()
