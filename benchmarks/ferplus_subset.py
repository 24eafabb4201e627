"""A few pictures of FERPlus as a benchmark of their own, in its own layout: for rehearsals."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rmfer.labelled.archive import open_tree
from rmfer.labelled.readers.ferplus import SPLITS, VOTES_FILE
from rmfer.labelled.registry import open_benchmark


def write_subset(benchmark: Path, folder: Path, counts: Mapping[str, int]) -> Path:
    """Write into ``folder`` the first so many pictures of each class and split, by ``counts``; returns ``folder``."""
    full = open_benchmark(benchmark)
    below = {name: own for name, _, own in SPLITS}
    wanted = set[str]()
    for name, split in full.splits.items():
        place = folder / below[name]
        place.mkdir(parents=True, exist_ok=True)
        for label in range(full.classes):
            for number in np.flatnonzero(split.labels == label)[: counts[name]].tolist():
                file = Path(split.images.key_of(int(split.items[number]))).name
                (place / file).write_bytes(split.read(number))
                wanted.add(file)
    rows = list(csv.reader(io.StringIO(open_tree(benchmark).read(VOTES_FILE).decode("utf-8-sig"))))
    with (folder / VOTES_FILE).open("w", newline="") as table:
        csv.writer(table).writerows([rows[0], *(row for row in rows[1:] if row[1].strip() in wanted)])
    return folder
