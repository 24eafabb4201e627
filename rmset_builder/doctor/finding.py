"""What a check of the machine finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from rmset_builder.core.errors import RmsetError


class Mark(StrEnum):
    """How serious a finding is: a ``fail`` keeps ``rmset extract`` from working, a ``warn`` does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    ``found`` is what there is, ``mend`` the command that puts a fault right; empty where nothing is wrong.
    """

    name: str
    mark: Mark
    found: str
    mend: str = ""


def guarded(name: str, check: Callable[[], Finding]) -> Finding:
    """Run a check; an exception becomes a failed finding with the reason."""
    try:
        return check()
    except RmsetError as error:
        return failure(name, error)
    except Exception as error:
        return Finding(name, Mark.FAIL, f"the check itself failed: {reason(error)}")


def failure(name: str, error: RmsetError, mark: Mark = Mark.FAIL) -> Finding:
    """The finding that an error makes, with the command in its remedy."""
    return Finding(name, mark, error.message, mend_of(error.remedy))


def mend_of(remedy: str) -> str:
    """The command in a remedy such as ``the wheel is broken; run: pip install it``; all of it where there is none."""
    return remedy.rpartition("run: ")[2]


def reason(error: Exception) -> str:
    """An exception in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
