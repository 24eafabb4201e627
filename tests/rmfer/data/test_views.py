"""Views that methods compare: what is changed, how much, and that the same numbers give the same views."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from rmfer.data.views import erased, moved, noisy, strong

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.1)
View = Callable[[Tensor, Generator], Tensor]
VIEWS: list[View] = [
    lambda images, numbers: noisy(images, numbers, sigma=0.02, share=0.5, std=STD),
    lambda images, numbers: erased(images, numbers, share=0.5, area=(0.02, 0.25)),
    lambda images, numbers: moved(images, numbers, share=0.5, rotate=20, shift=0.1),
    lambda images, numbers: strong(images, numbers, mean=MEAN, std=STD),
]


def numbers(seed: int = 1) -> Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 8, side: int = 32) -> Tensor:
    """Normalised pictures of any levels."""
    levels = torch.rand(count, 3, side, side, generator=numbers(7))
    return (levels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@pytest.mark.parametrize("view", VIEWS)
def test_the_same_numbers_give_the_same_view_and_others_another(view: View) -> None:
    images = pictures()
    before, course = images.clone(), torch.get_rng_state()
    first = view(images, numbers(1))
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), course)  # which the network's dropout goes on with
    assert torch.equal(first, view(images, numbers(1)))
    assert not torch.equal(first, view(images, numbers(2)))
    assert first.shape == images.shape and first.dtype == images.dtype


def test_noise_has_its_deviation_on_its_share_of_the_pictures() -> None:
    images = torch.zeros(400, 3, 16, 16)
    added = noisy(images, numbers(), sigma=0.02, share=0.5, std=STD)
    changed = added.abs().sum((1, 2, 3)) > 0
    assert 0.42 < changed.float().mean() < 0.58
    spread = added[changed].std(dim=(0, 2, 3))
    torch.testing.assert_close(spread, 0.02 / torch.tensor(STD), rtol=0.02, atol=0)


def test_a_rectangle_of_the_right_area_is_erased() -> None:
    images = torch.ones(600, 3, 40, 40)
    gone = erased(images, numbers(), share=0.5, area=(0.1, 0.25)) == 0
    assert torch.equal(gone[:, 0], gone[:, 1]) and torch.equal(gone[:, 0], gone[:, 2])
    holes = gone[:, 0]
    share = holes.float().mean((1, 2))
    hit = share > 0
    assert 0.43 < hit.float().mean() < 0.57
    assert share[hit].min() > 0.08 and share[hit].max() < 0.27
    for hole in holes[hit][:50]:
        rows, columns = hole.any(1).nonzero()[:, 0], hole.any(0).nonzero()[:, 0]
        height, width = (int(each.max() - each.min()) + 1 for each in (rows, columns))
        assert int(hole.sum()) == height * width  # without holes of its own
        assert 0.25 < height / width < 4
    assert holes[:, 0].any() and holes[:, -1].any() and holes[:, :, 0].any() and holes[:, :, -1].any()


def test_half_are_mirrored_and_the_share_is_moved() -> None:
    images = pictures(1, 16).expand(600, -1, -1, -1)
    seen = moved(images, numbers(), share=0.3, shift=0.2)
    same, mirror = (((seen - each).abs().amax((1, 2, 3)) < 1e-4).float().mean() for each in (images, images.flip(3)))
    assert 0.28 < same < 0.42 and 0.28 < mirror < 0.42
    assert 0.24 < 1 - same - mirror < 0.36


def test_strong_views_stay_pictures_and_have_grey_squares() -> None:
    images = torch.zeros(200, 3, 32, 32)  # all of the mean's levels, which no operation changes into grey 128 / 255
    seen = strong(images, numbers(), mean=MEAN, std=STD)
    levels = seen * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
    assert levels.min() > -1e-5 and levels.max() < 1 + 1e-5
    grey = ((levels - 128 / 255).abs() < 1e-4).all(1)
    area = grey.float().mean((1, 2))
    assert area.max() < 0.26 + 0.01
    assert (area > 0).float().mean() > 0.9
