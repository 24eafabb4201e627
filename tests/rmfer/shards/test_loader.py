from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pillow_pictures import by_pillow
from small_shards import picture, wall

from rmfer.data.augment import LUMA, RMSET_MEAN, RMSET_STD, augment
from rmfer.data.device import augment_batch, normalize
from rmfer.errors import RmferError, ShardError
from rmfer.shards import AnchorBatch, AnchorLoader, ImageReader, SamplerSettings, open_index

Make = Callable[..., list[Path]]

SIZE = 48

FEW: dict[str, Any] = {"size": SIZE, "workers": 2}

SETTINGS = SamplerSettings(seed=11, positives=8, negatives=6, anchors_per_step=2, frame_stride=1)

OTHER = SamplerSettings(frame_stride=1)


@pytest.fixture
def folder(tmp_path: Path, make_shards: Make) -> Path:
    """Two videos, three shards, pictures of 48 x 48."""
    make_shards(tmp_path, "a", wall(80, 4), per_shard=200, size=SIZE)
    make_shards(tmp_path, "b", wall(70, 3), size=SIZE, first=9000)
    return tmp_path


def same(a: AnchorBatch, b: AnchorBatch) -> bool:
    return (a.epoch, a.step) == (b.epoch, b.step) and torch.equal(a.images, b.images)


def test_tensors_are_the_pictures(folder: Path) -> None:
    reader = ImageReader(open_index(folder))
    options: dict[str, Any] = {"steps_per_epoch": 3, "augment": "off", "exact_decoding": True, **FEW}
    with AnchorLoader(folder, SETTINGS, **options) as loader:
        for step, batch in enumerate(loader):
            assert (batch.epoch, batch.step, len(batch.sets)) == (0, step, 2)
            assert batch.images.shape == (2, 15, 3, SIZE, SIZE)
            assert batch.images.dtype == torch.float32
            assert batch.images[0].is_contiguous(memory_format=torch.channels_last)
            for number, rows in enumerate(batch.rows):
                for place, row in enumerate(rows.tolist()):
                    pixels = torch.from_numpy(by_pillow(bytes(reader.read(row)))).permute(2, 0, 1)
                    torch.testing.assert_close(batch.images[number, place], normalize(pixels), rtol=0, atol=1e-5)
    assert step == 2


def test_grey_pictures_are_luma_in_three_channels(folder: Path) -> None:
    reader = ImageReader(open_index(folder))
    options: dict[str, Any] = {"steps_per_epoch": 1, "exact_decoding": True, "grey": True, **FEW}
    mean, std = np.dot(LUMA, RMSET_MEAN), np.dot(LUMA, RMSET_STD)
    with AnchorLoader(folder, SETTINGS, augment="off", **options) as loader:
        batch = next(iter(loader))
    for rows, faces in zip(batch.rows.tolist(), batch.images.numpy(), strict=True):
        for row, face in zip(rows, faces, strict=True):
            assert np.array_equal(face[0], face[1]) and np.array_equal(face[0], face[2])
            luma = by_pillow(bytes(reader.read(row))).astype(np.float64) @ np.asarray(LUMA)
            # Rounded to a level, of 255.
            np.testing.assert_allclose(face[0], (luma / 255 - mean) / std, atol=0.6 / 255 / std)
    with (
        AnchorLoader(folder, SETTINGS, augment="cpu", **options) as cpu,
        AnchorLoader(folder, SETTINGS, augment="device", device="cpu", **options) as device,
    ):
        for one, other in zip(cpu, device, strict=True):
            # Which round after each step of the augmentation, or never.
            torch.testing.assert_close(one.images, other.images, rtol=0, atol=3 / 255 / float(std))
            assert torch.equal(one.images[:, :, 0], one.images[:, :, 2])
    with (
        AnchorLoader(folder, SETTINGS, **{**options, "grey": False}) as coloured,
        pytest.raises(RmferError, match="grey"),
    ):
        coloured.load_state_dict(cpu.state_dict())


def test_quick_decoding_stays_near_the_exact(folder: Path) -> None:
    options: dict[str, Any] = {"steps_per_epoch": 3, "augment": "later", **FEW}
    with (
        AnchorLoader(folder, SETTINGS, **options) as quick,
        AnchorLoader(folder, SETTINGS, exact_decoding=True, **options) as exact,
    ):
        for a, b in zip(quick, exact, strict=True):
            difference = (a.images.float() - b.images.float()).abs()
            # These pictures have colours such as no face has; of faces see below.
            assert 0 < float(difference.mean()) < 8, "in 255 levels"
            assert float(difference.max()) <= 64


