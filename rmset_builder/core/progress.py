"""How far something is, on stderr: bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 10.0


class Reporter:
    """Bars where ``console`` is a terminal, elsewhere lines at least ten seconds apart. A context manager.

    Args:
        console: stderr.
        columns: what stands in a bar's line.

    Example:
        >>> with Reporter(Console(stderr=True), *usual_columns()) as reporter:  # doctest: +SKIP
        ...     bar = reporter.add("wall9.mp4", total=250)
        ...     reporter.update(bar, completed=25)
        ...     reporter.line("wall9.mp4: 25 of 250 frames")
    """

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        self._console = console
        self._bars = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._last_line = time.monotonic()

    def add(self, description: str, *, total: float | None, completed: int = 0, **fields: Any) -> TaskID | None:
        """A new bar, of ``total`` steps if that is known; None where there are none."""
        if self._bars is None:
            return None
        return self._bars.add_task(description, total=total, completed=completed, **fields)

    def update(self, bar: TaskID | None, **fields: Any) -> None:
        """Let a bar show other values: of ``completed``, ``total``, ``description``, or of its columns' own."""
        if self._bars is not None and bar is not None:
            self._bars.update(bar, **fields)

    def remove(self, bar: TaskID | None) -> None:
        """Take a bar away."""
        if self._bars is not None and bar is not None:
            self._bars.remove_task(bar)

    def refresh(self) -> None:
        """Draw the bars as they stand now; otherwise this happens ten times a second."""
        if self._bars is not None:
            self._bars.refresh()

    def line(self, text: str | Callable[[], str]) -> None:
        """Print a line, unless there are bars or the last line is not ten seconds old."""
        if self._bars is None and time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self.say(text if isinstance(text, str) else text())

    def say(self, text: str) -> None:
        """Print a line in any case."""
        self._last_line = time.monotonic()
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()


def usual_columns() -> list[ProgressColumn]:
    """A bar's columns: description, how many of how many, and the time left."""
    return [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]


@contextmanager
def counted(what: str, total: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Yield a function that is called with how many more of ``total`` are done.

    Example:
        >>> with counted("images", 3546, Console(stderr=True)) as advance:  # doctest: +SKIP
        ...     advance(64)
    """
    with Reporter(console, *usual_columns()) as reporter:
        bar, done = reporter.add(what, total=total), 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            reporter.update(bar, completed=done)
            reporter.line(f"{done:,} of {total:,} {what}")

        yield advance
