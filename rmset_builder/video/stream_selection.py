"""Which track of a file is the video: no cover, no still, and one of what is left."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import av

_COVERS = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails


@dataclass(frozen=True)
class PictureTrack:
    """What decides whether a track is taken.

    Attributes:
        index: of the stream among all of the file's.
        name: codec and size, for people.
        default: whether the file marks it as the one to be played.
        pictures: how many it holds.
        length_s: how long it lasts, seconds.
    """

    index: int
    name: str
    default: bool
    pictures: int
    length_s: float

    @property
    def is_still(self) -> bool:
        """Is it a single picture, such as a cover that the file does not call so?"""
        return self.pictures <= 1


def choose_track(tracks: Sequence[PictureTrack]) -> tuple[PictureTrack, str]:
    """The track to take, and a note for people that names it and the others.

    A still is taken only where there is nothing else; of the rest the default one, of several the longest (to a tenth
    of a second), of equals the first.

    Args:
        tracks: two or more, without covers.
    """
    chosen = max(tracks, key=lambda t: (not t.is_still, t.default, round(t.length_s, 1), -t.index))
    others = ", ".join(_told(track) for track in tracks if track is not chosen)
    return chosen, f"of {len(tracks)} picture tracks {_told(chosen)} was taken, not {others}"


def pick_stream(container: av.container.InputContainer) -> tuple[av.VideoStream | None, str]:
    """The stream that is the video, None where there is none, and a note where there was a choice, else an empty one.

    A stream whose codec is not known here cannot be it. Only a file of several whose header does not measure them is
    read to its end.
    """
    streams = [s for s in container.streams.video if s.codec_context is not None and not s.disposition & _COVERS]
    if len(streams) < 2:
        return (streams[0] if streams else None), ""
    chosen, note = choose_track(_measured(container, streams))
    return next(s for s in streams if s.index == chosen.index), note


def _told(track: PictureTrack) -> str:
    kind = "a still" if track.is_still else f"{track.length_s:,.1f} s" + (", the default one" if track.default else "")
    return f"stream {track.index} ({track.name}, {kind})"


def _measured(container: av.container.InputContainer, streams: Sequence[av.VideoStream]) -> list[PictureTrack]:
    if all(s.frames and s.duration for s in streams):
        lengths = {s.index: (s.frames, float(s.duration * s.time_base)) for s in streams}
    else:
        lengths = _by_packets(container, streams)
    return [
        PictureTrack(
            index=s.index,
            name=f"{s.codec_context.name}, {s.width} x {s.height}",
            default=bool(s.disposition & av.stream.Disposition.default),
            pictures=lengths[s.index][0],
            length_s=lengths[s.index][1],
        )
        for s in streams
    ]


def _by_packets(
    container: av.container.InputContainer, streams: Sequence[av.VideoStream]
) -> dict[int, tuple[int, float]]:
    """Packets and seconds of each stream, by its index."""
    counts: Counter[int] = Counter()
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    with contextlib.suppress(av.FFmpegError):  # a cut file is found out when its pictures are read
        for packet in container.demux(*streams):
            if packet.size == 0 or packet.pts is None:
                continue
            index, begin = packet.stream_index, float(packet.pts * packet.time_base)
            end = begin + float((packet.duration or 0) * packet.time_base)
            counts[index] += 1
            first[index] = min(first.get(index, begin), begin)
            last[index] = max(last.get(index, end), end)
    return {s.index: (counts[s.index], last.get(s.index, 0.0) - first.get(s.index, 0.0)) for s in streams}
