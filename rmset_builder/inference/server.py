"""One process that runs a GPU's models for all jobs.

Jobs are processes, and each that opened models of its own would plan every convolution anew, which takes cuDNN a second
or more for each model and size, hold gigabytes of the GPU's memory, and fill its batches from one video alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, Listener

from rmset_builder.core.child_processes import belong_to_parent, interruptions_wait
from rmset_builder.core.errors import RmsetError
from rmset_builder.core.opened_once import OpenedOnce
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
    with interruptions_wait():
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


def _opened(wanted: bytes, device: Device) -> Runner:
    """The runner of a pickled pair of graph and batch."""
    graph_of, batch = pickle.loads(wanted)
    return SharedBatchRunner(lambda rows: open_session(graph_of(rows), device), batch, device)


def _serve(address: ServerAddress, device: Device, ready: Connection) -> None:
    """The server's life: a thread for every connection, until the process that started it ends it or ends."""
    belong_to_parent()
    models = OpenedOnce[bytes, Runner](lambda wanted: _opened(wanted, device))
    with Listener(address.name, family="AF_UNIX", backlog=_BACKLOG, authkey=address.key) as listener:
        ready.send(None)
        ready.close()
        while True:
            try:
                connection = listener.accept()
            except (OSError, EOFError, multiprocessing.AuthenticationError):  # of this one client alone
                continue
            threading.Thread(target=_attend, args=(connection, models), daemon=True).start()


def _attend(connection: Connection, models: OpenedOnce[bytes, Runner]) -> None:
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
