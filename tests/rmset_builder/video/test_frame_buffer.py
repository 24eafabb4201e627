from __future__ import annotations

import pytest

from rmset_builder.video.frame_buffer import WINDOWS_IN_FLIGHT, window_length


@pytest.mark.parametrize(
    ("size", "stride", "frames"),
    [((854, 480), 4, 16), ((1280, 720), 4, 12), ((1280, 720), 1, 13), ((1920, 1080), 4, 8), ((640, 360), 5, 15)],
)
def test_windows_are_as_long_as_memory_allows_and_end_with_a_keyframe(
    size: tuple[int, int], stride: int, frames: int
) -> None:
    width, height = size
    assert window_length((height, width, 4), least=8, multiple_of=stride) == frames
    assert frames % stride == 0
    assert frames == 8 or frames * WINDOWS_IN_FLIGHT * width * height * 4 <= 240_000_000


@pytest.mark.parametrize(("stride", "frames"), [(3, 9), (4, 8), (8, 8), (5, 10)])
def test_no_window_is_shorter_than_the_longest_gap(stride: int, frames: int) -> None:
    assert window_length((4320, 7680, 4), least=8, multiple_of=stride) == frames
