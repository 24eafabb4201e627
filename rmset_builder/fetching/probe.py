"""Is what came really a video, and all of it? Every packet is read, none is decoded."""

from __future__ import annotations

from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.video.completeness import read_packets, why_cut
from rmset_builder.video.info import VIDEO_SUFFIXES, VideoInfo

_SUFFIX_OF = {"mov": ".mp4", "matroska": ".mkv", "webm": ".webm", "mpegts": ".ts", "avi": ".avi", "flv": ".flv"}


def probe(path: Path) -> VideoInfo:
    """The header of a video file whose packets are all there.

    Raises:
        VideoError: it is no video (``not-a-video``, ``no-video-stream``), or ends before its time (``cut-short``).
    """
    info = VideoInfo.from_path(path)
    packets = read_packets(info)
    why = f"reading it ends with: {packets.fault}" if packets.fault else why_cut(info, packets)
    if why:
        raise VideoError("cut-short", f"{path.name} is not whole: {why}")
    return info


def suffix_of(path: Path, info: VideoInfo) -> str:
    """The suffix for a video file: its own where that is a video's, else its container's."""
    own = path.suffix.lower()
    return own if own in VIDEO_SUFFIXES else _SUFFIX_OF.get(info.container.split(",", maxsplit=1)[0], ".mkv")
