"""Whether a node shares the folder of the shards: it does if it sees a file that the driver has just made there."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from rmset_builder.core.locks import held_if_free
from rmset_builder.shards.layout import work_folder
from rmset_builder.storage.address import is_address

_PREFIX = "cluster-"
# A network file system may tell of a new file late.
_LOOKS, _BETWEEN_LOOKS_S = 10, 0.5


@contextlib.contextmanager
def probe_in(out: Path) -> Iterator[Path | None]:
    """Such a file, which this process holds for the block; None for a bucket, which all share who are let in.

    Those of drivers that were killed are removed.
    """
    if is_address(out):
        yield None
        return
    folder = work_folder(out, "any").parent
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_PREFIX}*.lock"):
        with held_if_free(left) as free, contextlib.suppress(OSError):
            if free:
                left.unlink(missing_ok=True)
    probe = folder / f"{_PREFIX}{secrets.token_hex(8)}.lock"
    try:
        with FileLock(probe):
            yield probe
    finally:
        probe.unlink(missing_ok=True)


def is_seen(probe: Path) -> bool:
    """Whether this node sees the file."""
    for look in range(_LOOKS):
        if look:
            time.sleep(_BETWEEN_LOOKS_S)
        if probe.exists():
            return True
    return False
