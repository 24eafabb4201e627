"""The log of a run: JSON lines and TensorBoard on disk, bars or plain lines on stderr."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import TaskID, TextColumn
from torch.utils.tensorboard import SummaryWriter

from rmset_builder.core.progress import Reporter, usual_columns


class RunLog:
    """Writes ``log.jsonl`` and ``tensorboard/`` of a run folder, and shows the user how far it is.

    Args:
        folder: of the run; None: a process that is not the first, which keeps still.
        console: stderr.
        offset: bytes of ``log.jsonl`` that count; what a run wrote after its last checkpoint is cut off, as it will be
            written again.
        step: the first step that is still to come.
    """

    def __init__(self, folder: Path | None, console: Console, *, offset: int = 0, step: int = 0) -> None:
        self._shown = Reporter(console, *usual_columns(), TextColumn("{task.fields[told]}"))
        self._bar: TaskID | None = None
        self._lines = self._board = None
        if folder is None:
            return
        path = folder / "log.jsonl"
        self._lines = path.open("r+b" if path.exists() else "w+b")
        self._lines.truncate(offset)
        self._lines.seek(0, os.SEEK_END)
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def __enter__(self) -> Self:
        if self._lines is not None:
            self._shown.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._shown.__exit__(kind, error, trace)
            self._lines.close()
        if self._board is not None:
            self._board.close()

    def begin_epoch(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """An epoch (from 0) of ``steps`` steps begins, or goes on at ``step``."""
        if self._lines is not None:
            self._shown.remove(self._bar)
            self._bar = self._shown.add(f"epoch {epoch + 1}/{epochs}", total=steps, completed=step, told="")

    def advance(self, step: int) -> None:
        """So many steps of the epoch are done."""
        self._shown.update(self._bar, completed=step)

    def write(self, event: str, values: dict[str, Any], *, step: int) -> None:
        """Keep an event with its ``values``; numbers become curves, ``step`` counting all steps so far."""
        if self._lines is None or self._board is None:
            return
        self._lines.write(json.dumps({"event": event, "step": step, **values}).encode() + b"\n")
        self._lines.flush()
        for name, value in values.items():
            if isinstance(value, float):
                self._board.add_scalar(f"{event}/{name}", value, step)

    def tell(self, line: str, *, now_and_then: bool = False) -> None:
        """Print a line for the user; one that comes ``now_and_then`` is left out where bars or the last line say it."""
        if self._lines is None:
            return
        if now_and_then:
            self._shown.update(self._bar, told=line)
            self._shown.line(line)
        else:
            self._shown.say(line)

    def offset(self) -> int:
        """Bytes written so far, all of them on the disk."""
        if self._lines is None or self._board is None:
            return 0
        os.fsync(self._lines.fileno())
        self._board.flush()
        return self._lines.tell()


def epoch_line(told: dict[str, Any], *, epochs: int, accuracies: dict[str, float]) -> str:
    """An epoch in a line for people.

    Args:
        told: the epoch's event: number from 0, seconds, loss, and of the people of anchor sets where there are any.
        epochs: how many there are.
        accuracies: on the validation split, by name; empty where there are none.
    """
    line = f"epoch {told['epoch'] + 1} of {epochs}: {told['seconds']:,.0f} s, loss {told['loss']:.4f}"
    if "people_p" in told:
        line += f", P of {told['people_p']:.1f} people, P_imp of {told['people_p_imp']:.1f}"
        line += f" (of one in {100 * told['one_person']:.0f} % of sets)"
    named = ", ".join(f"{name} {100 * value:.2f} %" for name, value in accuracies.items())
    return line + (f", validation {named}" if named else "")
