"""Standard output and error as a command may trust them: what cannot be written is noticed, and noticed once."""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


class OutputError(Exception):
    """Standard output cannot be written to: its disk is full, say, or the reader of a pipe has gone.

    Not an ``OSError``, so that nobody on the way takes it for a fault of the file that he was writing.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.reader_gone = error.errno == errno.EPIPE


class _Guarded(io.FileIO):
    """An open descriptor whose first failure raises `OutputError`, or nothing; later writes are dropped."""

    def __init__(self, descriptor: int, *, quiet: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._quiet = quiet
        self._lost = False

    def write(self, data: Buffer, /) -> int:
        size = memoryview(data).nbytes
        if self._lost:
            return size
        try:
            # A terminal that another program has set to not wait answers None when it is busy.
            while (written := super().write(data)) is None:
                select.select([], [self], [])
        except OSError as error:
            self._lost = True
            if self._quiet:
                return size
            raise OutputError(error) from error
        return written


def guard_output() -> None:
    """Make this process's standard streams fit for any text and honest about their failures.

    What standard error does not take is lost silently: the exit code still tells the truth. Streams that are closed
    are opened to nowhere, so that no file that is opened later gets their number and their output. Streams that
    somebody has put in their place stay as they are.

    Raises:
        OutputError: standard output is closed.
    """
    closed = sys.stdout is None
    for _ in range(3):
        if (descriptor := os.open(os.devnull, os.O_RDWR)) > 2:
            os.close(descriptor)
            break
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _text(2, sys.stderr, quiet=True)
    if closed:
        raise OutputError(OSError(errno.EBADF, "it is closed"))
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(1, sys.stdout, quiet=False)


def _text(descriptor: int, before: TextIO | None, *, quiet: bool) -> TextIO:
    encoding = "utf-8" if before is None else before.encoding
    if codecs.lookup(encoding).name == "ascii":  # a locale that nobody chose: no terminal is limited to it
        encoding = "utf-8"
    buffer = io.BufferedWriter(_Guarded(descriptor, quiet=quiet))
    return io.TextIOWrapper(buffer, encoding, errors="backslashreplace", line_buffering=True)
