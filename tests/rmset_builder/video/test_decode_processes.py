"""ffmpeg's process: how it is started, and that it ends."""

from __future__ import annotations

import dataclasses
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import psutil
import pytest
from numbered_frames import (
    X264,
    MakeClip,
    numbered,
    raw,
    read,
)

from rmset_builder.core.errors import VideoError
from rmset_builder.core.machine import usable_cores
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.ffmpeg import Ffmpeg, find_ffmpeg
from rmset_builder.video.info import VideoInfo


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_leaving_early_ends_ffmpeg_at_once(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(
        tmp_path / "clip.mp4", "-f", "lavfi", "-i", "color=gray:s=640x360:r=25:d=12", *X264, "-pix_fmt", "yuv420p"
    )
    before, threads = set(children()), set(threading.enumerate())
    with FrameReader(VideoInfo.from_path(clip), threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        assert reader.read_into(buffer)
        assert set(children()) - before, "ffmpeg works beside this process"
    assert set(children()) == before
    assert set(threading.enumerate()) <= threads
    reader.close()


def test_a_fault_of_the_caller_ends_ffmpeg_too(small_video: Path) -> None:
    before = set(children())
    with pytest.raises(ZeroDivisionError), FrameReader(VideoInfo.from_path(small_video), threads=1):
        raise ZeroDivisionError
    assert set(children()) == before


def test_no_file_stays_open(small_video: Path) -> None:
    read(small_video)
    before = psutil.Process().num_fds()
    for _ in range(3):
        read(small_video)
        with FrameReader(VideoInfo.from_path(small_video), threads=1):
            pass
    assert psutil.Process().num_fds() == before


def test_one_or_many_threads_decode_the_same(small_video: Path) -> None:
    frames, _ = read(small_video)
    with FrameReader(VideoInfo.from_path(small_video), threads=3) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        for frame in frames:
            assert reader.read_into(buffer)
            np.testing.assert_array_equal(buffer[..., 2::-1], frame)


@pytest.mark.parametrize(("threads", "told"), [(1, 1), (3, 3), (0, usable_cores())])
def test_ffmpeg_is_told_how_many_threads_to_use(small_video: Path, threads: int, told: int) -> None:
    """For decoding and for filters; by itself it would count cores, and know of no quota."""
    before = {child.pid for child in children()}
    with FrameReader(VideoInfo.from_path(small_video), threads=threads):
        (child,) = [child for child in children() if child.pid not in before]
        words = child.cmdline()
    assert {words[at + 1] for at, word in enumerate(words) if word.endswith("threads")} == {str(told)}
    assert sum(word.endswith("threads") for word in words) == 2


def test_a_track_that_cannot_be_decoded_is_a_fault(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(tmp_path / "clip.mp4", *raw(tmp_path, [numbered(n) for n in range(5)]), *X264)
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") if data.index(b"moov") > start else len(data)
    data[start : end - 4] = b"\xff" * (end - 4 - start)
    clip.write_bytes(data)
    before = set(children())
    with pytest.raises(VideoError, match=r"clip.mp4 .*(not one frame|cut short|ffmpeg ended)") as caught:
        read(clip)
    assert "\n" not in str(caught.value)
    assert set(children()) == before


def script(path: Path, *lines: str) -> Ffmpeg:
    """A program in ffmpeg's place; the real one is ``$FFMPEG``."""
    path.write_text("\n".join(["#!/bin/sh", f"FFMPEG={find_ffmpeg().path}", *lines, ""]))
    path.chmod(0o755)
    return dataclasses.replace(find_ffmpeg(), path=str(path))


@pytest.mark.parametrize(
    ("lines", "frames"),
    [
        (["sleep 1000"], "0"),
        (['"$FFMPEG" "$@" | { head -c 1000000; sleep 1000; }'], "2"),
        (['"$FFMPEG" "$@"', "exec 1>&-", "sleep 1000"], "25"),
    ],
    ids=["from the beginning", "within", "at the end"],
)
def test_an_ffmpeg_that_gives_nothing_any_more_is_ended(
    small_video: Path, tmp_path: Path, lines: list[str], frames: str
) -> None:
    """Its children too, which hold the pipes."""
    before, threads = set(children()), set(threading.enumerate())
    slow = script(tmp_path / "slow", *lines)
    with (
        pytest.raises(VideoError, match=f"gave nothing for 3 s after {frames} frames and was ended; ") as caught,
        FrameReader(VideoInfo.from_path(small_video), threads=1, program=slow, patience_s=3) as reader,
    ):
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            pass
    assert caught.value.reason == "hangs"
    assert set(children()) == before
    assert set(threading.enumerate()) <= threads


def test_a_reader_that_takes_its_time_is_not_taken_for_an_ffmpeg_that_hangs(small_video: Path) -> None:
    with FrameReader(VideoInfo.from_path(small_video), threads=1, patience_s=2) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        assert reader.read_into(buffer)
        time.sleep(2.5)
        while reader.read_into(buffer):
            pass
        assert reader.count == 25


def test_a_flood_of_messages_takes_no_memory(small_video: Path, tmp_path: Path) -> None:
    """Without a single line break."""
    flooding = script(tmp_path / "flooding", "head -c 60000000 /dev/zero | tr '\\0' x >&2", 'exec "$FFMPEG" "$@"')
    buffer = np.empty((360, 640, 4), np.uint8)
    tracemalloc.start()
    try:
        with FrameReader(VideoInfo.from_path(small_video), threads=1, program=flooding) as reader:
            while reader.read_into(buffer):
                pass
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.count == 25
    assert reader.error_count > 10_000
    assert most < 20_000_000
