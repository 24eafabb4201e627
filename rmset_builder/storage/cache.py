"""The folder of this machine that holds what is on its way to a bucket, and what was read from one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from rmset_builder.core.errors import RmsetError, reason_of
from rmset_builder.core.locks import held_if_free

VARIABLE = "RMSET_CACHE"
_STAGING = "staging"


def cache_folder() -> Path:
    """Where ``$RMSET_CACHE`` says, which `--cache` sets, or ``~/.cache/rmset``.

    Raises:
        RmsetError: nobody says, and there is no home.
    """
    if told := os.environ.get(VARIABLE):
        return Path(told).absolute()
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "rmset"
    except RuntimeError as error:
        raise RmsetError("there is no home to keep a cache in", remedy=f"set {VARIABLE} to a folder") from error


@contextmanager
def staging_folder() -> Iterator[Path]:
    """An empty folder that is gone after the block; those of processes that were killed are removed first."""
    place = cache_folder() / _STAGING
    try:
        place.mkdir(parents=True, exist_ok=True)
        for lock in place.glob("*.lock"):
            _remove(lock)
        handle, name = tempfile.mkstemp(suffix=".lock", dir=place)
        os.close(handle)
    except OSError as error:
        raise RmsetError(f"{place} cannot be written to ({reason_of(error)})", remedy="give another --cache") from error
    with FileLock(name):
        folder = Path(name).with_suffix("")
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(name).unlink(missing_ok=True)


def _remove(lock: Path) -> None:
    """What a killed process left; one that lives holds its lock."""
    with held_if_free(lock) as free:
        folder = lock.with_suffix("")
        if free and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
