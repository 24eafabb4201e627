"""Pictures come out with square pixels, in standard colours and of one moment each, whatever a real file holds."""

from __future__ import annotations

import shlex
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from rmset_builder.core.errors import VideoError
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.ffmpeg import Ffmpeg, find_ffmpeg
from rmset_builder.video.filtergraph import picture_filters, picture_note
from rmset_builder.video.info import VideoInfo
from rmset_builder.video.picture_traits import PictureTraits

MakeClip = Callable[..., Path]

Picture = npt.NDArray[np.uint8]

X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-threads", 1, "-pix_fmt", "yuv420p"]

TEN_BITS = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", 4, "-x265-params", "log-level=none:pools=1"]

HDR_TAGS = "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc"

# A white disc of 60 pixels' radius, wherever pixels are square.
DISC = "format=gray,geq=lum='235*lt(hypot({across}*(X-{x}),{down}*(Y-{y})),60)',format=yuv420p"


def read(path: Path) -> tuple[list[Picture], npt.NDArray[np.float64]]:
    """All frames, RGB, and their times."""
    frames = []
    with FrameReader(VideoInfo.from_path(path), threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            frames.append(buffer[..., 2::-1].copy())
        return frames, reader.times_s()


def disc_clip(make_clip: MakeClip, path: Path, size: tuple[int, int], aspect: tuple[int, int]) -> Path:
    """A disc in pixels of ``aspect``."""
    width, height = size
    across, down = max(aspect[0] / aspect[1], 1), max(aspect[1] / aspect[0], 1)
    draw = DISC.format(across=across, down=down, x=width / 2 - 0.5, y=height / 2 - 0.5)
    source = ["-f", "lavfi", "-i", f"color=black:s={width}x{height}:r=25:d=0.08"]
    return make_clip(path, *source, "-vf", f"{draw},setsar={aspect[0]}/{aspect[1]}", *X264)


def extents(picture: Picture) -> tuple[int, int]:
    """Width and height of what is bright in a picture."""
    rows, columns = np.nonzero(picture.mean(2) > 127)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


@pytest.mark.parametrize(
    ("size", "aspect", "wanted"),
    [
        ((180, 180), (16, 9), (320, 180)),
        ((360, 288), (16, 15), (384, 288)),
        ((176, 144), (12, 11), (192, 144)),
        ((360, 240), (8, 9), (360, 270)),
        ((352, 288), (1, 2), (352, 576)),
        ((320, 240), (405, 404), (320, 240)),  # a codec's rounding
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_pixels_are_square(
    tmp_path: Path, make_clip: MakeClip, suffix: str, size: tuple[int, int], aspect: tuple[int, int], wanted: object
) -> None:
    clip = disc_clip(make_clip, tmp_path / f"clip.{suffix}", size, aspect)
    info = VideoInfo.from_path(clip)
    frames, _ = read(clip)
    assert frames[0].shape[1::-1] == wanted
    assert info.plain_planes is not None, "the fast path stays"
    across, down = extents(frames[1])
    assert abs(across - down) <= 3, (across, down)
    assert (picture_note(info.traits) != "") == (frames[0].shape[1::-1] != size)


@pytest.mark.parametrize("turn", [90, 180])
def test_pixels_are_square_when_the_picture_is_turned(tmp_path: Path, make_clip: MakeClip, turn: int) -> None:
    lying = disc_clip(make_clip, tmp_path / "lying.mp4", (180, 180), (16, 9))
    clip = make_clip(tmp_path / "clip.mp4", "-display_rotation", turn, "-i", lying, "-c", "copy")
    frames, _ = read(clip)
    assert frames[0].shape[:2] == ((320, 180) if turn == 90 else (180, 320))
    across, down = extents(frames[1])
    assert abs(across - down) <= 3


def with_aspect(clip: Path, across: int, down: int) -> Path:
    """The MP4 file with another pixel aspect in its header, as nobody would make it."""
    data = bytearray(clip.read_bytes())
    place = data.index(b"pasp") + 4
    data[place : place + 8] = struct.pack(">II", across, down)
    clip.write_bytes(data)
    return clip


@pytest.mark.parametrize("aspect", [(1, 1000), (1000, 1), (9, 1), (2**31 - 1, 1)])
def test_an_absurd_aspect_is_left_alone_and_noted(tmp_path: Path, make_clip: MakeClip, aspect: tuple[int, int]) -> None:
    clip = with_aspect(disc_clip(make_clip, tmp_path / "clip.mp4", (180, 180), (16, 9)), *aspect)
    frames, _ = read(clip)
    assert frames[0].shape == (180, 180, 3)
    assert f"{aspect[0]}:{aspect[1]}" in picture_note(VideoInfo.from_path(clip).traits)


@pytest.mark.parametrize("aspect", [(0, 0), (0, 1), (1, 0)])
def test_an_aspect_of_nothing_is_that_of_the_codec(
    tmp_path: Path, make_clip: MakeClip, aspect: tuple[int, int]
) -> None:
    clip = with_aspect(disc_clip(make_clip, tmp_path / "clip.mp4", (180, 180), (16, 9)), *aspect)
    assert read(clip)[0][0].shape == (180, 320, 3)


def test_what_would_become_too_large_is_refused_before_it_is_decoded(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(tmp_path / "clip.mp4", "-f", "lavfi", "-i", "color=s=2400x64:d=0.04", "-vf", "setsar=7", *X264)
    with pytest.raises(VideoError, match=r"16800 x 64") as caught:
        read(clip)
    assert caught.value.reason == "too-large"


PATCHES = np.array([(176, 128, 106), (90, 60, 45), (60, 60, 60), (170, 60, 60), (50, 120, 60), (60, 70, 160)], np.uint8)


def patches_of(picture: Picture) -> npt.NDArray[np.float64]:
    return np.stack([picture[16:48, 64 * n + 16 : 64 * n + 48].mean((0, 1)) for n in range(len(PATCHES))])


def pq_of(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SMPTE ST 2084, equation 5.2."""
    power = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg_of(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ITU-R BT.2100, table 5, on a display of 1,000 nits."""
    luminance = nits @ [0.2627, 0.6780, 0.0593] / 1000
    scene = nits / 1000 * (luminance ** ((1 - 1.2) / 1.2))[:, None]
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 0.5)) + 0.55991073
    )


def gamma_of(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return (nits / 203) ** (1 / 2.4)


# ITU-R BT.2087, from BT.709 to BT.2020.
TO_WIDE = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


@pytest.mark.parametrize(
    ("encode", "transfer", "matrix", "extent"),
    [
        (pq_of, "smpte2084", "bt2020nc", "tv"),
        (hlg_of, "arib-std-b67", "bt2020nc", "tv"),
        (pq_of, "smpte2084", "bt2020nc", "pc"),
        (hlg_of, "arib-std-b67", "unknown", "tv"),
        (gamma_of, "bt2020-10", "bt2020nc", "tv"),
    ],
)
def test_hdr_comes_out_in_the_colours_that_went_in(
    tmp_path: Path,
    make_clip: MakeClip,
    encode: Callable[..., npt.NDArray[np.float64]],
    transfer: str,
    matrix: str,
    extent: str,
) -> None:
    """Within 10 of 255 for strong colours, 3 for skin and grey; skin errs by 59 (HLG 32, SDR 17) with tags ignored."""
    nits = (PATCHES / 255) ** 2.4 @ TO_WIDE.T * 203
    colours = np.rint(encode(nits) * 65535).astype("<u2")
    picture = np.repeat(np.repeat(colours[None], 64, axis=1), 64, axis=0)
    raw = tmp_path / "patches.rgb48"
    raw.write_bytes(picture.tobytes() * 2)
    source = ["-f", "rawvideo", "-pix_fmt", "rgb48le", "-video_size", f"{64 * len(PATCHES)}x64", "-framerate", 25]
    tags = f"setparams=colorspace={matrix}:color_primaries=bt2020:color_trc={transfer}:range={extent}"
    clip = make_clip(
        tmp_path / "clip.mp4",
        *[*source, "-i", raw],
        *["-vf", f"scale=out_color_matrix=bt2020:out_range={extent},format=yuv420p10le,{tags}", *TEN_BITS],
    )
    info = VideoInfo.from_path(clip)
    assert info.traits.wide_colour is not None
    assert info.traits.matrix_unstated == (matrix == "unknown")
    frames, _ = read(clip)
    assert len(frames) == 2
    error = np.abs(patches_of(frames[1]) - PATCHES).max(axis=1)
    assert error.max() <= 10
    assert error[:3].max() <= 3, "skin and grey"


def test_the_tables_file_lives_as_long_as_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t'm,p[1]"))
    (tmp_path / "t'm,p[1]").mkdir()
    source = ["-f", "lavfi", "-i", "color=gray:s=64x64:d=0.12"]
    clip = tmp_path / "clip.mp4"
    subprocess.run(
        [
            find_ffmpeg().path,
            "-v",
            "error",
            *source,
            "-vf",
            HDR_TAGS,
            *map(str, TEN_BITS),
            "-color_trc",
            "smpte2084",
            clip,
        ],
        check=True,
    )
    with FrameReader(VideoInfo.from_path(clip), threads=1) as reader:
        assert list((tmp_path / "t'm,p[1]").rglob("*.cube"))
        assert reader.read_into(np.empty(reader.shape, np.uint8))
    assert not list((tmp_path / "t'm,p[1]").iterdir())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-bsf:v", "h264_metadata=matrix_coefficients=8"], "YCgCo"),
        (["-bsf:v", "h264_metadata=matrix_coefficients=14"], "ICtCp"),
    ],
)
def test_colours_that_nothing_here_knows_are_refused_with_a_remedy(
    tmp_path: Path, make_clip: MakeClip, options: list[object], told: str
) -> None:
    plain = make_clip(tmp_path / "plain.mp4", "-f", "lavfi", "-i", "color=gray:s=64x64:d=0.12", *X264)
    clip = make_clip(tmp_path / "clip.mp4", "-i", plain, "-c", "copy", *options)
    with pytest.raises(VideoError, match=told) as caught:
        read(clip)
    assert caught.value.reason == "unknown-colours"
    assert "ffmpeg -i IN" in caught.value.remedy


def test_dolby_vision_alone_is_refused_with_a_remedy(tmp_path: Path, make_clip: MakeClip) -> None:
    source = ["-f", "lavfi", "-i", "color=gray:s=64x64:d=0.12"]
    clip = make_clip(tmp_path / "clip.mp4", *source, *TEN_BITS, "-tag:v", "dvh1", "-strict", "unofficial")
    with pytest.raises(VideoError, match="Dolby Vision") as caught:
        read(clip)
    assert caught.value.reason == "unknown-colours"
    read(make_clip(tmp_path / "mended.mp4", "-i", clip, "-c", "copy", "-tag:v", "hvc1"))


def test_an_ffmpeg_without_a_filter_is_told_with_the_remedy(tmp_path: Path, make_clip: MakeClip) -> None:
    program = tmp_path / "ffmpeg"
    real = shlex.quote(find_ffmpeg().path)
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *-filters*) {real} "$@" | grep -v lut3d;; *) exec {real} "$@";; esac\n'
    )
    program.chmod(0o755)
    source = ["-f", "lavfi", "-i", "color=gray:s=64x64:d=0.12"]
    hdr = make_clip(tmp_path / "hdr.mp4", *source, *TEN_BITS, "-vf", HDR_TAGS, "-color_trc", "smpte2084")
    usual = make_clip(tmp_path / "usual.mp4", *source, *X264)
    lacking = Ffmpeg(str(program), "7.1")
    with pytest.raises(VideoError, match=r"hdr.mp4 needs ffmpeg's lut3d") as caught:
        FrameReader(VideoInfo.from_path(hdr), program=lacking)
    assert caught.value.reason == "missing-filter"
    assert "RMSET_FFMPEG" in caught.value.remedy
    with FrameReader(VideoInfo.from_path(usual), program=lacking):
        pass


