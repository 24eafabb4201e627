"""AffectNet, as tables with pictures of any size and as cut faces with NumPy labels (method.md)."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from rmfer.errors import BenchmarkError
from rmfer.labelled.archive import Tree, is_file, is_folder
from rmfer.labelled.benchmark import Benchmark, Normalisation
from rmfer.labelled.images import ImageFiles
from rmfer.labelled.layout import AS_DISTRIBUTED, Layout, choose_classes, make_split, table_rows, wrong_line
from rmfer.labelled.split import Int64s, Split
from rmfer.labels import EXPRESSIONS

TITLE = "AffectNet"
SOURCE = "http://mohammadmahoor.com/affectnet/"
MEANINGS = (*EXPRESSIONS, "none", "uncertain", "non-face")
# Published for training and validation pictures (method.md, "Training facts").
KNOWN = (
    Normalisation((0.6112, 0.4708, 0.4095), (0.2109, 0.1876, 0.1757)),
    Normalisation((0.5988, 0.4610, 0.4017), (0.2080, 0.1852, 0.1737)),
)
COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
# Its validation pictures are what the field tests on, as its test pictures were never given out.
TABLES = {"train": "training.csv", "test": "validation.csv"}
FOLDERS = {"train": "train_set", "test": "val_set"}
_IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
_LISTS = ("", "Manually_Annotated_file_lists/")
_READERS = 8
_LARGEST = 2**31 - 1


def _tables(tree: Tree) -> str | None:
    """Where both tables are."""
    found = (below for below in _LISTS if all(is_file(tree, below + table) for table in TABLES.values()))
    return next(found, None)


def _read_csv(tree: Tree, classes: int | None) -> Benchmark:
    chosen = choose_classes(TITLE, classes, most=8)
    images = next((folder for folder in _IMAGES if is_folder(tree, folder)), None)
    if images is None:
        raise BenchmarkError(tree.where(_IMAGES[0]), "is missing", remedy="unpack all parts of its archive there")
    splits = {split: _table(tree, split, f"{_tables(tree)}{table}", images, chosen) for split, table in TABLES.items()}
    return Benchmark(CSV.kind, TITLE, tree.path, chosen, splits, KNOWN)


def _table(tree: Tree, split: str, name: str, images: str, classes: int) -> Split:
    columns = {column: at for at, column in enumerate(COLUMNS)}
    names, boxes, codes = list[str](), list[list[int]](), list[int]()
    for number, row in table_rows(tree, name):
        if number == 1 and COLUMNS[0] in map(str.strip, row):
            columns = {column.strip(): at for at, column in enumerate(row)}
            continue
        try:
            code = int(row[columns["expression"]])
            box = [int(float(row[columns[column]] or 0)) for column in COLUMNS[1:5]]
            if max(map(abs, box)) > _LARGEST:
                raise ValueError
            file = row[columns[COLUMNS[0]]].strip().replace("\\", "/")
        except (ValueError, IndexError, KeyError, OverflowError):
            code = -1
        if not 0 <= code < len(MEANINGS):
            raise wrong_line(tree, name, number, f"has no {', '.join(COLUMNS[:5])} and expression from 0 to 10")
        names.append(f"{images}/{file}")
        boxes.append(box)
        codes.append(code)
    files = ImageFiles(tree, names, np.asarray(boxes, np.int64).reshape(-1, 4))
    return make_split(split, files, np.asarray(codes, np.int64), MEANINGS, classes=classes)


def _read_npy(tree: Tree, classes: int | None) -> Benchmark:
    chosen = choose_classes(TITLE, classes, most=8)
    splits = {split: _folder(tree, split, folder, chosen) for split, folder in FOLDERS.items()}
    return Benchmark(NPY.kind, TITLE, tree.path, chosen, splits, KNOWN)


def _folder(tree: Tree, split: str, folder: str, classes: int) -> Split:
    pictures = {name.partition(".")[0]: name for name in tree.files(f"{folder}/images") if not name.startswith(".")}
    # As they are numbered, so that the order is everybody's.
    stems = sorted(pictures, key=lambda stem: (len(stem), stem))
    given = {name.removesuffix("_exp.npy") for name in tree.files(f"{folder}/annotations") if name.endswith("_exp.npy")}
    if not stems:
        raise BenchmarkError(tree.where(f"{folder}/images"), "has no pictures", remedy=AS_DISTRIBUTED)
    both = [stem for stem in stems if stem in given]
    lacking = [tree.where(f"{folder}/images/{stem}.jpg") for stem in sorted(given - set(stems))]
    lacking += [tree.where(f"{folder}/annotations/{stem}_exp.npy") for stem in stems if stem not in given]
    images = ImageFiles(tree, [f"{folder}/images/{pictures[stem]}" for stem in both])
    codes = _labels(tree, [f"{folder}/annotations/{stem}_exp.npy" for stem in both])
    return replace(make_split(split, images, codes, MEANINGS, classes=classes), missing=tuple(lacking))


def _labels(tree: Tree, names: list[str]) -> Int64s:
    """(N,) codes out of one small file each: side by side, as on network storage each is waited for."""
    headers: dict[bytes, np.dtype[Any]] = {}

    def read(name: str) -> int:
        data = tree.read(name)
        try:
            code = _number(data, headers)
        except Exception:  # NumPy's loader raises whatever a header leads it to
            code = -1
        if not 0 <= code < len(MEANINGS):
            raise BenchmarkError(tree.where(name), "has no number from 0 to 10", remedy=AS_DISTRIBUTED)
        return code

    with ThreadPoolExecutor(_READERS, thread_name_prefix="labels") as pool:
        found = pool.map(lambda part: [read(name) for name in part], _parts(names, 500))
        return np.asarray([code for part in found for code in part], np.int64)


def _number(data: bytes, headers: dict[bytes, np.dtype[Any]]) -> int:
    """The only number, or its text, of a NumPy file; parsing the same header 287,651 times would take half a minute."""
    end = 10 + int.from_bytes(data[8:10], "little")
    header = data[:end]
    if header not in headers:
        array = np.load(io.BytesIO(data), allow_pickle=False)
        if data[6:7] != b"\1":  # another version's header has another length
            return int(array.item())
        headers[header] = array.dtype
    return int(np.frombuffer(data, headers[header], offset=end).item())


def _parts(names: list[str], size: int) -> list[list[str]]:
    return [names[at : at + size] for at in range(0, len(names), size)]


CSV = Layout(
    "affectnet-csv",
    f"{TITLE} (tables)",
    f"{TABLES['train']}, {TABLES['test']} and {_IMAGES[0]}/",
    SOURCE,
    lambda tree: _tables(tree) is not None,
    _read_csv,
)
NPY = Layout(
    "affectnet-npy",
    f"{TITLE} (cut faces)",
    "train_set/ and val_set/ with images/N.jpg and annotations/N_exp.npy",
    SOURCE,
    lambda tree: all(is_folder(tree, f"{folder}/annotations") for folder in FOLDERS.values()),
    _read_npy,
)
