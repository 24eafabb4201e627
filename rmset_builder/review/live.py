"""The report's pages of a folder as it is now: each is made when somebody looks at it, and anew when it has changed."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.reports.stats import collect, tabulate
from rmset_builder.review.moment import Moment, steadily
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.site.folder import PAGES, REVIEW, is_id, page_folder
from rmset_builder.site.look import Look
from rmset_builder.site.overview import Overview, overview, review_list
from rmset_builder.site.rendering import render
from rmset_builder.site.summary import PAGE, Summary
from rmset_builder.site.video_page import PageTask, make_page

LOOK = Look(served=True)
_PICTURE = re.compile(r"[a-z]+[0-9]*\.jpg")


class LivePages:
    """Pages of a folder of shards.

    Args:
        shards: the folder.
        folder: where pages and their pictures are kept while they are served.
    """

    def __init__(self, shards: Path, folder: Path) -> None:
        self._shards, self._folder = shards, folder
        self._made: dict[str, Summary] = {}
        # One page at a time: memory holds one video's columns, and no page is made twice.
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._others = threading.Thread(target=self._make_others, name="pages", daemon=True)

    def video(self, video: str) -> str:
        """A video's page.

        Raises:
            RmsetError: there is no such video, or it changes all the time.
        """

        def made(at: Moment) -> str:
            with self._lock:
                kept = self._made.get(video)
                if kept is None or kept.stamp != at.version:
                    self._made[video] = make_page(self._task(at))
                return (page_folder(self._folder, video) / PAGE).read_text("utf-8")

        return steadily(self._shards, video, made)[1]

    def picture(self, video: str, name: str) -> bytes | None:
        """A picture of a page that was made; None where there is none."""
        if not is_id(video) or not _PICTURE.fullmatch(name):
            return None
        try:
            return (page_folder(self._folder, video) / name).read_bytes()
        except FileNotFoundError:
            return None

    def overview(self) -> str:
        """The page over all videos.

        Raises:
            RmsetError: the table of videos or a footer cannot be read.
        """
        found = collect(self._shards, ())
        summaries = self._summaries(found.records)
        told = overview(
            self._shards.resolve().name,
            tabulate(found.records),
            summaries,
            warnings=len(found.warnings),
            review=REVIEW,
            link=_page,
        )
        return render("overview.html.j2", LOOK, o=self._with_rest(told, summaries))

    def review_list(self) -> str:
        """The page of all findings.

        Raises:
            RmsetError: the table of videos or a footer cannot be read.
        """
        summaries = self._summaries(collect(self._shards, ()).records)
        return render("review.html.j2", LOOK, r=review_list(summaries, _page))

    def start(self) -> None:
        """Make the pages that nobody has looked at yet, so that the review list has the findings of all videos."""
        self._others.start()

    def close(self) -> None:
        """Make no more pages."""
        self._ended.set()
        if self._others.ident is not None:
            self._others.join()

    def _task(self, at: Moment) -> PageTask:
        return PageTask(
            record=at.record,
            shards=at.shards,
            source=self._shards,
            folder=page_folder(self._folder, at.record.id),
            look=LOOK,
            stamp=at.version,
            as_of=at.as_of,
        )

    def _summaries(self, records: Sequence[VideoRecord]) -> list[Summary]:
        """Of each video what its page left, or of one that was not looked at what the table says."""
        named = sorted((record for record in records if is_id(record.id)), key=lambda record: record.id)
        return [self._made.get(record.id) or Summary.of(record, stamp="") for record in named]

    def _with_rest(self, told: Overview, summaries: list[Summary]) -> Overview:
        rest = sum(not one.stamp for one in summaries)
        if not rest:
            return told
        line = f"{rest:,} of {len(summaries):,} videos are still being looked through: load this page again."
        return replace(told, faults=(line, *told.faults))

    def _make_others(self) -> None:
        try:
            waiting = [record.id for record in collect(self._shards, ()).records if is_id(record.id)]
        except RmsetError:
            waiting = []
        for video in waiting:
            if self._ended.is_set():
                return
            # What goes wrong is told to whoever opens the page.
            with suppress(RmsetError, OSError):
                if video not in self._made:
                    self.video(video)


def _page(video: str) -> str:
    return f"{PAGES}/{video}/{PAGE}"
