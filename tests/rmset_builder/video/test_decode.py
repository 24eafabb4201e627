"""Real files, made with ffmpeg out of pictures that tell their own number, come back frame by frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numbered_frames import (
    HEIGHT,
    WIDTH,
    X264,
    MakeClip,
    assert_near,
    assert_times,
    corners,
    number_of,
    numbered,
    raw,
    read,
    times_by_pyav,
)

from rmset_builder.core.errors import VideoError
from rmset_builder.video.info import VideoInfo


@pytest.mark.parametrize("rate", ["25", "30000/1001", "24000/1001", "60", "12"])
def test_constant_rate(tmp_path: Path, make_clip: MakeClip, rate: str) -> None:
    source = raw(tmp_path, [numbered(n) for n in range(30)], rate)
    clip = make_clip(tmp_path / "clip.mp4", *source, *X264, "-pix_fmt", "yuv420p")
    frames, times = read(clip)
    assert [number_of(frame) for frame in frames] == list(range(30))
    assert_times(times, [n / Fraction(rate) for n in range(30)])
    assert_times(times, times_by_pyav(clip))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_every_frame_of_a_variable_rate_once_and_at_its_time(tmp_path: Path, make_clip: MakeClip, suffix: str) -> None:
    milliseconds = [40 * n + 7 * (n * n % 5) + (900 if n > 20 else 0) for n in range(40)]
    source = raw(tmp_path, [numbered(n) for n in range(40)], 1000)
    clip = make_clip(
        tmp_path / f"clip.{suffix}",
        *source,
        *["-vf", "setpts='40*N+7*mod(N*N,5)+900*gt(N,20)'", "-fps_mode", "passthrough"],
        *[*X264, "-pix_fmt", "yuv420p", "-bf", 3, "-enc_time_base", "1:1000", "-video_track_timescale", 1000],
    )
    frames, times = read(clip)
    assert [number_of(frame) for frame in frames] == list(range(40))
    assert_times(times, [Fraction(time, 1000) for time in milliseconds])
    assert_times(times, times_by_pyav(clip))


def test_a_start_other_than_zero_is_kept(tmp_path: Path, make_clip: MakeClip) -> None:
    source = raw(tmp_path, [numbered(n) for n in range(10)])
    clip = make_clip(
        tmp_path / "clip.mkv", *source, *X264, "-pix_fmt", "yuv420p", "-bf", 0, "-output_ts_offset", "5.24"
    )
    frames, times = read(clip)
    assert len(frames) == 10
    assert_times(times, [Fraction(524, 100) + Fraction(n, 25) for n in range(10)])
    assert_times(times, times_by_pyav(clip))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_metadata_stands_the_picture_upright(tmp_path: Path, make_clip: MakeClip, turn: int) -> None:
    lying = make_clip(tmp_path / "lying.mp4", *raw(tmp_path, [corners()] * 3), *X264, "-pix_fmt", "yuv420p")
    clip = make_clip(tmp_path / "clip.mp4", "-display_rotation", turn, "-i", lying, "-c", "copy")
    info = VideoInfo.from_path(clip)
    frames, _ = read(clip)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert len(frames) == 3
    # ffmpeg's option turns counter-clockwise, as numpy does.
    assert_near(frames[0], np.rot90(corners(), turn // 90), 6)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", [*X264, "-pix_fmt", "yuv444p"]),
        ("mp4", [*X264, "-pix_fmt", "yuv420p", "-vf", "crop=160:96"]),
        ("mkv", ["-c:v", "png"]),
        ("mkv", ["-c:v", "ffv1", "-pix_fmt", "yuv420p"]),
        ("gif", []),
    ],
)
@pytest.mark.parametrize("size", [(161, 97), (163, 99)])
def test_odd_sizes(
    tmp_path: Path, make_clip: MakeClip, suffix: str, codec: list[object], size: tuple[int, int]
) -> None:
    pictures = [numbered(n, *size) for n in range(6)]
    frames, times = read(make_clip(tmp_path / f"clip.{suffix}", *raw(tmp_path, pictures), *codec))
    assert [number_of(frame) for frame in frames] == list(range(6))
    width, height = (160, 96) if "-vf" in codec else size
    assert {frame.shape for frame in frames} == {(height, width, 3)}
    assert_times(times, [Fraction(n, 25) for n in range(6)])
    # No row or column is lost, added or skewed: the right and lower borders are grey, as they were.
    # On the mean, as a GIF's palette makes a pattern of the grey.
    np.testing.assert_allclose(frames[5][-1, 70:].mean(), 128, atol=6)
    np.testing.assert_allclose(frames[5][70:, -1].mean(), 128, atol=6)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("hevc.mp4", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1"]),
        ("gray.mp4", X264),
        ("vp9.webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8]),
        ("mpeg4.avi", ["-c:v", "mpeg4", "-q:v", 2]),
        ("mpeg2.mpg", ["-c:v", "mpeg2video", "-q:v", 2, "-bf", 2]),
        ("avc.flv", X264),
        ("avc.ts", X264),
    ],
)
def test_codecs_and_containers(tmp_path: Path, make_clip: MakeClip, name: str, codec: list[object]) -> None:
    pixels = "gray" if "gray" in name else "yuv420p"
    clip = make_clip(
        tmp_path / name, *raw(tmp_path, [numbered(n) for n in range(20)]), *codec, "-pix_fmt", pixels, "-g", 8
    )
    frames, times = read(clip)
    assert [number_of(frame) for frame in frames] == list(range(20))
    assert_times(times, times_by_pyav(clip))
    np.testing.assert_allclose(np.diff(times), 0.04, atol=0.0006)
    assert_near(frames[19], numbered(19), 8)


def test_gif_with_frames_of_different_lengths(tmp_path: Path, make_clip: MakeClip) -> None:
    source = raw(tmp_path, [numbered(n) for n in range(6)], 100)
    clip = make_clip(tmp_path / "clip.gif", *source, "-vf", "setpts='10*N+5*mod(N,2)'", "-fps_mode", "vfr")
    frames, times = read(clip)
    assert [number_of(frame) for frame in frames] == list(range(6))
    assert_times(times, [Fraction(n * 10 + 5 * (n % 2), 100) for n in range(6)])


@pytest.mark.parametrize(
    ("matrix", "extent", "pixels"),
    [
        ("bt709", "tv", "yuv420p"),
        ("bt709", "pc", "yuvj420p"),
        ("smpte170m", "tv", "yuv420p"),
        ("smpte170m", "pc", "yuvj420p"),
        ("bt709", "tv", "yuv444p"),
    ],
)
def test_colours_by_the_matrix_and_range_that_the_video_names(
    tmp_path: Path, make_clip: MakeClip, matrix: str, extent: str, pixels: str
) -> None:
    """Within 3 of 255 of the colours that went in; the wrong matrix or range errs by 11 and more."""
    clip = make_clip(
        tmp_path / "clip.mp4",
        *raw(tmp_path, [corners()] * 2),
        *["-vf", f"scale=out_color_matrix={matrix}:out_range={extent}", "-pix_fmt", pixels],
        *["-colorspace", matrix, "-color_range", extent, *X264, "-crf", 4],
    )
    with av.open(str(clip)) as container:
        named = container.streams.video[0].codec_context
        assert (named.colorspace, named.color_range) == (1 if matrix == "bt709" else 6, 2 if extent == "pc" else 1)
    frames, _ = read(clip)
    assert_near(frames[1], corners(), 3)


def test_a_size_that_changes_in_mid_stream(tmp_path: Path, make_clip: MakeClip) -> None:
    source, codec = raw(tmp_path, [numbered(n) for n in range(10)]), [*X264, "-pix_fmt", "yuv420p", "-bf", 0]
    parts = [make_clip(tmp_path / "0.ts", *source, *codec)]
    source = raw(tmp_path, [numbered(n) for n in range(10, 25)])
    parts += [make_clip(tmp_path / "1.ts", *source, "-vf", "scale=320:192", *codec, "-output_ts_offset", "0.4")]
    clip = tmp_path / "clip.ts"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, times = read(clip)
    assert [number_of(frame) for frame in frames] == list(range(25))
    assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-9)


def test_a_video_of_one_frame(tmp_path: Path, make_clip: MakeClip) -> None:
    frames, times = read(make_clip(tmp_path / "clip.mp4", *raw(tmp_path, [numbered(77)]), *X264, "-pix_fmt", "yuv420p"))
    assert [number_of(frame) for frame in frames] == [77]
    assert_times(times, [Fraction(0)])


def test_a_cover_picture_is_no_video(tmp_path: Path, make_clip: MakeClip) -> None:
    cover = make_clip(tmp_path / "cover.png", *raw(tmp_path, [corners()]), "-frames:v", 1)
    clip = make_clip(
        tmp_path / "clip.mp4",
        *["-i", cover, *raw(tmp_path, [numbered(n) for n in range(5)]), "-map", 0, "-map", 1],
        *["-c:v:0", "png", "-disposition:v:0", "attached_pic", "-c:v:1", "libx264", "-pix_fmt:v:1", "yuv420p"],
    )
    frames, _ = read(clip)
    assert [number_of(frame) for frame in frames] == list(range(5))


def test_names_that_look_like_options_or_protocols(
    tmp_path: Path, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", *raw(tmp_path, [numbered(5)] * 2), *X264, "-pix_fmt", "yuv420p")
    monkeypatch.chdir(tmp_path)
    for name in ("-i.mp4", "http:x.mp4", "concat:a|b.mp4", "%03d.mp4", "a'b \"c\\.mp4", "ünï.mp4", "a\nb.mp4"):
        Path(name).write_bytes(clip.read_bytes())
        assert [number_of(frame) for frame in read(Path(name))[0]] == [5, 5], name


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("hevc.mkv", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1"]),
        ("avc.mp4", X264),
    ],
)
def test_ten_bits_a_colour(tmp_path: Path, make_clip: MakeClip, name: str, codec: list[object]) -> None:
    source = raw(tmp_path, [numbered(n) for n in range(6)] + [corners()])
    matrix = ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709", "-color_range", "tv"]
    clip = make_clip(tmp_path / name, *source, *matrix, *codec, "-crf", 4, "-pix_fmt", "yuv420p10le")
    frames, times = read(clip)
    assert [number_of(frame) for frame in frames[:6]] == list(range(6))
    assert_near(frames[6], corners(), 3)
    assert_times(times, times_by_pyav(clip))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.mp4", [*X264, "-pix_fmt", "yuv420p", "-movflags", "+faststart"]),
        ("clip.mov", [*X264, "-pix_fmt", "yuv420p", "-movflags", "+faststart"]),
        ("fragments.mp4", [*X264, "-pix_fmt", "yuv420p", "-g", 25, "-movflags", "+frag_keyframe+empty_moov"]),
        ("clip.avi", ["-c:v", "mpeg4"]),
        ("clip.gif", []),
        ("clip.mkv", [*X264, "-pix_fmt", "yuv420p"]),
        ("clip.webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8]),
    ],
)
def test_a_file_that_ends_early_is_never_taken_for_whole(
    tmp_path: Path, make_clip: MakeClip, name: str, codec: list[object]
) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=8"]
    clip = make_clip(tmp_path / name, *source, *codec)
    data = clip.read_bytes()
    assert len(read(clip)[0]) == 200
    for share in (0.3, 0.6, 0.9, 0.97, 0.99):
        clip.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(VideoError) as caught:
            read(clip)
        assert caught.value.reason in {"cut-short", "no-frames", "not-a-video"}, (share, caught.value)


def test_a_name_that_is_no_utf8(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(tmp_path / "clip.mp4", *raw(tmp_path, [numbered(5)] * 2), *X264, "-pix_fmt", "yuv420p")
    name = tmp_path / "caf\udce9.mp4"
    clip.rename(name)
    assert [number_of(frame) for frame in read(name)[0]] == [5, 5]
