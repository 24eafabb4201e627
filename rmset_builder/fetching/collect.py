"""The queue: each candidate is checked, filtered and downloaded, until there are enough."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from rmset_builder.core.errors import VideoError, reason_of
from rmset_builder.core.files import sha256_of
from rmset_builder.fetching import catalog as states
from rmset_builder.fetching.candidates import Batch
from rmset_builder.fetching.catalog import DIRECT, FILE_SITE, Video
from rmset_builder.fetching.describe import described, place_of, with_means
from rmset_builder.fetching.faults import (
    HOPELESS,
    ID_TAKEN,
    NOT_OF_THE_VIDEO,
    NOT_WRITTEN,
    FetchError,
    Verdict,
)
from rmset_builder.fetching.filters import Refusal, Rules, judge
from rmset_builder.fetching.heeding import Heeded
from rmset_builder.fetching.ids import safe_id
from rmset_builder.fetching.ledger import PARTIAL_FOLDER, Ledger
from rmset_builder.fetching.local import open_local
from rmset_builder.fetching.thumbnails import difference_hash, near_duplicate
from rmset_builder.fetching.ytdlp import Access, OpenVideo, Session, polite_sleep
from rmset_builder.video.info import VIDEO_SUFFIXES

# A video that failed in so many runs is left alone, unless it is asked for again.
MOST_FAILURES = 5
_LONGEST_WAIT_S = 60.0


class Fate(Enum):
    """What became of a candidate in this run."""

    FETCHED = "fetched"
    WOULD_FETCH = "would be fetched"
    KEPT = "already here"
    FILTERED = "filtered"
    FAILED = "failed"
    GONE = "gone"
    BLOCKED = "blocked here"
    BLOCKED_BEFORE = "blocked here before"
    GIVEN_UP = "given up earlier"
    PRUNED = "taken down"
    SPARE = "not needed"


@dataclass(frozen=True)
class Result:
    """One candidate's outcome; ``video`` is its row, ``fault`` why it failed in this run."""

    video: Video
    fate: Fate
    fault: VideoError | None = None


class Reporter(Protocol):
    """Told what happens while it happens."""

    def status(self, text: str) -> None:
        """What is done now, in a few words."""

    def begin(self, video: Video) -> None:
        """A download begins."""

    def advance(self, done: int, total: int) -> None:
        """So many bytes are there, of so many expected (0 where unknown)."""

    def end(self) -> None:
        """The download is over."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to collect. ``rules`` None takes every candidate as it is; ``limit`` counts the downloads of this run."""

    access: Access
    rules: Rules | None = None
    dry_run: bool = False
    limit: int | None = None
    sleep_s: float = 10.0
    retry_all: bool = False


