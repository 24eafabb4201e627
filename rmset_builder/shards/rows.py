"""Any rows of some shards, in any order, read a row group at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rmset_builder.shards.checked_parquet import open_checked
from rmset_builder.shards.schema import FaceRows, from_batch, joined, taken

# Of 256 rows each: what is read is nearly in order, but for people who were left out and come back.
_GROUPS_KEPT = 6


class Rows:
    """The rows of shards, numbered through all of them; a context manager.

    Args:
        paths: the shards, in order.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self.reading = self._paths[0]
        """The shard that was read last: which one is damaged."""
        with ExitStack() as stack:
            self._files: list[Any] = [stack.enter_context(open_checked(path)) for path in paths]
            self._open = stack.pop_all()
        self._groups = [(file, group) for file in self._files for group in range(file.num_row_groups)]
        sizes = [file.metadata.row_group(group).num_rows for file, group in self._groups]
        self._starts = np.cumsum([0, *sizes])
        self._kept: OrderedDict[int, FaceRows] = OrderedDict()

    def at(self, places: npt.NDArray[np.intp]) -> FaceRows:
        """The rows at ``places`` (k,), at least one, in their order.

        Raises:
            OSError: a page is not as it was written; so does pyarrow.ArrowException.
        """
        group = np.searchsorted(self._starts, places, "right") - 1
        parts, order = [], []
        for number in np.unique(group).tolist():
            mine = np.flatnonzero(group == number)
            parts.append(taken(self._group(number), places[mine] - self._starts[number]))
            order.append(mine)
        return taken(joined(parts), np.argsort(np.concatenate(order)))

    def _group(self, number: int) -> FaceRows:
        if number not in self._kept:
            file, group = self._groups[number]
            self.reading = self._paths[self._files.index(file)]
            (batch,) = file.read_row_group(group, use_threads=False).combine_chunks().to_batches()
            self._kept[number] = from_batch(batch, FaceRows)
            while len(self._kept) > _GROUPS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
