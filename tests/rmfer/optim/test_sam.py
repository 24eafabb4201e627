from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from pytorch_optimizer import SAM
from sam_helpers import backward, batches, make_net, train_part, weights_of
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam, AdamW, Optimizer

from rmfer.optim.sam import Sam


def steps(net: nn.Module, sam: Sam) -> nn.Module:
    scale = sam.scaler.scale if sam.scaler else (lambda loss: loss)
    for batch in batches():
        backward(net, batch, scale)
        sam.ascend()
        backward(net, batch, scale)
        assert sam.descend()
    return net


def equal(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_every_step_is_that_of_another_implementation(kind: type[Optimizer], adaptive: bool) -> None:
    ours, theirs = make_net(), make_net()
    sam = Sam(kind(ours.parameters(), lr=0.05), rho=0.3, adaptive=adaptive)
    oracle = SAM(theirs.parameters(), kind, rho=0.3, adaptive=adaptive, lr=0.05)
    for batch in batches():
        backward(ours, batch)
        backward(theirs, batch)
        sam.ascend()
        oracle.first_step(zero_grad=True)
        torch.testing.assert_close(weights_of(ours), weights_of(theirs), rtol=1e-6, atol=1e-7)
        backward(ours, batch)
        backward(theirs, batch)
        assert sam.descend()
        oracle.second_step(zero_grad=True)
        # Adam divides by gradients, near 0 where the first is tiny.
        torch.testing.assert_close(weights_of(ours), weights_of(theirs), rtol=1e-4, atol=1e-5)
    assert not equal(weights_of(ours), weights_of(make_net()))


def test_it_climbs_by_rho_along_the_gradient_and_returns_bit_for_bit() -> None:
    net = make_net()
    sam = Sam(SGD(net.parameters(), lr=0.1), rho=0.05)
    before, (batch,) = weights_of(net), batches(1)
    backward(net, batch)
    gradient = torch.cat([w.grad.flatten() for w in net.parameters() if w.grad is not None])
    norm = sam.ascend()
    assert norm.item() == pytest.approx(gradient.norm().item(), rel=1e-6)
    moved = torch.cat([(now - then).flatten() for now, then in zip(weights_of(net), before, strict=True)])
    torch.testing.assert_close(moved, 0.05 * gradient / gradient.norm(), rtol=1e-3, atol=1e-6)
    assert all(w.grad is None for w in net.parameters())
    sam.restore()
    assert equal(weights_of(net), before)


def test_weights_return_also_where_subtracting_would_not() -> None:
    weights = nn.Parameter(torch.tensor([1e-8, 1.0, -0.0, 3e38]))
    sam = Sam(SGD([weights], lr=0.0), rho=1e4)
    for _ in range(2):
        weights.sum().backward()
        sam.ascend()
        (0 * weights[:3].sum()).backward()
        sam.descend()
    assert weights.tolist() == torch.tensor([1e-8, 1.0, -0.0, 3e38]).tolist()
    assert torch.signbit(weights[2])


def test_parts_without_gradient_are_left_alone() -> None:
    net, head = make_net(), nn.Linear(8, 7)
    before = weights_of(head)
    sam = Sam(AdamW([*net.parameters(), *head.parameters()], lr=0.1, weight_decay=0.1))
    steps(net, sam)
    assert equal(weights_of(head), before)


def test_accumulated_gradients_are_those_of_the_whole_batch() -> None:
    whole, parts = make_net(), make_net()
    steps(whole, Sam(SGD(whole.parameters(), lr=0.1)))
    sam = Sam(SGD(parts.parameters(), lr=0.1))
    for images, labels in batches():
        for turn in (sam.ascend, sam.descend):
            for part in (slice(0, 4), slice(4, 8)):
                backward(parts, (images[part], labels[part]), lambda loss: loss / 2)
            turn()
    torch.testing.assert_close(weights_of(parts), weights_of(whole))


def test_scaled_losses_give_the_very_same_steps() -> None:
    """A scale that is a power of 2 changes no bit."""
    plain, scaled = make_net(), make_net()
    steps(plain, Sam(Adam(plain.parameters(), lr=0.05)))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
    steps(scaled, Sam(Adam(scaled.parameters(), lr=0.05), scaler=scaler))
    assert equal(weights_of(plain), weights_of(scaled))
    assert scaler.get_scale() == 2.0**13  # both passes count


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_trains_under_autocast(dtype: torch.dtype) -> None:
    net, exact = make_net(), make_net()
    steps(exact, Sam(SGD(exact.parameters(), lr=0.1)))
    scaler = torch.amp.GradScaler("cpu", enabled=dtype is torch.float16)
    sam = Sam(SGD(net.parameters(), lr=0.1), scaler=scaler)
    for batch in batches():
        for turn in (sam.ascend, sam.descend):
            with torch.autocast("cpu", dtype):
                loss = cross_entropy(net(batch[0]), batch[1])
            scaler.scale(loss).backward()
            assert turn()
    torch.testing.assert_close(weights_of(net), weights_of(exact), rtol=0.02, atol=0.005)
    assert not equal(weights_of(net), weights_of(exact))


@pytest.mark.parametrize("with_scaler", [False, True])
@pytest.mark.parametrize("bad_pass", [0, 1])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_gradients_that_are_not_finite_make_no_step(with_scaler: bool, bad_pass: int, value: float) -> None:
    net = make_net()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10) if with_scaler else None
    sam = Sam(Adam(net.parameters(), lr=0.1), scaler=scaler)
    before, (first, second) = weights_of(net), batches(2)
    scale = scaler.scale if scaler else (lambda loss: loss)
    for number in range(2):
        backward(net, first, scale)
        if number == bad_pass:
            next(net.parameters()).grad[0, 0] = value  # type: ignore[index]
        if number == 0:
            assert sam.ascend().isfinite() == (bad_pass != 0)
            assert equal(weights_of(net), before) == (bad_pass == 0)
    assert sam.descend() is False
    assert equal(weights_of(net), before)
    assert all(w.grad is None for w in net.parameters())
    if scaler:
        assert scaler.get_scale() == 2.0**9
    # It goes on as if nothing had been.
    for turn in (sam.ascend, sam.descend):
        backward(net, second, scale)
        assert turn()
    assert not equal(weights_of(net), before)


