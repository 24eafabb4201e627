"""One process runs the models of all: on the CPU here, with everything else as a GPU has it."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
from tripling_model import assert_tripled, rows_of, tripling

from rmset_builder.core.errors import RmsetError
from rmset_builder.inference.batches import Rows
from rmset_builder.inference.open_runner import open_runner
from rmset_builder.inference.remote import RemoteRunner
from rmset_builder.inference.server import model_server
from rmset_builder.inference.session import Device, ServerAddress

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a GPU that jobs could share")
_PATIENCE_S = 30


def unreadable(batch: int) -> bytes:
    raise RmsetError(f"there is no model for {batch}", remedy="fetch it again")


def no_graph(batch: int) -> bytes:
    return b"no graph"


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with model_server(Device()) as device:
        yield device


@pytest.fixture
def server(device: Device) -> ServerAddress:
    assert device.server is not None
    return device.server


def test_a_device_with_a_server_is_run_by_it(device: Device) -> None:
    with closing(open_runner(tripling, 4, device)) as runner:
        assert isinstance(runner, RemoteRunner)
        for count in (1, 4, 11, 2):
            assert_tripled(runner.run(rows_of(count)), rows_of(count))


def test_answers_stay_what_they_were(server: ServerAddress) -> None:
    with closing(RemoteRunner(server, tripling, 4)) as runner:
        answers = [runner.run(rows_of(3, seed)) for seed in range(5)]
    for seed, answer in enumerate(answers):
        assert_tripled(answer, rows_of(3, seed))


def _of_one_process(server: ServerAddress, first: int) -> list[tuple[int, list[Rows]]]:
    with closing(RemoteRunner(server, tripling, 16)) as runner, ThreadPoolExecutor(4) as pool:
        seeds = range(first, first + 40)
        return list(zip(seeds, pool.map(lambda seed: runner.run(rows_of(1 + seed % 20, seed)), seeds), strict=True))


def test_threads_of_several_processes_get_their_own_rows(server: ServerAddress) -> None:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        asked = [pool.submit(_of_one_process, server, first) for first in (0, 100, 200)]
        for seed, found in [pair for future in asked for pair in future.result(timeout=60)]:
            assert_tripled(found, rows_of(1 + seed % 20, seed))


def test_a_model_that_cannot_be_had_is_an_error_of_who_asked(server: ServerAddress) -> None:
    with pytest.raises(RmsetError, match="no model for 4; fetch it again"):
        RemoteRunner(server, unreadable, 4)
    with pytest.raises(RuntimeError, match="InvalidProtobuf"):
        RemoteRunner(server, no_graph, 4)
    with closing(RemoteRunner(server, tripling, 4)) as runner:
        assert_tripled(runner.run(rows_of(2)), rows_of(2))


def test_rows_of_the_wrong_shape_are_an_error_and_the_next_run_is_well(server: ServerAddress) -> None:
    with closing(RemoteRunner(server, tripling, 4)) as runner:
        for wrong in (np.zeros((2, 5), np.float32), np.zeros((2, 3, 3), np.float32)):
            with pytest.raises(RuntimeError, match="broadcast"):
                runner.run(wrong)
            assert_tripled(runner.run(rows_of(3)), rows_of(3))


def test_a_strangers_key_is_refused(server: ServerAddress) -> None:
    with pytest.raises(multiprocessing.AuthenticationError):
        RemoteRunner(ServerAddress(server.name, b"another"), tripling, 4)


def test_a_server_that_is_gone_is_told() -> None:
    with model_server(Device()) as device:
        assert device.server is not None
        runner = RemoteRunner(device.server, tripling, 4)
        (child,) = [p for p in psutil.Process().children() if _serves(p, device.server)]
        child.kill()
        with pytest.raises(RmsetError, match="has ended"):
            runner.run(rows_of(1))
        with pytest.raises(RmsetError, match="has ended"):
            RemoteRunner(device.server, tripling, 4)


def test_nothing_is_left_when_it_is_closed() -> None:
    with model_server(Device()) as device:
        assert device.server is not None
        (child,) = [p for p in psutil.Process().children() if _serves(p, device.server)]
    assert not child.is_running()
    with pytest.raises(RmsetError, match="has ended"):
        RemoteRunner(device.server, tripling, 4)


def _hold_a_server(path_to: str) -> None:
    with model_server(Device()) as device:
        assert device.server is not None
        (child,) = psutil.Process().children()
        Path(path_to).write_text(str(child.pid))
        time.sleep(600)


def test_a_server_ends_with_whoever_started_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    process = multiprocessing.get_context("spawn").Process(target=_hold_a_server, args=(str(told),))
    process.start()
    _until(lambda: told.exists() and told.read_text() != "")
    child = psutil.Process(int(told.read_text()))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    _until(functools.partial(_is_gone, child))


def _is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def _serves(process: psutil.Process, server: ServerAddress) -> bool:
    # The system writes "@" for the byte that begins a name without a file.
    return any(connection.laddr == "@" + server.name[1:] for connection in process.net_connections("unix"))


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
