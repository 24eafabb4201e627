"""Everything that a run needs to go on bit for bit, in one file that is whole or absent."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from rmfer.errors import RmferError
from rmfer.resuming import refuse_differences
from rmfer.settings import FREE_ON_RESUME, with_defaults
from rmset_builder.core.files import whole_file

FORMAT = 1
CHECKPOINT = "last.ckpt"


@dataclass
class Position:
    """How far a run is: ``step`` steps into ``epoch`` (from 0), and what it has found so far."""

    epoch: int = 0
    step: int = 0
    # Accuracies on the validation split by epoch, and the epoch that was best.
    best_epoch: int | None = None
    best: dict[str, float] = field(default_factory=dict)
    # Sums over the steps since the log's last line, of each of the objective's losses; empty at the beginning.
    sums: list[float] = field(default_factory=list)
    summed: int = 0
    # Of the total loss over the epoch's steps that the log has told of.
    epoch_loss: float = 0.0
    # Sums over the epoch's anchor sets; see `rmfer.training.people`.
    people: list[float] = field(default_factory=lambda: [0.0] * 4)
    seconds: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def save_checkpoint(folder: Path, state: dict[str, Any], name: str = CHECKPOINT) -> None:
    """Write ``state`` (tensors and plain values) as the run's last checkpoint.

    Raises:
        RmferError: the disk is full or the folder cannot be written to; the checkpoint before it stays.
    """
    try:
        # By way of memory: where torch writes to a disk that is full, it tells of places in the file alone.
        content = io.BytesIO()
        torch.save({"format": FORMAT, **state}, content)
        with whole_file(folder / name) as temporary:
            temporary.write_bytes(content.getbuffer())
    except OSError as error:
        raise RmferError(
            f"{folder / name} cannot be written ({error.strerror or error}); the checkpoint before it stays",
            remedy="make room, then go on with --resume",
        ) from error


def load_checkpoint(folder: Path, name: str = CHECKPOINT) -> dict[str, Any]:
    """The run's last checkpoint, on the CPU.

    Raises:
        RmferError: there is none, or it cannot be read.
    """
    path = folder / name
    if not path.is_file():
        raise RmferError(
            f"{folder} holds no {name}, so there is nothing to go on with", remedy="begin without --resume"
        )
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's loader raises whatever a damaged file leads it to
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RmferError(f"{path} cannot be read ({words})", remedy="begin anew with another --out") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise RmferError(f"{path} is no checkpoint of this version", remedy="begin anew with another --out")
    return state


def check_same_run(state: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with other settings or data than a checkpoint's.

    Args:
        state: the checkpoint's "run".
        now: {"config": all settings, "benchmark": its digest, "classes": their number, "world_size": processes}.

    Raises:
        RmferError: they differ; each difference is named.
    """
    flat_then, flat_now = ({**with_defaults(told["config"]), **told} for told in (state, now))
    refuse_differences(
        flat_then,
        flat_now,
        what="this run cannot be gone on with",
        remedy="use the settings and data of then, or begin anew with another --out",
        free=FREE_ON_RESUME | {"config"},
    )
