"""The folder of a run for Ray's sockets and logs, which nobody else may look into."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from rmset_builder.core.files import is_file
from rmset_builder.core.locks import held_if_free

_PREFIX, _LOCK = "rmset-ray-", "lock"
# Names of sockets may have 107 bytes, of which Ray's take 70 and this folder's 20.
_LONGEST_PLACE = 16


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder, which is gone after the block; those of runs that were killed are removed, too."""
    usual = Path(tempfile.gettempdir())
    place = usual if len(bytes(usual)) <= _LONGEST_PLACE else Path("/tmp")
    for left in place.glob(f"{_PREFIX}*"):
        _remove_abandoned(left)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with FileLock(folder / _LOCK):
            yield folder


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder that no process holds any more, if it is ours to remove."""
    if folder.is_symlink() or not is_file(folder / _LOCK):
        return
    with held_if_free(folder / _LOCK) as free:
        if free:
            shutil.rmtree(folder, ignore_errors=True)
