"""What headers of real files say of their pictures."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.video.info import VideoInfo
from rmset_builder.video.picture_traits import LEAST_UNEQUAL, MOST_UNEQUAL, sensible_aspect, wide_colour
from rmset_builder.video.tone_mapping import Primaries, Transfer, WideColour

MakeClip = Callable[..., Path]

MOVING = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=50:duration=0.4"]
FIELDS = ["-vf", "tinterlace=interleave_top", "-pix_fmt", "yuv420p"]
FLAGS = ["-flags", "+ildct+ilme"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-threads", 1]


@given(st.fractions())
def test_any_aspect_is_believed_or_square(stated: Fraction) -> None:
    aspect, absurd = sensible_aspect(stated)
    assert aspect == 1 or LEAST_UNEQUAL <= max(aspect, 1 / aspect) <= MOST_UNEQUAL
    assert aspect in {1, stated}
    assert not absurd or aspect == 1


@pytest.mark.parametrize(
    ("transfer", "primaries", "wanted"),
    [
        (1, 1, None),
        (2, 2, None),
        (13, 12, None),
        (16, 9, WideColour(Transfer.PQ, Primaries.BT2020)),
        (18, 9, WideColour(Transfer.HLG, Primaries.BT2020)),
        (18, 2, WideColour(Transfer.HLG, Primaries.BT2020)),
        (16, 12, WideColour(Transfer.PQ, Primaries.P3)),
        (14, 9, WideColour(Transfer.SDR, Primaries.BT2020)),
    ],
)
def test_colours_by_their_numbers(transfer: int, primaries: int, wanted: WideColour | None) -> None:
    assert wide_colour(transfer, primaries) == wanted


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("avc.mp4", [*X264, *FLAGS, "-x264opts", "tff=1"]),
        ("avc.ts", [*X264, *FLAGS, "-x264opts", "tff=1"]),
        ("mpeg2.mpg", ["-c:v", "mpeg2video", "-q:v", 3, *FLAGS]),
        ("mpeg4.avi", ["-c:v", "mpeg4", "-q:v", 3, *FLAGS]),  # whose header does not tell
    ],
)
def test_interlaced_files_are_known(tmp_path: Path, make_clip: MakeClip, name: str, codec: list[object]) -> None:
    assert VideoInfo.from_path(make_clip(tmp_path / name, *MOVING, *FIELDS, *codec)).traits.interlaced
    whole = [option for option in codec if option not in {"-flags", "+ildct+ilme", "-x264opts", "tff=1"}]
    clip = make_clip(tmp_path / f"whole-{name}", *MOVING, "-pix_fmt", "yuv420p", *whole)
    assert not VideoInfo.from_path(clip).traits.interlaced


def test_a_file_that_cannot_be_decoded_is_judged_when_it_is_read(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(tmp_path / "clip.avi", *MOVING, "-c:v", "mpeg4", "-q:v", 3, *FLAGS)
    data = bytearray(clip.read_bytes())
    start = data.index(b"movi") + 12
    data[start : start + 20_000] = bytes(20_000)
    clip.write_bytes(data)
    assert not VideoInfo.from_path(clip).traits.interlaced


def test_the_usual_video_has_no_traits(small_video: Path) -> None:
    info = VideoInfo.from_path(small_video)
    assert info.plain_planes is not None
    assert (info.traits.pixel_aspect, info.traits.interlaced, info.traits.wide_colour) == (1, False, None)
