"""Anybody's pictures, in a folder for each class: ``train/happiness/1.jpg``."""

from __future__ import annotations

import numpy as np

from rmfer.errors import BenchmarkError
from rmfer.labelled.archive import Tree
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.images import ImageFiles
from rmfer.labelled.layout import Layout, choose_classes, make_split
from rmfer.labelled.split import Split
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
# In either case.
SPLITS = {"train": ("train", "training"), "valid": ("valid", "val", "validation"), "test": ("test", "testing")}


def expression_of(folder: str) -> str | None:
    """The expression that a folder is named after, in either case, as noun or adjective.

    Example:
        >>> expression_of("Happy")
        'happiness'
    """
    name = folder.lower()
    name = SYNONYMS.get(name, name)
    return name if name in EXPRESSIONS else None


def _places(tree: Tree) -> dict[str, str]:
    """The folders of the splits that there are."""
    folders = {name.lower(): name for name in sorted(tree.folders())}
    found = {split: next((folders[one] for one in names if one in folders), None) for split, names in SPLITS.items()}
    return {split: folder for split, folder in found.items() if folder is not None}


def _matches(tree: Tree) -> bool:
    places = _places(tree)
    if "train" not in places or not any(map(expression_of, tree.folders(places["train"]))):
        return False
    return any(tree.folders(folder) for split, folder in places.items() if split != "train")


def _read(tree: Tree, classes: int | None) -> Benchmark:
    places = _places(tree)
    has_contempt = "contempt" in map(expression_of, tree.folders(places["train"]))
    path = tree.path.resolve()
    title = path.stem if path.suffix == ".zip" else path.name
    chosen = choose_classes(title, classes, most=8 if has_contempt else 7)
    splits = {split: _split(tree, split, folder, chosen) for split, folder in places.items()}
    notes = () if "test" in splits else ("it has no pictures to test on: evaluate with --split valid",)
    return Benchmark(LAYOUT.kind, title, tree.path, chosen, splits, notes=notes)


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
