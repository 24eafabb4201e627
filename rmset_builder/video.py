"""What a video file says of itself, read without decoding and without trusting it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import av

from rmset_builder.colour import ColourMatrix
from rmset_builder.errors import VideoError

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

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_ID = 80
_SAFE_STEM = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True)
class VideoInfo:
    """A video's promise before it is decoded.

    Sizes in pixels before rotation; ``frames`` is 0 and ``duration_s`` is 0.0 where the container does not say.
    ``stream_duration_s`` is the video track's own length, which a cut file cannot keep; 0.0 where unknown.
    ``plain_planes`` tells what the planes of a video mean that are of the usual kind (8 bit, colour at half size,
    limited range, even sides); None where they are of another.

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
    duration_s: float
    stream_duration_s: float
    plain_planes: ColourMatrix | None

    @property
    def expected_frames(self) -> int:
        """The number of frames, or the best guess at it; 0 where nothing is known."""
        return self.frames or round(self.duration_s * self.fps)

    @classmethod
    def from_path(cls, path: Path) -> VideoInfo:
        """Read the container's header.

        Raises:
            VideoError: the path is no readable file, no video, or holds no picture track.
        """
        _check_file(path)
        options = {"protocol_whitelist": PROTOCOL_WHITELIST, "format_whitelist": FORMAT_WHITELIST}
        try:
            with av.open(file_url(path), options=options, metadata_errors="replace") as container:
                return cls._from_container(path, container)
        except (av.FFmpegError, ValueError, OSError) as error:
            raise VideoError(
                "not-a-video",
                f"{path} cannot be read as a video ({_reason(error)})",
                remedy="fetch it again if it was cut short, or leave it out",
            ) from error

    @classmethod
    def _from_container(cls, path: Path, container: av.container.InputContainer) -> VideoInfo:
        pictures = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not pictures:
            raise VideoError(
                "no-video-stream", f"{path} has no picture track, only sound or data", remedy="leave it out"
            )
        stream = pictures[0]
        rate = stream.average_rate or stream.guessed_rate
        own = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        whole = container.duration / av.time_base if container.duration else 0.0
        return cls(
            path=path,
            container=container.format.name,
            codec=stream.codec_context.name,
            width=stream.width,
            height=stream.height,
            fps=float(rate) if rate else 0.0,
            frames=stream.frames,
            duration_s=own or whole,
            stream_duration_s=own,
            plain_planes=_plain_planes(stream.codec_context),
        )


def _plain_planes(codec: av.VideoCodecContext) -> ColourMatrix | None:
    usual = codec.pix_fmt == "yuv420p" and codec.color_range in _LIMITED_RANGES
    even = codec.width % 2 == 0 and codec.height % 2 == 0
    return _MATRICES.get(codec.colorspace) if usual and even else None


def file_url(path: Path) -> str:
    """``path`` so that ffmpeg takes no part of its name for a protocol or an option."""
    return f"file:{path.absolute()}"


def safe_video_id(path: Path) -> str:
    """The id of a local file: its stem with everything but ASCII letters, digits, ``_`` and ``-`` made ``_``.

    A stem that is an id already stays as it is: those of YouTube may begin and end with ``_``.

    Example:
        >>> safe_video_id(Path("videos/../try not; rm -rf.mp4"))
        'try_not_rm_-rf'
    """
    # Not pathlib's stem, which Python 3.14 has another rule for where a name begins or ends with dots.
    stem = path.name.rpartition(".")[0] or path.name
    if _SAFE_STEM.fullmatch(stem):
        return stem
    return _UNSAFE.sub("_", stem)[:_LONGEST_ID].strip("_") or "video"


def _check_file(path: Path) -> None:
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


def _reason(error: Exception) -> str:
    log = getattr(error, "log", None)
    text = log[2] if log else getattr(error, "strerror", None) or str(error)
    return str(text).strip().splitlines()[0] if str(text).strip() else type(error).__name__
