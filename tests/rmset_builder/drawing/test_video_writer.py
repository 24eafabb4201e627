from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.drawing.video_writer import VideoWriter

BLACK = np.zeros((90, 160, 3), np.uint8)


def times_of(path: Path) -> tuple[list[float], float]:
    """When each frame is shown, and how long all of them last."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.time for frame in container.decode(stream)], float(stream.duration * stream.time_base)


def test_each_picture_has_its_own_time(tmp_path: Path) -> None:
    times = [0, 0.033, 0.1, 0.1, 2.5, 2.5417, 60.0]
    with VideoWriter(tmp_path / "a.mp4", fps=24) as writer:
        for time_s in times:
            writer.write(BLACK, time_s)
    found, length = times_of(tmp_path / "a.mp4")
    times[3] += 1 / 60_000  # no two at once
    assert found == pytest.approx(times, abs=1 / 60_000)
    assert length == pytest.approx(60 + 1 / 24, abs=1e-4)


@pytest.mark.parametrize("zero", [-0.5, 100.25])
def test_a_file_begins_where_it_is_told_to(tmp_path: Path, zero: float) -> None:
    with VideoWriter(tmp_path / "a.mp4", fps=30_000 / 1001, zero_s=zero) as writer:
        for number in range(40):
            writer.write(BLACK, zero + number * 1001 / 30_000)
    found, length = times_of(tmp_path / "a.mp4")
    assert found == pytest.approx([number * 1001 / 30_000 for number in range(40)], abs=1 / 60_000)
    assert length == pytest.approx(40 * 1001 / 30_000, abs=1e-4)


def test_colours_come_back(tmp_path: Path) -> None:
    colours = [(0, 114, 178), (240, 228, 66), (213, 94, 0), (255, 255, 255)]
    picture = np.repeat(np.array(colours, np.uint8)[None], 61, axis=0).repeat(25, axis=1)  # odd height
    with VideoWriter(tmp_path / "a.mp4", fps=0) as writer:
        writer.write(picture, 0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.colorspace) == (100, 62, 6)  # SMPTE 170M, as it is told to players
        shown = frame.to_ndarray(format="rgb24").astype(int)
    for number, colour in enumerate(colours):
        assert np.abs(shown[30, 25 * number + 12] - colour).max() <= 6


def test_ffmpegs_own_words_are_told(tmp_path: Path) -> None:
    with (
        pytest.raises(RmsetError, match=r"^video\.mp4 cannot be encoded \(.*No such file.*\); see what `rmset doctor`"),
        VideoWriter(tmp_path / "nowhere" / "a.mp4", fps=25, name=Path("video.mp4")) as writer,
    ):
        for number in range(100):
            writer.write(BLACK, number / 25)
