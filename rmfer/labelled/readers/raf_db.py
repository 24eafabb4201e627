"""RAF-DB, as its makers give it out and as it lies on Kaggle (method.md, "Label orders and layouts")."""

from __future__ import annotations

import numpy as np

from rmfer.errors import BenchmarkError
from rmfer.labelled.archive import Tree, is_file, is_folder
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.images import ImageFiles
from rmfer.labelled.layout import AS_DISTRIBUTED, Layout, choose_classes, make_split, table_rows, text_lines, wrong_line
from rmfer.labelled.split import Split

TITLE = "RAF-DB"
LABELS_FILE = "EmoLabel/list_patition_label.txt"  # spelt so
IMAGES = "Image/aligned"
# Numbered from 1.
EXPRESSIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
SPLITS = ("train", "test")
_CODES = tuple("1234567")
# Of Kaggle's copy: a table beside the folder of all, or in it, and in there a folder for each split and label.
_ALL = ("DATASET/", "")
_SUFFIXES = (".jpg", ".jpeg", ".png")


def _matches(tree: Tree) -> bool:
    return is_file(tree, LABELS_FILE)


def _read(tree: Tree, classes: int | None) -> Benchmark:
    chosen = choose_classes(TITLE, classes, most=7)
    if not is_folder(tree, IMAGES):
        raise BenchmarkError(tree.where(IMAGES), "is missing", remedy="unpack Image/aligned.zip there")
    names: dict[str, list[str]] = {split: [] for split in SPLITS}
    codes: dict[str, list[int]] = {split: [] for split in SPLITS}
    for number, line in enumerate(text_lines(tree, LABELS_FILE), 1):
        if not line.strip():
            continue
        name, _, code = line.strip().rpartition(" ")
        split, stem = name.partition("_")[0], name.rpartition(".")[0]
        if split not in names or not stem or code not in _CODES:
            raise wrong_line(tree, LABELS_FILE, number, f"{line!r} is not such as 'train_00001.jpg 5'")
        names[split].append(f"{IMAGES}/{stem}_aligned.jpg")
        codes[split].append(int(code))
    for split in SPLITS:
        if not names[split]:
            raise BenchmarkError(tree.where(LABELS_FILE), f"names no {split} pictures", remedy=AS_DISTRIBUTED)
    splits = {split: _split(tree, split, names[split], codes[split], chosen) for split in SPLITS}
    return Benchmark(LAYOUT.kind, TITLE, tree.path, chosen, splits)


def _pictures(tree: Tree) -> str | None:
    """Where the splits' folders are, in a copy of Kaggle's."""
    for below in _ALL:
        folders = [f"{below}{split}/{code}" for split in SPLITS for code in _CODES]
        there = [is_folder(tree, folder) for folder in folders]
        # Folders that are only numbered may be another's; "DATASET" is this copy's own word.
        tables = all(_labels_of(tree, below, split) for split in SPLITS)
        if (tables and any(there)) or (below and all(there)):
            return below
    return None


def _labels_of(tree: Tree, below: str, split: str) -> str | None:
    """The table of a split's labels, if there is one."""
    places = (f"{place}{split}_labels.csv" for place in dict.fromkeys(("", below)))
    return next((name for name in places if is_file(tree, name)), None)


def _read_kaggle(tree: Tree, classes: int | None) -> Benchmark:
    chosen = choose_classes(TITLE, classes, most=7)
    below = _pictures(tree)
    assert below is not None
    splits, notes = {}, []
    for split in SPLITS:
        if (table := _labels_of(tree, below, split)) is not None:
            files, codes = _lines(tree, table)
        else:
            listed = ((file, code) for code in _CODES for file in sorted(tree.files(f"{below}{split}/{code}")))
            pairs = [(file, int(code)) for file, code in listed if file.lower().endswith(_SUFFIXES)]
            files, codes = [file for file, _ in pairs], [code for _, code in pairs]
            notes.append(f"{split}_labels.csv is missing: the labels are those of the folders")
        names = [f"{below}{split}/{code}/{file}" for file, code in zip(files, codes, strict=True)]
        if not names:
            where = tree.where(table or f"{below}{split}")
            raise BenchmarkError(where, f"names no {split} pictures", remedy=AS_DISTRIBUTED)
        splits[split] = _split(tree, split, names, codes, chosen)
    return Benchmark(KAGGLE.kind, TITLE, tree.path, chosen, splits, notes=tuple(notes))


def _lines(tree: Tree, table: str) -> tuple[list[str], list[int]]:
    """The names and labels, from 1, of a table with the columns image and label."""
    rows = table_rows(tree, table)
    header = [field.strip() for field in next(rows, (1, []))[1]]
    if not {"image", "label"} <= set(header):
        raise wrong_line(tree, table, 1, "does not name the columns image, label")
    image, label = header.index("image"), header.index("label")
    files, codes = list[str](), list[int]()
    for number, row in rows:
        if not row:
            continue
        fields = [field.strip() for field in row]
        if len(fields) != len(header) or not fields[image] or fields[label] not in _CODES:
            raise wrong_line(tree, table, number, "has no image and label from 1 to 7")
        files.append(fields[image].replace("\\", "/"))
        codes.append(int(fields[label]))
    return files, codes


def _split(tree: Tree, split: str, names: list[str], codes: list[int], classes: int) -> Split:
    return make_split(split, ImageFiles(tree, names), np.asarray(codes, np.int64) - 1, EXPRESSIONS, classes=classes)


LAYOUT = Layout(
    "raf-db",
    TITLE,
    f"{LABELS_FILE} and {IMAGES}/",
    "http://whdeng.cn/RAF/model1.html",
    _matches,
    _read,
)
KAGGLE = Layout(
    "raf-db",
    f"{TITLE} (Kaggle's copy)",
    "train_labels.csv, test_labels.csv and DATASET/train/1 to 7/, DATASET/test/1 to 7/",
    "https://www.kaggle.com/datasets/shuvoalok/raf-db-dataset",
    lambda tree: _pictures(tree) is not None,
    _read_kaggle,
)
