from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import small_benchmarks
import torch

from rmfer.data.augment import AugmentPlan, augment
from rmfer.data.device import normalize
from rmfer.data.rng import LABELLED_AUGMENT, RANDOM_SETS_AUGMENT
from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled import (
    Benchmark,
    EvalLoader,
    LabelledBatch,
    LabelledLoader,
    RandomBatch,
    RandomSets,
    open_benchmark,
)
from rmfer.labelled import images as images_module
from rmfer.labelled.sampling import Balance, LabelledSampler

SIZE = 24


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """80 + 8 + 16 pictures of 8 classes."""
    folder = tmp_path_factory.mktemp("benchmark")
    small_benchmarks.folders(folder, counts=(10, 1, 2), size=(32, 28))
    return open_benchmark(folder)


@pytest.fixture
def options(benchmark: Benchmark) -> dict[str, Any]:
    return {"mean": benchmark.mean, "std": benchmark.std, "size": SIZE, "workers": 2}


def same(a: LabelledBatch, b: LabelledBatch) -> bool:
    same_place = (a.epoch, a.step) == (b.epoch, b.step)
    return same_place and all(torch.equal(getattr(a, n), getattr(b, n)) for n in ("images", "labels", "items"))


def expected_image(benchmark: Benchmark, pixels: np.ndarray) -> torch.Tensor:
    return normalize(torch.from_numpy(pixels).permute(2, 0, 1), benchmark.mean, benchmark.std)


@pytest.mark.parametrize(("size", "how"), [(SIZE, cv2.INTER_AREA), (50, cv2.INTER_LINEAR)])
def test_tensors_are_the_augmented_pictures(benchmark: Benchmark, options: dict[str, Any], size: int, how: int) -> None:
    split = benchmark.splits["train"]
    with LabelledLoader(split, classes=8, batch_size=32, seed=5, **options | {"size": size}) as loader:
        assert len(loader) == loader.steps_per_epoch == 2
        kinds = set[int]()
        for number, batch in enumerate(itertools.chain(loader, loader, loader)):
            epoch, step = divmod(number, 2)
            assert (batch.epoch, batch.step) == (epoch, step)
            assert batch.images.shape == (32, 3, size, size)
            assert batch.images.dtype == torch.float32
            assert batch.images.is_contiguous(memory_format=torch.channels_last)
            plan = AugmentPlan.of_set(32, seed=5, epoch=epoch, number=step, purpose=LABELLED_AUGMENT)
            kinds.update(plan.kind.tolist())
            for place, item in enumerate(batch.items.tolist()):
                resized = cv2.resize(split.decode(item), (size, size), interpolation=how)
                expected = expected_image(benchmark, augment(resized, plan, place).copy())
                torch.testing.assert_close(batch.images[place], expected, rtol=0, atol=1e-5)
                assert int(batch.labels[place]) == split.labels[item]
        assert len(kinds) == 4