FIELDS = 40


def panned(folder: Path) -> list[object]:
    """ffmpeg's arguments for 50 pictures a second of soft noise that moves across, 3 pixels a picture."""
    wide = np.random.default_rng(0).integers(0, 256, (60, 120, 3), np.uint8)
    wide = np.asarray(cv2.resize(wide, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.uint8)
    path = folder / "panned.rgb"
    path.write_bytes(b"".join(wide[:, 3 * n : 3 * n + 320].tobytes() for n in range(FIELDS)))
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", "320x240", "-framerate", 50, "-i", path]


INTERLACED = ["-flags", "+ildct+ilme", "-x264opts", "tff=1", "-crf", 4]


def difference(one: list[Picture], other: list[Picture]) -> float:
    """Mean over the frames that have neighbours on both sides."""
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(one[1:-1], other[1:-1], strict=True)]))


def test_interlaced_pictures_become_those_of_one_moment(
    tmp_path: Path, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_clip(
        tmp_path / "whole.mp4", *panned(tmp_path), "-vf", "select='not(mod(n,2))'", "-r", 25, *X264, "-crf", 4
    )
    clip = make_clip(
        tmp_path / "clip.mp4", *panned(tmp_path), "-vf", "tinterlace=interleave_top", "-r", 25, *X264, *INTERLACED
    )
    truth, times = read(whole)
    found, found_times = read(clip)
    assert len(found) == len(truth) == 20
    np.testing.assert_allclose(found_times, times, atol=1e-9)
    monkeypatch.setattr("rmset_builder.video.filtergraph.picture_filters", lambda *_: [])
    combed, _ = read(clip)
    assert difference(found, truth) < difference(combed, truth) / 2


def test_whole_pictures_in_an_interlaced_stream_pass_unchanged(tmp_path: Path, make_clip: MakeClip) -> None:
    """The filter is there, and only touches what is marked."""
    clip = make_clip(tmp_path / "clip.mp4", *panned(tmp_path), *X264)
    info = VideoInfo.from_path(clip)
    plain, times = read(clip)
    marked = VideoInfo(**{**vars(info), "traits": PictureTraits(interlaced=True)})
    with FrameReader(marked, threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        for picture in plain:
            assert reader.read_into(buffer)
            np.testing.assert_array_equal(buffer[..., 2::-1], picture)
        assert not reader.read_into(buffer)
        np.testing.assert_array_equal(reader.times_s(), times)


def test_the_usual_video_needs_no_filter() -> None:
    assert picture_filters(PictureTraits(matrix_unstated=True), Path("unused")) == []
    assert picture_note(PictureTraits(matrix_unstated=True)) == ""
