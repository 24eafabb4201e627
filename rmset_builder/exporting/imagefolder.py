"""A folder of pictures for each person, as torchvision's ``ImageFolder`` and `datasets`' ``imagefolder`` read it."""

from __future__ import annotations

import json
from pathlib import Path

from rmset_builder.exporting.faces import read_faces
from rmset_builder.shards.layout import ShardFile

METADATA = "metadata.jsonl"


class ImageFolderWriter:
    """Writes ``<video>_<identity>/<frame>_<track>.jpg``, and in each folder ``metadata.jsonl`` with all else."""

    package = ""

    def add(self, shard: ShardFile, out: Path) -> int:
        """Write one shard; returns its number of rows."""
        rows = 0
        lines: dict[Path, list[str]] = {}
        for _, told, image in read_faces(shard):
            folder = out / f"{told['video']}_{told['identity']}"
            if folder not in lines:
                folder.mkdir(exist_ok=True)
                lines[folder] = []
            name = f"{told['frame']:07d}_{told['track']}.jpg"
            (folder / name).write_bytes(image)
            lines[folder].append(json.dumps({"file_name": name, **told}))
            rows += 1
        for folder, added in lines.items():
            path = folder / METADATA
            # What a run that was stopped has written of this very shard comes once.
            known = path.read_text().splitlines() if path.exists() else []
            path.write_text("\n".join(dict.fromkeys([*known, *added])) + "\n")
        return rows
