"""Which of ffmpeg's filters give a video's pictures whole moments, standard colours and square pixels."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.core.words import in_a_row
from rmset_builder.video.ffmpeg import MEND_WITH_BUNDLED, Ffmpeg
from rmset_builder.video.ffmpeg_listing import COLOUR_TABLE, DEINTERLACE, PIXEL_FORMAT, SCALE, filters_of
from rmset_builder.video.info import VideoInfo
from rmset_builder.video.picture_traits import DOLBY_VISION, MOST_UNEQUAL, PictureTraits
from rmset_builder.video.tone_mapping import cube

LONGEST_SIDE = 16_384
_TABLE_NAME = "to-sdr.cube"
# Ten bits a channel: the table's steps would show in eight.
_TABLE_PIXELS = "gbrp10le"


@dataclass(frozen=True)
class PictureFilter:
    """A filter of ffmpeg's by name, with options by name and values without one."""

    name: str
    values: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


def picture_filters(traits: PictureTraits, table: Path) -> list[PictureFilter]:
    """The filters for pictures of some traits, in order; none for the usual ones.

    Every picture stays one picture at its time. The narrower side of pixels is widened, as players do it, so no detail
    is lost; sides come out even.

    Args:
        traits: of the video.
        table: the file of the table of colours, used where they are not those of standard video.
    """
    filters: list[PictureFilter] = []
    if traits.interlaced:
        # Pictures that are not marked as interlaced pass unchanged.
        filters.append(PictureFilter(DEINTERLACE, options={"mode": "send_frame", "deint": "interlaced"}))
    if traits.wide_colour is not None:
        if traits.matrix_unstated:
            filters.append(PictureFilter(SCALE, options={"in_color_matrix": "bt2020"}))
        filters.append(PictureFilter(PIXEL_FORMAT, (_TABLE_PIXELS,)))
        filters.append(PictureFilter(COLOUR_TABLE, options={"file": str(table)}))
    if traits.pixel_aspect != 1:
        # ffmpeg's own `sar` is that of the picture after it has been turned upright.
        width, height = (
            f"2*round({side}*clip({aspect},1,{MOST_UNEQUAL})/2)" for side, aspect in (("iw", "sar"), ("ih", "1/sar"))
        )
        filters.append(PictureFilter(SCALE, options={"w": width, "h": height}))
    return filters


def picture_note(traits: PictureTraits) -> str:
    """What is done to the pictures, in a line for people; empty where nothing is."""
    aspect = traits.pixel_aspect
    parts = [
        f"pixels of {aspect.numerator}:{aspect.denominator} were made square" if aspect != 1 else "",
        f"pixels of {traits.absurd_aspect} were taken for square ones" if traits.absurd_aspect else "",
        "pictures marked as interlaced were de-interlaced" if traits.interlaced else "",
        f"colours ({traits.wide_colour}) were made those of standard video" if traits.wide_colour else "",
    ]
    return "; ".join(filter(None, parts))


@contextmanager
def open_filters(info: VideoInfo, program: Ffmpeg) -> Iterator[list[PictureFilter]]:
    """The filters for a video; the file that one of them reads exists as long as the context.

    Raises:
        VideoError: the pictures would become too large, this ffmpeg lacks a filter, or nothing here knows the colours.
    """
    traits = info.traits
    _check_size(info)
    _check_colour(info)
    with contextlib.ExitStack() as stack:
        table = Path(_TABLE_NAME)
        if traits.wide_colour is not None:
            table = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rmset-")), _TABLE_NAME)
            table.write_text(cube(traits.wide_colour), encoding="ascii")
        filters = picture_filters(traits, table)
        if filters:
            _check_program(info.path, filters, program)
        yield filters


def _check_size(info: VideoInfo) -> None:
    aspect = float(info.traits.pixel_aspect)
    width, height = info.width * max(aspect, 1), info.height * max(1 / aspect, 1)
    if max(width, height) > LONGEST_SIDE:
        raise VideoError(
            "too-large", f"{info.path}: frames of {width:.0f} x {height:.0f} pixels", remedy="scale it down"
        )


def _check_colour(info: VideoInfo) -> None:
    strange = info.traits.strange_colour
    if strange == DOLBY_VISION:
        raise VideoError(
            "unknown-colours",
            f"{info.path} is in {strange}, which only Dolby's own players show in its colours",
            remedy="fetch another format of it; or, if other players show it right: "
            "ffmpeg -i IN -c copy -tag:v hvc1 OUT.mp4",
        )
    if strange:
        raise VideoError(
            "unknown-colours",
            f"{info.path} has its colours encoded as {strange}, which ffmpeg does not convert by itself",
            remedy="convert it: ffmpeg -i IN -vf zscale=matrix=709 -colorspace bt709 OUT.mp4",
        )


def _check_program(path: Path, filters: list[PictureFilter], program: Ffmpeg) -> None:
    missing = sorted({step.name for step in filters} - filters_of(program))
    if missing:
        raise VideoError(
            "missing-filter",
            f"{path} needs ffmpeg's {in_a_row(missing)}, which {program.path} lacks",
            remedy=f"use another, such as the bundled one: {MEND_WITH_BUNDLED}",
        )
