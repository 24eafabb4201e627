"""A timer that interrupts a download that has come to a standstill."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rmset_builder.fetching.faults import FetchError, Verdict


class Pulse:
    """Counts the bytes of a download, set by its progress hook."""

    def __init__(self) -> None:
        self.bytes = 0


@contextmanager
def watchdog(pulse: Pulse, *, window_s: float, least_bytes_per_s: float) -> Iterator[None]:
    """Raise a `FetchError` in the body when fewer bytes come in ``window_s`` than the least speed allows.

    A socket's timeout is no help against a server that sends one byte now and then. A signal is, for it
    interrupts a read that waits; it needs the main thread, and without that (in a program that embeds this)
    nothing is watched.

    Args:
        pulse: told of the bytes.
        window_s: how long is looked back, seconds.
        least_bytes_per_s: what must come on the mean of a window.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mark = [time.monotonic(), pulse.bytes]

    def look(signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - mark[0] < window_s:
            return
        got = pulse.bytes - mark[1]
        if got < least_bytes_per_s * window_s:
            raise FetchError("too-slow", f"{got:,.0f} bytes in {now - mark[0]:.0f} s, given up", Verdict.AGAIN)
        mark[:] = [now, pulse.bytes]

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, min(1.0, window_s / 4), min(1.0, window_s / 4))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
