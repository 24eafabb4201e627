from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tripling_model import assert_tripled, rows_of, tripling

from rmset_builder.core.geometry import Array
from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.faces import Faces, Image
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.open_runner import open_runner
from rmset_builder.inference.runners import CallerRunner, Runner, SharedBatchRunner
from rmset_builder.inference.session import Device, open_session
from rmset_builder.pipeline.model_pack import load_pack

BATCH = 4
_PATIENCE_S = 30

# A runner for (batch, 3) float32 rows, and the number of rows that each run of the model was given.
Make = Callable[[int], tuple[Runner, "Watched"]]


class Watched:
    """Sessions, one for each batch, that count their runs, wait for ``gate``, and fail when told to."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.running = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.fault: Exception | None = None

    def open(self, batch: int) -> Any:
        return _WatchedSession(self, batch)

    def before(self, batch: int) -> None:
        self.running.set()
        assert self.gate.wait(_PATIENCE_S)
        self.runs.append(batch)
        if self.fault is not None:
            raise self.fault


class _WatchedSession:
    def __init__(self, watched: Watched, batch: int) -> None:
        self._watched, self._batch = watched, batch
        self._session = open_session(tripling(batch), Device())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, *arguments: Any) -> Any:
        self._watched.before(self._batch)
        return self._session.run(*arguments)

    def run_with_iobinding(self, *arguments: Any) -> None:
        self._watched.before(self._batch)
        self._session.run_with_iobinding(*arguments)


@pytest.fixture(params=["caller", "shared"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    opened: list[Runner] = []

    def new(batch: int) -> tuple[Runner, Watched]:
        watched = Watched()
        runner = (
            CallerRunner(watched.open(batch), batch)
            if request.param == "caller"
            else SharedBatchRunner(watched.open, batch, Device())
        )
        opened.append(runner)
        return runner, watched

    yield new
    for runner in opened:
        runner.close()


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 11])
def test_any_number_of_rows_comes_back_in_order(make: Make, batch: int, count: int) -> None:
    runner, watched = make(batch)
    assert_tripled(runner.run(rows_of(count)), rows_of(count))
    assert len(watched.runs) == -(-count // batch)
    assert_tripled(runner.run(rows_of(1, seed=1)), rows_of(1, seed=1))  # and not what is left of those before


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (2, 4), (4, 4), (5, 16), (16, 16), (17, 20), (20, 20)])
def test_few_rows_travel_in_a_small_batch(rows: int, size: int) -> None:
    watched = Watched()
    with closing(SharedBatchRunner(watched.open, 20, Device())) as runner:
        assert_tripled(runner.run(rows_of(rows)), rows_of(rows))
    assert watched.runs == [size]


def test_callers_in_many_threads_get_their_own_rows(make: Make) -> None:
    runner, _ = make(BATCH)

    def call(seed: int) -> None:
        rows = rows_of(1 + seed % 11, seed)
        assert_tripled(runner.run(rows), rows)

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(call, seed) for seed in range(400)]:
            future.result(timeout=_PATIENCE_S)


def test_answers_stay_what_they_were(make: Make) -> None:
    """No answer lies in memory that a later run writes to."""
    runner, _ = make(BATCH)
    first = runner.run(rows_of(BATCH))
    runner.run(rows_of(BATCH, seed=1))
    assert_tripled(first, rows_of(BATCH))


def test_a_models_error_reaches_every_caller_and_the_next_run_is_well(make: Make) -> None:
    runner, watched = make(BATCH)
    watched.fault = RuntimeError("out of memory")
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(runner.run, rows_of(1 + n % 7)) for n in range(24)]:
            with pytest.raises(RuntimeError, match="out of memory"):
                future.result(timeout=_PATIENCE_S)
    watched.fault = None
    assert_tripled(runner.run(rows_of(9)), rows_of(9))


def test_rows_of_the_wrong_shape_are_an_error_of_their_caller_alone(make: Make) -> None:
    runner, _ = make(BATCH)
    for wrong in (np.zeros((2, 5), np.float32), np.zeros((2, 3, 3), np.float32)):
        with pytest.raises(Exception, match=r"."):
            runner.run(wrong)
        assert_tripled(runner.run(rows_of(3)), rows_of(3))


@pytest.mark.parametrize(
    ("counts", "runs"),
    [
        ([1, 1, 1, 1], 1),
        ([1, 2, 1, 4, 3, 1], 3),
        ([3, 3, 3], 3),
        ([1] * 9, 3),
        ([9], 3),
    ],
)
def test_what_waits_while_the_model_runs_goes_into_one_batch(counts: Sequence[int], runs: int) -> None:
    """The gate holds the model at the first batch until all the others wait."""
    watched = Watched()
    with closing(SharedBatchRunner(watched.open, BATCH, Device())) as runner, ThreadPoolExecutor(16) as pool:
        watched.gate.clear()
        first = pool.submit(runner.run, rows_of(BATCH, seed=99))
        assert watched.running.wait(_PATIENCE_S)
        asked = [rows_of(count, seed) for seed, count in enumerate(counts)]
        waiting = []
        for number, rows in enumerate(asked):
            waiting.append(pool.submit(runner.run, rows))
            expected = sum(-(-count // BATCH) for count in counts[: number + 1])
            while runner.waiting < expected:
                threading.Event().wait(0.001)
        watched.gate.set()
        assert_tripled(first.result(timeout=_PATIENCE_S), rows_of(BATCH, seed=99))
        for rows, future in zip(asked, waiting, strict=True):
            assert_tripled(future.result(timeout=_PATIENCE_S), rows)
        assert len(watched.runs) == 1 + runs


def test_closing_answers_what_waits_and_ends_the_thread() -> None:
    watched = Watched()
    runner = SharedBatchRunner(watched.open, BATCH, Device())
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "batches"]
    watched.gate.clear()
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(runner.run, rows_of(BATCH, seed=99))
        assert watched.running.wait(_PATIENCE_S)
        waiting = [pool.submit(runner.run, rows_of(3, seed)) for seed in range(4)]
        while runner.waiting < 4:
            threading.Event().wait(0.001)
        closing_ = pool.submit(runner.close)
        watched.gate.set()
        assert_tripled(first.result(timeout=_PATIENCE_S), rows_of(BATCH, seed=99))
        for seed, future in enumerate(waiting):
            assert_tripled(future.result(timeout=_PATIENCE_S), rows_of(3, seed))
        closing_.result(timeout=_PATIENCE_S)
    assert not thread.is_alive()


def test_the_cpu_runs_in_the_callers_thread() -> None:
    runner = open_runner(tripling, 2, Device())
    assert isinstance(runner, CallerRunner)
    runner.close()


@pytest.fixture(scope="module")
def photos() -> list[Image]:
    photo = np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)
    photo = np.asarray(cv2.resize(photo, (320, 222), interpolation=cv2.INTER_AREA), np.uint8)
    return [np.ascontiguousarray(np.roll(photo, 16 * n, axis=1)) for n in range(6)]


@pytest.fixture
def in_shared_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU would do, on the CPU."""

    def open_shared(graph_of: Callable[[int], bytes], batch: int, device: Device) -> Runner:
        return SharedBatchRunner(lambda rows: open_session(graph_of(rows), device), batch, device)

    for module in ("detection.scrfd", "identity.embedder"):
        monkeypatch.setattr(f"rmset_builder.{module}.open_runner", open_shared)


