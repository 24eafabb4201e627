from __future__ import annotations

import signal
import socket
import threading
import time

import pytest

from rmset_builder.fetching.faults import FetchError
from rmset_builder.fetching.watchdog import Pulse, watchdog


def test_a_read_that_waits_for_ever_is_interrupted() -> None:
    one, other = socket.socketpair()
    before = signal.getsignal(signal.SIGALRM)
    with one, other, pytest.raises(FetchError, match="given up"), watchdog(Pulse(), window_s=0.3, least_bytes_per_s=1):
        one.recv(1)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_comes_fast_enough_is_left_alone() -> None:
    """Through several windows, in each of which the timer has looked."""
    pulse, armed = Pulse(), set()
    before, began = signal.getsignal(signal.SIGALRM), time.monotonic()
    with watchdog(pulse, window_s=0.2, least_bytes_per_s=10):
        for _ in range(30):
            armed.add(signal.getitimer(signal.ITIMER_REAL)[1] > 0)
            time.sleep(0.02)
            pulse.bytes += 10
    assert time.monotonic() - began > 2 * 0.2
    assert armed == {True}
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_becomes_slow_is_given_up() -> None:
    pulse = Pulse()
    pulse.bytes = 10**9
    with pytest.raises(FetchError), watchdog(pulse, window_s=0.2, least_bytes_per_s=10):
        time.sleep(5)


def test_in_another_thread_nothing_is_watched() -> None:
    seen: list[bool] = []

    def work() -> None:
        with watchdog(Pulse(), window_s=0.05, least_bytes_per_s=1):
            time.sleep(0.2)
        seen.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
