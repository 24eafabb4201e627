from __future__ import annotations

import math
from collections.abc import Callable

import loss_reference as reference
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.nn.functional import one_hot

from rmfer.errors import RmferError
from rmfer.losses.acl import acl_loss, choose, kept
from rmfer.losses.attention import attention, similarity
from rmfer.losses.ial import ial_loss
from rmfer.losses.mixup import mix, mixup_loss
from rmfer.losses.nt_xent import nt_xent_loss

FACES, WIDTH, CLASSES = 6, 5, 7


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor, nn.Linear]:
    head = nn.Linear(WIDTH, CLASSES, dtype=torch.float64)
    return normal(FACES, WIDTH, seed=1), normal(FACES, WIDTH, seed=2), torch.tensor([0, 3, 6, 3, 1, 2]), head


@pytest.mark.parametrize("tau", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("self_mask", [True, False])
def test_losses_are_those_of_their_formulas(
    batch: tuple[Tensor, Tensor, Tensor, nn.Linear], tau: float, self_mask: bool
) -> None:
    f, z, labels, head = batch
    options = {"tau": tau, "self_mask": self_mask}
    torch.testing.assert_close(
        attention(z, **options), torch.tensor(reference.attention(z.tolist(), **options)).double()
    )
    weights = head.weight.tolist(), head.bias.tolist()
    expected = reference.ial(f.tolist(), z.tolist(), labels.tolist(), *weights, **options)
    assert ial_loss(f, z, labels, head, **options).item() == pytest.approx(expected, rel=1e-12)

    anchor, near, far = normal(3, WIDTH, seed=3), normal(3, 4, WIDTH, seed=4), normal(3, 2, WIDTH, seed=5)
    expected = (
        sum(reference.acl(*row, **options) for row in zip(*map(Tensor.tolist, (anchor, near, far)), strict=True)) / 3
    )
    assert acl_loss(anchor, near, far, **options).item() == pytest.approx(expected, rel=1e-12)
    expected = reference.nt_xent(f.tolist(), z.tolist(), tau)
    assert nt_xent_loss(f, z, tau=tau).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("self_mask", [True, False])
def test_gradients_are_right(batch: tuple[Tensor, Tensor, Tensor, nn.Linear], self_mask: bool) -> None:
    f, z, labels, head = batch
    f.requires_grad_(), z.requires_grad_()
    assert gradcheck(lambda f, z: ial_loss(f, z, labels, head, tau=0.25, self_mask=self_mask), (f, z))
    sets = [normal(*shape, seed=7).requires_grad_() for shape in [(2, WIDTH), (2, 3, WIDTH), (2, 4, WIDTH)]]
    assert gradcheck(lambda *sets: acl_loss(*sets, tau=0.25, self_mask=self_mask), sets)
    assert gradcheck(lambda f, z: nt_xent_loss(f, z, tau=0.25), (f, z))


def test_order_of_a_batch_does_not_matter(batch: tuple[Tensor, Tensor, Tensor, nn.Linear]) -> None:
    f, z, labels, head = batch
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    torch.testing.assert_close(attention(z[order]), attention(z)[order][:, order])
    torch.testing.assert_close(
        ial_loss(f[order], z[order], labels[order], head, tau=0.25), ial_loss(f, z, labels, head, tau=0.25)
    )
    torch.testing.assert_close(nt_xent_loss(f[order], z[order], tau=0.25), nt_xent_loss(f, z, tau=0.25))
    anchor, near, far = normal(1, WIDTH), normal(1, 6, WIDTH, seed=1), normal(1, 6, WIDTH, seed=2)
    torch.testing.assert_close(
        acl_loss(anchor, near[:, order], far[:, order], tau=0.25), acl_loss(anchor, near, far, tau=0.25)
    )


def test_a_masked_face_neither_sees_itself_nor_learns_from_itself(
    batch: tuple[Tensor, Tensor, Tensor, nn.Linear],
) -> None:
    f, z, labels, head = batch
    masked, unmasked = attention(z), attention(z, self_mask=False)
    assert (masked.diagonal() == 0).all() and (unmasked.diagonal() > 0).all()
    torch.testing.assert_close(masked.sum(1), torch.ones(FACES).double())
    # Without the diagonal, the rest keeps its proportions.
    rest = unmasked - unmasked.diagonal().diag()
    torch.testing.assert_close(masked, rest / rest.sum(1, keepdim=True))
    f.requires_grad_()
    own = nn.functional.cross_entropy(head(attention(z) @ f)[:1], labels[:1])
    (gradient,) = torch.autograd.grad(own, f)
    assert (gradient[0] == 0).all() and (gradient[1:] != 0).any(1).all()


def test_attention_needs_another_face() -> None:
    with pytest.raises(RmferError, match="batch_size"):
        attention(normal(1, WIDTH))


def test_parts_of_processes_add_up_to_the_whole_batch(batch: tuple[Tensor, Tensor, Tensor, nn.Linear]) -> None:
    f, z, labels, head = batch
    f.requires_grad_(), z.requires_grad_()
    whole = ial_loss(f, z, labels, head, tau=0.25)
    parts = [
        ial_loss(f[part], z[part], labels[part], head, tau=0.25, all_f=f, all_z=z, offset=part.start)
        for part in (slice(0, 2), slice(2, 4), slice(4, 6))
    ]
    mean = torch.stack(parts).mean()
    torch.testing.assert_close(mean, whole)
    torch.testing.assert_close(torch.autograd.grad(mean, (f, z)), torch.autograd.grad(whole, (f, z)))


@pytest.mark.parametrize("gamma", [0.02, 0.1, 0.5, 1.0])
def test_choice_is_that_of_its_formula(gamma: float) -> None:
    anchor, near, far = normal(4, WIDTH), normal(4, 50, WIDTH, seed=1), normal(4, 30, WIDTH, seed=2)
    chosen = choose(anchor.requires_grad_(), near, far, gamma=gamma)
    for row in range(4):
        own = anchor[row].tolist()
        assert chosen.positives[row].tolist() == reference.choose(own, near[row].tolist(), gamma, nearest=True)
        assert chosen.negatives[row].tolist() == reference.choose(own, far[row].tolist(), gamma, nearest=False)


def test_choice_among_equals_is_the_first() -> None:
    anchor, same = torch.ones(2, 3), torch.ones(2, 50, 3)
    chosen = choose(anchor, same, same, gamma=0.1)
    assert chosen.positives.tolist() == chosen.negatives.tolist() == [[0, 1, 2, 3, 4]] * 2


def test_share_kept_is_rounded_up_without_noise() -> None:
    assert [kept(50, gamma) for gamma in (0.001, 0.05, 0.1, 0.11, 1)] == [1, 3, 5, 6, 50]
    assert all(
        kept(count, share / 100) == -(-share * count // 100) for count in range(1, 200) for share in range(1, 101)
    )
    for gamma in (0, -0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="gamma"):
            kept(50, gamma)


def test_length_of_projections_does_not_matter() -> None:
    sets = normal(2, WIDTH), normal(2, 3, WIDTH, seed=1), normal(2, 4, WIDTH, seed=2)
    for scale in (1e-3, 1e3, 1e6):
        torch.testing.assert_close(acl_loss(*(scale * part for part in sets), tau=0.25), acl_loss(*sets, tau=0.25))
        torch.testing.assert_close(attention(scale * sets[1][0]), attention(sets[1][0]))


def extremes(dtype: torch.dtype) -> list[tuple[str, Callable[[], Tensor], float]]:
    """Losses at the ends of what is possible, tau = 0.001 and logits of 10,000, with what they must be."""
    east = torch.eye(WIDTH, dtype=dtype)[:1]
    west, faces = -east, torch.eye(WIDTH, dtype=dtype)
    head, labels = lambda f: 1e4 * f, torch.arange(WIDTH)
    return [
        ("acl, all alike", lambda: acl_loss(east, east[None], east[None], tau=1e-3), math.log(2)),
        ("acl, perfect", lambda: acl_loss(east, east[None], west[None], tau=1e-3), 0),
        ("acl, all wrong", lambda: acl_loss(east, west[None], east[None], tau=1e-3), 2000),
        ("acl, unmasked", lambda: acl_loss(east, west[None], west[None], tau=1e-3, self_mask=False), 2000),
        ("nt-xent, perfect", lambda: nt_xent_loss(faces, faces, tau=1e-3), 0),
        ("nt-xent, all wrong", lambda: nt_xent_loss(faces, -faces, tau=1e-3), 1000 + math.log(8)),
        ("ial, itself", lambda: ial_loss(faces, faces, labels, head, tau=1e-3, self_mask=False), 0),
        ("ial, others", lambda: ial_loss(faces, faces, labels, head, tau=1e-3), 2500 + math.log(4)),
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_extreme_logits_stay_numbers(dtype: torch.dtype) -> None:
    for name, loss, expected in extremes(dtype):
        assert loss().item() == pytest.approx(expected, rel=1e-3, abs=1e-6), name


def test_a_small_contrastive_loss_keeps_its_digits() -> None:
    """log-sum-exp of all minus that of the positives would be 0 in float32."""
    near, far = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[-1.0, 0.0]]])
    assert acl_loss(near[:, 0], near, far, tau=0.1).item() == pytest.approx(math.exp(-20), rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_only_that_of_the_input(dtype: torch.dtype) -> None:
    """With and without autocast: exactly float32's loss of the rounded values, and a gradient in their dtype."""
    f, z = (normal(8, 32, seed=seed).to(dtype).requires_grad_() for seed in (1, 2))
    sets = normal(2, 32).to(dtype), normal(2, 3, 32, seed=3).to(dtype), normal(2, 4, 32, seed=4).to(dtype)
    labels, head = torch.arange(8) % CLASSES, nn.Linear(32, CLASSES)
    losses = [
        (lambda f, z, *_: ial_loss(f, z, labels, head, tau=0.25)),
        (lambda f, z, *_: nt_xent_loss(f, z, tau=0.25)),
        (lambda f, z, *sets: acl_loss(*sets, tau=0.25)),
        (lambda f, z, *_: attention(z).sum(0)),
        (lambda f, z, *_: similarity(f, z, tau=0.25)),
        (lambda f, z, *_: mixup_loss(f, labels, labels.flip(0), 0.3)),
    ]
    for loss in losses:
        exact = loss(*(value.float() for value in (f, z, *sets)))
        with torch.autocast("cpu", dtype):
            under = loss(f, z, *sets)
        for found in (loss(f, z, *sets), under):
            assert found.dtype == torch.float32
            assert torch.equal(found, exact)
    ial_loss(f, z, labels, head, tau=0.25).backward()
    assert f.grad is not None and f.grad.dtype == dtype and f.grad.isfinite().all()


def test_mixup_mixes_pictures_and_losses_alike() -> None:
    images = normal(8, 3, 4, 4).to(memory_format=torch.channels_last)
    labels = torch.arange(8) % CLASSES
    mixed, others = mix(images, labels, alpha=1.0, generator=np.random.default_rng(5))
    again, _ = mix(images, labels, alpha=1.0, generator=np.random.default_rng(5))
    assert torch.equal(mixed, again) and mixed.is_contiguous(memory_format=torch.channels_last)
    numbers = np.random.default_rng(5)
    share, order = numbers.beta(1, 1), numbers.permutation(8)
    assert others.share == share and 0 < share < 1
    torch.testing.assert_close(mixed, share * images + (1 - share) * images[order])
    assert others.labels.tolist() == labels[order].tolist()

    logits = normal(8, CLASSES, seed=1)
    soft = share * one_hot(labels, CLASSES) + (1 - share) * one_hot(others.labels, CLASSES)
    torch.testing.assert_close(mixup_loss(logits, labels, *others), -(soft * logits.log_softmax(1)).sum(1).mean())
