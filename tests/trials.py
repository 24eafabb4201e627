"""Trials of faults and of hostile input: how often each is made, and a line for each in the log of a campaign.

`benchmarks/reliability.py` sets where that log is and how often; without it few trials are made and nothing is noted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

LOG = "RMSET_RELIABILITY_LOG"
SOAK, SOAK_TIMES = "RMSET_SOAK", "RMSET_SOAK_TIMES"


def is_campaign() -> bool:
    """Whether faults are tried for hours (``$RMSET_SOAK``), and not among all other tests."""
    return os.environ.get(SOAK, "") not in ("", "0")


def times(few: int) -> int:
    """How often to try: ``few`` among all other tests, ``$RMSET_SOAK_TIMES`` (20) in a campaign."""
    return int(os.environ.get(SOAK_TIMES, "20")) if is_campaign() else few


@dataclass
class Trial:
    """What a fault has cost: rows and files by comparison with an undisturbed run, and seconds until all was good."""

    rows_lost: int = 0
    left_over: int = 0
    recovery_s: float | None = None


@contextmanager
def trial(fault: str, command: str) -> Iterator[Trial]:
    """One trial of a fault, which counts as failed where the block raises.

    Args:
        fault: in a few words, ``kill -9``.
        command: which command met it, ``rmset extract``.
    """
    found = Trial()
    try:
        yield found
    except BaseException:
        _note("faults", {"fault": fault, "command": command, "failed": 1, **vars(found)})
        raise
    _note("faults", {"fault": fault, "command": command, "failed": 0, **vars(found)})


def cannot_try(fault: str, command: str, reason: str) -> NoReturn:
    """Skip a test, since this machine does not allow the fault; the campaign tells so."""
    _note("faults", {"fault": fault, "command": command, "skipped": reason})
    pytest.skip(reason)


def inputs_tried(kind: str, command: str, *, tried: int, crashes: int) -> None:
    """Note how many hostile inputs of a kind a command was given, and how many it did not end in a clear line at.

    Args:
        kind: in a few words, ``manifests, bytes changed``.
        command: what read them, ``rmset verify``.
        tried: inputs.
        crashes: of these, tracebacks, signals, time-outs and wrong results.
    """
    _note("inputs", {"kind": kind, "command": command, "tried": tried, "crashes": crashes})


def _note(section: str, line: dict[str, Any]) -> None:
    if place := os.environ.get(LOG):
        with Path(place).open("a") as log:
            log.write(json.dumps({"section": section, **line}) + "\n")
