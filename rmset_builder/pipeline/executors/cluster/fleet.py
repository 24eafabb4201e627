"""Gives videos to Ray actors and collects what comes back, whatever dies meanwhile.

Each death is counted here, with the video that it met: Ray's own restarts and retries would hide it, and leave a call
waiting for a node that never comes back. Nothing is waited for without an end: a worker is asked every second how far
it is, and one that has not answered for long is given up, whatever Ray says of it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from rmset_builder.core.errors import RmsetError, VideoError, one_line
from rmset_builder.pipeline.executors.base import ends_the_run
from rmset_builder.pipeline.executors.cluster.held import Held
from rmset_builder.pipeline.executors.cluster.messages import Advanced, Begun, Noted, Order
from rmset_builder.pipeline.executors.cluster.worker import Worker
from rmset_builder.pipeline.failures import IN_PROGRESS, WORKER_DIED, failed
from rmset_builder.pipeline.results import Result
from rmset_builder.pipeline.task import Task

DEATHS = 3
"""So many workers may die at a video before it is left alone."""

_TICK_S = 1.0
# Answers are small and come with the word that they are there.
_GET_S = 10.0


@dataclass(eq=False)
class _Seat:
    """An actor, what it is at, and the answers that it owes: to `Worker.open`, `extract` and `progress`."""

    actor: Any
    opening: Any
    heard: float
    name: str = "a worker"
    task: Task | None = None
    result: Any = None
    progress: Any = None
    asked: float = 0.0

    @property
    def owed(self) -> list[Any]:
        return [ref for ref in (self.opening, self.result, self.progress) if ref is not None]


class Fleet:
    """The workers of a run. A context manager: they end with it.

    Args:
        order: what is the same for all videos.
        workers: how many.
        patience_s: after so long a silence a worker is given up.
        tell: takes `Begun`, `Advanced`, `Noted` and each video's `Result`.
    """

    def __init__(self, order: Order, workers: int, patience_s: float, tell: Callable[[object], None]) -> None:
        self._order = order
        self._workers = workers
        self._patience_s = patience_s
        self._tell = tell
        self._left: deque[Task] = deque()
        self._seats: list[_Seat] = []
        self._held = Held(order, patience_s)
        self._begun: set[str] = set()
        self._deaths: Counter[str] = Counter()
        self._stillborn = 0

    def extract(self, work: Sequence[Task]) -> None:
        """Have all videos extracted.

        Raises:
            RmsetError: the environment is not fit, or there are no workers any more.
        """
        self._left.extend(work)
        for _ in range(self._workers):
            self._hire()
        while self._left or self._held or any(seat.task for seat in self._seats):
            for result in (*self._held.ended(), *self._turn()):
                self._tell(result)
                if ends_the_run(result):
                    return
            self._tell(Noted())

    def _turn(self) -> Iterator[Result]:
        """Give, wait a second at most, hear."""
        for seat in self._seats:
            self._give(seat)
            self._ask(seat)
        owed = {ref: seat for seat in self._seats for ref in seat.owed}
        if not owed:  # all idle, and what is left is held by others
            time.sleep(_TICK_S)
        for ref in ray.wait(list(owed), timeout=_TICK_S)[0] if owed else ():
            result = self._hear(owed[ref], ref)
            if result is not None:
                yield result
        for seat in list(self._seats):
            if seat.owed and time.monotonic() - seat.heard > self._patience_s:
                result = self._give_up(seat)
                if result is not None:
                    yield result

    def _hire(self) -> None:
        options: dict[str, Any] = {"num_cpus": self._order.threads, "num_gpus": int(self._order.gpu)}
        actor = (
            ray.remote(Worker)
            .options(max_restarts=0, max_task_retries=0, max_concurrency=2, scheduling_strategy="SPREAD", **options)
            .remote(self._order)
        )
        self._seats.append(_Seat(actor, actor.open.remote(), time.monotonic()))

    def _give(self, seat: _Seat) -> None:
        if seat.opening is not None or seat.task is not None:
            return
        task = self._left.popleft() if self._left else self._held.due()
        if task is None:
            return
        self._tell(Advanced(task, 0, 0) if task.video in self._begun else Begun(task))
        self._begun.add(task.video)
        seat.task, seat.heard = task, time.monotonic()
        seat.result = seat.actor.extract.remote(task)

    def _ask(self, seat: _Seat) -> None:
        if seat.task is not None and seat.progress is None and time.monotonic() - seat.asked >= _TICK_S:
            seat.asked = time.monotonic()
            seat.progress = seat.actor.progress.remote()

    def _hear(self, seat: _Seat, ref: Any) -> Result | None:
        """An answer has come, or word that none will."""
        try:
            answer = ray.get(ref, timeout=_GET_S)
        except GetTimeoutError:
            return None
        except RayActorError as error:
            return self._bury(seat, _first_sentence(error))
        except Exception as error:
            task, seat.task, seat.result = seat.task, None, None
            if task is None:
                raise RmsetError(f"{seat.name} does not begin ({one_line(str(error))[:300]})") from error
            return failed(task, error, self._order.out, 0.0)
        seat.heard = time.monotonic()
        if isinstance(answer, RmsetError):
            raise answer
        if ref == seat.opening:
            seat.opening, seat.name, self._stillborn = None, answer, 0
        elif ref == seat.progress:
            seat.progress = None
            if seat.task is not None:
                self._tell(Advanced(seat.task, *answer))
        else:
            return self._done(seat, answer)
        return None

    def _done(self, seat: _Seat, result: Result) -> Result | None:
        task, seat.task, seat.result = seat.task, None, None
        if task is not None and result.fault is not None and result.fault.reason == IN_PROGRESS:
            self._held.add(task, result)
            return None
        return result

    def _give_up(self, seat: _Seat) -> Result | None:
        """Nothing was heard of a worker for too long. It may live, behind a network that is cut, and hold its lock."""
        silence = f"has not answered for {self._patience_s:.0f} s"
        if seat.opening is None:
            return self._bury(seat, silence)
        if not any(other.opening is None for other in self._seats):
            raise RmsetError(
                f"no worker has begun for {self._patience_s:.0f} s: the Ray cluster has no room for one of "
                f"{self._order.threads} cores{' and a GPU' if self._order.gpu else ''}, or starts none",
                remedy="see `ray status`; wait for others to end, or give fewer --threads",
            )
        return None  # its node may come yet, and others work

    def _bury(self, seat: _Seat, cause: str) -> Result | None:
        """A worker is gone: another takes its place, and its video is given away again unless it killed too many."""
        self._seats.remove(seat)
        ray.kill(seat.actor)
        task = seat.task
        if task is None:
            self._stillborn += seat.opening is not None
            if self._stillborn > DEATHS * self._workers:
                raise RmsetError(f"workers die before they begin ({cause})", remedy="see Ray's logs on that node")
            self._hire()
            return None
        self._hire()
        self._deaths[task.video] += 1
        count = self._deaths[task.video]
        if count < DEATHS:
            self._tell(Noted(f"{task.path}: {seat.name}: {cause}; begun again ({count + 1} of {DEATHS})"))
            self._left.appendleft(task)
            return None
        fault = VideoError(
            WORKER_DIED,
            f"{task.path}: {count} workers ended at it, the last of them {seat.name}: {cause}",
            remedy="memory may have run out: try more --threads for each worker, which makes them fewer",
        )
        return failed(task, fault, self._order.out, 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for seat in self._seats:
            ray.kill(seat.actor)


def _first_sentence(error: RayActorError) -> str:
    """Why an actor died, of the many lines that Ray has for it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("The actor is dead because", "The actor died because"))]
    return one_line((telling or lines or [type(error).__name__])[0].partition(". ")[0].rstrip("."))[:300]
