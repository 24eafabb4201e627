"""Is a video whole, or was it cut? One rule, for what was fetched and for what was decoded.

A container may promise how many pictures it holds, how many bytes, and how long it lasts. The first is the best: where
it was kept, the video is whole whatever durations say, as the last picture may be held for any time, sound may go on
without pictures, and pictures may begin late.
"""

from __future__ import annotations

from dataclasses import dataclass

import av

from rmset_builder.video.file_ends import last_record_s, missing_bytes
from rmset_builder.video.info import VideoInfo, open_container, reason_of

# Containers round, and what is lost of a frame or two is no cut.
_SLACK_S, _SLACK_SHARE = 0.5, 0.01
_UNDECODED_S, _UNDECODED_SHARE = 0.5, 0.02
# These know no length but the one that is measured, or guessed, from what is there.
_WITHOUT_A_PROMISE = frozenset({"h264", "hevc", "m4v", "mpeg", "mpegts", "mpegvideo", "obu"})
# What was recorded off the air begins anywhere, before the first picture that can be decoded by itself.
_BEGIN_ANYWHERE = frozenset({"flv", "mpeg", "mpegts"})


@dataclass(frozen=True)
class Packets:
    """What lies in a file, undecoded.

    Attributes:
        pictures: whole packets of the picture track.
        first_s: time of the first picture that is to be shown; None where untold.
        last_s: time of the last one.
        end_s: when the picture track ends, seconds.
        reach_s: when the last of all tracks ends, seconds; the picture track's end where only that was read.
        missing_bytes: how much longer the file says that it is than it is; 0 where it says nothing.
        ends_within: whether a track's last packet is not whole.
        last_record_s: when the file's last record begins, seconds, where the container ends with one that can be told
            from a cut; None elsewhere.
        fault: why reading came to an end, empty where it was the file's end.
    """

    pictures: int
    first_s: float | None
    last_s: float | None
    end_s: float
    reach_s: float
    missing_bytes: int
    ends_within: bool
    last_record_s: float | None
    fault: str


def read_packets(info: VideoInfo) -> Packets:
    """Read the packets of the picture track; where no number of frames is promised, those of every track."""
    pictures, missing, last_record, fault = 0, 0, None, ""
    partial: set[int] = set()
    times: list[float] = []
    end_s = reach_s = 0.0
    try:
        missing, last_record = missing_bytes(info.path), last_record_s(info.path)
        with open_container(info.path) as container:
            for packet in container.demux(*([container.streams[info.track]] if info.frames else ())):
                if not packet.size:
                    continue
                # What is read of a packet that goes on beyond the file's end is marked as corrupt.
                if packet.is_corrupt:
                    partial.add(packet.stream_index)
                    continue
                partial.discard(packet.stream_index)
                ticks = packet.dts if packet.pts is None else packet.pts
                begin_s = None if ticks is None else float(ticks * packet.time_base)
                stop_s = (begin_s or 0.0) + float((packet.duration or 0) * packet.time_base)
                reach_s = max(reach_s, stop_s)
                if packet.stream_index != info.track:
                    continue
                pictures += 1
                end_s = max(end_s, stop_s)
                if begin_s is not None and not packet.is_discard:
                    times.append(begin_s)
    except (av.FFmpegError, ValueError, OSError) as error:
        fault = reason_of(error)
    return Packets(
        pictures=pictures,
        first_s=min(times) if times else None,
        last_s=max(times) if times else None,
        end_s=end_s,
        reach_s=reach_s,
        missing_bytes=missing,
        ends_within=bool(partial),
        last_record_s=last_record,
        fault=fault,
    )


def why_cut(info: VideoInfo, packets: Packets) -> str:
    """What is missing of a file, in a few words; empty where nothing is."""
    if packets.missing_bytes:
        return f"at least {packets.missing_bytes:,} byte(s) are missing at its end"
    if info.frames:
        return "" if _frames_kept(info, packets) else f"{packets.pictures:,} of {info.frames:,} frames are there"
    if info.container in _WITHOUT_A_PROMISE:
        return ""
    if packets.ends_within:
        return f"it ends within a packet, after {packets.pictures:,} frames"
    if _length_kept(info, packets):
        return ""
    return f"{packets.reach_s:,.1f} of {info.file_duration_s:,.1f} s are there"


def why_undecoded(info: VideoInfo, packets: Packets, first_s: float, last_s: float) -> str:
    """What of a file's pictures did not come out of the decoder, in a few words; empty where next to nothing.

    Args:
        info: the file's header.
        packets: what lies in the file.
        first_s: earliest time of a decoded frame.
        last_s: latest time of a decoded frame.
    """
    if packets.first_s is None or packets.last_s is None:
        return ""
    most = max(_UNDECODED_S, _UNDECODED_SHARE * (packets.last_s - packets.first_s))
    if (lost := packets.last_s - last_s) > most:
        return f"its last {lost:,.1f} s cannot be decoded"
    if (lost := first_s - packets.first_s) > most and info.container not in _BEGIN_ANYWHERE:
        return f"its first {lost:,.1f} s cannot be decoded"
    return ""


def _length_kept(info: VideoInfo, packets: Packets) -> bool:
    if packets.pictures == info.tagged_frames:
        return True
    if packets.last_record_s is not None and packets.reach_s >= packets.last_record_s - _SLACK_S:
        return True
    # A packet that says nothing of its own length lasts for a frame.
    slack = max(_SLACK_S, _SLACK_SHARE * info.file_duration_s) + (1 / info.fps if info.fps else 0.0)
    return packets.reach_s >= info.file_duration_s - slack


def _frames_kept(info: VideoInfo, packets: Packets) -> bool:
    if packets.pictures >= info.frames:
        return True
    # AVI counts moments at which the last frame stays, and for which there is no packet.
    return info.container == "avi" and round(packets.end_s * info.fps) >= info.frames
