"""How long tests wait for another process, and how."""

from __future__ import annotations

import time
from collections.abc import Callable

# A machine may be busy; what is told to users is 2 s.
PATIENCE_S = 10


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
