"""The sound of a video, as ffmpeg is told to put it beside other pictures: as it is where MP4 takes it, else as AAC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

from rmset_builder.video.info import FORMAT_WHITELIST, PROTOCOL_WHITELIST, file_url, open_container

# What MP4 takes and players of MP4 play; ffmpeg would write some more.
COPIED = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
_AAC_BITRATE = "192k"


@dataclass(frozen=True)
class Track:
    """A track of sound: its index among all of the file's streams, its codec, and when it begins, seconds."""

    index: int
    codec: str
    start_s: float


@dataclass(frozen=True)
class Sound:
    """What is heard beside pictures that are written.

    Attributes:
        path: the file that it is taken from.
        tracks: all that are taken.
        from_s: what is heard before is left out, seconds as the file states them; None: nothing is.
        length_s: how long it goes on from there; None: to its end.
    """

    path: Path
    tracks: tuple[Track, ...]
    from_s: float | None = None
    length_s: float | None = None

    @property
    def input_options(self) -> list[str]:
        """For ffmpeg, after ``-copyts`` and the input that holds the pictures."""
        cut = [] if self.from_s is None else ["-seek_timestamp", "1", "-ss", f"{self.from_s:.6f}"]
        cut += [] if self.length_s is None else ["-t", f"{self.length_s:.6f}"]
        safe = ["-protocol_whitelist", PROTOCOL_WHITELIST, "-format_whitelist", FORMAT_WHITELIST]
        return [*cut, *safe, "-vn", "-i", file_url(self.path)]

    @property
    def output_options(self) -> list[str]:
        """For ffmpeg, before the file that is written."""
        options: list[str] = []
        for number, track in enumerate(self.tracks):
            options += ["-map", f"1:{track.index}", f"-c:a:{number}"]
            options += ["copy"] if track.codec in COPIED else ["aac", f"-b:a:{number}", _AAC_BITRATE]
        return options


def sound_tracks(path: Path) -> tuple[Track, ...]:
    """The tracks of sound that a video has and that can be decoded here.

    Raises:
        av.FFmpegError: the file is no video.
        OSError: it cannot be read.
    """
    with open_container(path) as container:
        return tuple(
            Track(stream.index, stream.codec.canonical_name, _start_s(stream))
            for stream in container.streams.audio
            if stream.codec_context is not None
        )


def _start_s(stream: av.AudioStream) -> float:
    return float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
