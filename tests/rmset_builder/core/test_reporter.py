"""How far something is: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from rmset_builder.core.progress import SECONDS_BETWEEN_LINES, Reporter, counted, usual_columns


class Clock:
    """Stands for the time that passes."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_lines_are_ten_seconds_apart(clock: Clock) -> None:
    text = io.StringIO()
    with counted("images", 3546, Console(file=text, force_terminal=False, width=20)) as advance:
        for _ in range(50):
            clock.now += SECONDS_BETWEEN_LINES / 4
            advance(64)
    assert text.getvalue().splitlines() == [f"{done:,} of 3,546 images" for done in range(4 * 64, 50 * 64, 4 * 64)]


def test_a_line_that_must_be_told_puts_off_the_next(clock: Clock) -> None:
    text = io.StringIO()
    with Reporter(Console(file=text, force_terminal=False, width=20), *usual_columns()) as reporter:
        clock.now += SECONDS_BETWEEN_LINES - 1
        reporter.line("too early")
        reporter.say("epoch 1 of 2 is over, [bold] or not")
        clock.now += 2
        reporter.line("too early again")
        clock.now += SECONDS_BETWEEN_LINES
        reporter.line(lambda: "at last")
    assert text.getvalue().splitlines() == ["epoch 1 of 2 is over, [bold] or not", "at last"]


def test_on_a_terminal_there_is_a_bar_and_no_line() -> None:
    text = io.StringIO()
    with Reporter(Console(file=text, force_terminal=True, width=80), *usual_columns()) as reporter:
        bar = reporter.add("images", total=3546)
        reporter.update(bar, completed=1234)
        reporter.line("a line of its own")
        reporter.remove(reporter.add("gone", total=None))
    assert "1234/3546" in text.getvalue()
    assert "a line of its own" not in text.getvalue()
