"""What takes long to open, opened once for all threads that want it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class OpenedOnce(Generic[KeyT, ValueT]):
    """Values by key, each made when it is first asked for. While one is made, others can be had and made.

    Args:
        make: a value of its key; what it raises, everybody who asks for that key gets.
    """

    def __init__(self, make: Callable[[KeyT], ValueT]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._opened: dict[KeyT, Future[ValueT]] = {}

    def get(self, key: KeyT) -> ValueT:
        """The value of ``key``; waits where another thread is making it."""
        with self._lock:
            is_new = key not in self._opened
            value = self._opened.setdefault(key, Future())
        if is_new:
            try:
                value.set_result(self._make(key))
            except BaseException as error:
                value.set_exception(error)
        return value.result()

    def made(self) -> list[ValueT]:
        """Those that are there."""
        return [value.result() for value in self._opened.values() if value.done() and value.exception() is None]
