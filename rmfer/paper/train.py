"""Trains what a table or figure needs, and leaves alone what is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmfer.devices import named_devices
from rmfer.paper.plan import Data, Planned, plan_runs
from rmfer.paper.published import Table
from rmfer.runs.many import Ended, run_all
from rmfer.training.anchors import need_shards

RUNS = "runs"
"""Below the folder of tables and figures."""


def train_rows(
    table: Table,
    data: Data,
    folder: Path,
    *,
    seeds: Sequence[int],
    quick: bool = False,
    changes: Sequence[str] = (),
    jobs: int | None = None,
    minutes: float | None = None,
    device: str | None = None,
) -> tuple[list[Planned], Ended]:
    """The runs of a table's or figure's rows, and how their training went.

    Args:
        table: which.
        data: to train on.
        folder: of tables and figures, which share their runs.
        seeds: of each row.
        quick: a rehearsal with `rmfer.paper.plan.QUICK`.
        changes: "key=value" over everything.
        jobs: runs at a time; by default one a GPU, or two on the CPU.
        minutes: stop in time; None: never.
        device: "cpu", "cuda" (all GPUs) or "cuda:N"; by default cuda where there is one.

    Raises:
        RmferError: shards that are needed are missing, no such device, or settings that cannot be.
    """
    planned = plan_runs(table, data, folder / RUNS, seeds=seeds, quick=quick, changes=changes)
    if any(one.config.needs_shards for one in planned):
        need_shards(data.shards)
    devices = named_devices(device)
    at_once = jobs or (2 if devices == ("cpu",) else len(devices))
    every = list({one.job.folder: one.job for one in planned}.values())
    return planned, run_all(every, at_once=at_once, minutes=minutes, devices=devices)
