"""CelebA: faces of known people, without expressions; ACL's random sets are drawn from it (method.md)."""

from __future__ import annotations

import numpy as np

from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled.archive import Tree, is_file, is_folder
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.images import ImageFiles
from rmfer.labelled.layout import AS_DISTRIBUTED, Layout, text_lines, wrong_line
from rmfer.labelled.split import Split

TITLE = "CelebA"
IDENTITIES, PARTITION = "identity_CelebA", "list_eval_partition"
# As the files lie when all are unpacked side by side, and in the folders of the official page; Kaggle's are .csv.
_SUFFIXES = (".txt", ".csv")
_FOLDERS = {IDENTITIES: ("", "Anno/"), PARTITION: ("", "Eval/")}
_IMAGES = ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba")
SPLITS = ("train", "valid", "test")
# The label of a picture that nobody says the person of.
NOBODY = -1
_MOST_DIGITS = 9
_NO_IDENTITIES = (
    f"without {IDENTITIES}.txt nobody is told from anybody; random sets of its pictures, all that training uses them "
    "for, do without"
)


def _table(tree: Tree, name: str) -> str | None:
    """Where the table ``name`` lies, if it does."""
    places = (f"{folder}{name}{suffix}" for suffix in _SUFFIXES for folder in _FOLDERS[name])
    return next((place for place in places if is_file(tree, place)), None)


def _images(tree: Tree) -> str | None:
    return next((name for name in _IMAGES if is_folder(tree, name)), None)


def _matches(tree: Tree) -> bool:
    if _table(tree, IDENTITIES) is not None:
        return True
    return _table(tree, PARTITION) is not None and _images(tree) is not None


def _read(tree: Tree, classes: int | None) -> Benchmark:
    if classes:
        raise RmferError(f"{TITLE} has no expressions", remedy="name a benchmark that has")
    folder = _images(tree)
    if folder is None:
        raise BenchmarkError(tree.where(_IMAGES[1]), "is missing", remedy="unpack img_align_celeba.zip there")
    told = _table(tree, IDENTITIES)
    identities = _numbers(tree, told) if told is not None else None
    partition = _table(tree, PARTITION) or f"{PARTITION}.txt"
    parts = _numbers(tree, partition)
    splits = {}
    for code, split in enumerate(SPLITS):
        names = [name for name, part in parts.items() if part == code]
        if identities is not None and (bare := [name for name in names if name not in identities]):
            raise BenchmarkError(tree.where(partition), f"{bare[0]} has no identity", remedy=AS_DISTRIBUTED)
        images = ImageFiles(tree, [f"{folder}/{name}" for name in names])
        labels = [identities[name] if identities is not None else NOBODY for name in names]
        if names:
            splits[split] = Split(split, np.asarray(labels, np.int64), images, np.arange(len(names)), {})
    if "train" not in splits:
        raise BenchmarkError(tree.where(partition), "names no training pictures", remedy=AS_DISTRIBUTED)
    notes = () if identities is not None else (_NO_IDENTITIES,)
    return Benchmark(LAYOUT.kind, TITLE, tree.path, 0, splits, notes=notes)


def _numbers(tree: Tree, name: str) -> dict[str, int]:
    """Lines such as ``000001.jpg 2880``, or ``000001.jpg,2880`` below the columns' names."""
    found = {}
    apart = "," if name.endswith(".csv") else None
    for number, line in enumerate(text_lines(tree, name), 1):
        if not line.strip():
            continue
        fields = [field.strip(' "') for field in line.split(apart)]
        if number == 1 and apart and fields[0] == "image_id":
            continue
        if len(fields) != 2 or not fields[1].isdecimal() or len(fields[1]) > _MOST_DIGITS:
            raise wrong_line(tree, name, number, f"{line!r} is no file and number")
        found[fields[0]] = int(fields[1])
    return found


LAYOUT = Layout(
    "celeba",
    TITLE,
    f"{PARTITION}.txt (or .csv), img_align_celeba/ and perhaps {IDENTITIES}.txt",
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    _matches,
    _read,
)
