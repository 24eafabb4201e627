"""How a cluster's cores and GPUs are shared out among workers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rmset_builder.pipeline.jobs import JOB_BYTES, THREADS_PER_JOB


@dataclass(frozen=True)
class Room:
    """The whole CPU cores and GPUs of a node, and its memory, bytes."""

    cores: int
    gpus: int = 0
    memory: float = math.inf


@dataclass(frozen=True)
class Shares:
    """So many workers, each with so many cores; with a GPU each where ``gpu``."""

    workers: int
    threads: int
    gpu: bool = False


def share_out(
    nodes: Sequence[Room], *, gpu: bool, videos: int, jobs: int | None = None, threads: int | None = None
) -> Shares:
    """A worker for each four cores, as memory allows, or for each GPU; as many cores each as their nodes can give.

    Args:
        nodes: what there is.
        gpu: whether each worker has a GPU.
        videos: how many videos there are; more workers would be idle.
        jobs: how many workers are wanted.
        threads: how many cores may be used in all.

    Returns:
        No workers where no node has room for one.

    Example:
        >>> share_out([Room(7), Room(5)], gpu=False, videos=100)
        Shares(workers=2, threads=5, gpu=False)
    """
    total = min(sum(node.cores for node in nodes), threads or sum(node.cores for node in nodes))
    most = _fitting(nodes, 1, gpu)
    usual = sum(node.gpus if gpu else _usual(node) for node in nodes if node.cores)
    wanted = usual if jobs is None else jobs
    workers = min(wanted, most, videos, total)
    if workers < 1:
        return Shares(0, 0, gpu)
    fair = range(total // workers, 0, -1)
    return Shares(workers, next(each for each in fair if _fitting(nodes, each, gpu) >= workers), gpu)


def _usual(node: Room) -> int:
    """Workers of a node without a GPU, where nobody says how many."""
    return int(max(1, min(node.cores // THREADS_PER_JOB, node.memory // JOB_BYTES)))


def _fitting(nodes: Iterable[Room], threads: int, gpu: bool) -> int:
    """How many workers of ``threads`` cores there is room for."""
    return sum(min(node.cores // threads, node.gpus) if gpu else node.cores // threads for node in nodes)
