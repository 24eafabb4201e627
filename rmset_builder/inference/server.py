"""One process that runs a GPU's models for all jobs.

Jobs are processes, and each that opened models of its own would plan every convolution anew, which takes cuDNN a second
or more for each model and size, hold gigabytes of the GPU's memory, and fill its batches from one video alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import secrets
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from multiprocessing.connection import Connection, Listener, wait

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference.channel import SharedMemory
from rmset_builder.inference.runners import Runner, SharedBatchRunner
from rmset_builder.inference.session import Device, ServerAddress, open_session

_BACKLOG = 256
_PATIENCE_S = 5.0


@contextlib.contextmanager
def model_server(device: Device) -> Iterator[Device]:
    """Start a server that has ``device``; yields the device that jobs are given. It ends with the block, or with us."""
    context = multiprocessing.get_context("spawn")
    # A name without a file, which nobody has to remove: neither we nor the server may live to do so.
    address = ServerAddress(f"\0rmset-{secrets.token_hex(16)}", secrets.token_bytes(32))
    ready, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(address, device, theirs), daemon=True, name="models")
    process.start()
    theirs.close()
    try:
        with contextlib.suppress(EOFError):
            ready.recv()
        yield replace(device, server=address)
    finally:
        process.terminate()
        process.join(_PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()


class _Models:
    """The models that were asked for, each opened once."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._opened: dict[bytes, Future[Runner]] = {}

    def get(self, wanted: bytes) -> Runner:
        """The runner of a pickled pair of graph and batch."""
        with self._lock:
            is_new = wanted not in self._opened
            runner = self._opened.setdefault(wanted, Future())
        if is_new:
            try:
                graph_of, batch = pickle.loads(wanted)
                runner.set_result(
                    SharedBatchRunner(lambda rows: open_session(graph_of(rows), self._device), batch, self._device)
                )
            except BaseException as error:
                runner.set_exception(error)
        return runner.result()


def _serve(address: ServerAddress, device: Device, ready: Connection) -> None:
    """The server's life: a thread for every connection, until the process that started it ends it or ends."""
    # Ctrl-C reaches every process of a terminal; jobs still need their models while they end in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    models = _Models(device)
    with Listener(address.name, family="AF_UNIX", backlog=_BACKLOG, authkey=address.key) as listener:
        ready.send(None)
        ready.close()
        while True:
            try:
                connection = listener.accept()
            except (OSError, EOFError, multiprocessing.AuthenticationError):  # of this one client alone
                continue
            threading.Thread(target=_attend, args=(connection, models), daemon=True).start()


def _attend(connection: Connection, models: _Models) -> None:
    """One client thread's requests."""
    memory: SharedMemory | None = None
    with connection, contextlib.suppress(EOFError, OSError):
        try:
            runner = models.get(connection.recv_bytes())
        except Exception as error:
            connection.send((error if isinstance(error, RmsetError) else _told(error), None, []))
            return
        connection.send((None, None, []))
        while True:
            what, shapes = connection.recv()
            if what == "memory":
                memory = SharedMemory.receive(connection)
                continue
            assert memory is not None
            try:
                outputs = runner.run(memory.read(shapes)[0])
            except Exception as error:
                connection.send((_told(error), None, []))
                continue
            written = memory.write(outputs)
            connection.send((None, written, [] if written is not None else outputs))


def _told(error: Exception) -> RuntimeError:
    """ONNX Runtime's own exceptions cannot be sent."""
    return RuntimeError(f"{type(error).__name__}: {error}")


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
