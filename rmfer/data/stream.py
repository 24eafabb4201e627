"""A loader that gives a batch a step beside another loader's, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from rmfer.data.prefetch import Batch, StepLoader

BatchT = TypeVar("BatchT", bound=Batch)


class Stream(Generic[BatchT]):
    """Batches of ``loader`` one by one.

    Args:
        loader: with as many steps an epoch as the other; None: there are no batches.
        from_epoch: before it there are none.
    """

    def __init__(self, loader: StepLoader[Any, Any] | None, *, from_epoch: int = 0) -> None:
        self._loader, self._from_epoch = loader, from_epoch
        self._batches: Iterator[BatchT] | None = None

    def begin(self, epoch: int, step: int) -> None:
        """``epoch`` begins, or goes on at ``step`` where the loader already is."""
        self._batches = None
        if self._loader is not None and epoch >= self._from_epoch:
            if step == 0:
                self._loader.set_epoch(epoch)
            self._batches = iter(self._loader)

    def take(self) -> BatchT | None:
        """The next batch, if there are any."""
        return None if self._batches is None else next(self._batches)

    def state_dict(self) -> dict[str, Any] | None:
        """The loader's."""
        return None if self._loader is None else self._loader.state_dict()

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Go on where another was."""
        if self._loader is not None and state is not None:
            self._loader.load_state_dict(state)
