"""The parts of a training step: the loss put together by hand, SAM's two passes, the learning rate, shifts, crops."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy

from rmfer.data.affine import affine
from rmfer.distributed import Ranks, join
from rmfer.errors import RmferError
from rmfer.losses.method import ChosenShape
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig, make_config
from rmfer.training.averaging import AveragedWeights
from rmfer.training.batch_norm import kept, statistics_of
from rmfer.training.checkpointing import check_same_run, load_checkpoint, save_checkpoint
from rmfer.training.objective import Looked, Objective
from rmfer.training.people import PeopleCount, told
from rmfer.training.simclr import crop
from rmfer.training.stepping import Stepper, learning_rate, precision_of

ALONE = Ranks(0, 1, torch.device("cpu"))
SETS, SIDE = 2, 24


def config(**changes: Any) -> TrainConfig:
    settings = {"backbone": "test_resnet", "weights": "none", "size": SIDE, "positives": 7, "negatives": 7}
    return make_config({**settings, "gamma": 0.3, "lambda2": 0.5, "epochs_pre": 0, "lr": 1e-3, **changes})


def objective(**changes: Any) -> Objective:
    torch.manual_seed(3)
    return Objective(RmferNet("test_resnet", classes=7).train(), config(**changes), ALONE)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(8, 3, SIDE, SIDE), torch.arange(8) % 7


@pytest.fixture
def sets() -> Tensor:
    torch.manual_seed(2)
    return torch.randn(SETS, 15, 3, SIDE, SIDE)


def test_the_total_is_what_the_formulas_say(batch: tuple[Tensor, Tensor], sets: Tensor) -> None:
    images, labels = batch
    made = objective(lambda1=0.7)
    chosen, shape, _ = made.choose(sets)
    assert shape == ChosenShape(SETS, 3, 3)
    found = made(torch.cat([images, chosen]), Looked(images, labels), shape)

    net = copy.deepcopy(made.net)
    f = net.backbone(torch.cat([images, chosen]))
    z = net.projection(f)
    fer = cross_entropy(net.head_main(f[:8]), labels)
    scores = cosine_similarity(z[:8, None], z[None, :8], dim=2) / 0.25
    weights = scores.masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf).softmax(1)
    ial = cross_entropy(net.head_att(weights @ f[:8]), labels)
    acl = []
    for own in z[8:].view(SETS, 7, -1):
        s = (cosine_similarity(own[:1], own[1:], dim=1) / 0.25).exp()
        acl.append(-(s[:3].sum() / s.sum()).log())
    expected = fer + 0.7 * ial + 0.5 * torch.stack(acl).mean()
    torch.testing.assert_close(found.total, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.terms["acl"], torch.stack(acl).mean().detach(), rtol=1e-5, atol=1e-6)


def test_targets_may_be_shared_out(batch: tuple[Tensor, Tensor]) -> None:
    images, labels = batch
    made = objective(lambda1=0.7, lambda2=0)
    shares = torch.rand(8, 7).double().softmax(1)
    found = made(images, Looked(images, shares.float()))

    f = made.net.backbone(images).double()
    z = made.net.projection(f.float()).double()
    scores = cosine_similarity(z[:, None], z[None], dim=2) / 0.25
    weights = scores.masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf).softmax(1)

    def entropy(head: nn.Linear, features: Tensor) -> Tensor:
        logits = features @ head.weight.double().T + head.bias.double()
        return -(shares * logits.log_softmax(1)).sum(1).mean()

    expected = entropy(made.net.head_main, f), entropy(made.net.head_att, weights @ f)
    torch.testing.assert_close(found.terms["fer"].double(), expected[0].detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.terms["ial"].double(), expected[1].detach(), rtol=1e-5, atol=1e-6)
    one = made(images, Looked(images, torch.nn.functional.one_hot(labels, 7).float()))
    torch.testing.assert_close(one.total, made(images, Looked(images, labels)).total)


def test_chosen_are_the_likest_of_others_and_the_unlikest_of_the_same(sets: Tensor) -> None:
    made = objective()
    before = [value.clone() for value in statistics_of(made.net)]
    chosen, _, positives = made.choose(sets)
    assert made.net.training
    for value, old in zip(statistics_of(made.net), before, strict=True):
        assert torch.equal(value, old)

    net = copy.deepcopy(made.net).eval()
    for own, kept_faces, places in zip(sets, chosen.view(SETS, 7, *chosen.shape[1:]), positives, strict=True):
        z = net.projection(net.backbone(own))
        s = cosine_similarity(z[:1], z[1:], dim=1)
        near, far = s[:7].argsort(descending=True)[:3], 7 + s[7:].argsort()[:3]
        assert torch.equal(places, near)
        assert torch.equal(kept_faces, own[torch.cat([torch.tensor([0]), 1 + near, 1 + far])])


def test_what_no_loss_reaches_is_frozen() -> None:
    base = objective(lambda1=0, lambda2=0)
    assert not any(
        weights.requires_grad for part in (base.net.head_att, base.net.projection) for weights in part.parameters()
    )
    att = objective(lambda_fer=0, evaluate_with="att", lambda2=0)
    assert not any(weights.requires_grad for weights in att.net.head_main.parameters())
    acl_only = objective(lambda1=0)
    assert all(weights.requires_grad for weights in acl_only.net.projection.parameters())


def test_batch_norm_moves_in_the_first_pass_only(batch: tuple[Tensor, Tensor]) -> None:
    images, labels = batch
    made = objective(lambda2=0)
    once = copy.deepcopy(made)
    once(images, Looked(images, labels))
    Stepper(made, config(lambda2=0), ALONE)(images, Looked(images, labels))
    for value, expected in zip(statistics_of(made.net), statistics_of(once.net), strict=True):
        torch.testing.assert_close(value, expected)


def test_kept_statistics_come_back() -> None:
    norm = nn.BatchNorm2d(3)
    with kept(statistics_of(norm)):
        norm(torch.randn(4, 3, 5, 5))
        assert norm.running_mean is not None and norm.running_mean.abs().sum() > 0
    assert norm.running_mean.abs().sum() == 0
    assert norm.num_batches_tracked == 0


@pytest.mark.parametrize("sam", [True, False])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_steps_bring_the_loss_down(batch: tuple[Tensor, Tensor], sets: Tensor, sam: bool, precision: str) -> None:
    images, labels = batch
    settings = config(sam=sam, precision=precision, lr=3e-3)
    made = objective(sam=sam, precision=precision)
    stepper = Stepper(made, settings, ALONE)
    losses = []
    for _ in range(4):
        chosen, shape, _ = stepper.choose(sets)
        losses.append(stepper(torch.cat([images, chosen]), Looked(images, labels), shape).total.item())
    assert losses[-1] < 0.8 * losses[0]


def test_people_are_counted_set_by_set() -> None:
    count = PeopleCount([0.0] * 4, torch.device("cpu"))
    identities = np.asarray([[7, 3, 7, 9], [2, 2, 2, 5]], np.int32)
    count.add(identities, torch.tensor([[0, 2], [3, 0]]))
    count.add(identities[:1], torch.tensor([[1, 3]]))
    assert count.sums.tolist() == [3, 3 + 2 + 3, 1 + 2 + 2, 1]
    assert told(count.sums.tolist()) == {"people_p": 8 / 3, "people_p_imp": 5 / 3, "one_person": 1 / 3}
    assert told([0.0] * 4) == {}


def test_float16_wants_a_gpu() -> None:
    with pytest.raises(RmferError, match="bfloat16"):
        precision_of(config(precision="float16"), torch.device("cpu"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [1, 1, 1, 1]),
        ({"schedule": "linear"}, [1, 0.75, 0.5, 0.25]),
        ({"schedule": "linear", "decay_from": 0.5}, [1, 1, 1, 0.5]),
        ({"schedule": "cosine"}, [1, 0.853553, 0.5, 0.146447]),
        ({"warmup_epochs": 0.5}, [1 / 3, 2 / 3, 1, 1]),
    ],
)
def test_learning_rate(changes: dict[str, Any], expected: list[float]) -> None:
    settings = config(lr=1.0, epochs=1, **changes)
    assert [learning_rate(settings, step, 4) for step in range(4)] == pytest.approx(expected, abs=1e-6)


def test_one_cycle_is_torchs() -> None:
    settings = config(lr=0.3, epochs=4, schedule="onecycle", rise=0.25)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.3)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=40, pct_start=0.25)
    for step in range(40):
        assert learning_rate(settings, step, 10) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < 39:
            theirs.step()


def numbers(**chosen: float) -> Tensor:
    """(1, 5) of `affine`: those that move nothing, but for the chosen ones."""
    names = ("flip", "rotate", "zoom", "across", "down")
    return torch.tensor([[chosen.get(name, 0.999 if name == "flip" else 0.5) for name in names]])


def test_the_affine_map_moves_turns_mirrors_and_enlarges() -> None:
    images = torch.rand(1, 3, 6, 6)
    torch.testing.assert_close(affine(images, numbers(), flip=0.5, rotate=20, zoom=0.2, shift=3), images)
    torch.testing.assert_close(affine(images, numbers(flip=0.4), flip=0.5), images.flip(-1))
    moved = affine(images, numbers(down=0.0, across=1.0), shift=1)
    torch.testing.assert_close(moved[:, :, 1:, :-1], images[:, :, :-1, 1:])
    turned = affine(images, numbers(rotate=1.0), rotate=90)
    torch.testing.assert_close(turned, images.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    ramp = torch.linspace(-1, 1, 9).expand(1, 3, 9, 9).contiguous()
    torch.testing.assert_close(affine(ramp, numbers(zoom=1.0), zoom=0.25), ramp / 1.25)


def test_averaged_weights_follow() -> None:
    net = RmferNet("test_resnet", classes=7)
    averaged = AveragedWeights(net, 0.9)
    expected: dict[str, Tensor] = {}
    for step in range(4):
        net(torch.rand(2, 3, 32, 32))
        with torch.no_grad():
            for weights in net.parameters():
                weights.add_(torch.rand_like(weights))
        averaged.update(net)
        for name, value in net.named_parameters():
            before = expected.get(name, value.detach().double())
            expected[name] = value.detach().double() if not step else 0.9 * before + 0.1 * value.detach().double()
    found = dict(averaged.net.named_parameters())
    for name, value in expected.items():
        torch.testing.assert_close(found[name].detach().double(), value, atol=1e-6, rtol=1e-6)


def test_statistics_of_averaged_weights_are_those_of_their_own_activations() -> None:
    net = RmferNet("test_resnet", classes=7)
    averaged = AveragedWeights(net, 0.9)
    # Weights that go to and fro: their average has far less than each of them.
    for sign in (1, -1) * 20:
        with torch.no_grad():
            for weights in net.parameters():
                weights.add_(sign * 3 * torch.ones_like(weights))
        averaged.update(net)
    batches = torch.rand(3, 8, 3, 32, 32)
    averaged.take_statistics(batches.unbind())
    first = next(part for part in averaged.net.modules() if isinstance(part, nn.BatchNorm2d))
    outputs: list[Tensor] = []
    first.register_forward_pre_hook(lambda _, given: outputs.append(given[0]))
    with torch.no_grad():
        averaged.net.eval()(batches.flatten(0, 1))
    own = outputs[0].double().unflatten(0, (3, 8))
    torch.testing.assert_close(first.running_mean.double(), own.mean((0, 1, 3, 4)), rtol=1e-4, atol=1e-5)
    variance = own.transpose(1, 2).flatten(2).var(2).mean(0)
    torch.testing.assert_close(first.running_var.double(), variance, rtol=1e-4, atol=1e-6)


def test_a_crop_of_everything_is_the_picture() -> None:
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(crop(images, torch.tensor([[1.0, 0.3, 0.9]] * 2)), images)
    part = crop(images, torch.tensor([[0.0, 0.0, 0.0]] * 2))
    assert part.shape == images.shape
    assert not torch.allclose(part, images)


def test_no_such_device() -> None:
    with pytest.raises(RmferError, match="use cpu, cuda or cuda:N"):
        join("gpu0")
    if not torch.cuda.is_available():
        with pytest.raises(RmferError, match="no GPU"):
            join("cuda")


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"net": {"w": torch.zeros(3)}})
    assert torch.equal(load_checkpoint(tmp_path)["net"]["w"], torch.zeros(3))
    file = tmp_path / "last.ckpt"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(RmferError, match="cannot be read"):
        load_checkpoint(tmp_path)
    file.unlink()
    with pytest.raises(RmferError, match="nothing to go on with"):
        load_checkpoint(tmp_path)


def test_epochs_may_grow_and_nothing_else() -> None:
    then = {"config": config(epochs=2).dump(), "classes": 7, "benchmark": "a", "world_size": 1}
    check_same_run(then, {**then, "config": config(epochs=5).dump()})
    with pytest.raises(RmferError, match=r"tau \(then 0.25, now 0.5\), benchmark \(then a, now b\)"):
        check_same_run(then, {**then, "config": config(epochs=2, tau=0.5).dump(), "benchmark": "b"})


def test_a_setting_that_is_newer_than_the_checkpoint_was_at_its_default() -> None:
    now = {"config": config().dump(), "classes": 7, "benchmark": "a", "world_size": 1}
    then = {**now, "config": {name: value for name, value in now["config"].items() if name != "labelled"}}
    check_same_run(then, now)
    with pytest.raises(RmferError, match=r"labelled \(then 0, now 100\)"):
        check_same_run(then, {**now, "config": {**now["config"], "labelled": 100}})
