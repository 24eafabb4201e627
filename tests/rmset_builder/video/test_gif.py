"""GIFs whose frames state no duration: each is a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rmset_builder.fetching.probe import probe
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.gif import mended_gif
from rmset_builder.video.info import VideoInfo

MakeClip = Callable[..., Path]

HEADER = b"GIF89a" + bytes([16, 0, 16, 0, 0x80, 0, 0]) + bytes([0, 0, 0, 255, 255, 255])
LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
TRAILER = b"\x3b"


def delay(hundredths: int) -> bytes:
    return bytes([0x21, 0xF9, 4, 4]) + hundredths.to_bytes(2, "little") + bytes(2)


def picture(white: int) -> bytes:
    """16 x 16 pixels of one colour, as codes of three bits, the table being cleared before it could grow."""
    codes = [code for _ in range(128) for code in (4, white, white)] + [5]
    number = sum(code << 3 * place for place, code in enumerate(codes))
    data = number.to_bytes((3 * len(codes) + 7) // 8, "little")
    assert len(data) <= 255
    return b"\x2c" + bytes([0, 0, 0, 0, 16, 0, 16, 0, 0, 2, len(data)]) + data + b"\0"


def shades(path: Path) -> tuple[list[int], list[float]]:
    """Each frame's brightness, and its time."""
    found = []
    with FrameReader(VideoInfo.from_path(path), threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            found.append(round(buffer[..., :3].mean()))
        return found, reader.times_s().tolist()


@pytest.mark.parametrize(
    ("blocks", "times"),
    [
        ([picture(0), picture(1)], [0, 0.1]),
        ([picture(0), picture(1), picture(0), picture(1)], [0, 0.1, 0.2, 0.3]),
        ([LOOP, picture(0), picture(1)], [0, 0.1]),
        ([delay(0), picture(0), delay(0), picture(1)], [0, 0.1]),
        ([delay(20), picture(0), picture(1), picture(0)], [0, 0.2, 0.4]),
        ([picture(0), picture(1), delay(20), picture(0)], [0, 0.1, 0.2]),
    ],
)
@pytest.mark.parametrize("signature", [b"GIF87a", b"GIF89a"])
def test_every_frame_is_one(tmp_path: Path, blocks: list[bytes], times: list[float], signature: bytes) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(signature + HEADER[6:] + b"".join(blocks) + TRAILER)
    frames, found = shades(path)
    assert frames == [0, 255, 0, 255][: len(times)]
    np.testing.assert_allclose(found, times, atol=1e-9)
    assert probe(path).frames == len(times)


def test_a_gif_without_its_trailer_is_whole_and_one_without_its_last_byte_of_picture_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(HEADER + picture(0) + picture(1))
    assert probe(path).frames == 2
    path.write_bytes(HEADER + picture(0) + picture(1)[:-1])
    with pytest.raises(Exception, match="missing at its end"):
        probe(path)


def test_what_is_no_such_gif_is_read_as_it_is(tmp_path: Path, make_clip: MakeClip) -> None:
    made = make_clip(tmp_path / "a.gif", "-f", "lavfi", "-i", "testsrc2=size=32x32:duration=0.2")
    (tmp_path / "short.gif").write_bytes(b"GIF89a")
    (tmp_path / "text.gif").write_text("Dear diary,")
    for path in (made, tmp_path / "short.gif", tmp_path / "text.gif", tmp_path / "missing.gif"):
        assert mended_gif(path) is None, path
