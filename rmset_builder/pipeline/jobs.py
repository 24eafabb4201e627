"""How many videos to work on at a time, by the cores and the memory there are."""

from __future__ import annotations

from dataclasses import dataclass

from rmset_builder.core.machine import Usable

THREADS_PER_JOB = 4
"""Fewer leave cores idle while Python itself is at work on a frame."""

JOB_BYTES = 1_200_000_000
"""Memory that a video of 1920 x 1080 takes with four threads, its ffmpeg included; measured."""


@dataclass(frozen=True)
class Jobs:
    """How many videos are worked on at a time, and what a user should know of that; empty where nothing."""

    count: int
    note: str = ""


def default_jobs(*, threads: int, gpus: int, videos: int, memory: Usable) -> Jobs:
    """One job for each four threads and for each GPU, as many as there are videos and as memory has room for.

    Args:
        threads: CPU threads in all.
        gpus: how many GPUs are used; each has a job, whatever the memory.
        videos: how many videos there are.
        memory: what may be used.

    Example:
        >>> default_jobs(threads=16, gpus=0, videos=100, memory=Usable(64_000_000_000, 64_000_000_000, "")).count
        4
    """
    wanted = min(max(threads // THREADS_PER_JOB, gpus, 1), videos)
    count = max(min(wanted, memory.amount // JOB_BYTES), min(gpus, videos), 1)
    if count * JOB_BYTES <= memory.amount:
        note = f"{count} {'video' if count == 1 else 'videos'} at a time instead of {wanted}" if count < wanted else ""
    else:
        note = "memory may run out"
    if note:
        room = f"{memory.amount / 1e9:.1f} GB of memory may be used" + (f" ({memory.source})" if memory.source else "")
        note = f"{note}: {room}, and each takes about {JOB_BYTES / 1e9:.1f} GB"
    return Jobs(count, note)
