from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional

from rmfer.data.augment import (
    BRIGHTNESS,
    CONTRAST,
    FLIP,
    GRAYSCALE,
    HUE,
    JITTER,
    NOTHING,
    RMSET_MEAN,
    RMSET_STD,
    SATURATION,
    AugmentPlan,
    augment,
)
from rmfer.data.device import augment_batch, normalize

Pixels = np.ndarray


@pytest.fixture(scope="module")
def faces() -> list[Pixels]:
    """Six faces of insightface's photo and what no face has: noise, flat colours, black and white."""
    from rmset_builder.demo.compose import load_scene  # noqa: PLC0415
    from rmset_builder.demo.scene import draw_frame  # noqa: PLC0415

    frame = draw_frame(load_scene(), 0)[:, :, ::-1]
    height, width = frame.shape[:2]
    cuts = [frame[y : y + 260, x : x + 260] for y in (40, height - 300) for x in (20, width // 2 - 130, width - 280)]
    noise = np.random.default_rng(0).integers(0, 256, (260, 260, 3), dtype=np.uint8)
    ramp = np.stack(np.meshgrid(np.arange(260), np.arange(260)), -1).astype(np.uint8)
    flat = np.dstack([ramp, np.full((260, 260), 128, np.uint8)])
    edge = np.zeros((260, 260, 3), np.uint8)
    edge[130:] = 255
    return [np.ascontiguousarray(cut) for cut in [*cuts, noise, flat, edge]]


def plan_of(
    kind: int, strength: tuple[float, ...] = (1, 1, 1, 0), order: tuple[int, ...] = (0, 1, 2, 3)
) -> AugmentPlan:
    return AugmentPlan(np.array([kind], np.uint8), np.array([strength], np.float32), np.array([order]))


def by_torchvision(face: Pixels, plan: AugmentPlan, number: int) -> Pixels:
    """What Pillow makes of it, as the paper's authors had it."""
    image, strength = Image.fromarray(face), plan.strength[number].tolist()
    if plan.kind[number] == FLIP:
        image = functional.hflip(image)
    if plan.kind[number] == GRAYSCALE:
        image = functional.rgb_to_grayscale(image, 3)
    if plan.kind[number] == JITTER:
        for which in plan.order[number].tolist():
            image = _PILLOW[which](image, strength[which])
    return np.asarray(image)


_PILLOW = {
    BRIGHTNESS: functional.adjust_brightness,
    CONTRAST: functional.adjust_contrast,
    SATURATION: functional.adjust_saturation,
    HUE: functional.adjust_hue,
}


def difference(a: Pixels, b: Pixels) -> Pixels:
    return np.abs(a.astype(np.float64) - b.astype(np.float64))


@pytest.mark.parametrize("kind", [NOTHING, FLIP, GRAYSCALE])
def test_flip_and_grayscale_are_torchvisions(faces: list[Pixels], kind: int) -> None:
    for face in faces:
        found = augment(face.copy(), plan_of(kind), 0)
        assert difference(found, by_torchvision(face, plan_of(kind), 0)).max() <= (kind == GRAYSCALE)


@pytest.mark.parametrize("factor", [0.75, 0.9, 1.0, 1.1, 1.25])
@pytest.mark.parametrize("which", [BRIGHTNESS, CONTRAST, SATURATION])
def test_factors_give_pillows_bytes(faces: list[Pixels], which: int, factor: float) -> None:
    strength = [1.0, 1.0, 1.0, 0.0]
    strength[which] = factor
    plan = plan_of(JITTER, tuple(strength))
    for face in faces:
        expected = np.asarray(_PILLOW[which](Image.fromarray(face), factor))
        found = augment(face.copy(), plan, 0)
        # The last bit of a product decides which way a whole number is truncated.
        assert difference(found, expected).max() <= 1
        assert difference(found, expected).mean() < 0.05


@pytest.mark.parametrize("shift", [-0.125, -0.05, 0.0, 0.03, 0.125])
def test_hue_turns_as_torchvision_turns_it(faces: list[Pixels], shift: float) -> None:
    plan = plan_of(JITTER, (1, 1, 1, shift))
    for face in faces:
        found = augment(face.copy(), plan, 0)
        exact = functional.adjust_hue(torch.from_numpy(face).permute(2, 0, 1) / 255, shift).permute(1, 2, 0) * 255
        assert difference(found, exact.numpy()).max() <= 0.51, "rounded once"
        assert difference(found, by_torchvision(face, plan, 0)).mean() < 2.5, "Pillow rounds three times"


def test_whole_plans_are_torchvisions(faces: list[Pixels]) -> None:
    plan = AugmentPlan.of_set(400, seed=5, epoch=1, number=2)
    differences = []
    for number in range(len(plan)):
        face = faces[number % 6]
        differences.append(difference(augment(face.copy(), plan, number), by_torchvision(face, plan, number)).mean())
    assert np.mean(differences) < 0.7
    assert np.max(differences) < 4


def test_batches_on_a_device_are_the_same(faces: list[Pixels]) -> None:
    plan = AugmentPlan.of_set(60, seed=6, epoch=0, number=0)
    chosen = [faces[number % 6] for number in range(60)]
    batch = torch.from_numpy(np.stack(chosen)).permute(0, 3, 1, 2)
    found = augment_batch(batch, plan)
    assert found.dtype == torch.float32
    assert 0 <= float(found.min()) <= float(found.max()) <= 255
    for number, face in enumerate(chosen):
        expected = augment(face.copy(), plan, number)
        away = difference(found[number].permute(1, 2, 0).numpy(), expected)
        # One truncates after each step, as Pillow does, and the other never rounds.
        assert away.mean() < 2
        assert np.percentile(away, 99) < 4
    np.testing.assert_array_equal(batch.permute(0, 2, 3, 1).numpy(), np.stack(chosen), "the input stays")


def test_normalised_as_torchvision_does(faces: list[Pixels]) -> None:
    batch = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2)
    expected = functional.normalize(batch / 255, RMSET_MEAN, RMSET_STD)
    torch.testing.assert_close(normalize(batch), expected, rtol=0, atol=1e-5)


def test_plans_have_the_papers_shares() -> None:
    plans = [AugmentPlan.of_set(101, seed=0, epoch=0, number=n) for n in range(300)]
    kinds = np.concatenate([plan.kind for plan in plans])
    shares = np.bincount(kinds, minlength=4) / len(kinds)
    np.testing.assert_allclose(shares, [1 - 1 / 30 - 1 / 6 - 1 / 3, 1 / 30, 1 / 6, 1 / 3], atol=0.012)
    strength = np.concatenate([plan.strength for plan in plans])
    np.testing.assert_allclose(strength.min(0), [0.75, 0.75, 0.75, -0.125], atol=0.001)
    np.testing.assert_allclose(strength.max(0), [1.25, 1.25, 1.25, 0.125], atol=0.001)
    orders = {tuple(order) for plan in plans for order in plan.order.tolist()}
    assert len(orders) == 24


def test_plans_depend_on_seed_epoch_and_number_alone() -> None:
    def told(**which: int) -> bytes:
        return AugmentPlan.of_set(9, **which).strength.tobytes()

    assert told(seed=1, epoch=2, number=3) == told(seed=1, epoch=2, number=3)
    assert len({told(seed=s, epoch=e, number=n) for s in (0, 1) for e in (0, 1) for n in (0, 1)}) == 8
    joined = AugmentPlan.join([AugmentPlan.none(2), AugmentPlan.of_set(3, seed=0, epoch=0, number=0)])
    assert len(joined) == 5
    assert not joined.kind[:2].any()
