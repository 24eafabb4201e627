"""WebDataset: a tar archive for each shard, with a JPEG and a JSON file for each face."""

from __future__ import annotations

from pathlib import Path

from rmset_builder.exporting.faces import read_faces
from rmset_builder.files import whole_file
from rmset_builder.shards import ShardFile


class WebDatasetWriter:
    """Writes ``<video>-00000.tar``; the keys are ``<video>_<frame>_<identity>_<track>``."""

    package = "webdataset"

    def add(self, shard: ShardFile, out: Path) -> int:
        """Write one shard; returns its number of rows."""
        from webdataset import TarWriter  # noqa: PLC0415

        rows = 0
        with (
            whole_file(out / f"{shard.path.stem}.tar") as temporary,
            temporary.open("wb") as stream,
            # The same time in every entry: two exports are the same bytes.
            TarWriter(stream, mtime=0) as tar,
        ):
            for name, told, image in read_faces(shard):
                tar.write({"__key__": name, "jpg": image, "json": told})
                rows += 1
        return rows
