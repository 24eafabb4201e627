"""Threads that begin the most urgent work first.

The standard library's executors keep to the order in which work comes. With one of them for each kind of work there are
more threads than cores, which drive each other's data out of the caches; with one for all, what somebody waits for
stands behind what could wait.
"""

from __future__ import annotations

import enum
import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Urgency(enum.IntEnum):
    """How urgent work is. More urgent work begins first; equally urgent work begins in the order it was submitted."""

    AWAITED = 1
    """Somebody waits for it and can do nothing else meanwhile."""
    AHEAD = 2
    """It will be awaited soon."""
    DEFERRED = 3
    """It can wait: it fills the gaps."""


@dataclass(frozen=True)
class _Work:
    """Something to call, and where its result goes."""

    call: Callable[[], Any]
    answer: Future[Any]


class Workers:
    """Some threads for work of different urgency.

    Args:
        count: of threads, at least 1.
        name: what the threads are called, before their number.
    """

    def __init__(self, count: int, *, name: str = "worker") -> None:
        # A number that only grows keeps the order of what is equally urgent, and from comparing anything else.
        self._waiting: queue.PriorityQueue[tuple[int, int, _Work | None]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, daemon=True, name=f"{name}_{number}") for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def at(self, urgency: Urgency) -> Executor:
        """An executor for work of this urgency; it ends with :meth:`close`, its ``shutdown`` does nothing."""
        return _Desk(self, urgency)

    def put(self, urgency: Urgency, call: Callable[[], T]) -> Future[T]:
        """Have something called by one of the threads.

        Raises:
            RuntimeError: the threads have ended.
        """
        if self._closed:
            raise RuntimeError("these workers have been dismissed")
        answer: Future[T] = Future()
        self._waiting.put((urgency, next(self._numbers), _Work(call, answer)))
        return answer

    def close(self) -> None:
        """End the threads; what has not begun never does, and its future is cancelled."""
        self._closed = True
        for _ in self._threads:
            self._waiting.put((0, next(self._numbers), None))
        for thread in self._threads:
            thread.join()
        while not self._waiting.empty():
            work = self._waiting.get()[2]
            if work is not None:
                work.answer.cancel()

    def _serve(self) -> None:
        while (work := self._waiting.get()[2]) is not None:
            if work.answer.set_running_or_notify_cancel():
                try:
                    work.answer.set_result(work.call())
                except BaseException as error:
                    work.answer.set_exception(error)
            del work  # its result may be large, and the next work long in coming


class _Desk(Executor):
    """Where work of one urgency is handed in."""

    def __init__(self, workers: Workers, urgency: Urgency) -> None:
        self._workers = workers
        self._urgency = urgency

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn(*args, **kwargs)`` called."""
        return self._workers.put(self._urgency, lambda: fn(*args, **kwargs))
