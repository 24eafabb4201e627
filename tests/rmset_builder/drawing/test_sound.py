from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from rmset_builder.drawing.sound import COPIED, Sound, sound_tracks
from rmset_builder.drawing.video_writer import VideoWriter
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.ffmpeg_listing import listed

TONE = "aevalsrc='0.8*sin(2*PI*440*t)*between(t,1,1.2)':s=48000:d=2"
GREY = "color=gray:size=160x90:rate=25:duration=2"
BLACK = np.zeros((90, 160, 3), np.uint8)

# A container, the codec of its sound, ffmpeg's encoder for it, and what MP4 has in its place.
SOUNDS = [
    ("mp4", "aac", "aac", "aac"),
    ("ts", "aac", "aac", "aac"),
    ("ts", "ac3", "ac3", "ac3"),
    ("mkv", "eac3", "eac3", "eac3"),
    ("mkv", "flac", "flac", "flac"),
    ("mkv", "opus", "libopus", "opus"),
    ("mov", "alac", "alac", "alac"),
    ("avi", "mp3", "libmp3lame", "mp3"),
    ("mov", "pcm_s16le", "pcm_s16le", "aac"),
    ("mpg", "mp2", "mp2", "aac"),
    ("webm", "vorbis", "libvorbis", "aac"),
    ("wmv", "wmav2", "wmav2", "aac"),
]


def tone_of(path: Path) -> tuple[float, float]:
    """When the tone begins and ends, seconds as the file states them."""
    loud = list[float]()
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            wave = np.abs(frame.to_ndarray().astype(float))
            wave = wave.reshape(-1) / (1 if frame.format.name.startswith(("flt", "dbl")) else np.iinfo(np.int16).max)
            if frame.format.name.startswith("s32"):
                wave = wave / (1 << 16)
            loud += (frame.time + np.flatnonzero(wave > 0.3) / frame.sample_rate).tolist()
    return loud[0], loud[-1]


@pytest.mark.parametrize(("suffix", "codec", "encoder", "wanted"), SOUNDS)
def test_sound_is_kept_at_its_time(
    make_clip: Callable[..., Path], tmp_path: Path, suffix: str, codec: str, encoder: str, wanted: str
) -> None:
    if encoder not in listed(find_ffmpeg(), "encoders"):
        pytest.skip(f"this ffmpeg lacks {encoder}")
    picture = {"webm": "libvpx", "wmv": "msmpeg4", "mpg": "mpeg2video"}.get(suffix, "mpeg4")
    lavfi = ["-f", "lavfi", "-i", GREY, "-f", "lavfi", "-i", TONE]
    source = make_clip(tmp_path / f"source.{suffix}", *lavfi, "-c:v", picture, "-c:a", encoder, "-strict", "-2")
    (track,) = sound_tracks(source)
    assert track.codec == codec
    assert (codec in COPIED) == (wanted == codec)
    start = track.start_s
    with VideoWriter(tmp_path / "a.mp4", fps=25, zero_s=start, sound=Sound(source, (track,))) as writer:
        for number in range(50):
            writer.write(BLACK, start + number / 25)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.audio[0].codec.canonical_name == wanted
        assert container.streams.video[0].frames == 50
        assert next(container.decode(video=0)).time == pytest.approx(0, abs=1e-4)
    found = tone_of(tmp_path / "a.mp4")
    assert found == pytest.approx([moment - start for moment in tone_of(source)], abs=5e-3)


def test_a_file_without_sound_has_no_tracks(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "a.mp4", "-f", "lavfi", "-i", GREY)
    assert sound_tracks(silent) == ()
