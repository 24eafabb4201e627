"""RAF-DB, its basic expressions (method.md, "Label orders and layouts")."""

from __future__ import annotations

import numpy as np

from rmfer.datasets.benchmark import Benchmark
from rmfer.datasets.images import ImageFiles
from rmfer.datasets.layout import AS_DISTRIBUTED, Layout, choose_classes, make_split, text_lines, wrong_line
from rmfer.datasets.tree import Tree, is_file, is_folder
from rmfer.errors import BenchmarkError

TITLE = "RAF-DB"
LABELS_FILE = "EmoLabel/list_patition_label.txt"  # spelt so
IMAGES = "Image/aligned"
# Numbered from 1.
EXPRESSIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def _matches(tree: Tree) -> bool:
    return is_file(tree, LABELS_FILE)


def _read(tree: Tree, classes: int | None) -> Benchmark:
    chosen = choose_classes(TITLE, classes, most=7)
    if not is_folder(tree, IMAGES):
        raise BenchmarkError(tree.where(IMAGES), "is missing", remedy="unpack Image/aligned.zip there")
    names: dict[str, list[str]] = {"train": [], "test": []}
    codes: dict[str, list[int]] = {"train": [], "test": []}
    for number, line in enumerate(text_lines(tree, LABELS_FILE), 1):
        if not line.strip():
            continue
        name, _, code = line.strip().rpartition(" ")
        split, stem = name.partition("_")[0], name.rpartition(".")[0]
        if split not in names or not stem or code not in set("1234567"):
            raise wrong_line(tree, LABELS_FILE, number, f"{line!r} is not such as 'train_00001.jpg 5'")
        names[split].append(f"{IMAGES}/{stem}_aligned.jpg")
        codes[split].append(int(code) - 1)
    splits = {}
    for split, files in names.items():
        if not files:
            raise BenchmarkError(tree.where(LABELS_FILE), f"names no {split} pictures", remedy=AS_DISTRIBUTED)
        images = ImageFiles(tree, files)
        splits[split] = make_split(split, images, np.asarray(codes[split], np.int64), EXPRESSIONS, classes=chosen)
    return Benchmark(LAYOUT.kind, TITLE, tree.path, chosen, splits)


LAYOUT = Layout(
    "raf-db",
    TITLE,
    f"{LABELS_FILE} and {IMAGES}/",
    "http://whdeng.cn/RAF/model1.html",
    _matches,
    _read,
)
