"""Child processes that leave Ctrl-C to their parent and end when it ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import wait


@contextlib.contextmanager
def interruptions_wait() -> Iterator[None]:
    """Ctrl-C is heard afterwards; a process that is started meanwhile is deaf to it from its first moment on."""
    resource_tracker.ensure_running()  # which would let Ctrl-C through again if it were started later
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def belong_to_parent() -> None:
    """Called first in a process that was started so: it stays deaf to Ctrl-C, and ends when its parent does."""
    # Ctrl-C reaches every process of a terminal; the one that was called decides what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
