"""A small simulation of an extraction on many machines: a queue of videos, jobs that take them, a disk that all share.

What a job does of a video is told by its seconds alone on an idle machine. Jobs of one machine slow one another down
as was measured; all jobs of all machines read sources from and write faces to one disk, and where that is too slow all
wait alike. Jobs die at random, and their video is begun anew, as the engines do. Nothing here knows of this software:
what a video costs comes from `scale.py`, which measures it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TRIES = 3
NEVER = float("inf")
_DONE = 1e-6  # seconds of work: what rounding leaves of a video that is done


@dataclass(frozen=True)
class Work:
    """A video: seconds on one job alone on an idle machine, and the bytes it moves from and to the shared disk."""

    seconds: float
    bytes: float = 0.0


@dataclass(frozen=True)
class Cluster:
    """What the videos are given to.

    Attributes:
        machines: how many there are.
        together: what n jobs of one machine do at once, in jobs alone on it, is its nth entry; as many as it runs.
        start_s: from a job's start, or restart, to its first video.
        disk: bytes a second that all machines together can move; infinite: a disk for each.
        spread: standard deviation of the logarithm of the machines' speeds; 0: all alike.
        deaths: of a job, in an hour of work.
    """

    machines: int
    together: tuple[float, ...]
    start_s: float = 0.0
    disk: float = NEVER
    spread: float = 0.0
    deaths: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Of a simulated run.

    Attributes:
        seconds: from beginning to end.
        busy: seconds of all jobs that had a video, added up.
        disk_waits: seconds of the run that were lost to the disk.
        lost: seconds of work that died with jobs, as on an idle machine.
        deaths: of jobs.
        failed: videos that were given up.
    """

    seconds: float
    busy: float
    disk_waits: float
    lost: float
    deaths: int
    failed: int


class _Jobs:
    """All jobs of a cluster as arrays, (jobs,) each: the seconds of work left, when it is ready, when it dies."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster, self.random = cluster, np.random.default_rng(seed)
        count = cluster.machines * len(cluster.together)
        self.machine = np.repeat(np.arange(cluster.machines), len(cluster.together))
        self.speed = np.exp(self.random.normal(0, cluster.spread, cluster.machines))[self.machine]
        self.together = np.asarray([1.0, *(rate / n for n, rate in enumerate(cluster.together, 1))])
        self.works, self.tries = [Work(1.0)] * count, [0] * count
        self.active = np.zeros(count, bool)
        self.left, self.demand = np.zeros(count), np.zeros(count)
        self.ready, self.dies = np.full(count, cluster.start_s), np.full(count, NEVER)

    def begin(self, job: int, work: Work, tries: int, now: float) -> None:
        """Give a job its next video."""
        self.works[job], self.tries[job], self.active[job] = work, tries, True
        self.left[job], self.demand[job] = work.seconds, work.bytes / work.seconds
        deaths = self.cluster.deaths
        self.dies[job] = now + self.random.exponential(3600 / deaths) if deaths else NEVER

    def rates(self) -> tuple[npt.NDArray[np.float64], float]:
        """Seconds of work that each does in a second, and the share of it that the disk leaves."""
        others = np.bincount(self.machine[self.active], minlength=self.cluster.machines)[self.machine]
        rates = self.speed * self.together[others] * self.active
        demand = float(rates @ self.demand)
        share = min(1.0, self.cluster.disk / demand) if demand else 1.0
        return rates * share, share


def simulate(
    videos: Sequence[Work],
    cluster: Cluster,
    *,
    seed: int = 0,
    kills: Sequence[tuple[float, int]] = (),
    tries: int = TRIES,
) -> Outcome:
    """Run the queue to its end.

    Args:
        videos: in the order in which they are given out.
        cluster: to whom.
        seed: of speeds and deaths.
        kills: seconds after the beginning at which the job of that number dies, beside the random deaths.
        tries: how often a video is begun before it counts as failed.
    """
    jobs, queue, to_kill = _Jobs(cluster, seed), deque((video, 0) for video in videos), sorted(kills, reverse=True)
    now = busy = disk_waits = lost = 0.0
    deaths = failed = 0
    while queue or jobs.active.any():
        for job in np.flatnonzero(~jobs.active & (jobs.ready <= now))[: len(queue)].tolist():
            work, before = queue.popleft()
            jobs.begin(job, work, before + 1, now)
        rates, share = jobs.rates()
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.where(jobs.active, np.minimum(now + jobs.left / rates, jobs.dies), NEVER)
        if queue:
            ends = np.where(jobs.active, ends, np.maximum(jobs.ready, now))
        then = min(float(ends.min()), to_kill[-1][0] if to_kill else NEVER)
        jobs.left -= (then - now) * rates
        busy += (then - now) * int(jobs.active.sum())
        disk_waits += (then - now) * (1 - share)
        now = then
        while to_kill and to_kill[-1][0] <= now:
            jobs.dies[to_kill.pop()[1]] = now
        for job in np.flatnonzero(jobs.active & ((jobs.left <= _DONE) | (jobs.dies <= now))).tolist():
            jobs.active[job] = False
            if jobs.left[job] > _DONE:
                deaths += 1
                lost += jobs.works[job].seconds - float(jobs.left[job])
                jobs.ready[job] = now + cluster.start_s
                if jobs.tries[job] < tries:
                    queue.append((jobs.works[job], jobs.tries[job]))
                else:
                    failed += 1
    return Outcome(now, busy, disk_waits, lost, deaths, failed)
