"""A whole video is never called cut, and a cut one never whole: by the rule that fetching and extraction share."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.probe import probe
from rmset_builder.video.completeness import Packets, read_packets, why_cut, why_undecoded
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.file_ends import missing_bytes
from rmset_builder.video.info import VideoInfo

MakeClip = Callable[..., Path]

FRAMES, RATE = 50, 25
PICTURE = ["-f", "lavfi", "-i", f"testsrc2=size=96x64:rate={RATE}:duration=2"]
LONG_SOUND = ["-f", "lavfi", "-i", "sine=duration=6"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-threads", 1, "-bf", 2, "-g", 12, "-pix_fmt", "yuv420p"]
VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8]
FRAGMENTS = ["-movflags", "+frag_keyframe+empty_moov"]
HELD = ["-c", "copy", "-bsf:v", f"setts=pts=PTS:dts=DTS:duration='if(eq(N,{FRAMES - 1}),3/TB,DURATION)'"]


@pytest.fixture(scope="module")
def plain(make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with B-frames and without sound."""
    return make_clip(tmp_path_factory.mktemp("plain") / "plain.mp4", *PICTURE, *X264)


def decoded(path: Path) -> int:
    """Frames that come out, where extraction takes the video for whole."""
    with FrameReader(VideoInfo.from_path(path), threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            pass
        return reader.count


def assert_whole(path: Path, frames: int = FRAMES) -> None:
    probe(path)
    assert decoded(path) == frames


def assert_cut(path: Path) -> None:
    for judge in (probe, decoded):
        with pytest.raises(VideoError) as caught:
            judge(path)
        assert caught.value.reason in {"cut-short", "not-a-video", "no-frames"}, (judge, caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["held.mp4", "held.mov", "held.mkv", "held.flv", "held.ts", "fragments.mp4"])
def test_a_last_frame_that_is_held(plain: Path, tmp_path: Path, make_clip: MakeClip, name: str) -> None:
    fragments = FRAGMENTS if name == "fragments.mp4" else []
    assert_whole(make_clip(tmp_path / name, "-i", plain, *HELD, *fragments))


@pytest.mark.parametrize(
    ("name", "video", "sound"),
    [
        ("a.mkv", ["-c:v", "copy"], "libopus"),
        ("a.webm", VP9, "libopus"),
        ("a.mp4", ["-c:v", "copy"], "aac"),
        ("a.mov", ["-c:v", "copy"], "aac"),
        ("a.flv", ["-c:v", "copy"], "aac"),
        ("a.ts", ["-c:v", "copy"], "aac"),
        ("a.avi", ["-c:v", "mpeg4"], "mp3"),
        ("a.wmv", ["-c:v", "wmv2"], "wmav2"),
        ("a.mpg", ["-c:v", "mpeg2video"], "mp2"),
    ],
)
def test_sound_that_goes_on_and_pictures_that_begin_late(
    plain: Path, tmp_path: Path, make_clip: MakeClip, name: str, video: list[object], sound: str
) -> None:
    assert_whole(make_clip(tmp_path / name, "-i", plain, *LONG_SOUND, *video, "-c:a", sound))
    if name == "a.wmv":
        return  # ffmpeg counts the time before the pictures twice in the length that it states
    late = ["-itsoffset", 3, "-i", plain, *LONG_SOUND, "-map", "0:v", "-map", "1:a", *video, "-c:a", sound]
    late += ["-fps_mode", "passthrough"] if "copy" not in video else []
    assert_whole(make_clip(tmp_path / f"late-{name}", *late))


def test_pictures_alone_that_begin_late(plain: Path, tmp_path: Path, make_clip: MakeClip) -> None:
    assert_whole(make_clip(tmp_path / "late.mkv", "-itsoffset", 3, "-i", plain, "-c", "copy"))


def test_subtitles_that_go_on(plain: Path, tmp_path: Path, make_clip: MakeClip) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,500 --> 00:00:09,000\nhello\n")
    assert_whole(make_clip(tmp_path / "words.mkv", "-i", plain, "-i", words, "-c:v", "copy", "-c:s", "srt"))
    assert_whole(make_clip(tmp_path / "words.mp4", "-i", plain, "-i", words, "-c:v", "copy", "-c:s", "mov_text"))


def test_a_track_of_time_codes(plain: Path, tmp_path: Path, make_clip: MakeClip) -> None:
    assert_whole(make_clip(tmp_path / "coded.mov", "-i", plain, "-c", "copy", "-timecode", "01:00:00:00"))


@pytest.mark.parametrize(("start_s", "length_s", "frames"), [(1, 1, 25), (0, 1, 25), (0.7, 0.8, 20)])
def test_an_edit_list_that_shows_a_part(
    plain: Path, tmp_path: Path, start_s: float, length_s: float, frames: int
) -> None:
    """The rest of the file's frames are no promise."""
    data = bytearray(plain.read_bytes())
    movie = data.index(b"mvhd") + 16  # past version, flags and two dates
    (scale,) = struct.unpack_from(">I", data, movie)
    media = data.index(b"mdhd") + 16
    (ticks,) = struct.unpack_from(">I", data, media)
    at = data.index(b"elst") + 12
    _, begin, rate = struct.unpack_from(">IiI", data, at)
    struct.pack_into(">IiI", data, at, round(length_s * scale), begin + round(start_s * ticks), rate)
    edited = tmp_path / "edited.mp4"
    edited.write_bytes(data)
    assert_whole(edited, frames)


def test_the_number_of_frames_in_a_tag_outweighs_a_wrong_length(
    plain: Path, tmp_path: Path, make_clip: MakeClip
) -> None:
    tagged = make_clip(
        tmp_path / "tagged.mkv", "-i", plain, "-c", "copy", "-metadata:s:v", f"NUMBER_OF_FRAMES={FRAMES}"
    )
    data = tagged.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3  # the segment's Duration, a double in milliseconds
    assert struct.unpack_from(">d", data, at) == (2000.0,)
    tagged.write_bytes(data[:at] + struct.pack(">d", 60_000.0) + data[at + 8 :])
    assert VideoInfo.from_path(tagged).tagged_frames == FRAMES
    assert_whole(tagged)
    tagged.write_bytes(tagged.read_bytes().replace(b"NUMBER_OF_FRAMES", b"NUMBER_OF_FRUITS"))
    assert_cut(tagged)


def test_a_tag_of_more_frames_than_there_are_is_older_than_the_file(
    plain: Path, tmp_path: Path, make_clip: MakeClip
) -> None:
    assert_whole(make_clip(tmp_path / "old.mkv", "-i", plain, "-c", "copy", "-metadata:s:v", "NUMBER_OF_FRAMES=9999"))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.mp4", [*LONG_SOUND, "-c:v", "copy", "-c:a", "aac", *FRAGMENTS]),
        ("hybrid.mp4", ["-c", "copy", "-movflags", "+frag_keyframe"]),
        ("fast.mp4", ["-c", "copy", "-movflags", "+faststart"]),
        ("a.mkv", ["-c", "copy"]),
        ("sound.mkv", [*LONG_SOUND, "-c:v", "copy", "-c:a", "libopus"]),
        ("late.mkv", [*LONG_SOUND, "-c:v", "copy", "-c:a", "libopus", "-output_ts_offset", 3]),
        ("live.mkv", ["-c", "copy", "-live", 1]),
        ("a.webm", VP9),
        ("a.flv", ["-c", "copy"]),
        ("a.avi", ["-c:v", "mpeg4"]),
        ("a.wmv", ["-c:v", "wmv2"]),
        ("a.gif", []),
    ],
)
def test_every_cut_is_seen_by_both(
    plain: Path, tmp_path: Path, make_clip: MakeClip, name: str, arguments: list[object]
) -> None:
    clip = make_clip(tmp_path / name, "-i", plain, *arguments)
    assert_whole(clip)
    data = clip.read_bytes()
    for share in (0.4, 0.9, 0.99):
        clip.write_bytes(data[: int(len(data) * share)])
        assert_cut(clip)


