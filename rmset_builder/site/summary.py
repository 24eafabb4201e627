"""What a video's page leaves for the pages over all videos: kept beside it, and read again while nothing changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rmset_builder.shards.videos_table import VideoRecord

NAME = "summary.json"
PAGE = "index.html"

_FileName = Annotated[str, Field(pattern=r"^[a-z]+[0-9]*\.(jpg|html)$")]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tile(_Kept):
    """A face on a page: a place of a sprite, or with ``line`` None the whole picture that ``src`` holds."""

    src: str
    alt: str
    line: int | None = None
    column: int = 0
    track: int | None = None
    frame: int | None = None


class Strip(_Kept):
    """A few people of a video in one picture, so many pixels large."""

    src: str
    alt: str
    width: int
    height: int


class Shown(_Kept):
    """Faces side by side that are one identity, or one track."""

    label: str
    identity: int | None = None
    tiles: tuple[Tile, ...] = ()


class Doubt(_Kept):
    """A finding with the faces that it is about.

    On pages that are served it has the correction that would mend it, as JSON, and a key by which it is known again: of
    what it says of which faces, whatever numbers these have.
    """

    kind: str
    score: float
    why: str
    command: str
    faces: tuple[Shown, ...] = ()
    correction: str = ""
    key: str = ""


class Summary(_Kept):
    """A video as the overview and the review list know it.

    ``stamp`` tells of which shards and with which options its page was made; ``state`` is that of its extraction;
    ``fault`` is why its shards could not be read, or what else went wrong with its page, empty otherwise. ``counts``
    are those of `SCALES`; ``files`` are the page and its pictures.
    """

    stamp: str
    video: str
    title: str = ""
    group: str = ""
    state: str = ""
    reason: str = ""
    frames: int = 0
    identities: int = 0
    faces: int = 0
    duration_s: float = 0.0
    fault: str = ""
    counts: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    strip: Strip | None = None
    doubts: tuple[Doubt, ...] = ()
    files: tuple[_FileName, ...] = ()

    @classmethod
    def of(cls, record: VideoRecord, *, stamp: str, **rest: Any) -> Self:
        """What the table of videos says of one, and the ``rest`` of the fields."""
        shared = cls.model_fields.keys() & vars(record).keys()
        return cls(stamp=stamp, video=record.id, **{name: getattr(record, name) for name in shared}, **rest)


def read_summary(folder: Path) -> Summary | None:
    """The summary in a page's folder; None where there is none that is whole, or a file of the page is missing."""
    try:
        found = Summary.model_validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return None
    return found if all((folder / name).is_file() for name in found.files) else None
