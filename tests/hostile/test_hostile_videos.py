"""Videos that nobody would make in good faith: extracted or told in a line; nothing else is read, called or written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from trials import inputs_tried
from watched import watch

from rmset_builder.core.errors import VideoError
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VideoInfo
from rmset_builder.video.presentation_times import Timeline

MakeClip = Callable[..., Path]
SMALL = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-threads", 1)


def decoded(path: Path) -> Timeline:
    info = VideoInfo.from_path(path)
    with FrameReader(info, threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            pass
        return Timeline.of(reader.times_s(), info.fps)


def patched(path: Path, box: bytes, at: int, value: int) -> Path:
    """Another number of four bytes in the first box of that name, ``at`` bytes behind its name."""
    content = bytearray(path.read_bytes())
    begin = content.index(box) + 4 + at
    content[begin : begin + 4] = value.to_bytes(4)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "source", "coding", "frames"),
    [
        ("16-px.mp4", "testsrc2=size=16x16:rate=10:duration=1", ["-c:v", "mpeg4"], 10),
        ("8k.mp4", "color=size=7680x4320:rate=10:duration=0.2", ["-c:v", "mpeg4"], 2),
        ("one-frame.mkv", "testsrc2=size=64x48:rate=10:duration=0.1", ["-c:v", "mpeg4"], 1),
        ("million.mp4", "testsrc2=size=64x48:rate=65535:duration=0.0002", ["-c:v", "mjpeg", "-r", "1000000"], None),
    ],
)
def test_sizes_and_rates_at_the_ends(
    name: str, source: str, coding: list[str], frames: int | None, make_clip: MakeClip, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / name, "-f", "lavfi", "-i", source, "-threads", 1, *coding)
    timeline = decoded(clip)
    assert frames in (None, len(timeline.times))
    assert 0 < timeline.fps <= 1_100_000 and timeline.duration_s > 0


@pytest.mark.parametrize(
    ("box", "at", "value"),
    [
        (b"mdhd", 12, 0),  # no ticks a second
        (b"mdhd", 12, 0xFFFFFFFF),
        (b"mvhd", 16, 3 * 3600 * 1000),  # three hours of one second
        (b"mdhd", 16, 0xFFFFFFFF),
        (b"stts", 8, 0xFFFFFFFF),  # frames, and how long each lasts
        (b"stts", 12, 0),
        (b"stts", 12, 0xFFFFFFFF),
        (b"stsz", 8, 0xFFFFFFFF),
        (b"stco", 8, 0xFFFFFFFF),
        (b"tkhd", 76, 0xFFFF0000),  # width
        (b"mp4v", 28, 0xFFFFFFFF),
    ],
)
def test_headers_of_mp4_that_lie(box: bytes, at: int, value: int, make_clip: MakeClip, tmp_path: Path) -> None:
    clip = patched(make_clip(tmp_path / "x.mp4", *SMALL, "-c:v", "mpeg4"), box, at, value)
    crashes = 1
    try:
        timeline = decoded(clip)
        assert 1 <= len(timeline.times) <= 20 and np.isfinite(timeline.times).all()
        crashes = 0
    except VideoError as error:
        assert str(error).startswith(str(clip))
        crashes = 0
    finally:
        inputs_tried("videos, headers that lie", "rmset extract", tried=1, crashes=crashes)


def test_a_stream_without_times(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "x.h264", *SMALL, "-c:v", "libx264", "-preset", "ultrafast", "-f", "h264")
    assert len(decoded(clip).times) == 10


@pytest.mark.parametrize("sizes", [("64x48", "96x72"), ("96x72", "64x48"), ("64x48", "48x64")])
def test_a_stream_that_changes_its_size(sizes: tuple[str, str], make_clip: MakeClip, tmp_path: Path) -> None:
    """All frames are there, those of the second half in the first one's size."""
    halves = []
    for size, colour in zip(sizes, ("red", "blue"), strict=True):
        source = ("-f", "lavfi", "-i", f"color={colour}:size={size}:rate=10:duration=1", "-threads", 1)
        halves.append(make_clip(tmp_path / f"{colour}.ts", *source, "-c:v", "libx264", "-f", "mpegts").read_bytes())
    clip = tmp_path / "x.ts"
    clip.write_bytes(b"".join(halves))
    crashes = 1
    try:
        info = VideoInfo.from_path(clip)
        with FrameReader(info, threads=1) as reader:
            assert f"{reader.width}x{reader.height}" == sizes[0]
            buffer = np.empty(reader.shape, np.uint8)
            colours = []
            while reader.read_into(buffer):
                blue, _, red = buffer[buffer.shape[0] // 2, buffer.shape[1] // 2, :3].tolist()
                colours.append("red" if red > blue else "blue")
        assert colours == ["red"] * 10 + ["blue"] * 10
        crashes = 0
    finally:
        inputs_tried("videos, sizes that change", "rmset extract", tried=1, crashes=crashes)


LISTS = {
    "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{secret}\n#EXT-X-ENDLIST\n",
    "hls-file.ts": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile,http,crypto:{secret}\n#EXT-X-ENDLIST\n",
    "concat.mkv": "ffconcat version 1.0\nfile '{secret}'\n",
    "concat.mov": "ffconcat version 1.0\nfile 'http://127.0.0.1:9/x.mp4'\n",
    "dash.webm": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet'
    ' mimeType="video/mp4"><Representation id="1"><BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period>'
    "</MPD>",
    "sdp.avi": "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "lavfi.flv": "movie={secret}",
}
NAMES = [
    "a,scale=1:1[x];movie=secret.mp4.mp4",
    "concat:secret.mp4|x.mp4",
    "%03d.mp4",
    "-i secret.mp4",
    "'$(touch x)'.mp4",
]


def test_whole_extractions_read_call_and_write_nothing_else(
    small_video: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    videos, secret = tmp_path / "videos", tmp_path / "secret.mp4"
    videos.mkdir()
    shutil.copy(small_video, secret)
    for name, text in LISTS.items():
        (videos / name).write_text(text.format(secret=secret))
    tiny = make_clip(tmp_path / "tiny.mp4", *SMALL, "-c:v", "mpeg4")
    for number, name in enumerate(NAMES):
        # Another comment in each, as the same bytes would be copies of one video.
        make_clip(tmp_path / "named.mp4", "-i", tiny, "-c", "copy", "-metadata", f"comment={number}").rename(
            videos / name
        )
    font = tmp_path / "font.ttf"
    font.write_bytes(bytes(1000))
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\n<script>x</script>\n")
    attached = ("-attach", font, "-metadata:s:t", "mimetype=font/ttf", "-c:v", "copy", "-c:s", "srt")
    make_clip(videos / "attached.mkv", "-i", tiny, "-i", words, "-map", 0, "-map", 1, *attached)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))

    line = ("extract", videos, "--out", "shards", "--threads", 1)
    found = watch(tmp_path / "run", "-m", "rmset_builder", *line)
    told = found.done.stderr + found.done.stdout
    wrong = found.done.returncode != 1 or "Traceback" in told or "a fault of the program" in told or found.calls
    inputs_tried(
        "videos, playlists and names", "rmset extract", tried=len(LISTS) + len(NAMES) + 1, crashes=int(bool(wrong))
    )
    assert not wrong, found
    assert found.done.stderr.count("cannot be read as a video") == len(LISTS), found.done.stderr
    assert found.done.stdout.count(": 10 frames, ") == sum(name.endswith(".mp4") for name in NAMES) + 1, told
    assert found.left == []
    ours = {"run/home", "run/guard", "run/calls.txt", "run/strace.txt", "run/shards", "run"}
    after = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    made = [p for p in after if p not in before and not any(o in ours for o in map(str, [p, *p.parents]))]
    assert made == [] and all(path in after for path in before)
