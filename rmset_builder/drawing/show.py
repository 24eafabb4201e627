"""A video that was extracted, or one frame of it, with its people drawn in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.core.files import is_there, whole_file
from rmset_builder.drawing.extracted import Extracted
from rmset_builder.drawing.marks import Pixels, draw_marks
from rmset_builder.drawing.people import FrameFaces, Style, blurred, marks_of
from rmset_builder.drawing.rows import faces_by_frame, in_step
from rmset_builder.drawing.sound import Sound, sound_tracks
from rmset_builder.drawing.video_writer import VideoWriter
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.presentation_times import Timeline

# What is done, and how many of how many frames of it.
Progress = Callable[[str, int, int], None]
Times = npt.NDArray[np.float64]


def drawn(frame: Pixels, faces: FrameFaces, style: Style) -> Pixels:
    """A decoded frame (h, w, 4) BGRA as RGB with its people drawn in; small ones are drawn larger."""
    picture = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGRA2RGB), np.uint8)
    if style.blur:
        picture = blurred(picture, faces.boxes)
    return draw_marks(picture, marks_of(faces.of(style.identities), labels=style.labels))


def write_frame(found: Extracted, number: int, out: Path, style: Style) -> None:
    """Write one frame of a video as PNG, with its people drawn in.

    Raises:
        RmsetError: there is no such frame or person, a shard is damaged, or ``out`` cannot be written.
        VideoError: the video cannot be decoded up to that frame.
    """
    _check_style(found, style)
    if not 0 <= number < found.frames:
        raise RmsetError(
            f"--frame {number}: {found.video} has {found.frames:,} frames",
            remedy=f"give one of 0 to {found.frames - 1}",
        )
    faces = next(in_step(faces_by_frame(found.shards), [number]))
    with FrameReader(found.info) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.count <= number:
            if not reader.read_into(buffer):
                raise _other_frames(found, reader.count)
    with whole_file(out) as temporary:
        Image.fromarray(drawn(buffer, faces, style)).save(temporary, format="PNG")


def write_video(
    found: Extracted,
    out: Path,
    style: Style,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    progress: Progress,
) -> int:
    """Write a video as MP4 with its people drawn in, each frame at its own time, and with its sound.

    It is decoded twice: times are only known for certain when all of it has been read.

    Args:
        found: the video.
        out: the file to write.
        style: what is drawn.
        start_s: the first frame is the first of this time or later, `time_s` of the shards; None: the first of all.
        end_s: the frames before this time are written; None: all to the last.
        progress: called for each frame.

    Returns:
        How many frames were written.

    Raises:
        RmsetError: there is no such person or moment, a shard is damaged, or ffmpeg fails.
        VideoError: the video cannot be decoded to its end, or has other frames than when it was extracted.
    """
    _check_style(found, style)
    timeline = _timeline(found, progress)
    first, stop = chosen_frames(timeline.times, start_s, end_s)
    if first == stop:
        raise RmsetError(
            f"{found.video} has no frame between --start and --end",
            remedy=f"its frames are of {timeline.times[0]:.3f} to {timeline.times[-1]:.3f} s",
        )
    sound = _sound(found.info.path, timeline, first, stop)
    zero = float(timeline.times[first])
    if sound and sound.from_s is None:
        zero = min(zero, *(track.start_s for track in sound.tracks))
    with (
        FrameReader(found.info) as reader,
        whole_file(out) as temporary,
        VideoWriter(temporary, fps=timeline.fps, name=out, zero_s=zero, sound=sound) as writer,
    ):
        buffer = np.empty(reader.shape, np.uint8)
        for faces in in_step(faces_by_frame(found.shards), range(first, stop)):
            while reader.count <= faces.frame:
                if not reader.read_into(buffer):
                    raise _other_frames(found, reader.count)
            writer.write(drawn(buffer, faces, style), timeline.times[faces.frame])
            progress("drawing", faces.frame + 1 - first, stop - first)
    return stop - first


def chosen_frames(times: Times, start_s: float | None, end_s: float | None) -> tuple[int, int]:
    """The first frame of ``start_s`` or later and the first of ``end_s`` or later, of times (n,) that never go back.

    Example:
        >>> chosen_frames(np.array([0.0, 0.1, 0.2, 0.3]), 0.1, 0.3)
        (1, 3)
    """
    first = 0 if start_s is None else int(np.searchsorted(times, start_s))
    stop = len(times) if end_s is None else int(np.searchsorted(times, end_s))
    return first, max(first, stop)


def check_out(out: Path, found: Extracted, *, force: bool) -> None:
    """Make sure that nothing is written over that somebody may want to keep.

    Raises:
        RmsetError: there is such a file, and no ``force``; or it is the video itself.
    """
    if not is_there(out):
        return
    if out.samefile(found.info.path):
        raise RmsetError(f"--out {out} is the video itself", remedy="give another file")
    if not force:
        raise RmsetError(f"--out {out} is there already", remedy="give another, or write over it with --force")


def _check_style(found: Extracted, style: Style) -> None:
    for identity in sorted(style.identities):
        if identity >= found.identities:
            people = f"its identities are 0 to {found.identities - 1}" if found.identities else "it has none"
            raise RmsetError(f"--identity {identity}: {found.video} has no such person", remedy=people)
    if style.blur and found.pruned:
        raise RmsetError(
            f"--blur-faces: {found.pruned:,} of the people of {found.video} were taken down, so that the shards no "
            "longer know their faces and they would be seen",
            remedy="cut them out of the video before you publish it",
        )


def _timeline(found: Extracted, progress: Progress) -> Timeline:
    with FrameReader(found.info) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            progress("reading times", reader.count, found.frames)
        if reader.count != found.frames:
            raise _other_frames(found, reader.count)
        return Timeline.of(reader.times_s(), found.info.fps)


def _sound(path: Path, timeline: Timeline, first: int, stop: int) -> Sound | None:
    """The sound beside frames ``first`` to ``stop`` - 1; None where there is none."""
    tracks, times = sound_tracks(path), timeline.times
    if not tracks:
        return None
    if (first, stop) == (0, len(times)):
        return Sound(path, tracks)
    length = None if stop == len(times) else float(times[stop] - times[first])
    return Sound(path, tracks, float(times[first]), length)


def _other_frames(found: Extracted, count: int) -> VideoError:
    return VideoError(
        "other-frames",
        f"{found.info.path}: {count:,} frames are decoded, and {found.frames:,} were when it was extracted",
        remedy="extract it again, with the ffmpeg that is used now",
    )
