"""Anybody's pictures, in a folder for each class: ``train/happiness/1.jpg``."""

from __future__ import annotations

import numpy as np

from rmfer.datasets.benchmark import Benchmark
from rmfer.datasets.images import ImageFiles
from rmfer.datasets.layout import Layout, choose_classes, make_split
from rmfer.datasets.split import Split
from rmfer.datasets.tree import Tree
from rmfer.errors import BenchmarkError
from rmfer.labels import EXPRESSIONS

SYNONYMS = {
    "neutrality": "neutral",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "afraid": "fear",
    "fearful": "fear",
    "disgusted": "disgust",
    "angry": "anger",
    "contemptuous": "contempt",
}
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
SPLITS = {"train": ("train",), "valid": ("valid", "val", "validation"), "test": ("test",)}


def expression_of(folder: str) -> str | None:
    """The expression that a folder is named after, in either case, as noun or adjective.

    Example:
        >>> expression_of("Happy")
        'happiness'
    """
    name = folder.lower()
    name = SYNONYMS.get(name, name)
    return name if name in EXPRESSIONS else None


def _matches(tree: Tree) -> bool:
    return any(map(expression_of, tree.folders("train"))) and bool(tree.folders("test"))


def _read(tree: Tree, classes: int | None) -> Benchmark:
    has_contempt = "contempt" in map(expression_of, tree.folders("train"))
    path = tree.path.resolve()
    title = path.stem if path.suffix == ".zip" else path.name
    chosen = choose_classes(title, classes, most=8 if has_contempt else 7)
    splits = {}
    for split, names in SPLITS.items():
        folder = next((name for name in names if name in tree.folders()), None)
        if folder is not None:
            splits[split] = _split(tree, split, folder, chosen)
    return Benchmark(LAYOUT.kind, title, tree.path, chosen, splits)


def _split(tree: Tree, split: str, folder: str, classes: int) -> Split:
    names, codes = list[str](), list[int]()
    for own in sorted(tree.folders(folder)):
        expression = expression_of(own)
        if expression is None:
            if own.startswith("."):
                continue
            raise BenchmarkError(
                tree.where(f"{folder}/{own}"), "is no expression", remedy=f"name it one of {', '.join(EXPRESSIONS)}"
            )
        files = sorted(
            file
            for file in tree.files(f"{folder}/{own}")
            if file.lower().endswith(SUFFIXES) and not file.startswith(".")
        )
        names += [f"{folder}/{own}/{file}" for file in files]
        codes += [EXPRESSIONS.index(expression)] * len(files)
    if not names:
        raise BenchmarkError(tree.where(folder), "has no pictures", remedy=f"put {'/'.join(SUFFIXES)} files there")
    images = ImageFiles(tree, names)
    return make_split(split, images, np.asarray(codes, np.int64), EXPRESSIONS, classes=classes)


LAYOUT = Layout(
    "folders",
    "pictures of your own",
    "train/EXPRESSION/, test/EXPRESSION/ and perhaps valid/EXPRESSION/, such as train/happiness/1.jpg",
    "docs/benchmarks.md",
    _matches,
    _read,
)
