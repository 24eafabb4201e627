"""One writer at a time, where there are no locks: an object that says who is at work and ends by itself."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rmset_builder.storage.address import Address
from rmset_builder.storage.server import ABSENT, ChangedError, StorageError, age_s, delete, fetch, put

LEASE_S = 60.0
"""After so many seconds without a word of its owner a lease is anybody's."""


class TakenError(StorageError):
    """Somebody else is at work."""


@contextmanager
def leased(address: Address, *, seconds: float = LEASE_S) -> Iterator[Callable[[], None]]:
    """Within the block nobody else has the lease ``address``; yields what raises where it was lost all the same.

    It is renewed in the background. Whether one has ended is told by the server's clock alone.

    Raises:
        TakenError: somebody else has it.
        StorageError: the server cannot be asked.
    """
    owner = {"owner": f"{socket.gethostname()}:{os.getpid()}", "token": secrets.token_hex(8), "seconds": seconds}
    content = json.dumps(owner).encode()
    state = [_acquire(address, content)]
    ended, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not ended.wait(seconds / 3):
            try:
                # Other bytes each time: whoever waits for the lease to end sees another state.
                state[0] = put(address, content + b" " * secrets.randbelow(64), replacing=state[0])
            except ChangedError:
                lost.set()
                return
            except StorageError:  # perhaps for a moment; whoever takes it over meanwhile is seen above
                continue

    def check() -> None:
        if lost.is_set():
            raise TakenError(f"{address} was lost to another process", remedy="run the same command again")

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        ended.set()
        thread.join()
        if not lost.is_set():
            _give_back(address)


def _acquire(address: Address, content: bytes) -> str:
    try:
        return put(address, content, replacing=ABSENT)
    except ChangedError:
        pass
    held, state = fetch(address)
    try:
        told = json.loads(held or b"{}")
        owner, seconds = str(told.get("owner", "somebody")), float(told.get("seconds", LEASE_S))
    except (ValueError, TypeError, AttributeError):
        owner, seconds = "somebody", LEASE_S
    age = age_s(address)
    try:
        if state == ABSENT or age is None or age > seconds:
            return put(address, content, replacing=state)
    except ChangedError:  # another one was quicker
        pass
    raise TakenError(
        f"{owner[:80]} is at work there", remedy=f"wait for it; if it was killed, try again after {seconds:.0f} s"
    )


def _give_back(address: Address) -> None:
    try:
        delete(address)
    except StorageError:  # it ends by itself
        return