def test_augmented_by_the_plan_wherever_it_is_done(folder: Path) -> None:
    options: dict[str, Any] = {"steps_per_epoch": 2, **FEW}
    with (
        AnchorLoader(folder, SETTINGS, augment="later", **options) as later,
        AnchorLoader(folder, SETTINGS, augment="cpu", **options) as cpu,
        AnchorLoader(folder, SETTINGS, augment="device", device="cpu", **options) as device,
    ):
        for raw, by_workers, by_device in zip(later, cpu, device, strict=True):
            assert raw.images.dtype == torch.uint8
            flat = raw.images.flatten(0, 1)
            changed = [augment(face.permute(1, 2, 0).numpy().copy(), raw.plan, n) for n, face in enumerate(flat)]
            expected = normalize(torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2))
            torch.testing.assert_close(by_workers.images.flatten(0, 1), expected, rtol=0, atol=1e-5)
            finished = normalize(augment_batch(flat, raw.plan)).unflatten(0, (2, 15))
            torch.testing.assert_close(by_device.images, finished)
            assert not torch.equal(by_workers.images, normalize(raw.images))


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 0), (3, 1), (8, 5)])
def test_the_same_whatever_the_workers(folder: Path, workers: int, prefetch: int) -> None:
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=6, size=SIZE, workers=1, prefetch=2) as one:
        expected = list(one)
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=6, size=SIZE, workers=workers, prefetch=prefetch) as many:
        assert all(same(*pair) for pair in zip(expected, many, strict=True))
    assert len({batch.images.data_ptr() for batch in expected}) == 6, "what is held is not written over"


def test_memory_is_used_again(folder: Path) -> None:
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=40, prefetch=1, **FEW) as loader:
        places = {batch.images.data_ptr() for batch in loader}
    assert len(places) <= 4


def test_ranks_share_the_steps(folder: Path) -> None:
    one = SamplerSettings(seed=4, positives=8, negatives=6, frame_stride=1)
    with AnchorLoader(folder, one, steps_per_epoch=6, **FEW) as alone:
        expected = [batch.images.clone() for batch in alone]
    found: list[torch.Tensor] = [torch.empty(0)] * 6
    for rank in range(2):
        with AnchorLoader(folder, one, rank=rank, world_size=2, steps_per_epoch=3, **FEW) as loader:
            for batch in loader:
                found[batch.step * 2 + rank] = batch.images.clone()
    assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))


@pytest.mark.parametrize("stop", [0, 1, 4, 5, 7])
def test_going_on_from_any_step(folder: Path, stop: int) -> None:
    def steps(loader: AnchorLoader, count: int) -> list[AnchorBatch]:
        found: list[AnchorBatch] = []
        while len(found) < count:
            found += itertools.islice(loader, count - len(found))
        return found

    with AnchorLoader(folder, SETTINGS, steps_per_epoch=5, **FEW) as whole:
        expected = steps(whole, 10)
    assert [(batch.epoch, batch.step) for batch in expected] == [(e, s) for e in range(2) for s in range(5)]
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=5, **FEW) as first:
        steps(first, stop)
        state = first.state_dict()
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=5, size=SIZE, workers=1, prefetch=0) as second:
        second.load_state_dict(state)
        assert all(same(*pair) for pair in zip(expected[stop:], steps(second, 10 - stop), strict=True))
        second.set_epoch(1)
        assert same(next(iter(second)), expected[5])


def test_a_state_of_something_else(folder: Path) -> None:
    with AnchorLoader(folder, SETTINGS, **FEW) as loader, AnchorLoader(folder, OTHER, **FEW) as other:
        with pytest.raises(RmferError, match=r"cannot go on from this state: it differs in settings .*'seed': 11"):
            other.load_state_dict(loader.state_dict())
        torch.save(loader.state_dict(), folder / "state.pt")
        loader.load_state_dict(torch.load(folder / "state.pt", weights_only=True))


def test_pictures_of_another_size_are_resized(tmp_path: Path, make_shards: Make) -> None:
    make_shards(tmp_path, "v", wall(80, 4), size=64)
    for size in (32, 100):
        options: dict[str, Any] = {"size": size, "workers": 1, "augment": "later", "exact_decoding": True}
        with AnchorLoader(tmp_path, SETTINGS, steps_per_epoch=1, **options) as loader:
            (batch,) = loader
            face = batch.images[0, 0].permute(1, 2, 0).numpy()
            whole = by_pillow(picture(int(batch.rows[0, 0]), 64))
            np.testing.assert_array_equal(face, cv2.resize(whole, (size, size), interpolation=cv2.INTER_AREA))


