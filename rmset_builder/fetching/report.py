"""What ``rmset fetch`` shows: a line for each video, the table of a dry run, the bar of a download, the last word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from rmset_builder.core.progress import Reporter
from rmset_builder.fetching.catalog import Video
from rmset_builder.fetching.collect import Fate, Result
from rmset_builder.fetching.faults import NOT_WRITTEN, PROXY, UNREACHED, FetchError
from rmset_builder.fetching.ids import plain

# Where a site does not say how long to leave it alone; YouTube's own word is "up to an hour".
_DEFAULT_PAUSE_S = 3600.0
_STYLE = {Fate.WOULD_FETCH: "green", Fate.KEPT: "cyan"} | dict.fromkeys((Fate.FAILED, Fate.GONE, Fate.BLOCKED), "red")


class DownloadProgress:
    """What is done now; bytes, speed and time left of a download. Where there is no terminal, a line now and then."""

    def __init__(self, console: Console) -> None:
        self._video: Video | None = None
        self._bar: TaskID | None = None
        self._shown = Reporter(
            console,
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )

    def status(self, text: str) -> None:
        """What is done now, in a few words."""
        if self._bar is None:
            self._bar = self._shown.add(text, total=None)
        self._shown.update(self._bar, description=text)
        self._shown.line(text)

    def begin(self, video: Video) -> None:
        """A download begins."""
        self.end()
        self._video = video
        self._bar = self._shown.add(video.id, total=None)

    def advance(self, done: int, total: int) -> None:
        """So many bytes are there, of so many expected (0 where unknown)."""
        self._shown.update(self._bar, completed=done, total=total or None)
        if self._video is not None:
            of = f" of {total / 1e6:,.1f}" if total else ""
            self._shown.line(f"{self._video.id}: {done / 1e6:,.1f}{of} MB")

    def end(self) -> None:
        """The download is over."""
        self._shown.remove(self._bar)
        self._bar = self._video = None

    def __enter__(self) -> Self:
        self._shown.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.__exit__(kind, value, trace)


def line_of(result: Result, folder: str) -> str:
    """What became of a video, on one line."""
    video = result.video
    if result.fate is Fate.FETCHED:
        near = f" (looks like {video.near_duplicate_of})" if video.near_duplicate_of else ""
        length = _length(video.duration_s)
        return f"{video.id}: {video.bytes / 1e6:,.1f} MB, {length}, {video.format}{near} -> {folder}/{video.file}"
    return f"{video.id}: {result.fate.value}{why(result)}"


def why(result: Result) -> str:
    """The reason of an outcome, after a colon; empty where there is none."""
    if result.fault is not None:
        return f": {result.fault.reason}: {result.fault}"
    if result.fate is Fate.SPARE or not result.video.reason:
        return ""
    return f": {result.video.reason}: {result.video.message}"


def as_json(result: Result) -> dict[str, Any]:
    """A video's row and its outcome in this run."""
    row = asdict(result.video)
    if result.fault is not None:
        row |= {"reason": result.fault.reason, "message": result.fault.message}
    return {"fate": result.fate.value, **row}


def dry_run_table(results: Iterable[Result]) -> Table:
    """What would be fetched, and why the rest would not; candidates that are not needed are left to the summary."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name, style in (("group", ""), ("keyword", ""), ("rank", ""), ("id", "bold"), ("title", "")):
        table.add_column(name, style=style, justify="right" if name == "rank" else "left", overflow="fold")
    for name in ("length", "lines"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    before: tuple[str, str] | None = None
    for result in results:
        if result.fate is Fate.SPARE:
            continue
        video = result.video
        place = (video.group, video.keyword)
        shown = place if place != before else ("", "")
        before = place
        verdict = Text(f"{result.fate.value}{why(result)}", style=_STYLE.get(result.fate, "yellow"))
        if result.fate is Fate.WOULD_FETCH and video.near_duplicate_of:
            verdict.append(f", but looks like {video.near_duplicate_of}", style="yellow")
        cells = [*shown, str(video.rank or ""), video.id, plain(video.title, 40)]
        lines = f"{video.height}" if video.height else "?"
        table.add_row(*map(Text, cells), Text(_length(video.duration_s)), Text(lines), verdict)
    return table


def summary(results: Iterable[Result]) -> str:
    """How many videos had which outcome, and why some were filtered out."""
    found = list(results)
    fates = Counter(result.fate for result in found)
    reasons = Counter(result.video.reason for result in found if result.fate is Fate.FILTERED)
    parts = []
    for fate in Fate:
        if fates[fate]:
            detail = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
            parts.append(f"{fates[fate]:,} {fate.value}" + (f" ({detail})" if fate is Fate.FILTERED else ""))
    return ", ".join(parts) or "no candidates"


def when_to_go_on(fault: FetchError, now: datetime) -> str:
    """The last word of a queue that had to stop: why, and when and how to go on."""
    if fault.reason in (NOT_WRITTEN, UNREACHED, PROXY):
        return f"stopped: {fault}; then give the same command again, it goes on from here"
    wait_s = fault.wait_s or _DEFAULT_PAUSE_S
    then = now + timedelta(seconds=wait_s)
    day = "" if then.date() == now.date() else f"{then:%Y-%m-%d} "
    asked = "as the site asks" if fault.wait_s else "it did not say for how long; up to an hour is usual"
    remedy = f"; {fault.remedy}" if fault.remedy else "; a larger --sleep makes it less likely"
    return (
        f"stopped politely, {fault.reason}: {fault.message}\n"
        f"give the same command again after {day}{then:%H:%M:%S} ({asked}), it goes on from here{remedy}"
    )


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
