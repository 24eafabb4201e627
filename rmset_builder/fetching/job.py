"""One run of ``rmset fetch``: searches first, then every batch of candidates, reported as they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rmset_builder.fetching.candidates import (
    Batch,
    Search,
    SearchLog,
    batch_of_search,
    batches_of_addresses,
    batches_of_folders,
    is_search,
    results_for,
    searches_of,
    take_results,
)
from rmset_builder.fetching.collect import Collector, Fate, Options, Reporter, Result
from rmset_builder.fetching.faults import FetchError
from rmset_builder.fetching.heeding import Heeded
from rmset_builder.fetching.ledger import Ledger
from rmset_builder.fetching.lockfile import Attrition, Lock, attrition, batch_of_lock
from rmset_builder.fetching.ytdlp import Session
from rmset_builder.manifest.schema import FOLDER, Manifest

CACHE_FOLDER = ".yt-dlp"


@dataclass(frozen=True)
class SearchFailed:
    """A search that could not be made; its keyword has no candidates in this run."""

    search: Search
    fault: FetchError


@dataclass(frozen=True)
class Short:
    """A batch that is done and has fewer videos than were asked for."""

    batch: Batch
    have: int


Event = Result | SearchFailed | Short


@dataclass
class Job:
    """One run.

    Args:
        ledger: of the output folder, open.
        options: how to collect.
        reporter: told of downloads.

    After a run, ``heeded`` tells why the queue had to stop, if it had to, and ``waiting`` how many candidates were
    not reached.
    """

    ledger: Ledger
    options: Options
    reporter: Reporter
    waiting: int = 0
    _session: Session | None = field(default=None, init=False)
    _collector: Collector = field(init=False)

    def __post_init__(self) -> None:
        self._collector = Collector(self.ledger, self.session, self.options, self.reporter)

    @property
    def heeded(self) -> Heeded:
        """Why the queue had to stop before its end, if it had to, and which sites were left alone."""
        return self._collector.heeded

    def session(self) -> Session:
        """The session with yt-dlp, begun when it is first needed."""
        if self._session is None:
            self._session = Session(self.options.access, self.ledger.folder / CACHE_FOLDER)
        return self._session

    def run(self, manifest: Manifest, path: Path, *, search_again: bool = False) -> Iterator[Event]:
        """Fetch what a manifest asks for.

        Args:
            manifest: what is wanted.
            path: where it was read from; folders are relative to that.
            search_again: make even those searches that were made before.
        """
        batches: list[Batch] = []
        if is_search(manifest):
            for found in self._search(manifest, search_again):
                if isinstance(found, Batch):
                    batches.append(found)
                else:
                    yield found
        elif manifest.source == FOLDER:
            batches += batches_of_folders(self.ledger, manifest, path.absolute().parent)
        else:
            batches += batches_of_addresses(self.ledger, self.session(), manifest)
        yield from self._collect(batches)

    def run_lock(self, lock: Lock) -> Iterator[Event]:
        """Fetch exactly the videos of a lock file."""
        yield from self._collect([batch_of_lock(self.ledger, lock)])

    def attrition(self, lock: Lock) -> Attrition:
        """What has become of a lock file's videos."""
        return attrition(self.ledger, lock)

    def _search(self, manifest: Manifest, again: bool) -> Iterator[Batch | SearchFailed]:
        log, count = SearchLog.open(self.ledger.folder), results_for(manifest.per_keyword)
        searches = searches_of(manifest)
        for number, search in enumerate(searches, 1):
            ids = None if again else log.results(search, count)
            if ids is None and not self.heeded.leaves_alone(search.url):
                self.reporter.status(f"search {number} of {len(searches)}: {search.keyword}")
                try:
                    ids = self._results(search, count)
                except FetchError as fault:
                    self.heeded.heed(fault, search.url)
                    yield SearchFailed(search, fault)
                else:
                    log.add(search, count, ids)
            if ids is not None:
                yield batch_of_search(self.ledger, search, ids, manifest.per_keyword)

    def _results(self, search: Search, count: int) -> list[str]:
        return take_results(self.ledger, search, self.session().search(search.url, count))

    def _collect(self, batches: list[Batch]) -> Iterator[Event]:
        for batch in batches:
            reached = have = spare = 0
            for result in self._collector.collect(batch):
                reached += 1
                have += result.fate in (Fate.KEPT, Fate.FETCHED, Fate.WOULD_FETCH)
                spare += result.fate is Fate.SPARE
                yield result
            self.waiting += len(batch.ids) - reached
            if batch.wanted is not None and have < batch.wanted and reached == len(batch.ids) and not spare:
                yield Short(batch, have)
