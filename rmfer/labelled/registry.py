"""Which benchmark a folder or zip is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from rmfer.errors import BenchmarkError
from rmfer.labelled.archive import Tree, open_tree
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.layout import Layout
from rmfer.labelled.missing import settle
from rmfer.labelled.readers import affectnet, celeba, fer2013, ferplus, folders, raf_db

log = logging.getLogger("rmfer")

# Where a benchmark is looked for when none is named.
DATA = Path("data")

# The first that matches is it: what has more of a layout stands before what has less.
LAYOUTS: tuple[Layout, ...] = (
    ferplus.LAYOUT,
    raf_db.LAYOUT,
    raf_db.KAGGLE,
    affectnet.CSV,
    affectnet.NPY,
    fer2013.LAYOUT,
    folders.LAYOUT,
    celeba.LAYOUT,
)
LABELLED = tuple(layout for layout in LAYOUTS if layout is not celeba.LAYOUT)

_HELP = "any of these will do, as a folder or a zip:\n" + "\n".join(
    f"  {layout.title}: {layout.looked_for}\n    {layout.source}" for layout in LAYOUTS
)

_DEEP = 2  # how far down within what is named
_WIDE = 200  # how many folders are looked into
_TOLD = 8  # how many names of what was found instead are told


def open_benchmark(path: Path | None = None, *, classes: int | None = None, skip_missing: bool = False) -> Benchmark:
    """The benchmark in the folder or zip ``path``; None: the first with expressions that is found in ``data/``.

    Args:
        path: the benchmark's, or a folder that has it up to two folders down or as a zip.
        classes: 7 leaves contempt out; by default all that the benchmark has.
        skip_missing: leave out pictures that labels name and that are not there, instead of refusing the benchmark.

    Raises:
        BenchmarkError: there is none, or its files are missing or wrong.
        RmferError: it has no such number of classes.

    Example:
        >>> open_benchmark(Path("data/ferplus.zip")).splits["test"].counts(8).sum()  # doctest: +SKIP
        3546
    """
    if path is None and not DATA.is_dir():
        raise BenchmarkError(f"{DATA}/", "does not exist", remedy=f"put a benchmark there or name one; {_HELP}")
    place = DATA if path is None else path
    tree = open_tree(place)
    layouts = LABELLED if path is None else LAYOUTS
    for inner in _with_zips(tree):
        if (found := recognise(inner, layouts)) is not None:
            layout, below = found
            return settle(layout.read(below, classes), skip=skip_missing)
    raise BenchmarkError(str(place), "is no benchmark and has none" + _instead(tree), remedy=_HELP)


def _with_zips(tree: Tree) -> Iterator[Tree]:
    """The tree itself, and the zips right in it if it is a folder."""
    yield tree
    if tree.path.is_dir():
        for name in sorted(tree.files()):
            if name.lower().endswith(".zip"):
                try:
                    yield open_tree(tree.path / name)
                except BenchmarkError as error:  # perhaps the next is one
                    log.warning("passed over: %s", error)


def recognise(tree: Tree, layouts: Sequence[Layout] = LAYOUTS) -> tuple[Layout, Tree] | None:
    """The layout of a tree, and where in it the benchmark begins; None where there is none."""
    for below in _candidates(tree):
        for layout in layouts:
            if layout.matches(below):
                return layout, below
    return None


def _candidates(tree: Tree) -> Iterator[Tree]:
    """The tree itself, the folders in it, and those in them."""
    level, left = [tree], _WIDE
    for _ in range(_DEEP + 1):
        yield from level
        inner = (below.at(name) for below in level for name in sorted(below.folders()))
        level = list(islice(inner, left))
        left -= len(level)


def _instead(tree: Tree) -> str:
    names = sorted([*(f"{name}/" for name in tree.folders()), *tree.files()])
    more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
    return f"; what lies there: {', '.join(names[:_TOLD])}{more}" if names else "; it is empty"
