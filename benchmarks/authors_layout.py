"""The layout of the paper's authors, as their published code has it, for `anchor_sets.py` to compare with.

For each video a pickled pandas table (video, frameNum, faceID, filePath); each face a JPEG file; a draw reads the
video's table, picks rows from it, opens 101 files with Pillow and puts each through torchvision's transforms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from rmfer.data.augment import RMSET_MEAN, RMSET_STD
from rmset_builder.shards.reader import read_blocks


def write(shards: Path, out: Path) -> list[Path]:
    """The faces of ``shards`` in the authors' layout; the tables' paths."""
    tables = []
    for shard in sorted(shards.glob("*-0*.parquet")):
        folder = out / shard.stem
        folder.mkdir(parents=True)
        rows = []
        for block in read_blocks(shard):
            columns = (values.tolist() for values in (block.frame, block.identity, block.track))
            for frame, identity, track, image in zip(*columns, block.images, strict=True):
                path = folder / f"{frame:06d}_{identity}_{track}.jpg"
                path.write_bytes(image)
                rows.append((shard.stem, frame, identity, str(path)))
        tables.append(out / f"{shard.stem}.pkl")
        pd.DataFrame(rows, columns=["video", "frameNum", "faceID", "filePath"]).to_pickle(tables[-1])
    return tables


class AuthorsDataset(Dataset[torch.Tensor]):
    """Anchor sets out of the authors' layout."""

    def __init__(self, tables: list[Path], length: int) -> None:
        self.tables, self.length = tables, length
        self.transform = transforms.Compose(
            [
                transforms.RandomChoice(
                    [
                        transforms.RandomGrayscale(p=0.1),
                        transforms.RandomHorizontalFlip(p=0.5),
                        transforms.ColorJitter(0.25, 0.25, 0.25, 0.125),
                    ]
                ),
                transforms.Resize((260, 260)),
                transforms.ToTensor(),
                transforms.Normalize(RMSET_MEAN, RMSET_STD),
            ]
        )

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> torch.Tensor:
        random = np.random.default_rng(number)
        while True:
            table = pd.read_pickle(self.tables[random.integers(len(self.tables))])
            people = table.faceID.unique()
            person = random.choice(people)
            own = table[table.faceID == person]
            anchor = own.iloc[random.integers(len(own))]
            radius = math.ceil((50 / len(people) - 1) / 2) + 1
            frame = anchor.frameNum
            others = table[
                (table.faceID != person) & (table.frameNum >= frame - radius) & (table.frameNum < frame + radius)
            ]
            far = own[(own.frameNum - frame).abs() >= 30]
            if len(others) >= 50 and len(far):
                break
        positives = others.sample(50, random_state=number)
        negatives = far.sample(50, replace=len(far) < 50, random_state=number)
        paths = [anchor.filePath, *positives.filePath, *negatives.filePath]
        return torch.stack([self.transform(Image.open(path).convert("RGB")) for path in paths])


def loader(tables: list[Path], *, sets: int, workers: int) -> Iterator[Any]:
    """As many sets, in ``workers`` processes of torch's DataLoader."""
    return iter(DataLoader(AuthorsDataset(tables, sets), batch_size=None, num_workers=workers))
