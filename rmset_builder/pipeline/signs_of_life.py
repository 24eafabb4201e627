"""A job's process says that it is alive while it gets on; one that falls silent is given up.

Getting on is using the processor: a process that is stopped, or whose threads all wait for each other, does not, and
one that spends half an hour on the people of a long video does, though no frame is done meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rmset_builder.video.stalls import STEPS

# Its own decoder is given up first, which tells better what is wrong.
_PATIENCES = 2
# Processor time below this is what looking at the time takes.
_LEAST_CPU_S = 0.005
# Before a process has said its first word it imports what it needs, on machines that may do much else.
_START_S = 300.0


@dataclass(frozen=True)
class Alive:
    """A worker's word that it has begun, or that it has computed since it last spoke."""


class Pulse:
    """Sends `Alive` from a thread of its own, for as long as this process gets on.

    Args:
        send: hands a word to the parent; may be called while another thread calls it.
        patience_s: the parent's, seconds.
    """

    def __init__(self, send: Callable[[Alive], None], patience_s: float) -> None:
        self._send = send
        send(Alive())
        threading.Thread(target=self._beat, args=[patience_s / STEPS], daemon=True, name="pulse").start()

    def _beat(self, step_s: float) -> None:
        before = time.process_time()
        while True:
            time.sleep(step_s)
            now = time.process_time()
            if now - before > _LEAST_CPU_S:
                try:
                    self._send(Alive())
                except OSError:  # the parent has gone, and this process will
                    return
            before = now


class Silence:
    """How long a worker has been silent, and whether it may be; ``step_s`` is how often to look, seconds."""

    def __init__(self, patience_s: float) -> None:
        self.step_s = patience_s / STEPS
        self.limit_s = max(_PATIENCES * patience_s, _START_S)
        self._patience_s = patience_s
        self._silent_s = 0.0

    def pass_by(self, seconds: float) -> None:
        """So long nothing was heard; more than two steps were this process's own sleep."""
        self._silent_s += min(seconds, 2 * self.step_s)

    def end(self) -> None:
        """Something was heard."""
        self._silent_s, self.limit_s = 0.0, _PATIENCES * self._patience_s

    @property
    def is_too_long(self) -> bool:
        """Whether nothing is to be hoped for any more."""
        return self._silent_s > self.limit_s
