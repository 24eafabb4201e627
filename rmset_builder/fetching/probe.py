"""Is what came really a video, and all of it? Every packet is read, none is decoded."""

from __future__ import annotations

from pathlib import Path

import av

from rmset_builder.errors import VideoError
from rmset_builder.video import FORMAT_WHITELIST, PROTOCOL_WHITELIST, VIDEO_SUFFIXES, VideoInfo, file_url

# A stream's last frame begins one frame before its end, and containers round.
_SLACK_S = 1.0
_SUFFIX_OF = {"mov": ".mp4", "matroska": ".mkv", "webm": ".webm", "mpegts": ".ts", "avi": ".avi", "flv": ".flv"}


def probe(path: Path) -> VideoInfo:
    """The header of a video file whose packets are all there.

    Raises:
        VideoError: it is no video (``not-a-video``, ``no-video-stream``), or ends before its time (``cut-short``).
    """
    info = VideoInfo.from_path(path)
    packets, last_s = 0, 0.0
    options = {"protocol_whitelist": PROTOCOL_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
    try:
        with av.open(file_url(path), options=options, metadata_errors="replace") as container:
            stream = next(s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
            for packet in container.demux(stream):
                # What is read of a packet that ends beyond the file's end is marked as corrupt.
                if packet.size and not packet.is_corrupt:
                    packets += 1
                    if packet.pts is not None:
                        last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            start_s = float((stream.start_time or 0) * stream.time_base)
    except (av.FFmpegError, ValueError) as error:
        raise _cut_short(path, f"reading it ends with: {error}") from error
    if info.frames and packets < info.frames:
        raise _cut_short(path, f"{packets:,} of {info.frames:,} frames are there")
    length_s = last_s - start_s
    if info.duration_s and length_s < info.duration_s - max(_SLACK_S, 0.01 * info.duration_s):
        raise _cut_short(path, f"{length_s:,.1f} of {info.duration_s:,.1f} s are there")
    return info


def suffix_of(path: Path, info: VideoInfo) -> str:
    """The suffix for a video file: its own where that is a video's, else its container's."""
    own = path.suffix.lower()
    return own if own in VIDEO_SUFFIXES else _SUFFIX_OF.get(info.container.split(",", maxsplit=1)[0], ".mkv")


def _cut_short(path: Path, how: str) -> VideoError:
    return VideoError("cut-short", f"{path.name} is not whole: {how}")
