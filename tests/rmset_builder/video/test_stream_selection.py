"""The one track that is the video: the same one for probing, counting and decoding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.probe import probe
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VideoInfo
from rmset_builder.video.stream_selection import PictureTrack, choose_track

MakeClip = Callable[..., Path]

X264 = ["libx264", "-pix_fmt", "yuv420p", "-threads", 1]


def track(index: int, pictures: int = 50, length_s: float = 2.0, *, default: bool = False) -> PictureTrack:
    return PictureTrack(index, "h264, 96 x 64", default=default, pictures=pictures, length_s=length_s)


@pytest.mark.parametrize(
    ("tracks", "chosen"),
    [
        ([track(0, 1, 0.04, default=True), track(1)], 1),
        ([track(0), track(2, 1, 99.0)], 0),
        ([track(0, length_s=9.0), track(1, default=True)], 1),
        ([track(0), track(3, length_s=9.0)], 3),
        ([track(0, length_s=2.0), track(1, length_s=2.04)], 0),
        ([track(1, default=True), track(2, length_s=9.0, default=True)], 2),
        ([track(4, 1), track(5, 1)], 4),
    ],
)
def test_no_still_then_the_default_one_then_the_longest_then_the_first(tracks: list[PictureTrack], chosen: int) -> None:
    for order in (tracks, tracks[::-1]):
        found, note = choose_track(order)
        assert found.index == chosen
        assert all(f"stream {t.index} (" in note for t in tracks)
        assert "\n" not in note


@pytest.fixture(scope="module")
def videos(make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seconds of 96 x 64 pixels, one of 48 x 32, and a still of 64 x 64."""
    folder = tmp_path_factory.mktemp("tracks")

    def make(name: str, size: str, seconds: int, *options: object) -> Path:
        source = f"testsrc2=size={size}:rate=25:duration={seconds}"
        return make_clip(folder / name, "-f", "lavfi", "-i", source, *options)

    return {
        "long": make("long.mp4", "96x64", 2, "-c:v", *X264),
        "short": make("short.mp4", "48x32", 1, "-c:v", *X264),
        "still": make("still.png", "64x64", 1, "-frames:v", 1),
    }


def assert_long_one(path: Path, *, index: int, note: str) -> None:
    info = probe(path)
    assert (info.width, info.height, info.track) == (96, 64, index)
    assert note in info.track_note
    with FrameReader(info, threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            pass
        assert (reader.count, reader.shape) == (50, (64, 96, 4))


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize("codec", [["mjpeg"], X264], ids=["mjpeg", "h264"])
def test_a_still_before_the_video(
    videos: dict[str, Path], tmp_path: Path, make_clip: MakeClip, suffix: str, codec: list[object]
) -> None:
    clip = make_clip(
        tmp_path / f"x.{suffix}",
        *["-i", videos["long"], "-i", videos["still"], "-map", "1:v", "-map", "0:v"],
        *["-c:v:0", *codec, "-c:v:1", "copy"],
    )
    assert_long_one(clip, index=1, note="not stream 0 (")
    assert "a still" in VideoInfo.from_path(clip).track_note


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_the_longest_of_two(videos: dict[str, Path], tmp_path: Path, make_clip: MakeClip, suffix: str) -> None:
    clip = make_clip(
        tmp_path / f"x.{suffix}",
        *["-i", videos["short"], "-i", videos["long"], "-map", "0:v", "-map", "1:v", "-c", "copy"],
        *["-disposition:v", 0],
    )
    assert_long_one(clip, index=1, note="not stream 0 (h264, 48 x 32, 1.0 s)")


def test_the_default_one_of_two(videos: dict[str, Path], tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(
        tmp_path / "x.mkv",
        *["-i", videos["short"], "-i", videos["long"], "-map", "0:v", "-map", "1:v", "-c", "copy"],
        *["-disposition:v:0", "default", "-disposition:v:1", 0],
    )
    info = VideoInfo.from_path(clip)
    assert (info.width, info.track) == (48, 0)
    assert "stream 0 (h264, 48 x 32, 1.0 s, the default one) was taken" in info.track_note


def test_sound_before_the_video_is_no_choice(videos: dict[str, Path], tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(
        tmp_path / "x.mkv",
        *["-f", "lavfi", "-i", "sine=duration=1", "-i", videos["long"], "-map", "0:a", "-map", "1:v"],
        *["-c:v", "copy", "-c:a", "libopus"],
    )
    assert_long_one(clip, index=1, note="")
    assert VideoInfo.from_path(clip).track_note == ""


def test_a_file_of_two_tracks_that_was_cut_is_seen_as_cut(
    videos: dict[str, Path], tmp_path: Path, make_clip: MakeClip
) -> None:
    clip = make_clip(
        tmp_path / "x.mkv", *["-i", videos["short"], "-i", videos["long"], "-map", 0, "-map", 1, "-c", "copy"]
    )
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    with pytest.raises(VideoError, match="not whole"):
        probe(clip)


def test_a_track_of_an_unknown_kind(videos: dict[str, Path], tmp_path: Path, make_clip: MakeClip) -> None:
    def unknown(clip: Path) -> Path:
        clip.write_bytes(clip.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_ZZZZZ/ZZZ/ZZZ", 1))
        return clip

    alone = make_clip(tmp_path / "alone.mkv", "-i", videos["short"], "-c", "copy")
    assert VideoInfo.from_path(alone).codec == "h264"
    with pytest.raises(VideoError) as caught:
        VideoInfo.from_path(unknown(alone))
    assert caught.value.reason == "unknown-codec"
    tracks = ["-map", 0, "-map", 1, "-c", "copy"]
    both = make_clip(tmp_path / "both.mkv", "-i", videos["short"], "-i", videos["long"], *tracks)
    assert_long_one(unknown(both), index=1, note="")
