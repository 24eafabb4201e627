"""Files that a benchmark's labels name and that are not there: refused, or left out, counted and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rmfer.errors import BenchmarkError
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.images import ImageFiles
from rmfer.labelled.split import Split

MISSING = "missing"
_NAMED = 5


def settle(benchmark: Benchmark, *, skip: bool) -> Benchmark:
    """The benchmark, none of whose files is missing any more.

    Args:
        benchmark: as its reader found it.
        skip: leave out what is missing; `Split.missing` names it, `Split.dropped` counts it.

    Raises:
        BenchmarkError: a file is missing, and ``skip`` is not given; or so are all of a split.
    """
    return replace(benchmark, splits={name: _settled(split, skip=skip) for name, split in benchmark.splits.items()})


def missing_note(benchmark: Benchmark) -> str:
    """How many files are missing, by split, and the first of them; empty where none is."""
    counts = [f"{len(split.missing):,} of {name}" for name, split in benchmark.splits.items() if split.missing]
    names = [name for split in benchmark.splits.values() for name in split.missing]
    if not names:
        return ""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"left out as their files are missing: {', '.join(counts)}: {', '.join(names[:_NAMED])}{more}"


def missing_list(benchmark: Benchmark) -> str:
    """Every missing file on a line of its own, after its split; empty where none is missing."""
    return "".join(f"{name}\t{file}\n" for name, split in benchmark.splits.items() for file in split.missing)


def _settled(split: Split, *, skip: bool) -> Split:
    numbers = split.items.tolist()
    there = np.asarray(
        split.images.there(numbers) if isinstance(split.images, ImageFiles) else [True] * len(numbers), np.bool_
    )
    lost = [*split.missing, *(split.images.name_of(numbers[at]) for at in np.flatnonzero(~there).tolist())]
    if not lost:
        return split
    total = len(split) + len(split.missing)
    if not skip or not there.any():
        more = f", and so are {len(lost) - 1:,} others of {total:,}" if len(lost) > 1 else ""
        remedy = "put all files there that the labels name"
        if there.any():
            remedy += ", or leave out what has none (--skip-missing)"
        raise BenchmarkError(lost[0], f"is missing{more}", remedy=remedy)
    dropped = {**split.dropped, MISSING: len(lost)}
    return replace(split.part(np.flatnonzero(there)), dropped=dropped, missing=tuple(lost))