def test_pictures_of_the_right_size_are_not_spoilt(benchmark: Benchmark, tmp_path: Path) -> None:
    small_benchmarks.folders(tmp_path, counts=(4, 1, 1), size=(SIZE, SIZE))
    square = open_benchmark(tmp_path)
    split = square.splits["train"]
    before = [split.decode(number).copy() for number in range(len(split))]
    with LabelledLoader(split, classes=8, mean=square.mean, std=square.std, size=SIZE, workers=1) as loader:
        for _ in range(5):
            for _ in loader:
                pass
    for number, pixels in enumerate(before):
        np.testing.assert_array_equal(split.decode(number), pixels)
    with EvalLoader(split, mean=square.mean, std=square.std, size=SIZE) as loader:
        for batch in loader:
            for place, item in enumerate(batch.items.tolist()):
                torch.testing.assert_close(batch.images[place], expected_image(square, before[item]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("balance", ["weighted", "exact", "none"])
@pytest.mark.parametrize(("workers", "prefetch"), [(1, 0), (5, 4)])
def test_the_same_whatever_the_workers(
    benchmark: Benchmark, options: dict[str, Any], balance: Balance, workers: int, prefetch: int
) -> None:
    split = benchmark.splits["train"]
    with LabelledLoader(split, classes=8, batch_size=16, balance=balance, **options) as one:
        expected = [*one, *one]
    assert [(batch.epoch, batch.step) for batch in expected] == [(e, s) for e in range(2) for s in range(5)]
    many_options = options | {"workers": workers, "prefetch": prefetch}
    with LabelledLoader(split, classes=8, batch_size=16, balance=balance, **many_options) as many:
        assert all(same(*pair) for pair in zip(expected, [*many, *many], strict=True))
        many.set_epoch(1)
        assert same(next(iter(many)), expected[5])
    assert not torch.equal(expected[0].items, expected[5].items), "epochs differ"


@pytest.mark.parametrize("balance", ["weighted", "exact", "none"])
def test_ranks_share_each_batch(benchmark: Benchmark, options: dict[str, Any], balance: Balance) -> None:
    split = benchmark.splits["train"]
    with LabelledLoader(split, classes=8, batch_size=20, balance=balance, **options) as one:
        whole = list(one)
    parts = []
    for rank in range(2):
        with LabelledLoader(
            split, classes=8, batch_size=20, balance=balance, rank=rank, world_size=2, **options
        ) as loader:
            parts.append(list(loader))
    for alone, first, second in zip(whole, *parts, strict=True):
        for name in ("images", "labels", "items"):
            assert torch.equal(getattr(alone, name), torch.cat([getattr(first, name), getattr(second, name)]))


@pytest.mark.parametrize("stop", [0, 1, 4, 5, 7])
def test_going_on_from_any_step(benchmark: Benchmark, options: dict[str, Any], stop: int) -> None:
    def steps(loader: LabelledLoader, count: int) -> list[LabelledBatch]:
        found: list[LabelledBatch] = []
        while len(found) < count:
            found += itertools.islice(loader, count - len(found))
        return found

    split = benchmark.splits["train"]
    with LabelledLoader(split, classes=8, batch_size=16, **options) as whole:
        expected = steps(whole, 10)
    with LabelledLoader(split, classes=8, batch_size=16, **options) as first:
        steps(first, stop)
        state = first.state_dict()
    with LabelledLoader(split, classes=8, batch_size=16, **options | {"workers": 1}) as second:
        second.load_state_dict(state)
        assert all(same(*pair) for pair in zip(expected[stop:], steps(second, 10 - stop), strict=True))


def test_a_state_of_something_else(benchmark: Benchmark, options: dict[str, Any], tmp_path: Path) -> None:
    train = benchmark.splits["train"]
    with LabelledLoader(train, classes=8, **options) as loader:
        state = loader.state_dict()
    torch.save(state, tmp_path / "state.pt")
    with (
        LabelledLoader(train, classes=8, balance="exact", seed=1, **options) as other,
        pytest.raises(RmferError, match=r"cannot go on .* balance \(then weighted, now exact\), seed \(then 42"),
    ):
        other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    with (
        LabelledLoader(train.part(np.arange(79)), classes=8, **options) as other,
        pytest.raises(RmferError, match=r"differs in split \(then"),
    ):
        other.load_state_dict(state)


# -------------------------------------------------------------------------------------------------------------- draws


def drawn(benchmark: Benchmark, numbers: np.ndarray, balance: Balance, batch_size: int, epochs: int) -> np.ndarray:
    """(epochs, steps, batch_size) pictures of the part ``numbers`` of the training split."""
    split = benchmark.splits["train"].part(numbers)
    sampler = LabelledSampler(split, classes=8, batch_size=batch_size, balance=balance, seed=9)
    steps = range(sampler.steps_per_epoch)
    return np.asarray([[sampler.batch(epoch, step) for step in steps] for epoch in range(epochs)])


def test_weighted_draws_follow_their_weights(benchmark: Benchmark) -> None:
    # 10, 10, ... and of the last class 2.
    numbers = np.arange(72)
    items = drawn(benchmark, numbers, "weighted", 32, 150).ravel()
    labels = benchmark.splits["train"].labels[numbers]
    counts = np.bincount(labels)
    expected = len(items) / 8 / counts[labels]
    found = np.bincount(items, minlength=len(numbers))
    chi_squared = float(((found - expected) ** 2 / expected).sum())
    assert chi_squared < 71 + 5 * np.sqrt(2 * 71)


@pytest.mark.parametrize("batch_size", [5, 8, 16, 21])
def test_exact_balance(benchmark: Benchmark, batch_size: int) -> None:
    numbers = np.arange(73)
    items = drawn(benchmark, numbers, "exact", batch_size, 2)
    labels = benchmark.splits["train"].labels[numbers]
    for epoch in items:
        for batch in epoch:
            counts = np.bincount(labels[batch], minlength=8)
            assert counts.min() >= batch_size // 8
            assert counts.max() - counts.min() <= 1
        so_far = np.bincount(labels[epoch.ravel()], minlength=8)
        assert so_far.max() - so_far.min() <= 1, "what is left over goes round"
        for label in range(8):
            times = np.bincount(epoch.ravel(), minlength=len(numbers))[labels == label]
            assert times.max() - times.min() <= 1, "none comes again before all have come"
    assert (np.diff(labels[items[0, 0]]) < 0).any(), "classes are mixed"


def test_no_balance_takes_everything_once(benchmark: Benchmark) -> None:
    items = drawn(benchmark, np.arange(80), "none", 16, 2)
    for epoch in items:
        assert sorted(epoch.ravel().tolist()) == list(range(80))
    assert not np.array_equal(items[0], items[1])
    few = drawn(benchmark, np.arange(0, 80, 10), "none", 32, 1)
    assert few.shape == (1, 1, 32)
    assert np.bincount(few.ravel()).tolist() == [4] * 8


def test_random_sets(benchmark: Benchmark, options: dict[str, Any]) -> None:
    split = benchmark.splits["train"]
    how: dict[str, Any] = {"positives": 5, "negatives": 4, "anchors_per_step": 2, "steps_per_epoch": 6, "seed": 3}
    with RandomSets(split, **how, **options) as loader:
        expected: list[RandomBatch] = [*loader, *loader]
    assert [(batch.epoch, batch.step) for batch in expected] == [(e, s) for e in range(2) for s in range(6)]
    for batch in expected:
        assert batch.images.shape == (2, 10, 3, SIZE, SIZE)
        assert batch.rows.shape == (2, 10)
        assert batch.images[0].is_contiguous(memory_format=torch.channels_last)
        assert all(len(set(row)) == 10 for row in batch.rows.tolist())
    plan = AugmentPlan.of_set(10, seed=3, epoch=1, number=2 * 4 + 1, purpose=RANDOM_SETS_AUGMENT)
    batch = expected[10]
    for place, item in enumerate(batch.rows[1].tolist()):
        resized = cv2.resize(split.decode(item), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        pixels = augment(resized, plan, place).copy()
        torch.testing.assert_close(batch.images[1, place], expected_image(benchmark, pixels), rtol=0, atol=1e-5)
    for rank in range(2):
        ranked = how | {"anchors_per_step": 1}
        with RandomSets(split, rank=rank, world_size=2, **ranked, **options | {"workers": 1}) as loader:
            for batch, whole in zip(loader, expected[:6], strict=True):
                assert torch.equal(batch.images[0], whole.images[rank])
    with RandomSets(split, **how, **options) as loader:
        loader.load_state_dict({**loader.state_dict(), "epoch": 1, "step": 3})
        assert torch.equal(next(iter(loader)).images, expected[9].images)
        # Every picture as anchor, positive or negative as often as any other.
        rows = np.asarray([loader.draw(epoch=7, number=number) for number in range(4000)])
    for places in (rows[:, :1], rows[:, 1:2], rows[:, 5:6], rows[:, -1:]):
        found = np.bincount(places.ravel(), minlength=80)
        assert float(((found - 50.0) ** 2 / 50).sum()) < 79 + 5 * np.sqrt(2 * 79)
    with pytest.raises(BenchmarkError, match="has 80 pictures, too few for an anchor, 50 positives and 50 negatives"):
        RandomSets(split, **options)


def test_evaluation_sees_everything_once(benchmark: Benchmark, options: dict[str, Any]) -> None:
    split = benchmark.splits["test"]
    with EvalLoader(split, batch_size=5, **options) as loader:
        assert len(loader) == 4
        for _ in range(2):
            batches = list(loader)
            assert [len(batch.images) for batch in batches] == [5, 5, 5, 1]
            assert torch.cat([batch.items for batch in batches]).tolist() == list(range(16))
            np.testing.assert_array_equal(torch.cat([batch.labels for batch in batches]).numpy(), split.labels)
        next(iter(loader))
        assert len(list(loader)) == 4, "always from the first"
    for rank in range(3):
        with EvalLoader(split, batch_size=5, rank=rank, world_size=3, **options) as loader:
            assert torch.cat([batch.items for batch in loader]).tolist() == list(range(rank, 16, 3))


# ------------------------------------------------------------------------------------------------------------- faults


def test_settings_out_of_range(benchmark: Benchmark, options: dict[str, Any]) -> None:
    split = benchmark.splits["train"]
    for wrong, message in (
        ({"batch_size": 9, "world_size": 2}, "batch_size 9 is not a multiple of 2 processes"),
        ({"rank": 1}, "rank 1 is not one of 1"),
        ({"balance": "some"}, "balance 'some' is none of weighted, exact, none"),
        ({"workers": 0}, "workers 0 is not a number from 1 on"),
        ({"seed": -1}, "seed -1"),
        ({"size": 4}, "size 4"),
        ({"device": "cuda:99"}, "there is no GPU cuda:99"),
    ):
        with pytest.raises(RmferError, match=message):
            LabelledLoader(split, classes=8, **options | wrong)


def test_a_class_without_a_picture(benchmark: Benchmark, options: dict[str, Any]) -> None:
    split = benchmark.splits["train"]
    some = split.part(np.flatnonzero((split.labels != 4) & (split.labels != 6)))
    for balance in ("weighted", "exact", "none"):
        with pytest.raises(BenchmarkError, match="no picture of fear, anger in 'train'; add some"):
            LabelledLoader(some, classes=8, balance=balance, **options)


def test_a_picture_that_does_not_decode_ends_the_loop(tmp_path: Path, options: dict[str, Any]) -> None:
    small_benchmarks.folders(tmp_path, counts=(2, 1, 1))
    path = tmp_path / "train/fear/1.png"
    path.write_bytes(path.read_bytes()[:60])
    split = open_benchmark(tmp_path).splits["train"]
    with (
        LabelledLoader(split, classes=8, batch_size=4, balance="none", **options) as loader,
        pytest.raises(BenchmarkError, match=r"train/fear/1.png: cannot be decoded"),
    ):
        list(loader)
    with EvalLoader(split, batch_size=4, **options) as evaluating, pytest.raises(BenchmarkError, match="decoded"):
        list(evaluating)


def test_only_what_fits_stays_in_memory(
    tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_benchmarks.folders(tmp_path, counts=(2, 1, 1))
    whole = 16 * 40 * 32 * 3
    for room, kept in ((whole, True), (whole - 1, False)):
        monkeypatch.setattr(images_module, "KEEP", room)
        split = open_benchmark(tmp_path).splits["train"]
        assert (split.decode(3) is split.decode(3)) == kept
