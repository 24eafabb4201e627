"""What a step of the full method costs against EAC's two forwards, at the same labelled batch, in one run.

    python benchmarks/train_cost.py SHARDS [--benchmark ferplus.zip] [--backbone NAME] [--size 260] [--steps 20]
                                    [--device cuda] [--variants default contiguous float32 compiled]

Both sides load and augment 32 labelled pictures a step; ours loads 101 faces besides. EAC is `rmfer.losses.eac`, in the
same loop: noise and erased parts, their mirror images in the same forward, class activation maps of both. Each side is
measured with SAM and with its optimiser alone; the sides take turns step by step (Sec. 3.4). "Bare" is the same network
on the same number of pictures in memory: no loader, no loss but a sum; "loaders" is the wait for both loaders where
nobody computes meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import keep
from torch import Tensor

from rmfer.distributed import Ranks
from rmfer.labelled.benchmark import Benchmark
from rmfer.labelled.loader import LabelledLoader
from rmfer.labelled.registry import open_benchmark
from rmfer.losses.method import Before
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig
from rmfer.training.anchors import Wanted, open_anchors
from rmfer.training.objective import Objective
from rmfer.training.run import Run
from rmfer.training.setup import training_splits
from rmfer.training.stepping import Stepper, precision_of
from rmfer.training.stepping import autocast as autocast_of

WARM_UP = 3
# By default bfloat16 where there is a GPU, channels last in memory, nothing compiled.
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "contiguous": {"channels_last": False},
    "float32": {"precision": "float32"},
    "compiled": {"compile": True},
}
Step = Callable[[], object]
Autocast = Callable[[], Any]
Levels = tuple[tuple[float, float, float], tuple[float, float, float]]


def step_of(
    net: RmferNet,
    batches: Iterator[Any],
    sets: Iterator[Any] | None,
    config: TrainConfig,
    ranks: Ranks,
    *,
    levels: Levels,
) -> Step:
    """A method's step, with anchor sets or without."""
    stepper = Stepper(Objective(net, config, ranks), config, ranks)

    def step() -> None:
        batch, faces = next(batches), None
        looked = stepper.look(Before(net, config, ranks, batch, batch.images, None, *levels))
        images = looked.images
        if sets is not None:
            chosen, faces, _ = stepper.choose(next(sets).images)
            images = torch.cat([images, chosen])
        stepper(images, looked, faces)

    return step


def bare_step(net: RmferNet, images: Tensor, autocast: Autocast, *, seen: int, trained: int, passes: int) -> Step:
    """Forwards without gradients of ``seen`` pictures, then forwards and backwards of ``trained``."""

    def step() -> None:
        if seen:
            net.eval()
            with torch.no_grad(), autocast():
                net.features_of(images[:seen])
            net.train()
        for _ in range(passes):
            with autocast():
                total = net.features_of(images[:trained]).sum()
            total.backward()
            net.zero_grad()

    return step


def forever(loader: Any) -> Iterator[Any]:
    """Its batches, epoch after epoch."""
    while True:
        yield from loader


def measure(config: TrainConfig, options: argparse.Namespace, ranks: Ranks, benchmark: Benchmark) -> dict[str, Any]:
    """Every side's seconds a step under one way of computing, by turns, and their ratios."""
    device, adam = ranks.device, {"sam": False}
    eac = config.model_copy(update={"lambda1": 0.0, "lambda2": 0.0, "losses": {"eac": 5.0}})
    levels = (benchmark.mean, benchmark.std)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format

    def net() -> RmferNet:
        made = RmferNet(options.backbone, classes=benchmark.classes).to(device, memory_format=layout).train()
        if config.compile:
            made.backbone.compile()
        return made

    with ExitStack() as stack:
        labelled = stack.enter_context(
            LabelledLoader(
                benchmark.splits["train"],
                size=options.size,
                mean=benchmark.mean,
                std=benchmark.std,
                classes=benchmark.classes,
                device=device if device.type == "cuda" else None,
            )
        )
        anchors = stack.enter_context(
            open_anchors(
                Wanted(
                    Run(Path(), config, benchmark, options.shards),
                    training_splits(benchmark, config),
                    ranks,
                    labelled.steps_per_epoch,
                )
            )
        )
        batches, sets = forever(labelled), forever(anchors)
        pictures = torch.randn(101, 3, options.size, options.size, device=device).to(memory_format=layout)
        autocast = partial(autocast_of, config, device)
        sides = {
            "ours_sam": step_of(net(), batches, sets, config, ranks, levels=levels),
            "eac_sam": step_of(net(), batches, None, eac, ranks, levels=levels),
            "ours_sam_bare": bare_step(net(), pictures, autocast, seen=101, trained=43, passes=2),
            "ours_adam": step_of(net(), batches, sets, config.model_copy(update=adam), ranks, levels=levels),
            "eac_adam": step_of(net(), batches, None, eac.model_copy(update=adam), ranks, levels=levels),
            "loaders": lambda: (next(batches), next(sets)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(WARM_UP + options.steps):
            for name, step in sides.items():
                began = time.perf_counter()
                step()
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                if number >= WARM_UP:
                    seconds[name].append(time.perf_counter() - began)

    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "precision": str(precision_of(config, device)).removeprefix("torch."),
        "seconds_a_step": {name: round(value, 4) for name, value in median.items()},
        "seconds_a_step_quartiles": {
            name: [round(float(value), 4) for value in np.percentile(values, [25, 75])]
            for name, values in seconds.items()
        },
        "minutes_an_epoch": {
            name: round(value * labelled.steps_per_epoch / 60, 2) for name, value in median.items() if name != "loaders"
        },
        "ratios": {
            "ours_to_eac_sam": round(median["ours_sam"] / median["eac_sam"], 3),
            "ours_to_eac_adam": round(median["ours_adam"] / median["eac_adam"], 3),
            "bare_to_ours_sam": round(median["ours_sam_bare"] / median["ours_sam"], 3),
        },
        "pictures_per_s": {
            "ours_sam": round((101 + 2 * 43) / median["ours_sam"], 1),
            "bare": round((101 + 2 * 43) / median["ours_sam_bare"], 1),
        },
    }


def main() -> None:
    """Measure, print and keep, after every variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--benchmark", type=Path)
    parser.add_argument("--backbone", default="tf_efficientnet_b2")
    parser.add_argument("--size", type=int, default=260)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["default"], help="ways of computing")
    parser.add_argument("--name", default="train_cost", help="of the result")
    options = parser.parse_args()

    device = torch.device(options.device)
    ranks, benchmark = Ranks(0, 1, device), open_benchmark(options.benchmark)
    results: dict[str, Any] = {
        "backbone": options.backbone,
        "size": options.size,
        "device": str(device) if device.type == "cpu" else torch.cuda.get_device_name(device),
        "steps": options.steps,
        "variants": {},
    }
    for variant in options.variants:
        # The videos at hand are too short for the default stride; a step has as many pictures with any.
        own = {"backbone": options.backbone, "size": options.size, "frame_stride": 1}
        config = TrainConfig(**own, weights="none", epochs_pre=0, lr=1e-5)
        config = config.model_copy(update=VARIANTS[variant])
        results["variants"][variant] = measure(config, options, ranks, benchmark)
        for name, ratio in results["variants"][variant]["ratios"].items():
            print(f"{variant}: {name}: {ratio}", flush=True)
        keep(options.name, results, packages=("torch", "timm"))


if __name__ == "__main__":
    main()
