"""FERPlus: FER2013's faces, each labelled again by ten people (method.md, "Label orders and layouts").

``fer2013new.csv`` has the votes that papers count: the class counts of the paper's Table 10 are its own, in all 16
cells. The ``label.csv`` that lie beside the pictures have other votes for 4 to 8 % of them, and are used only where
nothing else is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rmfer.errors import BenchmarkError
from rmfer.labelled.archive import Tree, is_file, is_folder
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.images import ImageFiles, Images
from rmfer.labelled.layout import AS_DISTRIBUTED, Layout, choose_classes, make_split, table_rows, wrong_line
from rmfer.labelled.readers import fer2013
from rmfer.labelled.split import Bools, Int64s, Shares, Split
from rmfer.labels import EXPRESSIONS

TITLE = "FERPlus"
VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
VOTES_FILE = "fer2013new.csv"
# Split, as the column Usage calls it, its folder.
SPLITS = (
    ("train", "Training", "FER2013Train"),
    ("valid", "PublicTest", "FER2013Valid"),
    ("test", "PrivateTest", "FER2013Test"),
)
_NO_PICTURE = "no picture"
_MOST_VOTES = 1_000
# The rules of `Split.rules` by which papers choose their pictures, and what they are. What a split itself has is by the
# first, as the paper's Table 10 counts (3,546 test pictures, 170 of them ties); those that stand on FER+ use the second
# (3,153).
ARGMAX, MAJORITY = "argmax", "majority"
RULES = {
    ARGMAX: "images whose most votes are for an expression; of equals the first",
    MAJORITY: "images of whose votes more than half are for one expression, single votes left out",
}


class Votes(NamedTuple):
    """Lines of a table of votes: file names and (N, 10) votes."""

    names: list[str]
    votes: Int64s


def winners(votes: Int64s) -> Int64s:
    """(N,) which of `VOTES` has the most of (N, 10) votes; of equals the first."""
    first: Int64s = np.argmax(votes, axis=1)
    return first


def without_single(votes: Int64s) -> Int64s:
    """(N, 10) votes without those that are the only one of their kind, as FER+ counts them (Barsoum et al., Sec. 3)."""
    return np.where(votes > 1, votes, 0)


def has_majority(votes: Int64s) -> Bools:
    """(N,) whether more than half of (N, 10) votes are for one thing, single votes left out."""
    counted = without_single(votes)
    chosen: Bools = 2 * counted.max(axis=1) > counted.sum(axis=1)
    return chosen


def shares(votes: Int64s, classes: int) -> Shares:
    """(N, classes) how the votes for expressions are shared out, single votes left out where others are left."""
    columns = [VOTES.index(name) for name in EXPRESSIONS[:classes]]
    counted, every = without_single(votes)[:, columns], votes[:, columns]
    chosen = np.where(counted.any(axis=1, keepdims=True), counted, every).astype(np.float32)
    found: Shares = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1)
    return found


def read_votes(tree: Tree, name: str = VOTES_FILE) -> dict[str, Votes]:
    """The lines of ``fer2013new.csv``, by what they say in the column Usage.

    Raises:
        BenchmarkError: a line is wrong.
    """
    rows = table_rows(tree, name)
    found: dict[str, tuple[list[str], list[list[int]]]] = {usage: ([], []) for _, usage, _ in SPLITS}
    next(rows, None)  # the names of the columns
    for number, row in rows:
        votes = _parse(tree, name, number, row)
        if row[0] not in found:
            raise wrong_line(tree, name, number, f"Usage {row[0]!r} is none of {', '.join(found)}")
        names, all_votes = found[row[0]]
        names.append(row[1].strip())
        all_votes.append(votes)
    return {usage: _votes(names, votes) for usage, (names, votes) in found.items()}


def _matches(tree: Tree) -> bool:
    if is_file(tree, VOTES_FILE) and (_folder(tree) is not None or fer2013.table_of(tree)):
        return True
    return is_file(tree, "FER2013Train/label.csv")


def _folder(tree: Tree) -> str | None:
    """Where the splits' folders are: here, or in ``data/``, as in the repository that they are from."""
    below = (folder for folder in ("", "data/") if is_folder(tree, f"{folder}FER2013Train"))
    return next(below, None)


