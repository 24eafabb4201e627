"""A picture of who is who in shards: a row of faces per identity, videos below each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rmset_builder.core.errors import RmsetError, reason_of
from rmset_builder.core.files import whole_file
from rmset_builder.reports.contact_drawing import Layout, PlacedVideo, blank, lay_out
from rmset_builder.reports.exemplars import VideoPlan, plan_video
from rmset_builder.reports.thumbnails import thumbnail
from rmset_builder.shards.layout import ShardFile, find_shards
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.reader import read_columns, read_images, telling
from rmset_builder.shards.videos_table import DONE, read_videos

DEFAULT_COLUMNS = 12
DEFAULT_SIZE = 96
DEFAULT_LIMIT = 20
MOST_ROWS = 60
"""Identities shown of one video: bounds the sheet's size where clustering failed."""


@dataclass(frozen=True)
class ContactSheet:
    """A sheet that was written: where it lies, how it is laid out, and which videos it has no room for."""

    path: Path
    layout: Layout
    left_out: tuple[str, ...]


def write_contact_sheet(
    shards: Path,
    out: Path,
    *,
    videos: Sequence[str] = (),
    columns: int = DEFAULT_COLUMNS,
    size: int = DEFAULT_SIZE,
    limit: int = DEFAULT_LIMIT,
) -> ContactSheet:
    """Draw the identities of a folder of shards into a PNG file.

    Memory holds the sheet, one row group's images, and twelve bytes a face of one video.

    Args:
        shards: the folder.
        out: the file to write.
        videos: ids of the videos to show; all of them where empty.
        columns: the most faces shown of an identity.
        size: the side of a face, pixels.
        limit: the most videos on the sheet.

    Raises:
        RmsetError: the folder is empty, has no such video, holds a shard that cannot be read, or ``out`` cannot be
            written.

    Example:
        >>> write_contact_sheet(Path("shards"), Path("contact.png")).left_out  # doctest: +SKIP
        ()
    """
    found = _choose(_videos_of(shards), videos, shards)
    shown, left_out = found[:limit], tuple(video for video, _ in found[limit:])
    plans = [_plan(video, own, columns) for video, own in shown]
    layout = lay_out(plans, columns=columns, size=size)
    sheet = blank(layout)
    for placed in layout.videos:
        _paste_faces(sheet, layout, placed)
    try:
        with whole_file(out) as temporary:
            sheet.save(temporary, format="PNG")
    except OSError as error:
        raise RmsetError(
            f"--out {out} cannot be written to ({reason_of(error)})", remedy="give another file"
        ) from error
    return ContactSheet(out, layout, left_out)


def _videos_of(folder: Path) -> dict[str, tuple[ShardFile, ...]]:
    """The shards of each video of a folder; none for a video that was extracted and has no faces."""
    found: dict[str, list[ShardFile]] = {}
    for shard in find_shards(folder):
        found.setdefault(shard.video, []).append(shard)
    for record in read_videos(folder).values():
        if record.state == DONE and not record.faces:
            found.setdefault(record.id, [])
    return {video: tuple(found[video]) for video in sorted(found)}


def _choose(
    found: Mapping[str, tuple[ShardFile, ...]], wanted: Sequence[str], folder: Path
) -> list[tuple[str, tuple[ShardFile, ...]]]:
    if not found:
        raise RmsetError(f"no shards in {folder}", remedy="make some with: rmset extract VIDEO")
    for video in wanted:
        if video not in found:
            some = ", ".join(list(found)[:10]) + (", ..." if len(found) > 10 else "")
            raise RmsetError(f"--video {video}: {folder} has no shards of it", remedy=f"it has: {some}")
    return [(video, found[video]) for video in (dict.fromkeys(wanted) or found)]


def _plan(video: str, shards: tuple[ShardFile, ...], columns: int) -> VideoPlan:
    """Choose the faces of a video from its narrow columns alone."""
    identities, times = [np.empty(0, np.int32)], [np.empty(0, np.float64)]
    for shard in shards:
        read_metadata(shard.path)
        with telling(shard):
            identity, time_s = read_columns(shard.path, "identity", "time_s")
        identities.append(identity)
        times.append(time_s)
    return plan_video(
        video, shards, np.concatenate(identities), np.concatenate(times), columns=columns, most_rows=MOST_ROWS
    )


def _paste_faces(sheet: Image.Image, layout: Layout, placed: PlacedVideo) -> None:
    places = {
        pick: (layout.face_left(column), top)
        for row, top in zip(placed.plan.rows, placed.rows, strict=True)
        for column, pick in enumerate(row.picks)
    }
    first = 0  # the number of the shard's first row
    for shard in placed.plan.shards:
        rows, _ = read_metadata(shard.path)
        own = {pick - first: place for pick, place in places.items() if first <= pick < first + rows}
        with telling(shard):
            for row, jpeg in read_images(shard.path, own):
                sheet.paste(thumbnail(jpeg, layout.size), own[row])
        first += rows
