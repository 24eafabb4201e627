"""``torchrun`` over two nodes: the run that one process makes, though each node can read its own share alone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from training_helpers import SETTINGS, arguments, run, seen, start, took_the_same_steps, write_benchmark
from two_nodes import CABLE, two_nodes, why_not

from rmfer.shards.index import Index, open_index
from rmfer.shards.sampler import AnchorSampler, SamplerSettings

OWN = {"backbone": "test_convnext", "anchors_per_step": 2, "epochs": 2, "lambda2": 0.5}
STEPS, LEARNT = 7, 1  # steps an epoch, and the epoch with L_ACL
PORT = "29471"


def rows_of(index: Index, rank: int) -> set[int]:
    """The rows whose pictures one of two processes is to see: of each step's two sets it has one."""
    names = ("positives", "negatives", "frame_stride")
    settings = SamplerSettings(seed=42, anchors_per_step=1, **{name: SETTINGS[name] for name in names})
    sampler = AnchorSampler(index, settings, rank=rank, world_size=2)
    return {int(row) for step in range(STEPS) for drawn in sampler.step(LEARNT, step) for row in drawn.rows}


def spoil(folder: Path, kept: set[int]) -> int:
    """Make every picture unreadable but those of ``kept`` rows; returns how many were spoilt."""
    index = open_index(folder)
    spoilt = sorted(set(range(len(index.frame))) - kept)
    for row in spoilt:
        path, _ = index.place(row)
        before = path.stat()
        with path.open("r+b") as file:
            file.seek(int(index.offset[row] + index.size[row]) - 40)
            file.write(np.zeros(40, np.uint8).tobytes())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return len(spoilt)


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_two_nodes_take_the_steps_of_one_process_and_read_their_own_pictures(
    make_shards: Callable[..., list[Path]], tmp_path: Path
) -> None:
    benchmark = write_benchmark(tmp_path / "benchmark")
    shards = tmp_path / "shards"
    shards.mkdir()
    make_shards(shards, "wall", seen(people=6, frames=150), per_shard=400, size=32)
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(arguments(benchmark, shards, one, **OWN)).returncode == 0

    own = [rows_of(open_index(shards), rank) for rank in range(2)]
    for rank, rows in enumerate(own):
        shutil.copytree(shards, tmp_path / f"node{rank}")
        assert spoil(tmp_path / f"node{rank}", rows) > 750
        assert len(own[1 - rank] - rows) > 50
    with two_nodes() as nodes:
        running = []
        for rank, node in enumerate(nodes):
            meeting = ("--nnodes", "2", "--node-rank", str(rank), "--nproc-per-node", "1")
            meeting += ("--master-addr", nodes[0].address, "--master-port", PORT)
            launcher = ("env", f"GLOO_SOCKET_IFNAME={CABLE}", sys.executable, "-m", "torch.distributed.run")
            line = arguments(benchmark, tmp_path / f"node{rank}", two, **OWN)
            running.append(start(line, *node.command(*launcher, *meeting, "-m", "rmfer")))
        told = [process.communicate(timeout=400)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(told)

    took_the_same_steps(one, two)