def detector(batch: int) -> Scrfd:
    return Scrfd(load_pack().detector, size=InputSize(320, 224), batch=batch, device=Device(), threshold=0.3)


def from_many_threads(call: Callable[[list[Image]], Sequence[Any]], pictures: list[Image]) -> list[tuple[int, Any]]:
    """``call`` for 1 .. 6 pictures at a time from eight threads: pairs of a picture's number and what was found."""

    def one(number: int) -> list[tuple[int, Any]]:
        chosen = [(number + step) % len(pictures) for step in range(1 + number % len(pictures))]
        return list(zip(chosen, call([pictures[index] for index in chosen]), strict=True))

    with ThreadPoolExecutor(8) as pool:
        return [pair for part in pool.map(one, range(12), timeout=_PATIENCE_S) for pair in part]


@pytest.mark.usefixtures("in_shared_batches")
def test_faces_of_shared_batches_are_those_of_single_pictures(photos: list[Image]) -> None:
    assert_faces_are_those_of_single_pictures(photos)


def test_faces_of_callers_batches_are_those_of_single_pictures(photos: list[Image]) -> None:
    assert_faces_are_those_of_single_pictures(photos)


def assert_faces_are_those_of_single_pictures(photos: list[Image]) -> None:
    with closing(detector(1)) as single, closing(detector(BATCH)) as shared:
        alone = [single.detect([photo])[0] for photo in photos]
        assert min(len(faces) for faces in alone) >= 5
        for index, found in from_many_threads(shared.detect, photos):
            assert_same(found, alone[index])


def assert_same(found: Faces, expected: Faces) -> None:
    assert len(found) == len(expected)
    one, other = (faces[np.argsort(faces.boxes[:, 0])] for faces in (found, expected))
    np.testing.assert_allclose(one.boxes, other.boxes, rtol=0, atol=0.01)
    np.testing.assert_allclose(one.landmarks, other.landmarks, rtol=0, atol=0.01)
    np.testing.assert_allclose(one.scores, other.scores, rtol=0, atol=1e-4)


def unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@pytest.mark.usefixtures("in_shared_batches")
def test_embeddings_of_shared_batches_are_those_of_single_faces(photos: list[Image]) -> None:
    assert_embeddings_are_those_of_single_faces(photos)


def test_embeddings_of_callers_batches_are_those_of_single_faces(photos: list[Image]) -> None:
    assert_embeddings_are_those_of_single_faces(photos)


def assert_embeddings_are_those_of_single_faces(photos: list[Image]) -> None:
    crops = [np.ascontiguousarray(photo[40:152, 60:172]) for photo in photos]
    path = Path(load_pack().recogniser)
    with (
        closing(Embedder(path, batch=1, device=Device())) as single,
        closing(Embedder(path, batch=BATCH, device=Device())) as shared,
    ):
        alone = unit(single.embed(crops))
        for index, found in from_many_threads(shared.embed, crops):
            np.testing.assert_allclose(unit(found), alone[index], rtol=0, atol=1e-4)
