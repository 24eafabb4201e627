"""Running a model of fixed batch for callers in many threads: at once on the CPU, in shared batches on a GPU."""

from __future__ import annotations

import bisect
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from rmset_builder.inference.batches import Rows, by_row, joined, padded, split
from rmset_builder.inference.memory import ran_out
from rmset_builder.inference.ort import ort
from rmset_builder.inference.session import Device, input_name, output_names

_NEXT_SIZE = 4


class Runner(Protocol):
    """Something that runs a model."""

    def run(self, rows: Rows) -> list[Rows]:
        """The model's outputs, each with as many rows as ``rows`` (n, ...) has, n >= 1. Safe to call from threads."""

    def close(self) -> None:
        """Give back threads and memory."""


class CallerRunner:
    """Runs in the caller's thread, in batches of the fixed size; the last one is padded."""

    def __init__(self, session: ort.InferenceSession, batch: int) -> None:
        self._session = session
        self._batch = batch
        self._input = input_name(session)

    def run(self, rows: Rows) -> list[Rows]:
        """See :class:`Runner`."""
        parts = []
        for chunk in split(rows, self._batch):
            outputs = self._session.run(None, {self._input: padded(chunk, self._batch)})
            parts.append([by_row(output, self._batch)[: len(chunk)] for output in outputs])
        return joined(parts)

    def close(self) -> None:
        """Nothing is held but the session."""


@dataclass
class _Request:
    """Rows that wait for their turn."""

    rows: Rows
    answer: Future[list[Rows]] = field(default_factory=Future)


class _BoundSession:
    """A session of one fixed batch with its input's place on the device."""

    def __init__(self, session: ort.InferenceSession, device: Device) -> None:
        self._session = session
        declared = session.get_inputs()[0]
        place = ("cuda", device.gpu) if device.gpu is not None else ("cpu", 0)
        element = np.uint8 if declared.type == "tensor(uint8)" else np.float32
        self.host = np.zeros(declared.shape, element)
        self._bound = ort.OrtValue.ortvalue_from_shape_and_type(declared.shape, element, *place)
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(declared.name, self._bound)
        for name in output_names(session):
            self._binding.bind_output(name, "cpu")

    def run(self) -> list[Rows]:
        """The outputs for what ``host`` holds, each with a row for each of the batch."""
        self._bound.update_inplace(self.host)
        self._session.run_with_iobinding(self._binding)
        return [by_row(output, len(self.host)) for output in self._binding.copy_outputs_to_cpu()]


class SharedBatchRunner:
    """One thread runs the model; what waits when it is free goes into one batch. Input and outputs are bound.

    Few rows go into a smaller batch: each empty row would travel to the device and be computed as any other. Every
    batch is a session of its own, since cuDNN plans a convolution anew whenever its shape changes. Where memory does
    not suffice for a batch, it is half as large from then on.

    Args:
        open_batch: opens the model for a fixed first dimension; called when a batch of that size is first wanted, and
            at once for the largest.
        batch: most rows of one run, as far as memory allows.
        device: where it runs; the CPU serves too.
    """

    def __init__(self, open_batch: Callable[[int], ort.InferenceSession], batch: int, device: Device) -> None:
        self._batch = batch
        self._open_batch, self._device = open_batch, device
        self._sizes = _sizes_up_to(batch)
        self._sessions: dict[int, _BoundSession] = {}
        self._open_the_largest()
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="batches")
        self._thread.start()

    def run(self, rows: Rows) -> list[Rows]:
        """See :class:`Runner`."""
        requests = [_Request(part) for part in split(rows, self._batch)]
        for request in requests:
            self._waiting.put(request)
        return joined([request.answer.result() for request in requests])

    @property
    def waiting(self) -> int:
        """How many batches or parts of one wait for the model, about."""
        return self._waiting.qsize()

    def close(self) -> None:
        """End the thread after what waits."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        held: _Request | None = None
        while True:
            first = held or self._waiting.get()
            if first is None:
                return
            together, held, last = self._gather(first)
            self._answer(together)
            if last:
                return

    def _gather(self, first: _Request) -> tuple[list[_Request], _Request | None, bool]:
        """What waits and fits into one batch, what waits and does not, and whether no more will come."""
        together, size = [first], len(first.rows)
        while size < self._batch:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return together, None, True
            if size + len(more.rows) > self._batch:
                return together, more, False
            together.append(more)
            size += len(more.rows)
        return together, None, False

    def _answer(self, together: list[_Request]) -> None:
        rows = sum(len(request.rows) for request in together)
        # Not within `except`: the error would keep the memory of the session that had too little of it.
        outputs = None
        if rows <= self._batch:
            try:
                outputs = self._run_together(together, rows)
            except BaseException as error:
                if not self._shrink(rows, error):
                    for request in together:
                        request.answer.set_exception(error)
                    return
        if outputs is None:
            self._answer_in_parts(together)
            return
        start = 0
        for request in together:
            stop = start + len(request.rows)
            request.answer.set_result([output[start:stop] for output in outputs])
            start = stop

    def _run_together(self, together: list[_Request], rows: int) -> list[Rows]:
        session = self._session_for(rows)
        start = 0
        for request in together:
            session.host[start : start + len(request.rows)] = request.rows
            start += len(request.rows)
        return session.run()

    def _answer_in_parts(self, together: list[_Request]) -> None:
        """What was handed in together and is too much for a batch, since batches have become smaller."""
        for request in together:
            try:
                parts = [_Request(part) for part in split(request.rows, self._batch)]
                for part in parts:
                    self._answer([part])
                request.answer.set_result(joined([part.answer.result() for part in parts]))
            except BaseException as error:
                request.answer.set_exception(error)

    def _session_for(self, rows: int) -> _BoundSession:
        size = self._size_for(rows)
        if size not in self._sessions:
            self._sessions[size] = _BoundSession(self._open_batch(size), self._device)
        return self._sessions[size]

    def _size_for(self, rows: int) -> int:
        return self._sizes[bisect.bisect_left(self._sizes, rows)]

    def _open_the_largest(self) -> None:
        while self._batch not in self._sessions:
            try:
                self._session_for(self._batch)
            except Exception as error:
                if not self._shrink(self._batch, error):
                    raise

    def _shrink(self, rows: int, error: BaseException) -> bool:
        """Where memory did not suffice, give back what larger batches hold; False where nothing can be done."""
        size = self._size_for(rows)
        if not ran_out(error) or (size == 1 and not self._sessions.keys() - {1}):
            return False
        self._batch = max(1, size // 2)
        self._sizes = _sizes_up_to(self._batch)
        self._sessions = {size: session for size, session in self._sessions.items() if size <= self._batch}
        return True


def _sizes_up_to(batch: int) -> list[int]:
    """1, 4, 16, ... and ``batch`` itself: no run is more than three quarters empty."""
    sizes = [1]
    while sizes[-1] * _NEXT_SIZE < batch:
        sizes.append(sizes[-1] * _NEXT_SIZE)
    return sizes if sizes[-1] == batch else [*sizes, batch]
