"""A small object that several writers change at once: read, change, write if nobody else did meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from rmset_builder.storage.address import Address
from rmset_builder.storage.server import ABSENT, ChangedError, StorageError, delete, fetch, put

_ATTEMPTS = 100
_LONGEST_WAIT_S = 2.0


def swap(address: Address, change: Callable[[bytes | None], bytes | None]) -> None:
    """Replace an object by what ``change`` makes of it; what others write in between is never lost.

    Args:
        address: of the object.
        change: makes the new content of the present one, which is None where there is no object; it may be called more
            than once. Where it gives None or the same, nothing is written.

    Raises:
        StorageError: the server cannot be asked, or others were quicker a hundred times.
    """
    for attempt in range(_ATTEMPTS):
        content, etag = fetch(address)
        present = None if etag == ABSENT else content
        new = change(present)
        if new is None or new == present:
            return
        try:
            put(address, new, replacing=etag)
        except ChangedError:
            # At random, or two writers would meet again and again.
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_S, 0.02 * 2**attempt)))
        else:
            return
    raise StorageError(f"{address} is changed by too many at once", remedy="run the same command again")


def conditions_hold(folder: Address, name: str) -> bool:
    """Whether a server refuses to write over what it should not; ``name`` is an object that nobody needs.

    Some take no notice of a condition, and of two writers the first one's work would be lost without a word.
    """
    probe = folder / name
    try:
        put(probe, b"may be deleted", replacing=ABSENT)
        return all(_refuses(probe, state) for state in (ABSENT, '"00000000000000000000000000000000"'))
    finally:
        delete(probe)


def _refuses(probe: Address, state: str) -> bool:
    try:
        put(probe, b"may be deleted", replacing=state)
    except ChangedError:
        return True
    return False
