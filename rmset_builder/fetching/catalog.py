"""``catalog.jsonl``: a row for every change of every video ever seen; the last row of an id holds.

Here is what a row says and how it is read; `ledger.Ledger` writes it.
"""

from __future__ import annotations

import dataclasses
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args, get_type_hints

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import is_file
from rmset_builder.core.jsonl import parse_object, read_lines
from rmset_builder.fetching.phrases import BLOCKED_BY_LAW, BLOCKED_HERE, said_by_site, site_words
from rmset_builder.storage.address import is_address
from rmset_builder.storage.sources import text_of

CATALOG_NAME = "catalog.jsonl"
# The `site` of files of this machine.
FILE_SITE = "file"

FOUND, FILTERED, FETCHED, FAILED, GONE, PRUNED = "found", "filtered", "fetched", "failed", "gone", "pruned"
# Not to be had from the places in ``blocked_from``.
BLOCKED = "blocked"
DIRECT = "direct"


@dataclass(frozen=True, kw_only=True)
class Video:
    """A row: all that is known of a video and what has become of it.

    ``id`` is the name of its file without suffix; ``site`` and ``site_id`` are yt-dlp's extractor and that site's own
    id. ``licence`` is what the site states, word for word. ``rank`` counts a search's results from 1. ``checked``
    tells that the metadata are the video's own and not just a search result's. ``times`` counts failures.
    ``thumbnail_hash`` is a difference hash of 64 bits, hexadecimal. ``cookies`` and ``proxy`` tell what the last
    attempt used; of the proxy, only scheme and host. ``blocked_from`` has the places, as `describe.place_of` names
    them and parted by blanks, from which the site refused it. ``pruned_identities`` counts the people taken out of its
    shards.
    """

    id: str
    url: str = ""
    site: str = ""
    site_id: str = ""
    title: str = ""
    channel: str = ""
    licence: str = ""
    upload_date: str = ""
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    age_limit: int | None = None
    live_status: str = ""
    checked: bool = False
    group: str = ""
    keyword: str = ""
    rank: int = 0
    state: str = FOUND
    reason: str = ""
    message: str = ""
    times: int = 0
    thumbnail_hash: str = ""
    near_duplicate_of: str = ""
    file: str = ""
    bytes: int = 0
    sha256: str = ""
    format: str = ""
    cookies: bool = False
    proxy: str = ""
    blocked_from: str = ""
    pruned_identities: int = 0
    yt_dlp: str = ""
    when: str = ""

    def with_(self, **changes: Any) -> Video:
        """The same video with some fields changed."""
        return dataclasses.replace(self, **changes)


def _plain_types() -> dict[str, tuple[type, ...]]:
    hints = get_type_hints(Video)
    return {name: get_args(kind) if isinstance(kind, types.UnionType) else (kind,) for name, kind in hints.items()}


_TYPES = _plain_types()


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What is known of a video's origin; empty where nothing is."""

    title: str = ""
    url: str = ""
    licence: str = ""
    group: str = ""
    keyword: str = ""

    @classmethod
    def of(cls, video: Video) -> Self:
        """The provenance in a row."""
        return cls(**{one.name: getattr(video, one.name) for one in dataclasses.fields(cls)})


def parse_row(line: str) -> Video | None:
    """The row in a line; None where it is none. Fields of a wrong type are dropped, unknown ones ignored."""
    row = parse_object(line)
    if row is None or not isinstance(row.get("id"), str) or not row["id"]:
        return None
    return _as_now(Video(**{name: value for name, value in row.items() if _fits(name, value)}))


def _as_now(video: Video) -> Video:
    """A row as it would be written now: what is blocked at a place was once noted as failed, or even as gone."""
    if video.state == FAILED and video.reason in (BLOCKED_HERE, BLOCKED_BY_LAW):
        reason = video.reason
    elif (video.state, video.reason) == (GONE, "removed"):
        reason = said_by_site(site_words(video.message))
    else:
        return video
    if reason not in (BLOCKED_HERE, BLOCKED_BY_LAW):
        return video
    return video.with_(state=BLOCKED, reason=reason, blocked_from=video.blocked_from or video.proxy or DIRECT)


def _fits(name: str, value: object) -> bool:
    allowed = _TYPES.get(name, ())
    if isinstance(value, bool):
        return bool in allowed
    return isinstance(value, (*allowed, int) if float in allowed else allowed)


def read_rows(folder: Path) -> dict[str, Video]:
    """The state of every video of a folder by its id, in the order in which they were first seen.

    Raises:
        RmsetError: the ledger exists and cannot be read.
    """
    path = folder / CATALOG_NAME
    rows: dict[str, Video] = {}
    try:
        for line in read_lines(path):
            if (video := parse_row(line)) is not None:
                rows[video.id] = video
    except FileNotFoundError:
        pass
    except OSError as error:
        remedy = f"run: chmod u+r {path}" if isinstance(error, PermissionError) else "check the folder's rights"
        raise RmsetError(f"{path} cannot be read ({error.strerror})", remedy=remedy) from error
    return rows


def rows_beside(folder: Path) -> dict[str, Video]:
    """As `read_rows`, for any folder of videos; empty where its rights hide whether there is a catalog."""
    path = folder / CATALOG_NAME
    if is_address(path):
        lines = (text_of(path) or b"").decode("utf-8", "replace").split("\n")
        return {video.id: video for line in lines if (video := parse_row(line)) is not None}
    return read_rows(folder) if is_file(path) else {}


def read_catalog(folder: Path) -> dict[str, Provenance]:
    """The provenance of a folder's videos by video id.

    Raises:
        RmsetError: the catalog may not be read.
    """
    return {video_id: Provenance.of(video) for video_id, video in rows_beside(folder).items()}
