"""What the pages over all videos show: the overview and the review list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rmset_builder.reports.formats import HEADINGS, Line, lines, total_lines
from rmset_builder.reports.measures import SCALES
from rmset_builder.reports.paper import NOTE
from rmset_builder.reports.stats import Table
from rmset_builder.shards.videos_table import DONE
from rmset_builder.site.charts import GroupBar, Histogram, group_bars, histogram, moment
from rmset_builder.site.summary import Doubt, Summary

MOST_DOUBTS = 500
"""Findings on the review list: more would be slow to show, and nobody gets through them."""


@dataclass(frozen=True)
class Overview:
    """The overview; ``link`` gives the address of a video's page, ``review`` is that of the review list."""

    name: str
    figures: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]
    findings: int
    review: str
    lines: tuple[Line, ...]
    total: tuple[Line, ...]
    bars: Sequence[Sequence[GroupBar]]
    charts: tuple[Histogram, ...]
    videos: Sequence[Summary]
    link: Callable[[str], str]
    headings: tuple[str, ...] = HEADINGS
    note: str = NOTE


@dataclass(frozen=True)
class ReviewList:
    """The worst findings of all videos: how many there are, how many are listed, each with its video and page."""

    total: int
    shown: int
    doubts: Iterable[tuple[str, str, Doubt]]


def overview(
    name: str, table: Table, summaries: Sequence[Summary], *, warnings: int, review: str, link: Callable[[str], str]
) -> Overview:
    """The overview of the videos that are summed up.

    Args:
        name: of the folder of shards.
        table: its Table 2.
        summaries: of all videos, in the order in which they are listed.
        warnings: how often the table of videos and the shards contradict each other.
        review: the address of the review list.
        link: gives that of a video's page.
    """
    done = [one for one in summaries if one.state == DONE]
    seconds = sum(one.duration_s for one in done)
    figures = [
        *zip(("Videos", "Identities", "Frames", "Faces"), (f"{count:,}" for count in table.total), strict=True),
        *([("Duration", moment(round(seconds)))] if seconds else []),
        *([("Not extracted", f"{len(summaries) - len(done):,}")] if len(done) < len(summaries) else []),
    ]
    return Overview(
        name=name,
        figures=tuple(figures),
        faults=tuple(_faults(summaries, warnings)),
        findings=sum(len(one.doubts) for one in summaries),
        review=review,
        lines=tuple(lines(table, paper=True)),
        total=tuple(total_lines(table, paper=True)),
        bars=group_bars(table),
        charts=tuple(_charts(done)),
        videos=summaries,
        link=link,
    )


def review_list(summaries: Sequence[Summary], link: Callable[[str], str]) -> ReviewList:
    """All findings, the worst first."""
    every = sorted(((one.video, doubt) for one in summaries for doubt in one.doubts), key=lambda found: -found[1].score)
    listed = every[:MOST_DOUBTS]
    return ReviewList(len(every), len(listed), [(video, link(video), doubt) for video, doubt in listed])


def _faults(summaries: Sequence[Summary], warnings: int) -> Iterator[str]:
    if unread := [one.video for one in summaries if one.fault]:
        yield f"Not all could be read of: {', '.join(unread[:10])}{' and more' if len(unread) > 10 else ''}."
    if warnings:
        times = "once" if warnings == 1 else f"{warnings:,} times"
        yield f"The table of videos and the shards contradict each other {times}: `rmset stats` tells where."


def _charts(done: Sequence[Summary]) -> Iterator[Histogram]:
    for name, scale in SCALES.items():
        counts = np.zeros(len(scale.edges), np.int64)
        for one in done:
            if name in one.counts:
                counts += one.counts[name]
        yield histogram(name, counts.tolist())
