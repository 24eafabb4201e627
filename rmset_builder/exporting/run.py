"""Exports a folder of shards: into a temporary folder that a stopped run goes on with, renamed when all is there."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from rmset_builder.core.errors import RmsetError, reason_of
from rmset_builder.core.files import fsync_folder, whole_file
from rmset_builder.exporting.imagefolder import ImageFolderWriter
from rmset_builder.exporting.lance import LanceWriter
from rmset_builder.exporting.rewritten import ShardWriter
from rmset_builder.exporting.webdataset import WebDatasetWriter
from rmset_builder.shards.footers import read_footers
from rmset_builder.shards.layout import ShardFile, find_shards
from rmset_builder.shards.videos_table import TABLE_NAME

_LEDGER = ".export.json"

Progress = Callable[[str, int, int], None]


class Writer(Protocol):
    """One format."""

    package: str

    def add(self, shard: ShardFile, out: Path) -> int:
        """Write a shard into the folder ``out``; returns its number of rows."""


WRITERS: dict[str, type[Writer]] = {
    "webdataset": WebDatasetWriter,
    "lance": LanceWriter,
    "imagefolder": ImageFolderWriter,
    "shards": ShardWriter,
}


@dataclass(frozen=True)
class Exported:
    """What was exported: ``rows`` faces of ``shards`` shards; of these, ``kept`` were there from a run before."""

    rows: int
    shards: int
    kept: int


def export(folder: Path, form: str, out: Path, *, progress: Progress | None = None) -> Exported:
    """Write all shards of ``folder`` to ``out`` in the format ``form``.

    Raises:
        RmsetError: ``out`` is there already, a package is missing, or a shard is damaged; ``out`` is not made then.
    """
    writer = WRITERS[form]()
    if writer.package and importlib.util.find_spec(writer.package) is None:
        raise RmsetError(f"--to {form} needs a package that is missing", remedy="pip install 'rmset-builder[export]'")
    shards = find_shards(folder)
    if not shards:
        raise RmsetError(f"no shards in {folder}", remedy="make some with: rmset extract VIDEO")
    for footer in read_footers(shards):
        if footer.fault:
            raise RmsetError(footer.fault)
    if out.exists():
        raise RmsetError(f"--out {out} is there already", remedy=f"give another, or remove it: rm -r {out}")
    staged = out.with_name(f".{out.name}.exporting")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(staged.with_name(f"{staged.name}.lock"), timeout=0):
            exported = _fill(writer, form, shards, staged, progress)
            if form == "shards":
                for path in (folder / TABLE_NAME, folder / "identities"):
                    _copy(path, staged)
            (staged / _LEDGER).unlink()
            # Millions of files, one call.
            os.sync()
            staged.rename(out)
            fsync_folder(out.parent)
    except Timeout as error:
        raise RmsetError(f"another export to {out} is running", remedy="wait for it, or give another --out") from error
    except OSError as error:
        raise RmsetError(
            f"{staged} cannot be written to ({reason_of(error)})",
            remedy="free some space or give another --out; the same command goes on where it was",
        ) from error
    staged.with_name(f"{staged.name}.lock").unlink(missing_ok=True)
    return exported


def _copy(path: Path, into: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, into / path.name, dirs_exist_ok=True)
    elif path.exists():
        shutil.copy2(path, into)


def _fill(writer: Writer, form: str, shards: Sequence[ShardFile], staged: Path, progress: Progress | None) -> Exported:
    stamps = {shard.path.name: _stamp(shard) for shard in shards}
    done = _resume(staged, form, stamps)
    if isinstance(writer, LanceWriter) and done and writer.rows(staged) != sum(rows for _, rows in done.values()):
        done = _begin(staged)  # stopped between a transaction and its entry in the ledger
    kept = len(done)
    for number, shard in enumerate(shards):
        name = shard.path.name
        if name not in done:
            if isinstance(writer, LanceWriter) and not done:
                shutil.rmtree(staged)
                staged.mkdir()
            done[name] = (stamps[name], writer.add(shard, staged))
            with whole_file(staged / _LEDGER) as temporary:
                temporary.write_text(json.dumps({"form": form, "done": done}))
        if progress is not None:
            progress(name, number + 1, len(shards))
    return Exported(sum(rows for _, rows in done.values()), len(shards), kept)


def _stamp(shard: ShardFile) -> list[int]:
    state = shard.path.stat()
    return [state.st_size, state.st_mtime_ns]


def _resume(staged: Path, form: str, stamps: dict[str, list[int]]) -> dict[str, tuple[list[int], int]]:
    """What a run before has done, if it was of the same format and shards; else an empty folder to begin with."""
    try:
        told = json.loads((staged / _LEDGER).read_text())
        done = {name: (stamp, rows) for name, (stamp, rows) in told["done"].items()}
        if told["form"] == form and all(stamps.get(name) == stamp for name, (stamp, _) in done.items()):
            return done
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return _begin(staged)


def _begin(staged: Path) -> dict[str, tuple[list[int], int]]:
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    return {}
