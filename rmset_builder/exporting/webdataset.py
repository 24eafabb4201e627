"""WebDataset: a tar archive for each shard, with a JPEG and a JSON file for each face.

The format is plain tar with names by convention; the library's own writer would import torch.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from rmset_builder.core.files import whole_file
from rmset_builder.exporting.faces import read_faces
from rmset_builder.shards.layout import ShardFile


class WebDatasetWriter:
    """Writes ``<video>-00000.tar``; the keys are ``<video>_<frame>_<identity>_<track>``."""

    package = ""

    def add(self, shard: ShardFile, out: Path) -> int:
        """Write one shard; returns its number of rows."""
        rows = 0
        with (
            whole_file(out / f"{shard.path.stem}.tar") as temporary,
            tarfile.open(temporary, "w") as tar,
        ):
            for name, told, image in read_faces(shard):
                _add(tar, f"{name}.jpg", image)
                _add(tar, f"{name}.json", json.dumps(told).encode())
                rows += 1
        return rows


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    # Owner, rights and time stay tarfile's defaults, the same always: two exports are the same bytes.
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
