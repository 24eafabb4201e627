"""What a user of ``rmfer`` can meet, each a single line that says what is wrong and how to mend it."""

from __future__ import annotations

from pathlib import Path

from rmset_builder.core.errors import RmsetError


class RmferError(RmsetError):
    """Wrong usage or a wrong environment for training, evaluating or predicting; see `RmsetError`."""


class ShardError(RmferError):
    """A shard, or one row of it, cannot be trusted; with ``skip_bad`` it is left out and counted.

    Args:
        path: the shard.
        message: what is wrong with it.
        remedy: what the user can do about it.
        row: the row within the shard, from 0; None where the whole shard is meant.
    """

    def __init__(self, path: Path, message: str, *, remedy: str, row: int | None = None) -> None:
        where = f"{path}" if row is None else f"{path}, row {row}"
        super().__init__(f"{where}: {message}", remedy=remedy)
        self.path = path
        self.row = row


class BenchmarkError(RmferError):
    """A benchmark cannot be trusted: a file of it is missing or wrong.

    Args:
        where: the file, where one can be named with its line or its place in a zip.
        message: what is wrong with it.
        remedy: what the user can do about it.
    """

    is_list = True

    def __init__(self, where: str, message: str, *, remedy: str) -> None:
        super().__init__(f"{where}: {message}", remedy=remedy)
        self.where = where