@dataclass
class Collector:
    """Works through batches. ``heeded`` has whether the queue had to stop, and which sites are not asked any more.

    Args:
        ledger: where everything is noted.
        session: makes the session with yt-dlp when it is first needed.
        options: how to collect.
        reporter: told of downloads.
    """

    ledger: Ledger
    session: Callable[[], Session]
    options: Options
    reporter: Reporter
    heeded: Heeded = field(default_factory=Heeded)
    _looked_at: int = field(default=0, init=False)
    _taken: int = field(default=0, init=False)
    _downloads: int = field(default=0, init=False)

    def collect(self, batch: Batch) -> Iterator[Result]:
        """The outcomes of a batch's candidates: first those already downloaded, then the others by rank.

        Ends early when the queue must stop; nothing is yielded of candidates that were not reached.
        """
        videos = [self.ledger[one] for one in batch.ids]
        here = [video for video in videos if self.ledger.is_here(video)]
        yield from (Result(video, Fate.KEPT) for video in here)
        lacking = None if batch.wanted is None else batch.wanted - len(here)
        for video in videos:
            if self.heeded.stopped is not None:
                return
            if self.ledger.is_here(video) or self.heeded.leaves_alone(video.url):
                continue
            full = self.options.limit is not None and self._taken >= self.options.limit
            if full or (lacking is not None and lacking <= 0):
                yield Result(video, Fate.SPARE)
                continue
            result = self._one(video)
            if result.fate in (Fate.FETCHED, Fate.WOULD_FETCH):
                self._taken += 1
                lacking = None if lacking is None else lacking - 1
            yield result

    def _one(self, video: Video) -> Result:
        if states.PRUNED in (video.state, video.reason):
            return Result(video, Fate.PRUNED)
        if not self.options.retry_all and not worth_another_try(video, place_of(self.options.access)):
            return Result(video, _LEFT_ALONE.get(video.state, Fate.GIVEN_UP))
        if refusal := self._judge(video):
            return self._filtered(video, refusal)
        if (taken := self._file_in_the_way(video)) is not None:
            return Result(video, Fate.FAILED, taken)
        if self.options.dry_run and video.checked:
            return Result(video, Fate.WOULD_FETCH)
        return self._patiently(video)

    def _patiently(self, video: Video) -> Result:
        """Try until it succeeds, fails for good, or has failed often enough."""
        access = self.options.access
        for attempt in range(access.retries + 1):
            try:
                return self._attempt(video)
            except FetchError as error:
                fault = error
            except OSError as error:
                message = f"{self.ledger.folder} cannot be written to ({reason_of(error)})"
                fault = FetchError(NOT_WRITTEN, message, Verdict.STOP, remedy="make room or give another --out")
            if fault.verdict is not Verdict.SOON:
                break
            if attempt < access.retries:
                pause_s = max(access.backoff(attempt), min(fault.wait_s, _LONGEST_WAIT_S))
                self.reporter.status(f"{fault.reason}: trying {video.id} again in {pause_s:.0f} s")
                polite_sleep(pause_s)
        return self._failed(video, fault)

    def _attempt(self, video: Video) -> Result:
        return self._local(video) if video.site == FILE_SITE else self._remote(video)

    def _local(self, video: Video) -> Result:
        seen, bring = open_local(video)
        if refusal := self._judge(seen):
            return self._filtered(seen, refusal)
        if self.options.dry_run:
            return self._would_fetch(seen)
        return self._finish(seen, bring(self._partial(f"{video.id}.local")))

    def _remote(self, video: Video) -> Result:
        min_height = self.options.rules.filters.min_height if self.options.rules else 0
        self._looked_at += 1
        self.reporter.status(f"looking at {video.id} (candidate {self._looked_at:,}, {self._taken:,} taken)")
        with self.session().video(video.url, min_height=min_height) as opened:
            seen = described(video, opened.info, self.options.access)
            self.heeded.reached()
            if refusal := self._known_otherwise(seen) or self._judge(seen):
                return self._filtered(seen, refusal)
            seen = self._compared(seen, opened)
            if self.options.dry_run:
                return self._would_fetch(seen)
            path = self._download(seen, opened)
        return self._finish(seen, path)

    def _download(self, seen: Video, opened: OpenVideo) -> Path:
        if self._downloads:
            pause_s = self.options.sleep_s * random.uniform(1.0, 2.0)
            self.reporter.status(f"pausing for {pause_s:.0f} s before {seen.id}")
            polite_sleep(pause_s)
        self._downloads += 1
        # Bytes of another format, or of a file of another size, must not be gone on with.
        stem = f"{seen.id}.{safe_id(str(opened.info.get('format_id') or 'best'))}"
        size = opened.info.get("filesize")
        stem += f"-{size}" if isinstance(size, int) else ""
        self.reporter.begin(seen)
        try:
            return opened.download(self._partial(stem), self.reporter.advance)
        finally:
            self.reporter.end()

    def _partial(self, name: str) -> Path:
        folder = self.ledger.folder / PARTIAL_FOLDER
        folder.mkdir(exist_ok=True)
        return folder / name

    def _finish(self, seen: Video, path: Path) -> Result:
        """A downloaded file becomes part of the collection, if it is what it should be."""
        from rmset_builder.fetching.probe import probe, suffix_of  # noqa: PLC0415  loads libraries for video

        try:
            info = probe(path)
        except VideoError as fault:
            path.unlink(missing_ok=True)
            message = fault.message.replace(str(path), "what came").replace(path.name, "what came")
            raise FetchError(fault.reason, message, Verdict.AGAIN) from fault
        done = seen.with_(
            duration_s=round(info.duration_s, 3) or seen.duration_s,
            width=info.width,
            height=info.height,
            state=states.FETCHED,
            reason="",
            message="",
            file=f"{seen.id}{suffix_of(path, info)}",
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            format=" ".join(filter(None, [info.codec, f"{info.width}x{info.height}", seen.format])),
        )
        if refusal := self._known_otherwise(done) or self._judge(done):
            path.unlink(missing_ok=True)
            return self._filtered(done.with_(file="", bytes=0), refusal)
        done = done.with_(near_duplicate_of=done.near_duplicate_of or near_duplicate(done, self.ledger))
        self.ledger.stage(path, done)
        for left_over in (self.ledger.folder / PARTIAL_FOLDER).glob(f"{done.id}.*"):
            left_over.unlink(missing_ok=True)
        return Result(self.ledger[done.id], Fate.FETCHED)

    def _compared(self, seen: Video, opened: OpenVideo) -> Video:
        seen = seen.with_(thumbnail_hash=seen.thumbnail_hash or difference_hash(opened.thumbnail()))
        return seen.with_(near_duplicate_of=near_duplicate(seen, self.ledger))

    def _known_otherwise(self, seen: Video) -> Refusal | None:
        """Is this video here or taken down under another name?"""
        for other in self.ledger:
            if other.id == seen.id:
                continue
            same_id = bool(seen.site_id) and (seen.site, seen.site_id) == (other.site, other.site_id)
            same_file = bool(seen.sha256) and seen.sha256 == other.sha256
            if other.state == states.PRUNED and (same_id or same_file):
                return Refusal("pruned", f"it was taken down as {other.id}")
            if same_id and other.checked and other.reason != ID_TAKEN:
                return Refusal(ID_TAKEN, f"{seen.site} gives its id {seen.site_id} to {other.url} too")
        return None

    def _file_in_the_way(self, video: Video) -> VideoError | None:
        for suffix in VIDEO_SUFFIXES:
            path = self.ledger.folder / f"{video.id}{suffix}"
            if path.exists():
                what = "is no longer what was fetched" if video.file == path.name else "is there and was never fetched"
                return VideoError("file-in-the-way", f"{path} {what}", remedy="move it away to have it fetched")
        return None

    def _judge(self, video: Video) -> Refusal | None:
        return judge(video, self.options.rules) if self.options.rules is not None else None

    def _filtered(self, video: Video, refusal: Refusal) -> Result:
        changed = video.with_(state=states.FILTERED, reason=refusal.reason, message=refusal.message)
        if changed != self.ledger[video.id]:
            self.ledger.record(changed)
        return Result(self.ledger[video.id], Fate.FILTERED)

    def _would_fetch(self, seen: Video) -> Result:
        self.ledger.record(seen.with_(state=states.FOUND, reason="", message=""))
        return Result(self.ledger[seen.id], Fate.WOULD_FETCH)

    def _failed(self, video: Video, fault: FetchError) -> Result:
        self.heeded.heed(fault, video.url)
        state, fate = _OF_VERDICT.get(fault.verdict, (states.FAILED, Fate.FAILED))
        if fault.reason != NOT_WRITTEN:
            row = with_means(self.ledger[video.id], self.options.access)
            row = row.with_(state=state, reason=fault.reason, message=fault.message, times=video.times + 1)
            if fate is Fate.BLOCKED:
                places = dict.fromkeys([*row.blocked_from.split(), place_of(self.options.access)])
                row = row.with_(blocked_from=" ".join(places))
            self.ledger.record(row)
        return Result(self.ledger[video.id], fate, fault)


_OF_VERDICT = {Verdict.GONE: (states.GONE, Fate.GONE), Verdict.ELSEWHERE: (states.BLOCKED, Fate.BLOCKED)}
_LEFT_ALONE = {states.FILTERED: Fate.FILTERED, states.BLOCKED: Fate.BLOCKED_BEFORE}


def worth_another_try(video: Video, place: str = DIRECT) -> bool:
    """Whether a video that failed in an earlier run may succeed in this one, from the place ``place``.

    What was filtered for what it is, and not for what it is known under, is judged anew: the rules may have changed.
    """
    if video.state == states.BLOCKED:
        return place not in video.blocked_from.split()
    if video.state == states.GONE or (video.state, video.reason) == (states.FILTERED, ID_TAKEN):
        return False
    if video.state != states.FAILED or video.reason in NOT_OF_THE_VIDEO:
        return True
    return video.reason not in HOPELESS and video.times < MOST_FAILURES