def flip_byte(folder: Path, rows: list[int]) -> list[Path]:
    """Change a byte in the middle of the pictures of ``rows``, leaving size and time of their shards."""
    index = open_index(folder)
    paths = []
    for row in rows:
        path, _ = index.place(row)
        stat, content = path.stat(), bytearray(path.read_bytes())
        data = bytes(ImageReader(index).read(row))
        content[bytes(content).index(data) + len(data) // 2] ^= 4
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        paths.append(path)
    return paths


def test_a_flipped_byte_ends_the_step_or_is_left_out(
    folder: Path, make_shards: Make, caplog: pytest.LogCaptureFixture
) -> None:
    # Pictures with a page of their own, as real ones have: one bad byte, one bad picture.
    for path in folder.glob("*.parquet"):
        path.unlink()
    make_shards(folder, "a", wall(80, 4), size=128)
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=20, **FEW) as loader:
        expected = [(batch.rows, batch.images.clone()) for batch in loader]
    bad = [int(expected[3][0][0, 0]), int(expected[7][0][1, 4])]
    (path, _) = flip_byte(folder, bad)
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=20, **FEW) as loader:
        with pytest.raises(ShardError) as raised:
            list(loader)
        assert str(raised.value) in {
            f"{path}, row {row}: its bytes are not those that were written (checksum); "
            "delete it and run `rmset extract` on its video again"
            for row in bad
        }
    runs = []
    for workers in (1, 4):
        with (
            caplog.at_level(logging.WARNING, "rmfer"),
            AnchorLoader(folder, SETTINGS, steps_per_epoch=20, size=SIZE, workers=workers, skip_bad=True) as loader,
        ):
            found = [(batch.rows, batch.images.clone()) for batch in loader]
            assert set(loader.bad) == set(bad)
            assert {error.row for error in loader.bad.values()} == set(bad)
        runs.append(found)
    assert len(caplog.records) == 4, "each once a run"
    changed = 0
    for (rows, images), (rows_before, images_before), (again, _) in zip(runs[0], expected, runs[1], strict=True):
        np.testing.assert_array_equal(rows, again, "the same whatever the workers")
        assert not np.isin(rows, bad).any()
        for number in range(2):
            if np.isin(rows_before[number], bad).any():
                changed += 1
            else:
                np.testing.assert_array_equal(rows[number], rows_before[number])
                assert torch.equal(images[number], images_before[number])
    assert changed >= 2


def test_a_shard_that_goes_while_training(folder: Path) -> None:
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=10, skip_bad=True, **FEW) as loader:
        first = int(loader.sampler.index.shard_start[1])
        (folder / "a-00001.parquet").unlink()
        for batch in loader:
            assert not ((batch.rows >= first) & (batch.rows < 320)).any()
        assert loader.bad
        assert all("a-00001.parquet: is missing" in str(error) for error in loader.bad.values())
    with pytest.raises(RmferError, match=r"a-00001.parquet: is missing; put it back"):
        AnchorLoader(folder, SETTINGS, **FEW)
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=4, skip_bad=True, **FEW) as loader:
        assert len(list(loader)) == 4
        assert [error.path.name for error in loader.sampler.index.faults] == ["a-00001.parquet"]


def test_nothing_left_to_draw(folder: Path) -> None:
    with AnchorLoader(folder, SETTINGS, steps_per_epoch=2, skip_bad=True, **FEW) as loader:
        for path in folder.glob("[ab]-*.parquet"):
            path.unlink()
        with pytest.raises(RmferError, match="cannot be read"):
            list(loader)


def test_a_file_that_is_no_picture(tmp_path: Path, make_shards: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def hollow(number: int, size: int) -> bytes:
        return picture(number, size) if number != 5 else b"\xff\xd8" + b"nonsense" * 200 + b"\xff\xd9"

    monkeypatch.setitem(make_shards.__globals__, "picture", hollow)
    make_shards(tmp_path, "v", wall(80, 4), size=SIZE)
    with (
        AnchorLoader(tmp_path, SETTINGS, steps_per_epoch=60, **FEW) as loader,
        pytest.raises(ShardError, match=r"v-00000.parquet, row 5: its picture cannot be decoded"),
    ):
        list(loader)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"augment": "gpu"}, "augment 'gpu' is none of cpu, device, later, off"),
        ({"decode_on": "tpu"}, "decode_on 'tpu' is none of"),
        ({"augment": "device"}, "augment='device' without a device"),
        ({"decode_on": "cuda"}, "decode_on='cuda' needs a device 'cuda'"),
        ({"decode_on": "cuda", "device": "cpu", "augment": "device"}, "decode_on='cuda' needs a device 'cuda'"),
        ({"workers": 0}, "workers 0"),
        ({"prefetch": -1}, "prefetch -1"),
        ({"steps_per_epoch": 0}, "steps_per_epoch 0"),
    ],
)
def test_settings_that_cannot_be(folder: Path, options: dict[str, Any], fault: str) -> None:
    with pytest.raises(RmferError, match=fault):
        AnchorLoader(folder, SETTINGS, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_is_said_plainly(folder: Path) -> None:
    with pytest.raises(RmferError, match=r"there is no GPU cuda: torch .* sees 0; use the CPU"):
        AnchorLoader(folder, SETTINGS, device="cuda", decode_on="cuda", augment="device")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_decoded_on_a_gpu(folder: Path) -> None:
    options: dict[str, Any] = {"device": "cuda", "augment": "off", "steps_per_epoch": 3, **FEW}
    with (
        AnchorLoader(folder, SETTINGS, decode_on="cuda", **options) as there,
        AnchorLoader(folder, SETTINGS, **options) as here,
    ):
        for a, b in zip(there, here, strict=True):
            assert a.images.device.type == "cuda"
            assert float((a.images - b.images).abs().mean()) < 0.05, "nvJPEG rounds otherwise"
