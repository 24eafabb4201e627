"""Methods in the common loop: EAC, SOFT and Ada-CM train, are logged, stopped and gone on with, and are kept."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from training_helpers import SETTINGS, arguments, events, run, run_process, seen, write_benchmark

from rmfer.distributed import Ranks
from rmfer.labelled.loader import LabelledBatch
from rmfer.losses.adacm import unlabelled_loss
from rmfer.losses.method import Before, Step
from rmfer.model.network import RmferNet
from rmfer.model.saved import load_model
from rmfer.settings import TrainConfig, make_config
from rmfer.training.checkpointing import load_checkpoint
from rmfer.training.objective import Objective

NOTHING = {"lambda1": 0, "lambda2": 0, "epochs_pre": 0, "augment": False}
RUNS: dict[str, dict[str, Any]] = {
    "eac": {**NOTHING, "losses": {"eac": 5}},
    "soft": {**NOTHING, "lambda_fer": 0, "losses": {"soft": 1}, "loss_options": {"soft": {"ramp": 3}}},
    "ada-cm": {**NOTHING, "lambda_fer": 0.5, "losses": {"ada-cm": 1}, "head": "normalised", "unlabelled": "shards"},
}
ALONE = Ranks(0, 1, torch.device("cpu"))


@pytest.fixture
def shards(make_shards: Callable[..., list[Path]], tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    make_shards(folder, "wall", seen(), size=32)
    return folder


def config(**changes: Any) -> TrainConfig:
    return make_config({**SETTINGS, **changes})


def before(objective: Objective, images: Tensor, labels: Tensor, **more: Any) -> Before:
    batch = LabelledBatch(0, 0, images, labels, torch.arange(len(labels)), labels)
    levels = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    return Before(objective.net, objective.config, ALONE, batch, images, more.get("unlabelled"), *levels)


@pytest.mark.parametrize("method", RUNS)
def test_a_method_trains_and_goes_on_where_it_was(method: str, shards: Path, tmp_path: Path) -> None:
    benchmark, out, whole = write_benchmark(tmp_path / "benchmark"), tmp_path / "stopped", tmp_path / "whole"
    settings = {**RUNS[method], "sam": method == "eac"}
    assert (done := run(arguments(benchmark, shards, out, epochs=1, **settings))).returncode == 0, done.stderr
    assert (done := run([*arguments(benchmark, shards, out, epochs=2, **settings), "--resume"])).returncode == 0
    assert (done := run(arguments(benchmark, shards, whole, epochs=2, **settings))).returncode == 0, done.stderr

    stopped, unbroken = (load_file(where / "last.safetensors") for where in (out, whole))
    assert stopped.keys() == unbroken.keys()
    for name, value in stopped.items():
        assert torch.equal(value, unbroken[name]), name
    assert not any("teacher" in name or "alpha" in name for name in stopped)
    lines = events(whole, "steps")
    assert all(line[method] > 0 for line in lines)
    assert lines == events(out, "steps")
    weight = settings["losses"][method]
    fer = settings.get("lambda_fer", 1)
    for line in lines:
        assert line["total"] == pytest.approx(fer * line["fer"] + weight * line[method], rel=1e-4)
    first, last = (sum(line["total"] for line in lines if line["epoch"] == epoch) for epoch in (0, 1))
    assert last < first


def test_ada_cm_trains_on_the_rest_of_the_benchmark(tmp_path: Path) -> None:
    benchmark = write_benchmark(tmp_path / "benchmark")
    settings = {**RUNS["ada-cm"], "unlabelled": "rest", "labelled": 28}
    done = run(arguments(benchmark, tmp_path / "none", tmp_path / "run", epochs=1, **settings))
    assert done.returncode == 0, done.stderr
    net, info = load_model(tmp_path / "run", which="last")
    assert info.head == "normalised"
    images = torch.randn(4, 3, 32, 32)
    features = nn.functional.normalize(net.features_of(images), dim=1)
    torch.testing.assert_close(net.logits(images), features @ net.head_main.weight.T + net.head_main.bias)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"unlabelled": "none"}, "ada-cm learns from pictures without labels too, and unlabelled is none"),
        ({"unlabelled": "rest"}, "no pictures beside the labelled ones"),
        ({"loss_options": {"ada-cm": {"contrats": 1}}}, "loss_options.ada-cm has no contrats"),
        ({"loss_options": {"adacm": {}}}, "losses: there is no adacm"),
    ],
)
def test_what_a_method_cannot_do_without_is_named(
    changed: dict[str, Any], told: str, shards: Path, tmp_path: Path
) -> None:
    benchmark = write_benchmark(tmp_path / "benchmark")
    done = run(arguments(benchmark, shards, tmp_path / "run", **{**RUNS["ada-cm"], **changed}))
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("method", RUNS)
def test_views_lie_in_memory_as_the_pictures_do(method: str, layout: torch.memory_format) -> None:
    net = RmferNet("test_resnet", classes=7, head=RUNS[method].get("head", "linear"))
    objective = Objective(net, config(**RUNS[method]), ALONE)
    images, others = (torch.randn(count, 3, 32, 32).contiguous(memory_format=layout) for count in (4, 6))
    looked = objective.look(before(objective, images, torch.arange(4), unlabelled=others), None)
    assert looked.images.is_contiguous(memory_format=layout)


def test_eac_needs_maps_that_are_pooled() -> None:
    net = RmferNet("vit_tiny_patch16_224", classes=7, backbone_args={"img_size": 32, "depth": 1})
    objective = Objective(net, config(**RUNS["eac"]), ALONE)
    images = torch.randn(4, 3, 32, 32)
    looked = objective.look(before(objective, images, torch.zeros(4, dtype=torch.int64)), None)
    with pytest.raises(Exception, match="pools no feature maps"):
        objective(looked.images, looked)


def test_eac_sees_the_maps_that_features_are_pooled_from() -> None:
    net = RmferNet("test_resnet", classes=7).eval()
    images = torch.randn(3, 3, 32, 32)
    maps = net.maps_of(images)
    torch.testing.assert_close(net.pooled(maps), net.features_of(images))
    torch.testing.assert_close(maps.mean((2, 3)), net.features_of(images))


def test_softs_teacher_averages_the_weights_and_has_its_own_statistics() -> None:
    objective = Objective(RmferNet("test_resnet", classes=7).train(), config(**RUNS["soft"]), ALONE)
    soft: Any = objective.methods["soft"]
    weight = objective.net.head_main.weight
    history = []
    for step in range(3):
        with torch.no_grad():
            weight.add_(1.0)
        history.append(weight.detach().clone())
        soft.after_step(objective.net)
        expected = history[0]
        for number, value in enumerate(history[1:], start=1):
            decay = 1 - 1 / (number + 1)
            expected = decay * expected + (1 - decay) * value
        torch.testing.assert_close(soft.teacher.net.head_main.weight, expected, msg=f"step {step}")
    images, labels = 3 + torch.randn(8, 3, 32, 32), torch.arange(8) % 7
    mean = {name: value.clone() for name, value in objective.net.named_buffers() if "running_mean" in name}
    looked = objective.look(before(objective, images, labels), None)
    assert all(torch.equal(value, mean[name]) for name, value in objective.net.named_buffers() if name in mean)
    own = dict(soft.teacher.net.named_buffers())
    assert any(not torch.equal(own[name], value) for name, value in mean.items())
    torch.testing.assert_close(looked.given["soft"]["targets"].sum(1), torch.ones(8))
    assert not any(weights.requires_grad for weights in soft.teacher.parameters())


def test_ada_cm_compares_three_views_of_the_unlabelled_with_one_another() -> None:
    net = RmferNet("test_resnet", classes=7, head="normalised").train()
    objective = Objective(net, config(**RUNS["ada-cm"]), ALONE)
    images, others = torch.randn(4, 3, 32, 32), torch.randn(6, 3, 32, 32)
    looked = objective.look(before(objective, images, torch.arange(4), unlabelled=others), None)
    assert looked.images.shape == (4 + 18, 3, 32, 32)
    assert looked.places == {"ada-cm": slice(4, 22)}
    first, second, third = looked.images[4:].chunk(3)
    for seen_, sure in ((first, True), (second, True), (third, False)):
        # A weak view that was not moved is the picture or its mirror image; a strong one is neither.
        as_it_was = [
            min((a - b).abs().max(), (a - b.flip(2)).abs().max()) < 1e-4 for a, b in zip(seen_, others, strict=True)
        ]
        assert any(as_it_was) == sure
    losses = objective(looked.images, looked)
    assert losses.terms["ada-cm"] > 0


def test_ada_cm_keeps_a_linear_classifier_that_is_there() -> None:
    net = RmferNet("test_resnet", classes=7).train()
    objective = Objective(net, config(**{**RUNS["ada-cm"], "head": "linear"}), ALONE)
    images, others = torch.randn(4, 3, 32, 32), torch.randn(6, 3, 32, 32)
    looked = objective.look(before(objective, images, torch.arange(4), unlabelled=others), None)
    found = objective(looked.images, looked).terms["ada-cm"]

    features = net.features_of(looked.images)[4:]
    logits, directions = net.head_main(features).view(3, 6, 7), torch.nn.functional.normalize(features).view(3, 6, -1)
    thresholds = torch.full((7,), 0.8)
    torch.testing.assert_close(
        found, unlabelled_loss(logits[:2], logits[2], directions[:2], thresholds, contrast=0.1).detach()
    )


def test_thresholds_follow_what_the_averaged_network_finds() -> None:
    net = RmferNet("test_resnet", classes=7, head="normalised").train()
    objective = Objective(net, config(**RUNS["ada-cm"]), ALONE)
    method: Any = objective.methods["ada-cm"]
    with torch.no_grad():
        net.head_main.weight.mul_(1000)
    method.teacher.follow(net, 0.0, with_statistics=True)
    images = torch.randn(32, 3, 32, 32)
    with torch.no_grad():
        probabilities = method.teacher.net.eval().logits(images).softmax(1)
    sure, labels = probabilities.max(1)
    halves = [LabelledBatch(0, 0, images[own], labels[own], own, labels[own]) for own in torch.arange(32).chunk(2)]
    method.after_epoch(9, halves)
    means = torch.stack([sure[labels == c].mean() if (labels == c).any() else torch.tensor(0.0) for c in range(7)])
    expected = (0.97 * means / (1 + math.exp(-9))).clamp(min=0.8)
    torch.testing.assert_close(method.thresholds, expected)
    assert method.thresholds.max() > 0.81
    assert torch.equal(method.state_dict()["thresholds"], method.thresholds)


def test_a_step_tells_where_the_chosen_faces_are() -> None:
    net = RmferNet("test_resnet", classes=7)
    step = Step(net, config(), ALONE, torch.zeros(20, net.features), torch.zeros(4), places={"a": slice(4, 10)})
    assert step.z[step.chosen].shape[0] == 10
    assert len(step.f) == 4


@pytest.mark.slow
def test_methods_add_up_in_two_processes(shards: Path, tmp_path: Path) -> None:
    benchmark, out = write_benchmark(tmp_path / "benchmark"), tmp_path / "run"
    weights = {"eac": 0.5, "soft": 0.25, "ada-cm": 1}
    settings = {**RUNS["ada-cm"], "losses": weights, "epochs": 2}
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "rmfer")
    done = run_process(arguments(benchmark, shards, out, **settings), *launcher)
    assert done.returncode == 0, done.stderr
    lines = events(out, "steps")
    assert {line["epoch"] for line in lines} == {0, 1}
    for line in lines:
        expected = 0.5 * line["fer"] + sum(weight * line[name] for name, weight in weights.items())
        assert line["total"] == pytest.approx(expected, rel=1e-4)
    state = load_checkpoint(out)
    assert state["methods"].keys() >= {"ada-cm.thresholds", "soft.steps", "soft.alpha.weight"}
    assert int(state["methods"]["soft.steps"]) == 2 * 7
