"""A process that gives nothing any more is ended, so that whoever waits for it goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator

HANGS = "hangs"
"""The reason noted for a video whose ffmpeg, or whose job's process, gave no sign of life for too long."""

PATIENCE_S = 600.0
"""How long nothing may come before a process counts as one that hangs, seconds."""

# Time is counted in steps that this process was awake for: one that was stopped itself (Ctrl-Z, a laptop's lid) has not
# waited, and no clock that is set can lengthen or shorten a step.
STEPS = 20


class StallWatch:
    """Ends a process for which somebody waits in vain.

    Args:
        process: the leader of a session of its own; all of its group are ended, as a script's child may be the one
            that works.
        patience_s: how long one wait may last, seconds.
    """

    def __init__(self, process: subprocess.Popen[bytes], patience_s: float) -> None:
        self.stalled = False
        self._process = process
        self._waits = 0
        self._waiting = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=[patience_s / STEPS], daemon=True, name="stalls")
        self._thread.start()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While the block waits for the process; the next wait has the whole patience again."""
        self._waits += 1
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def close(self) -> None:
        """End the watch."""
        self._over.set()
        self._thread.join()

    def _watch(self, step_s: float) -> None:
        seen, steps = 0, 0
        while not self._over.wait(step_s):
            steps = steps + 1 if self._waiting and self._waits == seen else 0
            seen = self._waits
            if steps == STEPS:
                self.stalled = True
                end_group(self._process)
                return


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the leader of a session and all of its group; nothing where it has ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
