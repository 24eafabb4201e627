"""Pictures that a benchmark has more than once, within a split or, worse, across two (FER2013 is known for it)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

from rmfer.errors import BenchmarkError
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.split import Split

_PIECE = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Place:
    """Picture ``number`` of a split."""

    split: str
    number: int


@dataclass(frozen=True)
class Duplicates:
    """Pictures with the very same pixels.

    Args:
        groups: of two or more, each in the order of splits.
        faults: of pictures that cannot be read, which are in no group.
    """

    groups: tuple[tuple[Place, ...], ...]
    faults: tuple[BenchmarkError, ...]

    def within(self, split: str) -> int:
        """How many pictures of ``split`` are there again after their first."""
        return sum(max(0, sum(place.split == split for place in group) - 1) for group in self.groups)

    def across(self, one: str, other: str) -> int:
        """How many pictures of ``other`` are in ``one`` too."""
        return sum(
            sum(place.split == other for place in group)
            for group in self.groups
            if any(place.split == one for place in group)
        )

    def conflicting(self, benchmark: Benchmark) -> int:
        """How many groups have more than one label."""
        labels = ({int(benchmark.splits[p.split].labels[p.number]) for p in group} for group in self.groups)
        return sum(len(found) > 1 for found in labels)


def find_duplicates(benchmark: Benchmark, *, workers: int, progress: Progress | None = None) -> Duplicates:
    """Decode all pictures of all splits and compare their pixels.

    Args:
        benchmark: whose pictures.
        workers: threads.
        progress: called now and then with how many are done, and of how many.
    """
    pieces = [
        (split, range(at, min(at + _PIECE, len(split))))
        for split in benchmark.splits.values()
        for at in range(0, len(split), _PIECE)
    ]
    total = sum(map(len, benchmark.splits.values()))
    seen: dict[bytes, list[Place]] = {}
    faults: list[BenchmarkError] = []
    done = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="digest") as pool:
        try:
            for (split, numbers), found in zip(pieces, pool.map(lambda piece: _digests(*piece), pieces), strict=True):
                for number, digest in zip(numbers, found, strict=True):
                    if isinstance(digest, BenchmarkError):
                        faults.append(digest)
                    else:
                        seen.setdefault(digest, []).append(Place(split.name, number))
                done += len(numbers)
                if progress is not None:
                    progress(done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Duplicates(tuple(tuple(places) for places in seen.values() if len(places) > 1), tuple(faults))


def pairs(benchmark: Benchmark) -> Iterable[tuple[str, str]]:
    """All pairs of splits."""
    return combinations(benchmark.splits, 2)


def _digests(split: Split, numbers: range) -> list[bytes | BenchmarkError]:
    found: list[bytes | BenchmarkError] = []
    for number in numbers:
        try:
            pixels = split.decode(number)
        except BenchmarkError as error:
            found.append(error)
        else:
            found.append(hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).digest())
    return found