def _read(tree: Tree, classes: int | None) -> Benchmark:
    chosen = choose_classes(TITLE, classes, most=8)
    folder = _folder(tree)
    table = read_votes(tree) if is_file(tree, VOTES_FILE) else None
    if folder is None and table is not None:
        splits = _of_pixels(tree, table, chosen)
    else:
        splits = _of_folders(tree, folder or "", table, chosen)
    notes = () if table else (f"labels are those of label.csv; papers count those of {VOTES_FILE}, put it there",)
    return Benchmark(LAYOUT.kind, TITLE, tree.path, chosen, splits, notes=notes)


def _of_folders(tree: Tree, folder: str, table: dict[str, Votes] | None, classes: int) -> dict[str, Split]:
    splits = {}
    for split, usage, own in SPLITS:
        place = folder + own
        if split == "valid" and not is_folder(tree, place):
            continue
        lines = _label_file(tree, f"{place}/label.csv") if table is None else table[usage]
        images = ImageFiles(tree, [f"{place}/{name}" for name in lines.names])
        splits[split] = _split(split, images, lines, classes)
    return splits


def _of_pixels(tree: Tree, table: dict[str, Votes], classes: int) -> dict[str, Split]:
    """With FER2013's own table, whose lines are the votes' lines."""
    name = fer2013.table_of(tree)
    assert name is not None
    rows, splits = fer2013.read_table(tree, name), {}
    for split, usage, _ in SPLITS:
        lines, items = table[usage], np.flatnonzero(rows.usages == usage)
        if len(items) != len(lines.names):
            raise BenchmarkError(
                tree.where(name),
                f"has {len(items):,} pictures for {usage}, {VOTES_FILE} votes on {len(lines.names):,}",
                remedy=AS_DISTRIBUTED,
            )
        splits[split] = _split(split, rows.images, lines, classes, items)
    return splits


def _split(name: str, images: Images, lines: Votes, classes: int, items: Int64s | None = None) -> Split:
    return make_split(
        name,
        images,
        _codes(lines),
        (*VOTES, _NO_PICTURE),
        classes=classes,
        items=items,
        shares=shares(lines.votes, classes),
        rules={ARGMAX: np.ones(len(lines.votes), np.bool_), MAJORITY: has_majority(lines.votes)},
    )


def _codes(lines: Votes) -> Int64s:
    # Those without a name were not given out, as nobody found a face in them.
    return np.where([bool(name) for name in lines.names], winners(lines.votes), len(VOTES))


def _label_file(tree: Tree, name: str) -> Votes:
    """Lines such as ``fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0``."""
    rows = list(table_rows(tree, name))
    return _votes([row[0] for _, row in rows if row], [_parse(tree, name, at, row) for at, row in rows])


def _votes(names: list[str], votes: list[list[int]]) -> Votes:
    return Votes(names, np.asarray(votes, np.int64).reshape(-1, len(VOTES)))


def _parse(tree: Tree, name: str, line: int, row: Sequence[str]) -> list[int]:
    """The ten votes of a line that has two fields before them."""
    try:
        votes = [int(field) for field in row[2:]]
    except ValueError:
        votes = []
    if len(votes) != len(VOTES) or min(votes) < 0 or max(votes) > _MOST_VOTES or not any(votes):
        raise wrong_line(tree, name, line, f"has no {len(VOTES)} votes after its first two fields")
    return votes


LAYOUT = Layout(
    "ferplus",
    TITLE,
    f"{VOTES_FILE} and FER2013Train/, FER2013Valid/, FER2013Test/ (or fer2013.csv)",
    "https://github.com/microsoft/FERPlus",
    _matches,
    _read,
)
