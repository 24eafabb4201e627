"""What a video file says of itself, read without decoding and without trusting it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av

from rmset_builder.core.errors import VideoError
from rmset_builder.core.files import mtime_ns
from rmset_builder.video.colour import ColourMatrix
from rmset_builder.video.gif import mended_gif
from rmset_builder.video.picture_traits import PictureTraits
from rmset_builder.video.stream_selection import pick_stream

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf"}
    | {".ogv", ".ts", ".webm", ".wmv"}
)
# A playlist (hls, dash, concat, ...) is no video: it makes the reader open whatever files and addresses it names.
FORMAT_WHITELIST = "asf,av1,avi,flv,gif,h264,hevc,ivf,m4v,matroska,mov,mp4,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,webm"
PROTOCOL_WHITELIST = "file"

# libavutil's numbers: AVCOL_RANGE_UNSPECIFIED and _MPEG; AVCOL_SPC_BT709, _UNSPECIFIED, _BT470BG and _SMPTE170M.
_LIMITED_RANGES = frozenset({0, 1})
_MATRICES = {1: ColourMatrix.BT709, 2: ColourMatrix.BT601, 5: ColourMatrix.BT601, 6: ColourMatrix.BT601}


@dataclass(frozen=True)
class VideoInfo:
    """A video's promise before it is decoded.

    Sizes in pixels before rotation; ``frames`` is 0 and ``duration_s`` is 0.0 where the container does not say.
    ``track`` is the index of the picture track among all of the file's streams; ``track_note`` says why, where there
    was a choice. ``frames`` leaves out what an edit list hides; ``tagged_frames`` is what a statistics tag says, which
    may be older than the file. ``duration_s`` is the track's length where it has one of its own, ``file_duration_s``
    that of all tracks together; 0.0 where unknown.
    ``plain_planes`` tells what the planes of a video mean that are of the usual kind (8 bit, colour at half size,
    limited range, standard colours, even sides); None where they are of another. ``traits`` tells what else is unusual.
    ``file_bytes`` and ``file_mtime_ns`` are the file's size and time of change when this was read.

    Example:
        >>> VideoInfo.from_path(Path("wall9.mp4")).fps  # doctest: +SKIP
        25.0
    """

    path: Path
    container: str
    codec: str
    width: int
    height: int
    fps: float
    frames: int
    tagged_frames: int
    duration_s: float
    file_duration_s: float
    track: int
    track_note: str
    plain_planes: ColourMatrix | None
    traits: PictureTraits
    file_bytes: int
    file_mtime_ns: int

    @property
    def expected_frames(self) -> int:
        """The number of frames, or the best guess at it; 0 where nothing is known."""
        return self.frames or self.tagged_frames or round(self.duration_s * self.fps)

    @classmethod
    def from_path(cls, path: Path) -> VideoInfo:
        """Read the container's header.

        Raises:
            VideoError: the path is no readable file, no video, or holds no picture track.
        """
        status = _check_file(path)
        try:
            with open_container(path) as container:
                return cls._from_container(path, container, status)
        except (av.FFmpegError, ValueError, OSError) as error:
            raise VideoError(
                "not-a-video",
                f"{path} cannot be read as a video ({reason_of(error)})",
                remedy="fetch it again if it was cut short, or leave it out",
            ) from error

    def is_current(self) -> bool:
        """Whether the file is still the one that this was read from, as far as its size and time of change tell."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_size, mtime_ns(status)) == (self.file_bytes, self.file_mtime_ns)

    @classmethod
    def _from_container(cls, path: Path, container: av.container.InputContainer, status: os.stat_result) -> VideoInfo:
        stream, note = pick_stream(container)
        if stream is None and any(s.codec_context is None for s in container.streams.video):
            raise VideoError(
                "unknown-codec",
                f"{path} has a picture track of a kind that is not known here",
                remedy="convert it, for example to H.264, or leave it out",
            )
        if stream is None:
            raise VideoError(
                "no-video-stream", f"{path} has no picture track, only sound or data", remedy="leave it out"
            )
        rate = stream.average_rate or stream.guessed_rate
        own = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        whole = container.duration / av.time_base if container.duration else 0.0
        traits = PictureTraits.of(container, stream)
        return cls(
            path=path,
            container=container.format.name,
            codec=stream.codec_context.name,
            width=stream.width,
            height=stream.height,
            fps=float(rate) if rate else 0.0,
            frames=_frames(container, stream),
            tagged_frames=_tagged_frames(stream),
            duration_s=own or whole,
            file_duration_s=whole,
            track=stream.index,
            track_note=note,
            plain_planes=_plain_planes(stream.codec_context) if traits.wide_colour is None else None,
            traits=traits,
            file_bytes=status.st_size,
            file_mtime_ns=mtime_ns(status),
        )


def _frames(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    frames: int = stream.frames
    shown = len(stream.index_entries) if "mp4" in container.format.name else 0
    # An edit list leaves frames of the table out. The table of a file in fragments has those of the first alone.
    return 0 if shown > frames else min(frames, shown or frames)


def _tagged_frames(stream: av.VideoStream) -> int:
    tag = next((text for key, text in stream.metadata.items() if key.startswith("NUMBER_OF_FRAMES")), "")
    return int(tag) if tag.isascii() and tag.isdigit() else 0


def _plain_planes(codec: av.VideoCodecContext) -> ColourMatrix | None:
    usual = codec.pix_fmt == "yuv420p" and codec.color_range in _LIMITED_RANGES
    even = codec.width % 2 == 0 and codec.height % 2 == 0
    return _MATRICES.get(codec.colorspace) if usual and even else None


@contextmanager
def open_container(path: Path) -> Iterator[av.container.InputContainer]:
    """A file opened as a video and as nothing else.

    Raises:
        av.FFmpegError: it is none.
        OSError: it cannot be read.
    """
    options = {"protocol_whitelist": PROTOCOL_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
    with contextlib.ExitStack() as stack:
        mended = mended_gif(path)
        source = stack.enter_context(mended) if mended else file_url(path)
        yield stack.enter_context(av.open(source, options=options, metadata_errors="replace"))


def file_url(path: Path) -> str:
    """``path`` so that ffmpeg takes no part of its name for a protocol or an option."""
    return f"file:{path.absolute()}"


def _check_file(path: Path) -> os.stat_result:
    try:
        status = path.stat()
    except PermissionError as error:
        raise VideoError("no-rights", f"{path} may not be read", remedy=f"run: chmod u+rx {path.parent}") from error
    except OSError as error:
        raise VideoError("missing", f"{path} does not exist", remedy="check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise VideoError("is-a-folder", f"{path} is a folder, not a video", remedy="give a video file")
    if not stat.S_ISREG(status.st_mode):
        raise VideoError("not-a-file", f"{path} is no regular file", remedy="give a video file")
    if not os.access(path, os.R_OK):
        raise VideoError("no-rights", f"{path} may not be read", remedy=f"run: chmod u+r {path}")
    if status.st_size == 0:
        raise VideoError("empty-file", f"{path} is empty (0 bytes)", remedy="fetch it again")
    return status


def reason_of(error: Exception) -> str:
    """What a library for video says of its failure, in a line, without the file's name."""
    log = getattr(error, "log", None)
    text = log[2] if log else getattr(error, "strerror", None) or str(error)
    return str(text).strip().splitlines()[0] if str(text).strip() else type(error).__name__
