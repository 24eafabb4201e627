"""FER2013: a table with a picture of 48 x 48 grey levels a line (method.md, "Label orders and layouts")."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from rmfer.errors import BenchmarkError
from rmfer.labelled.archive import Tree, is_file
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.images import Kept, Pixels
from rmfer.labelled.layout import AS_DISTRIBUTED, Layout, choose_classes, make_split, wrong_line
from rmfer.labelled.split import Int64s

TITLE = "FER2013"
# Both of Kaggle's; the second has its columns in another order and blanks before their names.
TABLES = ("fer2013.csv", "icml_face_data.csv")
COLUMNS = ("emotion", "pixels", "Usage")
EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SPLITS = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
SIZE = 48


class PixelLines(Kept):
    """Pictures that are lines of a table, grey levels parted by blanks; they are read when they are asked for.

    Args:
        where: what an error calls the table.
        lines: grey levels, of line 2 and so on: line 1 has the names of the columns.
    """

    def __init__(self, where: str, lines: list[bytes]) -> None:
        super().__init__()
        self._where, self._lines = where, lines

    def __len__(self) -> int:
        return len(self._lines)

    def name_of(self, number: int) -> str:
        """See `Images`."""
        return f"{self._where}, {self.key_of(number)}"

    def key_of(self, number: int) -> str:
        """See `Images`."""
        return f"line {number + 2}"

    def read(self, number: int) -> bytes:
        """The picture as a PNG."""
        encoded: bytes = cv2.imencode(".png", self._grey(number))[1].tobytes()
        return encoded

    def _decode(self, number: int) -> Pixels:
        return cv2.cvtColor(self._grey(number), cv2.COLOR_GRAY2RGB)  # type: ignore[no-any-return]

    def _grey(self, number: int) -> Pixels:
        try:
            levels = np.fromstring(self._lines[number].decode("ascii"), np.int64, sep=" ")
        except ValueError:
            levels = np.zeros(0, np.int64)
        if len(levels) != SIZE**2 or levels.min() < 0 or levels.max() > 255:
            message = f"has no {SIZE**2:,} pixels from 0 to 255"
            raise BenchmarkError(self.name_of(number), message, remedy=AS_DISTRIBUTED)
        return levels.astype(np.uint8).reshape(SIZE, SIZE)


class Table(NamedTuple):
    """All lines: pictures, (N,) emotions, (N,) usages."""

    images: PixelLines
    emotions: Int64s
    usages: npt.NDArray[np.str_]


def table_of(tree: Tree) -> str | None:
    """The name of the table, where there is one."""
    return next((name for name in TABLES if is_file(tree, name)), None)


def read_table(tree: Tree, name: str) -> Table:
    """All lines of the table ``name``.

    Raises:
        BenchmarkError: one of them is wrong, but for its pixels.
    """
    lines = tree.read(name).removeprefix(b"\xef\xbb\xbf").splitlines()
    header = [field.strip(' "') for field in lines[0].decode("utf-8", "replace").split(",")] if lines else []
    if sorted(header) != sorted(COLUMNS):
        raise wrong_line(tree, name, 1, f"does not name the columns {', '.join(COLUMNS)}")
    emotion, pixels, usage = (header.index(column) for column in COLUMNS)
    emotions, usages = [], []
    for number, line in enumerate(lines[1:], 2):
        fields = [field.strip(b' "') for field in line.split(b",")]
        known = len(fields) == len(COLUMNS) and fields[usage].decode("ascii", "replace") in SPLITS.values()
        if not known or fields[emotion] not in {b"0", b"1", b"2", b"3", b"4", b"5", b"6"}:
            told = f"has no emotion from 0 to 6, pixels, and Usage {', '.join(SPLITS.values())}"
            raise wrong_line(tree, name, number, told)
        emotions.append(int(fields[emotion]))
        usages.append(fields[usage].decode("ascii"))
        lines[number - 1] = fields[pixels]
    return Table(PixelLines(tree.where(name), lines[1:]), np.asarray(emotions, np.int64), np.asarray(usages, np.str_))


def _read(tree: Tree, classes: int | None) -> Benchmark:
    chosen = choose_classes(TITLE, classes, most=7)
    name = table_of(tree)
    assert name is not None
    table = read_table(tree, name)
    splits = {}
    for split, usage in SPLITS.items():
        items = np.flatnonzero(table.usages == usage)
        if not len(items) and split != "valid":
            raise BenchmarkError(tree.where(name), f"has no line with Usage {usage}", remedy=AS_DISTRIBUTED)
        if len(items):
            codes = table.emotions[items]
            splits[split] = make_split(split, table.images, codes, EXPRESSIONS, classes=chosen, items=items)
    return Benchmark(LAYOUT.kind, TITLE, tree.path, chosen, splits)


LAYOUT = Layout(
    "fer2013",
    TITLE,
    f"{TABLES[0]} with the columns {','.join(COLUMNS)}",
    "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
    lambda tree: table_of(tree) is not None,
    _read,
)
