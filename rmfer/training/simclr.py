"""SimCLR on the shards (supplement, Sec. 4 and Table 9): contrastive pre-training, then the head is dropped."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from rich.console import Console
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from torch.optim import Optimizer

from rmfer.data.rng import CROPS, uniforms
from rmfer.distributed import Ranks
from rmfer.errors import RmferError
from rmfer.losses.nt_xent import nt_xent_loss
from rmfer.model.network import RmferNet
from rmfer.settings import TrainConfig
from rmfer.shards.faces import FaceLoader
from rmfer.shards.index import open_index
from rmfer.training.anchors import need_shards, shards_grey
from rmfer.training.checkpointing import check_same_run, load_checkpoint, save_checkpoint
from rmfer.training.run import Run
from rmfer.training.stepping import autocast

PRETRAINED = "pretrain.ckpt"
# Of the picture's area, as SimCLR has it but for its smallest crops, which would show no expression.
_AREA = (0.4, 1.0)


class FacePairs:
    """Two views of random faces of the shards, step by step; they depend on the seed and the step alone.

    Args:
        shards: their folder.
        config: faces a step (``pretrain_batch``, over all processes), steps of an epoch, size, seed, workers.
        ranks: this process takes its part of each step.
        grey: make the pictures grey.

    Raises:
        RmferError: there are fewer faces than a step needs, or they cannot be shared equally.
    """

    def __init__(self, shards: Path, config: TrainConfig, ranks: Ranks, *, grey: bool = False) -> None:
        self.ranks = ranks
        self._faces = FaceLoader(
            open_index(shards),
            batch_size=config.pretrain_batch,
            copies=2,
            steps_per_epoch=config.pretrain_steps or None,
            size=config.size,
            seed=config.seed,
            rank=ranks.rank,
            world_size=ranks.world_size,
            grey=grey,
            workers=config.workers,
            device=ranks.device if ranks.device.type == "cuda" else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._faces.close()

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return len(self._faces)

    def epoch(self, epoch: int) -> Iterator[Tensor]:
        """(2 n, 3, H, W) float32 of every step on the device: n faces' first views, then their second."""
        faces, ranks = self._faces, self.ranks
        faces.set_epoch(epoch)
        for batch in faces:
            number = batch.step * ranks.world_size + ranks.rank
            numbers = uniforms(3 * len(batch.images), seed=faces.seed, epoch=epoch, number=number, purpose=CROPS)
            yield crop(batch.images, torch.from_numpy(numbers.reshape(-1, 3)).float().to(batch.images.device))


def crop(images: Tensor, numbers: Tensor) -> Tensor:
    """A part of each picture, drawn to the whole's size.

    Args:
        images: (N, 3, H, W).
        numbers: (N, 3) in [0, 1): how much of the area, and where across and down.
    """
    side = (_AREA[0] + (_AREA[1] - _AREA[0]) * numbers[:, 0]).sqrt()
    theta = images.new_zeros(len(images), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = side
    theta[:, :, 2] = (2 * numbers[:, 1:] - 1) * (1 - side)[:, None]
    grid = affine_grid(theta, list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def pretrain(net: RmferNet, run: Run, ranks: Ranks, console: Console) -> None:
    """Bring the backbone of ``net`` to the end of SimCLR's epochs, from wherever a run before was stopped.

    The projection serves as SimCLR's head and is then drawn anew.

    Raises:
        RmferError: shards that cannot serve, or a loss that is no longer a finite number.
    """
    config, folder = run.config, run.folder
    optimizer = torch.optim.Adam([*net.backbone.parameters(), *net.projection.parameters()], config.pretrain_lr)
    same, begin = {"config": config.dump(), "world_size": ranks.world_size}, 0
    if (folder / PRETRAINED).is_file():
        state = load_checkpoint(folder, PRETRAINED)
        check_same_run(state["run"], same)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        begin = state["epoch"]
    with FacePairs(need_shards(run.shards), config, ranks, grey=shards_grey(config, run.benchmark)) as pairs:
        for epoch in range(begin, config.pretrain_epochs):
            began = time.monotonic()
            loss = _train_epoch(net, optimizer, pairs, epoch, config=config)
            if not math.isfinite(loss):
                raise RmferError(
                    f"SimCLR's loss is no longer a finite number in epoch {epoch + 1}",
                    remedy="use a smaller learning rate (--set pretrain_lr=...)",
                )
            if ranks.is_first:
                state = {"run": same, "net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
                save_checkpoint(folder, state, PRETRAINED)
                seconds = time.monotonic() - began
                line = f"SimCLR, epoch {epoch + 1} of {config.pretrain_epochs}: {seconds:,.0f} s, loss {loss:.4f}"
                console.print(line, highlight=False, soft_wrap=True)
    torch.manual_seed(config.seed)
    for part in net.projection:
        if isinstance(part, torch.nn.Linear):
            part.reset_parameters()
    torch.manual_seed(config.seed + ranks.rank)


def _train_epoch(net: RmferNet, optimizer: Optimizer, pairs: FacePairs, epoch: int, *, config: TrainConfig) -> float:
    """One epoch; its mean loss."""
    ranks = pairs.ranks
    total = torch.zeros((), device=ranks.device)
    for images in pairs.epoch(epoch):
        with autocast(config, ranks.device):
            z = net.embed(images)[1].float()
        first, second = z.chunk(2)
        loss = nt_xent_loss(ranks.gather(first), ranks.gather(second), tau=config.pretrain_tau)
        (loss / ranks.world_size).backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    # Every process has the whole loss, but the gradient only by way of its own faces.
                    ranks.sum(weights.grad)
        optimizer.step()
        optimizer.zero_grad()
        total += loss.detach()
    return float(total) / pairs.steps