def test_a_cut_between_two_of_matroskas_clusters_is_seen(plain: Path, tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(tmp_path / "a.mkv", "-i", plain, "-c", "copy", "-cluster_time_limit", 400)
    data = clip.read_bytes()
    clip.write_bytes(data[: data.rindex(b"\x1f\x43\xb6\x75")])
    assert missing_bytes(clip) == len(data) - clip.stat().st_size
    assert_cut(clip)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_last_second_that_cannot_be_decoded_counts_as_missing(
    plain: Path, tmp_path: Path, make_clip: MakeClip, name: str
) -> None:
    """mp4 and mkv agree on the same packets."""
    clip = make_clip(tmp_path / name, "-i", plain, "-c", "copy")
    info = VideoInfo.from_path(clip)
    packets = read_packets(info)
    assert (packets.pictures, packets.first_s, packets.last_s) == (FRAMES, 0.0, pytest.approx(1.96))
    assert why_cut(info, packets) == ""
    assert why_undecoded(info, packets, 0.0, 1.96) == why_undecoded(info, packets, 0.4, 1.5) == ""
    assert why_undecoded(info, packets, 0.0, 1.2) == "its last 0.8 s cannot be decoded"
    assert why_undecoded(info, packets, 0.8, 1.96) == "its first 0.8 s cannot be decoded"


def test_what_counts_as_kept(plain: Path) -> None:
    counted = VideoInfo.from_path(plain)
    uncounted = dataclasses.replace(counted, container="matroska,webm", frames=0, file_duration_s=100.0)
    all_there = Packets(
        pictures=FRAMES,
        first_s=0.0,
        last_s=1.96,
        end_s=2.0,
        reach_s=2.0,
        missing_bytes=0,
        ends_within=False,
        last_record_s=None,
        fault="",
    )
    assert counted.frames == FRAMES
    assert why_cut(counted, all_there) == ""
    assert why_cut(counted, dataclasses.replace(all_there, pictures=49)) == "49 of 50 frames are there"
    assert why_cut(counted, dataclasses.replace(all_there, missing_bytes=7)) != ""
    assert why_cut(uncounted, all_there) == "2.0 of 100.0 s are there"
    assert why_cut(uncounted, dataclasses.replace(all_there, reach_s=99.2)) == ""
    assert why_cut(uncounted, dataclasses.replace(all_there, reach_s=99.2, ends_within=True)) != ""
    assert why_cut(uncounted, dataclasses.replace(all_there, last_record_s=1.96)) == ""
    assert why_cut(dataclasses.replace(uncounted, tagged_frames=FRAMES), all_there) == ""
    assert why_cut(dataclasses.replace(uncounted, tagged_frames=FRAMES + 1), all_there) != ""
    assert why_cut(dataclasses.replace(uncounted, container="mpegts"), all_there) == "", "which promises no length"
