"""The process that speaks to Ray for the command that started it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from rmset_builder.core.child_processes import belong_to_parent
from rmset_builder.core.errors import RmsetError
from rmset_builder.pipeline.executors.cluster.messages import Noted, Order, Place, Recipe
from rmset_builder.pipeline.executors.cluster.probe import probe_in
from rmset_builder.pipeline.executors.cluster.session import connected, rooms
from rmset_builder.pipeline.executors.cluster.shares import Shares, share_out
from rmset_builder.pipeline.task import Task

LOG = "driver.log"


def drive(pipe: Connection, *, place: Place, recipe: Recipe, work: Sequence[Task], out: Path, folder: Path) -> None:
    """A driver's life: connect, have all videos extracted, tell through the pipe what happens.

    Args:
        pipe: takes messages, results and, as the last, an error of the environment.
        place: where to run.
        recipe: what decides the shards.
        work: the videos, by absolute paths.
        out: folder of the shards, absolute.
        folder: for what Ray itself writes.
    """
    with contextlib.suppress(KeyboardInterrupt, ConnectionError):
        belong_to_parent()
        signal.signal(signal.SIGTERM, _stop)
        _print_into(folder / LOG)
        try:
            with probe_in(out) as probe, connected(place.address, folder, place.threads):
                signal.signal(signal.SIGTERM, _stop)  # Ray has put its own in its place
                pipe.send(Noted())
                # Ray may be imported only when its environment stands.
                from rmset_builder.pipeline.executors.cluster.fleet import Fleet  # noqa: PLC0415

                shares = _shares(place, len(work))
                order = Order(
                    recipe=recipe,
                    out=out,
                    probe=probe,
                    sample=next((task.path for task in work if task.header is not None), None),
                    threads=shares.threads,
                    gpu=shares.gpu,
                    nvdec=place.nvdec,
                    stall_s=place.stall_s,
                )
                with Fleet(order, shares.workers, place.patience_s, pipe.send) as fleet:
                    fleet.extract(work)
        except RmsetError as error:
            pipe.send(error)


def _shares(place: Place, videos: int) -> Shares:
    shares = share_out(rooms(), gpu=place.gpu, videos=videos, jobs=place.jobs, threads=place.threads)
    if not shares.workers:
        raise RmsetError(
            f"the Ray cluster has no {'GPU' if place.gpu else 'core'} for a worker",
            remedy="see `ray status`, or give its nodes some: ray start --num-cpus N --num-gpus N",
        )
    return shares


def _print_into(log: Path) -> None:
    """Ray warns on standard output, which belongs to results, and its libraries have their last words on stderr."""
    with log.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
