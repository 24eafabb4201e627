"""A small network, its batches, and a process that trains it with another: what processes must import quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Adam

from rmfer.optim.sam import Sam

Batch = tuple[Tensor, Tensor]


def make_net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 7))


def batches(count: int = 5, size: int = 8) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        yield torch.randn(size, 12, generator=generator), torch.randint(7, (size,), generator=generator)


def backward(net: nn.Module, batch: Batch, scale: Callable[[Tensor], Tensor] = lambda loss: loss) -> None:
    scale(cross_entropy(net(batch[0]), batch[1])).backward()


def weights_of(net: nn.Module) -> list[Tensor]:
    return [weights.detach().clone() for weights in net.parameters()]


def train_part(rank: int, folder: str) -> None:
    """Train with half of each batch; leaves the weights in ``folder``."""
    meeting, patience = f"file://{folder}/meeting", timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=meeting, timeout=patience, rank=rank, world_size=2)
    net = make_net()
    whole, sam = DistributedDataParallel(net), Sam(Adam(net.parameters(), lr=0.05))
    for images, labels in batches():
        for turn in (sam.ascend, sam.descend):
            backward(whole, (images[4 * rank : 4 * rank + 4], labels[4 * rank : 4 * rank + 4]))
            turn()
    torch.save(weights_of(net), f"{folder}/{rank}.pt")
    dist.destroy_process_group()
