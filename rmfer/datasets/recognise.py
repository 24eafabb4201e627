"""Which benchmark a folder or zip is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rmfer.datasets import ferplus
from rmfer.datasets.benchmark import Benchmark
from rmfer.datasets.layout import Layout
from rmfer.datasets.tree import Tree, open_tree
from rmfer.errors import BenchmarkError

# Where a benchmark is looked for when none is named.
DATA = Path("data")

# The first that matches is it: what has more of a layout stands before what has less.
LAYOUTS: tuple[Layout, ...] = (ferplus.LAYOUT,)

_DEEP = 2  # how far down within what is named
_WIDE = 200  # how many folders are looked into


def open_benchmark(path: Path | None = None, *, classes: int | None = None) -> Benchmark:
    """The benchmark in the folder or zip ``path``; None: the first that is recognised below ``data/``.

    Args:
        path: the benchmark's, or of something that has it up to two folders down.
        classes: 7 leaves contempt out; by default all that the benchmark has.

    Raises:
        BenchmarkError: there is none, or its files are missing or wrong.
        RmferError: it has no such number of classes.

    Example:
        >>> open_benchmark(Path("data/ferplus.zip")).splits["test"].counts(8).sum()  # doctest: +SKIP
        3546
    """
    places = [path] if path is not None else _places(DATA)
    for place in places:
        try:
            tree = open_tree(place)
        except BenchmarkError:
            if path is not None:
                raise
            continue
        if (found := recognise(tree)) is not None:
            layout, below = found
            return layout.read(below, classes)
    raise _nothing(path, places)


def recognise(tree: Tree) -> tuple[Layout, Tree] | None:
    """The layout of a tree, and where in it the benchmark begins; None where there is none."""
    for below in _candidates(tree):
        for layout in LAYOUTS:
            if layout.matches(below):
                return layout, below
    return None


def _candidates(tree: Tree) -> Iterator[Tree]:
    level = [tree]
    seen = 0
    for _ in range(_DEEP + 1):
        yield from level
        seen += len(level)
        level = [inner.at(name) for inner in level for name in sorted(inner.folders())[: _WIDE - seen]]
        level = level[: max(0, _WIDE - seen)]


def _places(data: Path) -> list[Path]:
    """``data`` itself, and zips in it."""
    if not data.is_dir():
        return []
    return [data, *sorted(data.glob("*.zip"))]


def _nothing(path: Path | None, places: Sequence[Path]) -> BenchmarkError:
    where = str(path or f"{DATA}/")
    looked = "; ".join(f"{layout.title}: {layout.looked_for} ({layout.source})" for layout in LAYOUTS)
    return BenchmarkError(where, f"no benchmark found; looked for {looked}", remedy="put one there, or name another")