def test_state_goes_on_where_it_was() -> None:
    net = make_net()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    sam = Sam(Adam(net.parameters(), lr=0.05), scaler=scaler)
    steps(net, sam)
    other = copy.deepcopy(net)
    resumed = Sam(Adam(other.parameters(), lr=0.05), scaler=torch.amp.GradScaler("cpu"))
    resumed.load_state_dict(copy.deepcopy(sam.state_dict()))
    assert equal(weights_of(steps(net, sam)), weights_of(steps(other, resumed)))


def test_passes_out_of_order_are_refused() -> None:
    net = make_net()
    sam = Sam(SGD(net.parameters(), lr=0.1))
    with pytest.raises(RuntimeError, match="ascend"):
        sam.descend()
    backward(net, next(batches()))
    sam.ascend()
    with pytest.raises(RuntimeError, match="twice"):
        sam.ascend()
    with pytest.raises(ValueError, match="rho"):
        Sam(SGD(net.parameters(), lr=0.1), rho=0)


def test_two_processes_step_as_one_with_the_joint_batch(tmp_path: Path) -> None:
    other = torch.multiprocessing.get_context("spawn").Process(target=train_part, args=(1, str(tmp_path)))
    other.start()
    train_part(0, str(tmp_path))
    other.join()
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert equal(first, second)
    alone = make_net()
    steps(alone, Sam(Adam(alone.parameters(), lr=0.05)))
    torch.testing.assert_close(first, weights_of(alone), rtol=1e-4, atol=1e-5)
