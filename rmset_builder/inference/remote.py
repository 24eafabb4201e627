"""The client's side of `rmset_builder.inference.server`: a model that another process runs."""

from __future__ import annotations

import pickle
import queue
from collections.abc import Callable
from multiprocessing.connection import Client, Connection

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference.channel import Rows, Shapes, SharedMemory, room_for
from rmset_builder.inference.session import ServerAddress

_GONE = (EOFError, OSError)


class RemoteRunner:
    """A model that a server runs, for callers in many threads of this process.

    Args:
        server: where it listens.
        graph_of: see `open_runner`.
        batch: most rows that one run of the server takes.

    Raises:
        RmsetError: the server cannot open the model, or is gone.
    """

    def __init__(self, server: ServerAddress, graph_of: Callable[[int], bytes], batch: int) -> None:
        self._server = server
        self._wanted = pickle.dumps((graph_of, batch))
        # One for each thread that waits for the server at the same time; made when it is first needed.
        self._free: queue.LifoQueue[_Line] = queue.LifoQueue()
        self._free.put(_Line(server, self._wanted))

    def run(self, rows: Rows) -> list[Rows]:
        """See `Runner`."""
        try:
            line = self._free.get_nowait()
        except queue.Empty:
            line = _Line(self._server, self._wanted)
        # One that was broken off in the middle would give the next caller this one's answer: it does not come back.
        outputs = line.run(rows)
        self._free.put(line)
        return outputs

    def close(self) -> None:
        """End the connections."""
        while True:
            try:
                self._free.get_nowait().close()
            except queue.Empty:
                return


class _Line:
    """A connection to the server with memory that both see."""

    def __init__(self, server: ServerAddress, wanted: bytes) -> None:
        try:
            self._connection: Connection = Client(server.name, family="AF_UNIX", authkey=server.key)
            self._memory: SharedMemory | None = None
            self._connection.send_bytes(wanted)
            self._answer()
        except _GONE as error:
            raise _gone() from error

    def run(self, rows: Rows) -> list[Rows]:
        """The outputs for ``rows``."""
        try:
            if self._memory is None or self._memory.size < room_for([rows]):
                self._replace_memory(room_for([rows]))
            assert self._memory is not None
            self._connection.send(("run", self._memory.write([rows])))
            shapes, sent = self._answer()
            if shapes is not None:
                return [output.copy() for output in self._memory.read(shapes)]
            # They had no room this once.
            self._replace_memory(max(room_for([rows]), room_for(sent)))
            return list(sent)
        except _GONE as error:
            raise _gone() from error

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _replace_memory(self, size: int) -> None:
        self._connection.send(("memory", None))
        self._memory = SharedMemory.share(self._connection, size)

    def _answer(self) -> tuple[Shapes | None, list[Rows]]:
        error, shapes, sent = self._connection.recv()
        if error is not None:
            raise error
        return shapes, sent


def _gone() -> RmsetError:
    return RmsetError(
        "the process that runs the models for all jobs has ended",
        remedy="the GPU's or the machine's memory may have run out: see what `nvidia-smi` and `dmesg` say",
    )
