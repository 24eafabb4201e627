"""Several processes of one run: what one says when another is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from rmfer.distributed import leave, losses_told
from rmfer.errors import RmferError

PATIENCE = timedelta(seconds=120)


def join(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", f"file://{folder}/meeting", timeout=PATIENCE, rank=rank, world_size=2)


def add_up_once(folder: Path) -> None:
    """The other process: it ends without a word after one exchange."""
    join(1, folder)
    dist.all_reduce(torch.ones(3))
    leave()


def test_a_lost_process_is_told_in_one_line(tmp_path: Path) -> None:
    other = torch.multiprocessing.get_context("spawn").Process(target=add_up_once, args=(tmp_path,))
    other.start()
    join(0, tmp_path)
    try:
        with losses_told():
            dist.all_reduce(torch.ones(3))
        other.join()
        assert other.exitcode == 0
        with pytest.raises(RmferError, match=r"another process of this run has ended.*--resume"), losses_told():
            dist.all_reduce(torch.ones(3))
    finally:
        leave()


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), losses_told():
        torch.ones(2, 3) @ torch.ones(2, 3)
