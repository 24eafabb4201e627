"""What the frames' times tell: rate, length and order, of real files and of times as files state them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.shards.videos_table import VideoRecord, read_videos
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VideoInfo
from rmset_builder.video.presentation_times import duration_s, frame_rate, in_order

MakeClip = Callable[..., Path]
Rmset = Callable[..., subprocess.CompletedProcess[str]]
Times = npt.NDArray[np.float64]


def times_of(*seconds: Sequence[float]) -> Times:
    return np.concatenate([np.asarray(part, np.float64) for part in seconds])


def every(period: float, count: int, start: float = 0.0) -> Times:
    return start + period * np.arange(count)


@pytest.mark.parametrize(
    ("times", "fps"),
    [
        (every(1 / 25, 500), 25.0),
        (every(1001 / 30000, 500), 30000 / 1001),
        (np.round(every(1001 / 24000, 2000), 3), 24000 / 1001),  # Matroska's milliseconds
        (np.round(every(1 / 30, 2000), 3), 30.0),
        (times_of(every(1 / 25, 50), every(1 / 25, 50)), 25.0),
        (times_of(every(1 / 25, 25), every(1 / 25, 25, start=1001)), 25.0),
        (np.delete(every(1 / 25, 500), np.arange(7, 500, 9)), 25.0),  # frames left out
        (np.cumsum([0, *np.tile([2 / 60, 3 / 60], 200)]), 24.0),  # a film at 60 fields a second
        (times_of(every(1 / 30, 40), [10.0, 25.0, 60.0], every(1 / 30, 40, start=61)), 30.0),  # a recorded screen
        (np.repeat(every(1 / 25, 50), 2), 25.0),
    ],
)
def test_the_usual_interval_is_the_rate(times: Times, fps: float) -> None:
    assert frame_rate(times, 7.0) == pytest.approx(fps, rel=2e-4)


@pytest.mark.parametrize(("stated", "fps"), [(12.5, 12.5), (0.0, 25.0)])
@pytest.mark.parametrize("times", [[0.0], [3.0, 3.0, 3.0]])
def test_times_that_tell_nothing_leave_it_to_the_header(times: list[float], stated: float, fps: float) -> None:
    assert frame_rate(np.array(times), stated) == fps
    assert duration_s(np.array(times), fps) == 1 / fps


def test_the_length_ends_one_period_after_the_last_frame() -> None:
    assert duration_s(every(1 / 25, 50, start=3.0), 25.0) == pytest.approx(2.0)


def test_times_in_order_stay_as_they_are() -> None:
    times = np.array([0.0, 0.04, 0.04, 0.5, 30.0])
    kept, note = in_order(times, 25.0)
    assert kept is times
    assert note == ""


def test_times_that_begin_anew_are_counted_on() -> None:
    times, note = in_order(times_of(every(0.04, 50, start=1.4), every(0.04, 30, start=1.4), every(0.04, 20)), 25.0)
    np.testing.assert_allclose(times, every(0.04, 100, start=1.4))
    assert "begin anew at frame 50 (1.40 s after 3.36 s) and 1 more time(s)" in note


def test_frames_that_changed_places_do_not_move_the_rest() -> None:
    stated = every(0.04, 50)
    stated[[10, 11, 12, 48, 49]] = stated[[12, 10, 11, 49, 48]]
    times, note = in_order(stated, 25.0)
    np.testing.assert_allclose(times[[9, 10, 11, 12, 13, 47, 48, 49]], np.array([9, 12, 12, 12, 13, 47, 49, 49]) * 0.04)
    assert note.startswith("3 frame(s), the first of them number 11,")


def test_a_leap_is_kept_and_told() -> None:
    stated = times_of(every(0.04, 30), every(0.04, 20, start=1001.2))
    times, note = in_order(stated, 25.0)
    assert times is stated
    assert note == "its times leap ahead by up to 1,000.0 s (after frame 29), and are kept so"


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60))
def test_times_never_run_backwards_without_a_note(ticks: list[int]) -> None:
    stated = np.array(ticks) / 90_000
    fps = frame_rate(stated, 0.0)
    times, note = in_order(stated, fps)
    assert (np.diff(times) >= 0).all()
    assert len(times) == len(ticks)
    if (np.diff(stated) < 0).any():
        assert note
    else:
        np.testing.assert_array_equal(times, stated)


def read(path: Path) -> tuple[Times, str, float, str]:
    """Times in order, the note on them, the rate, and what ffmpeg complained of."""
    with FrameReader(VideoInfo.from_path(path), threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            pass
        stated = reader.times_s()
        fps = frame_rate(stated, reader.info.fps)
        return (*in_order(stated, fps), fps, reader.complaints())


PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2", "-c:v", "libx264", "-threads", 1]


def test_a_doubled_transport_stream(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(tmp_path / "a.ts", *PICTURE)
    clip.write_bytes(clip.read_bytes() * 2)
    times, note, fps, complaints = read(clip)
    assert fps == pytest.approx(25.0)
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-9)
    assert len(times) == 100
    assert "begin anew at frame 50" in note
    assert complaints == "", "ffmpeg's own end does not complain of it"


@pytest.mark.parametrize("suffix", ["mkv", "flv", "mp4"])
def test_the_rate_of_a_container_that_rounds(tmp_path: Path, make_clip: MakeClip, suffix: str) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=24000/1001:duration=4", *PICTURE[4:]]
    assert read(make_clip(tmp_path / f"a.{suffix}", *source))[2] == pytest.approx(24000 / 1001, rel=2e-4)


@pytest.fixture(scope="module")
def records(
    small_video: Path, make_clip: MakeClip, rmset: Rmset, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, VideoRecord]:
    """The records of `small_video` doubled, with a leap in it, and after a still, as extraction leaves them."""
    folder = tmp_path_factory.mktemp("times")
    videos = folder / "videos"
    videos.mkdir()
    doubled = make_clip(videos / "doubled.ts", "-i", small_video, "-c", "copy")
    doubled.write_bytes(doubled.read_bytes() * 2)
    leap = "setpts='(N+25000*gt(N,14))/25/TB'"
    make_clip(videos / "leap.mkv", "-i", small_video, "-vf", leap, "-fps_mode", "passthrough", "-c:v", "libx264")
    still = make_clip(folder / "still.png", "-i", small_video, "-frames:v", 1)
    tracks = ["-map", "1:v", "-map", "0:v", "-c:v:0", "mjpeg", "-c:v:1", "copy"]
    make_clip(videos / "still.mkv", "-i", small_video, "-i", still, *tracks)
    done = rmset("extract", videos, "--out", folder / "shards", "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert "begin anew at frame 25" in done.stdout
    return read_videos(folder / "shards")


@pytest.mark.parametrize(
    ("video", "frames", "length_s", "note"),
    [
        ("doubled", 50, 2.0, "its times begin anew at frame 25 ("),
        ("leap", 25, 1001.0, "its times leap ahead by up to 1,000.0 s (after frame 14)"),
        ("still", 25, 1.0, "of 2 picture tracks stream 1 ("),
    ],
)
def test_what_extraction_records(
    records: dict[str, VideoRecord], video: str, frames: int, length_s: float, note: str
) -> None:
    record = records[video]
    assert (record.frames, record.fps) == (frames, 25.0)
    assert record.duration_s == pytest.approx(length_s)
    assert record.message.startswith(note)
    assert record.identities == 6, "the rule for short-lived ones goes by the true rate"
