"""What the readers of all layouts share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled.archive import Tree
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.images import Images
from rmfer.labelled.split import Bools, Int64s, Shares, Split
from rmfer.labels import EXPRESSIONS

AS_DISTRIBUTED = "put it there as it was distributed"

# Of a table; the longest of a benchmark have a tenth of it, and a zip of a megabyte could hold a thousand million.
MOST_LINES = 4_000_000


@dataclass(frozen=True)
class Layout:
    """How a benchmark lies on disk.

    Args:
        kind: its short name.
        title: as papers call it.
        looked_for: the files by which it is recognised, for the eye.
        source: the page where it is to be had.
        matches: whether a tree is one.
        read: reads it, with 7, 8, or the number of classes that it has; whether the pictures are there is not its care.
    """

    kind: str
    title: str
    looked_for: str
    source: str
    matches: Callable[[Tree], bool]
    read: Callable[[Tree, int | None], Benchmark]


def choose_classes(title: str, asked: int | None, *, most: int) -> int:
    """How many classes to use of a benchmark that has ``most``.

    Raises:
        RmferError: more are asked for.
    """
    classes = most if asked is None else asked
    if classes not in (7, 8) or classes > most:
        raise RmferError(f"{title} has no {classes} expressions", remedy="use 7" + (" or 8" if most > 7 else ""))
    return classes


def make_split(
    name: str,
    images: Images,
    codes: Int64s,
    meanings: Sequence[str],
    *,
    classes: int,
    items: Int64s | None = None,
    shares: Shares | None = None,
    rules: Mapping[str, Bools] | None = None,
) -> Split:
    """A split of pictures whose ``codes`` number ``meanings``; what is none of the classes is left out and counted.

    Args:
        name: of the split.
        images: pictures, among them those of the split.
        codes: (N,) from 0, the labels as the benchmark numbers them.
        meanings: what they stand for: an expression, or why such a picture is left out.
        classes: 7 or 8.
        items: (N,) which of ``images`` they are; by default all in turn.
        shares: (N, classes) see `Split`.
        rules: (N,) each; see `Split`.
    """
    wanted = EXPRESSIONS[:classes]
    label_of = np.asarray([wanted.index(m) if m in wanted else -1 for m in meanings], np.int64)
    labels = label_of[codes]
    kept = np.flatnonzero(labels >= 0)
    counts = np.bincount(codes, minlength=len(meanings)).tolist()
    dropped = {m: n for m, n, label in zip(meanings, counts, label_of.tolist(), strict=True) if n and label < 0}
    chosen = kept if items is None else items[kept]
    return Split(
        name,
        labels[kept],
        images,
        chosen,
        dropped,
        shares=None if shares is None else shares[kept],
        rules={rule: whether[kept] for rule, whether in (rules or {}).items()},
    )


def text_lines(tree: Tree, name: str) -> list[str]:
    """The lines of a text file.

    Raises:
        BenchmarkError: it is missing, no text, or has more lines than any benchmark.
    """
    try:
        text = tree.read(name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BenchmarkError(tree.where(name), "is no text", remedy=AS_DISTRIBUTED) from None
    # All that `str.splitlines` parts lines at.
    if sum(map(text.count, "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")) > MOST_LINES:
        raise BenchmarkError(tree.where(name), f"has more than {MOST_LINES:,} lines", remedy=AS_DISTRIBUTED)
    return text.splitlines()


def table_rows(tree: Tree, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table of values with commas between them, each with the line, from 1, that it ends in.

    Raises:
        BenchmarkError: as `text_lines` does; or a row is none.
    """
    rows = csv.reader(text_lines(tree, name))
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise wrong_line(tree, name, rows.line_num, f"is no row of a table ({error})") from None


def wrong_line(tree: Tree, name: str, line: int, message: str) -> BenchmarkError:
    """An error that names a line, from 1, of a file."""
    return BenchmarkError(f"{tree.where(name)}, line {line}", message, remedy=AS_DISTRIBUTED)
