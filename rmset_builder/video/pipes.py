"""Reading pictures from a pipe as fast as it goes."""

from __future__ import annotations

import contextlib
import fcntl
from typing import IO

import numpy as np
import numpy.typing as npt

_PIPE_BYTES = 1 << 20


def fill(stream: IO[bytes], buffer: npt.NDArray[np.uint8]) -> bool:
    """Read exactly as many bytes as ``buffer`` holds; False where the stream ends before."""
    view = memoryview(buffer.data).cast("B")
    done = 0
    while done < len(view):
        got = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            return False
        done += got
    return True


def widen_pipe(descriptor: int) -> None:
    """Let a pipe hold more than a small picture, where the system can, so that its writer waits less often."""
    set_size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only; elsewhere the default serves
    if set_size is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, set_size, _PIPE_BYTES)
