"""Several processes that train one model: who this one is, and what they exchange."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from rmfer.data.device import check_device
from rmfer.devices import named_device
from rmfer.errors import RmferError

# How gloo and NCCL begin what they say of a connection that is gone.
_LOST = re.compile(r"gloo/transport|Connection (closed|reset) by peer|NCCL .*error|remote process exited")


@dataclass(frozen=True)
class Ranks:
    """This process among those that torchrun started, or alone; and the device that it trains on."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and prints."""
        return self.rank == 0

    def gather(self, values: Tensor) -> Tensor:
        """(N, ...) of every process, joined in the order of ranks to (W N, ...), with gradients back to all."""
        if self.world_size == 1:
            return values
        gathered: Tensor = _Gather.apply(values, self.rank, self.world_size)
        return gathered

    def sum(self, values: Tensor) -> Tensor:
        """``values`` added up over all processes, in place."""
        if self.world_size > 1:
            dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process."""
        return flag if self.world_size == 1 else bool(self.sum(torch.tensor(float(flag), device=self.device)))

    def collect(self, value: Any) -> list[Any]:
        """``value`` of every process, in the order of ranks."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world_size > 1:
            dist.barrier()


class _Gather(torch.autograd.Function):
    """All processes' values joined; torch's own all_gather knows no gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rank: int, world_size: int) -> Tensor:
        ctx.own = slice(rank * len(values), (rank + 1) * len(values))
        parts = [torch.empty_like(values) for _ in range(world_size)]
        dist.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        summed = gradients[0].clone()
        dist.all_reduce(summed)
        return summed[ctx.own], None, None


def join(device: str | None = None) -> Ranks:
    """Join the processes that torchrun started, if it did.

    Args:
        device: "cpu", "cuda", "cuda:1"; None takes the GPU where there is one.

    Raises:
        RmferError: a GPU that is not there.
    """
    world_size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    found = named_device(device)
    if found.type == "cuda" and (world_size > 1 or found.index is None):
        found = torch.device("cuda", local)
    check_device(found)
    if found.type == "cuda":
        torch.cuda.set_device(found)
    if world_size > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if found.type == "cuda" else "gloo")
    return Ranks(int(os.environ.get("RANK", "0")), world_size, found)


@contextmanager
def losses_told() -> Iterator[None]:
    """Say in one line that another process is lost, of which the library tells in its own words.

    Raises:
        RmferError: another process ended, or cannot be reached any more.
    """
    try:
        yield
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise
        raise RmferError(
            "another process of this run has ended, or is out of reach",
            remedy="its own message says why; then start all of them again, with --resume",
        ) from error


def leave() -> None:
    """Leave the other processes, if there are any."""
    if dist.is_initialized():
        dist.destroy_process_group()
