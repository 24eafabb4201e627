"""``python -m rmfer.runs.child train ...`` is ``rmfer train ...`` that stops when whoever started it is gone.

Its standard input is a pipe that the other process holds open. The system closes it whatever ends that process, kill -9
too; the run then hears what it hears at Ctrl-C, and leaves a checkpoint.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

# A validation is ended before the checkpoint is written. What has not ended then is deaf.
PATIENCE = 600.0


def stop_when_alone() -> None:
    """Watch standard input; to be called once, before anything that takes long."""
    threading.Thread(target=_wait_and_stop, daemon=True).start()


def _wait_and_stop() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(PATIENCE)
    os._exit(1)


if __name__ == "__main__":
    stop_when_alone()
    runpy.run_module("rmfer", run_name="__main__", alter_sys=True)
