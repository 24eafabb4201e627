"""Frames that show their number, and how they are read back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VideoInfo

WIDTH, HEIGHT, RATE = 160, 96, 25

# A frame's number, as eight fields of black or white in two rows; large enough to survive any codec.
FIELD, BITS, ACROSS = 32, 8, 4

RED, GREEN, BLUE, GREY = (200, 40, 40), (40, 180, 60), (40, 60, 200), (128, 128, 128)

Picture = npt.NDArray[np.uint8]

MakeClip = Callable[..., Path]

X264 = ["-c:v", "libx264", "-preset", "veryfast", "-threads", 1]


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A grey picture that shows ``number``."""
    picture = np.full((height, width, 3), 128, np.uint8)
    for bit in range(BITS):
        row, column = divmod(bit, ACROSS)
        place = slice(row * FIELD, (row + 1) * FIELD), slice(column * FIELD, (column + 1) * FIELD)
        picture[place] = 235 if number >> bit & 1 else 20
    return picture


def number_of(picture: Picture) -> int:
    """The number that a picture shows."""
    centres = [((bit // ACROSS) * FIELD + FIELD // 2, (bit % ACROSS) * FIELD + FIELD // 2) for bit in range(BITS)]
    return sum(int(picture[y, x].mean() > 128) << bit for bit, (y, x) in enumerate(centres))


def corners() -> Picture:
    """A picture whose quarters are red, green, blue and grey: it shows how it lies."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2], picture[: HEIGHT // 2, WIDTH // 2 :] = RED, GREEN
    picture[HEIGHT // 2 :, : WIDTH // 2], picture[HEIGHT // 2 :, WIDTH // 2 :] = BLUE, GREY
    return picture


def raw(folder: Path, pictures: list[Picture], rate: object = RATE) -> list[object]:
    """ffmpeg's arguments for ``pictures`` as its input."""
    height, width = pictures[0].shape[:2]
    path = folder / f"{width}x{height}x{len(pictures)}.rgb"
    path.write_bytes(b"".join(picture.tobytes() for picture in pictures))
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-framerate", rate, "-i", path]


def read(path: Path) -> tuple[list[Picture], npt.NDArray[np.float64]]:
    """All frames, RGB, and their times."""
    frames = []
    with FrameReader(VideoInfo.from_path(path), threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            assert (buffer[..., 3] == 255).all()
            frames.append(buffer[..., 2::-1].copy())
        assert reader.count == len(frames)
        assert reader.shape == (reader.height, reader.width, 4)
        assert not reader.read_into(buffer), "the end stays the end"
        return frames, reader.times_s()


def times_by_pyav(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(frame.pts * frame.time_base for frame in container.decode(stream))


def assert_times(times: npt.NDArray[np.float64], exact: list[Fraction]) -> None:
    """Equal to a rational number of seconds as nearly as a float can be."""
    np.testing.assert_allclose(times, [float(time) for time in exact], rtol=0, atol=1e-9)


def assert_near(picture: Picture, wanted: Picture, tolerance: float) -> None:
    """Equal up to the codec's loss, away from the edges of fields, where colour bleeds."""
    assert picture.shape == wanted.shape
    rows, columns = picture.shape[0] // 8, picture.shape[1] // 8
    for y in (rows * 2, rows * 6):
        for x in (columns * 2, columns * 6):
            area = slice(y - rows, y + rows), slice(x - columns, x + columns)
            difference = picture[area].astype(int).mean((0, 1)) - wanted[area].astype(int).mean((0, 1))
            assert np.abs(difference).max() <= tolerance, (y, x, difference)
