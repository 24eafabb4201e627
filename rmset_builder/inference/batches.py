"""Rows of a model's input and outputs, cut into batches of a fixed size and put together again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[Any]


def split(rows: Rows, most: int) -> list[Rows]:
    """Rows in batches of ``most``; the last may have fewer."""
    return [rows[start : start + most] for start in range(0, len(rows), most)]


def joined(parts: list[list[Rows]]) -> list[Rows]:
    """Each output of all batches as one."""
    return parts[0] if len(parts) == 1 else [np.concatenate(output) for output in zip(*parts, strict=True)]


def padded(rows: Rows, batch: int) -> Rows:
    """Rows of zeros added up to ``batch``."""
    if len(rows) == batch:
        return rows
    padded = np.zeros((batch, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded


def by_row(output: Rows, batch: int) -> Rows:
    """An output (batch, ...): some graphs lay the batch and what belongs to a picture into one dimension."""
    return output if output.shape[0] == batch else output.reshape(batch, -1, output.shape[-1])
