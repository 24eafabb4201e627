from __future__ import annotations

import dataclasses
import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.pipeline.progress import ProgressReporter
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.task import Task, read_headers
from rmset_builder.video.info import VideoInfo

FRAMES = 25


class Clock:
    """Stands for the time that passes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", clock)
        yield clock


@pytest.fixture
def promising(monkeypatch: pytest.MonkeyPatch, small_video: Path) -> Callable[[int], None]:
    """``promising(n)``: from now on headers promise ``n`` frames."""
    real = VideoInfo.from_path

    def promise(frames: int) -> None:
        changed = dataclasses.replace(real(small_video), frames=frames, duration_s=0.0)
        monkeypatch.setattr(VideoInfo, "from_path", lambda _: changed)

    return promise


def tasks(path: Path, *videos: str) -> list[Task]:
    return read_headers(Task(video, path, Provenance()) for video in videos)


def plain() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=False, width=60), text


def terminal() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=True, width=160, color_system=None, legacy_windows=False), text


def done(task: Task) -> Result:
    return Result(task.video, Outcome.DONE)


def shown(reporter: ProgressReporter, text: io.StringIO) -> list[str]:
    """The bars as they stand now, a line each."""
    text.seek(0)
    text.truncate()
    reporter.shown.refresh()
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    return [line.strip() for line in re.split(r"[\r\n]+", last) if line.strip()]


def counts(line: str) -> tuple[int, int]:
    """Frames done and promised."""
    match = re.search(r"([\d,]+)/([\d,]+) frames", line)
    assert match, line
    first, second = (int(number.replace(",", "")) for number in match.groups())
    return first, second


def test_a_line_now_and_then_for_one_video(small_video: Path, clock: Clock) -> None:
    (task,) = tasks(small_video, "a")
    console, text = plain()
    with ProgressReporter([task], console) as reporter:
        reporter.begin(task)
        clock.now += 5
        reporter.advance(task, 5, 30)
        assert text.getvalue() == "", "not yet"
        clock.now += 5
        reporter.advance(task, 10, 60)
        clock.now += 1
        reporter.advance(task, 11, 66)
        reporter.end(done(task))
    assert text.getvalue() == (
        "a: 10 of 25 frames, 1.0 frames/s, 60 faces; 0 of 1 videos ended, 1.0 frames/s, 15 s left in all\n"
    )


def test_lines_for_several_at_once(small_video: Path, clock: Clock) -> None:
    one, two, three = tasks(small_video, "one", "two", "three")
    console, text = plain()
    with ProgressReporter([one, two, three], console) as reporter:
        reporter.begin(one)
        reporter.begin(two)
        clock.now += 5
        reporter.advance(one, 20, 100)
        reporter.end(done(one))
        reporter.begin(three)
        clock.now += 5
        reporter.advance(two, 10, 50)
    assert text.getvalue() == (
        "two: 10 of 25 frames, 1.0 frames/s, 50 faces; 1 of 3 videos ended, 3.0 frames/s, 13 s left in all\n"
    )


@pytest.mark.parametrize("promised", [1, 10])
def test_lines_of_a_video_whose_header_promises_too_little(
    small_video: Path, clock: Clock, promising: Callable[[int], None], promised: int
) -> None:
    promising(promised)
    (task,) = tasks(small_video, "a")
    console, text = plain()
    with ProgressReporter([task], console) as reporter:
        reporter.begin(task)
        clock.now += 20
        reporter.advance(task, 2000, 60)
    assert text.getvalue() == (
        "a: 2,000 of 2,000 frames, 100.0 frames/s, 60 faces; 0 of 1 videos ended, 100.0 frames/s, 0 s left in all\n"
    )


def test_a_line_of_a_video_whose_header_promises_nothing(
    small_video: Path, clock: Clock, promising: Callable[[int], None]
) -> None:
    promising(0)
    (task,) = tasks(small_video, "a")
    console, text = plain()
    with ProgressReporter([task], console) as reporter:
        reporter.begin(task)
        clock.now += 20
        reporter.advance(task, 2000, 60)
    assert text.getvalue() == ("a: 2,000 frames, 100.0 frames/s, 60 faces; 0 of 1 videos ended, 100.0 frames/s\n")


def test_a_bar_for_one_video(small_video: Path) -> None:
    (task,) = tasks(small_video, "a")
    console, text = terminal()
    with ProgressReporter([task], console) as reporter:
        assert shown(reporter, text) == []
        reporter.begin(task)
        (line,) = shown(reporter, text)
        assert counts(line) == (0, FRAMES)
        reporter.advance(task, 10, 1234)
        (line,) = shown(reporter, text)
        assert line.startswith("a ")
        assert counts(line) == (10, FRAMES)
        assert re.search(r"[\d.]+ frames/s", line)
        assert "1,234 faces" in line
        reporter.end(done(task))
        assert shown(reporter, text) == []


def test_bars_for_several_at_once_and_one_for_all(small_video: Path) -> None:
    one, two, three = tasks(small_video, "one", "two", "three")
    console, text = terminal()
    with ProgressReporter([one, two, three], console) as reporter:
        reporter.begin(one)
        reporter.begin(two)
        reporter.advance(one, 5, 10)
        reporter.advance(two, 15, 20)
        everything, first, second = shown(reporter, text)
        assert [line.split("  ")[0].split(" ━")[0].strip() for line in (first, second)] == ["one", "two"]
        assert everything.startswith("all videos")
        assert [counts(line) for line in (everything, first, second)] == [(20, 75), (5, 25), (15, 25)]
        assert "30 faces" in everything
        reporter.advance(one, 25, 40)
        reporter.end(done(one))
        reporter.begin(three)
        everything, second, third = shown(reporter, text)
        assert [counts(line) for line in (everything, second, third)] == [(40, 75), (15, 25), (0, 25)]
        assert "60 faces" in everything


def test_a_video_that_fails_or_ends_early_counts_for_what_was_done_of_it(
    small_video: Path, promising: Callable[[int], None], clock: Clock
) -> None:
    """Or the frames/s and the time left would be those of work that nobody did."""
    promising(100_000)
    one, two = tasks(small_video, "one", "two")
    console, text = plain()
    with ProgressReporter([one, two], console) as reporter:
        reporter.begin(one)
        clock.now += 1
        reporter.advance(one, 100, 10)
        reporter.end(Result("one", Outcome.FAILED, fault=VideoError("cut-short", "one is cut short")))
        reporter.begin(two)
        clock.now += 9
        reporter.advance(two, 900, 90)
    assert text.getvalue() == (
        "two: 900 of 100,000 frames, 100.0 frames/s, 90 faces; 1 of 2 videos ended, 100.0 frames/s, 991 s left in all\n"
    )


@pytest.mark.parametrize("promised", [1, 10])
def test_no_bar_shows_more_than_all(small_video: Path, promising: Callable[[int], None], promised: int) -> None:
    promising(promised)
    videos = tasks(small_video, "a", "b")
    console, text = terminal()
    with ProgressReporter(videos, console) as reporter:
        for task in videos:
            reporter.begin(task)
        for frames in (1, 7, 50):
            for task in videos:
                reporter.advance(task, frames, 0)
            for line in shown(reporter, text):
                assert counts(line)[0] <= counts(line)[1]
        for task in videos:
            reporter.end(done(task))
        (everything,) = shown(reporter, text)
        assert counts(everything) == (100, 100)


def test_bars_of_videos_whose_headers_promise_nothing(small_video: Path, promising: Callable[[int], None]) -> None:
    """Nothing is shown as the whole of it: `0/0 frames` would look like done."""
    promising(0)
    videos = tasks(small_video, "a", "b")
    console, text = terminal()
    with ProgressReporter(videos, console) as reporter:
        for task in videos:
            reporter.begin(task)
        reporter.advance(videos[0], 1234, 0)
        everything, first, second = shown(reporter, text)
        for line, frames in ((everything, "1,234"), (first, "1,234"), (second, "0")):
            assert f" {frames} frames" in line
        for task in videos:
            reporter.end(done(task))
        (everything,) = shown(reporter, text)
        assert counts(everything) == (1234, 1234)


def test_a_video_that_cannot_be_read_has_a_bar_of_nothing(tmp_path: Path) -> None:
    missing = tasks(tmp_path / "missing.mp4", "a", "b")
    console, text = terminal()
    with ProgressReporter(missing, console) as reporter:
        for task in missing:
            reporter.begin(task)
            assert all(" 0 frames" in line for line in shown(reporter, text))
            reporter.end(Result(task.video, Outcome.FAILED, fault=VideoError("missing", "it does not exist")))
