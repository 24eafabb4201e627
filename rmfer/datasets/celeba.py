"""CelebA: faces of known people, without expressions; ACL's random sets are drawn from it (method.md)."""

from __future__ import annotations

import numpy as np

from rmfer.datasets.benchmark import Benchmark
from rmfer.datasets.images import ImageFiles
from rmfer.datasets.layout import AS_DISTRIBUTED, Layout, text_lines, wrong_line
from rmfer.datasets.split import Split
from rmfer.datasets.tree import Tree, is_file, is_folder
from rmfer.errors import BenchmarkError, RmferError

TITLE = "CelebA"
IDENTITIES, PARTITION = "identity_CelebA.txt", "list_eval_partition.txt"
# As the files lie when all are unpacked side by side, and in the folders of the official page.
_IDENTITIES = (IDENTITIES, f"Anno/{IDENTITIES}")
_PARTITIONS = (PARTITION, f"Eval/{PARTITION}")
_IMAGES = ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba")
SPLITS = ("train", "valid", "test")


def _matches(tree: Tree) -> bool:
    return any(is_file(tree, name) for name in _IDENTITIES)


def _read(tree: Tree, classes: int | None) -> Benchmark:
    if classes:
        raise RmferError(f"{TITLE} has no expressions", remedy="name a benchmark that has")
    folder = next((name for name in _IMAGES if is_folder(tree, name)), None)
    if folder is None:
        raise BenchmarkError(tree.where(_IMAGES[1]), "is missing", remedy="unpack img_align_celeba.zip there")
    identities = _numbers(tree, next(name for name in _IDENTITIES if is_file(tree, name)))
    partition = next((name for name in _PARTITIONS if is_file(tree, name)), PARTITION)
    parts = _numbers(tree, partition)
    splits = {}
    for code, split in enumerate(SPLITS):
        names = [name for name, part in parts.items() if part == code]
        if bare := [name for name in names if name not in identities]:
            raise BenchmarkError(tree.where(partition), f"{bare[0]} has no identity", remedy=AS_DISTRIBUTED)
        images = ImageFiles(tree, [f"{folder}/{name}" for name in names])
        items = np.arange(len(names))
        images.check(items)
        labels = np.asarray([identities[name] for name in names], np.int64)
        if names:
            splits[split] = Split(split, labels, images, items, {})
    if "train" not in splits:
        raise BenchmarkError(tree.where(partition), "names no training pictures", remedy=AS_DISTRIBUTED)
    return Benchmark(LAYOUT.kind, TITLE, tree.path, 0, splits)


def _numbers(tree: Tree, name: str) -> dict[str, int]:
    """Lines such as ``000001.jpg 2880``."""
    found = {}
    for number, line in enumerate(text_lines(tree, name), 1):
        file, _, value = line.strip().partition(" ")
        if not line.strip():
            continue
        if not value.strip().isdecimal():
            raise wrong_line(tree, name, number, f"{line!r} is no file and number")
        found[file] = int(value)
    return found


LAYOUT = Layout(
    "celeba",
    TITLE,
    f"{IDENTITIES}, {PARTITION} and img_align_celeba/",
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    _matches,
    _read,
)
