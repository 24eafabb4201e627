"""The simulation of docs/scale.md, on cases whose result one can work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.scale_model import Cluster, Outcome, Work, simulate

TEN = [Work(10.0)] * 4


@pytest.mark.parametrize(
    ("cluster", "seconds"),
    [
        (Cluster(1, (1.0,)), 40),
        (Cluster(1, (1.0, 2.0)), 20),  # two jobs that do not mind one another
        (Cluster(1, (1.0, 1.0)), 40),  # two on one core
        (Cluster(2, (1.0, 1.5)), 10 * 2 / 1.5),
        (Cluster(1, (1.0, 2.0), start_s=3), 23),
        (Cluster(9, (1.0,)), 10),  # most have nothing to do
    ],
)
def test_a_queue_takes_as_long_as_its_jobs_need(cluster: Cluster, seconds: float) -> None:
    told = simulate(TEN, cluster)
    assert told.seconds == pytest.approx(seconds)
    assert (told.deaths, told.failed, told.lost, told.disk_waits) == (0, 0, 0, 0)


def test_the_last_video_keeps_one_job_busy_while_the_others_wait() -> None:
    told = simulate([Work(1.0), Work(1.0), Work(9.0)], Cluster(1, (1.0, 2.0)))
    assert told.seconds == pytest.approx(10)
    assert told.busy == pytest.approx(11)


def test_a_disk_that_is_too_slow_makes_all_wait_alike() -> None:
    works = [Work(10.0, bytes=100.0)] * 4
    assert simulate(works, Cluster(4, (1.0,), disk=40)).seconds == pytest.approx(10)
    told = simulate(works, Cluster(4, (1.0,), disk=20))
    assert told.seconds == pytest.approx(20)
    assert told.disk_waits == pytest.approx(10)


def test_a_dead_job_begins_its_video_anew_and_loses_what_it_had() -> None:
    # One of two dies at 6, after 5 seconds of work, and is back at 7; the other is done at 11.
    told = simulate([Work(10.0)] * 2, Cluster(1, (1.0, 2.0), start_s=1), kills=[(6, 0)])
    assert told == Outcome(seconds=17, busy=25, disk_waits=0, lost=5, deaths=1, failed=0)


def test_a_video_that_kills_its_jobs_is_given_up() -> None:
    kills = [(2.0, 0), (4.0, 0), (6.0, 0)]
    told = simulate([Work(10.0)], Cluster(1, (1.0,)), kills=kills)
    assert (told.deaths, told.failed, told.seconds) == (3, 1, 6)
    assert simulate([Work(10.0)], Cluster(1, (1.0,)), kills=kills[:1], tries=1).failed == 1


def test_deaths_come_as_often_as_told_and_speeds_differ_as_told() -> None:
    works = [Work(60.0)] * 2000
    told = simulate(works, Cluster(20, (1.0,), deaths=6.0), seed=1)
    # Six an hour of work, and work that is lost is done again.
    expected = 6 * told.busy / 3600
    assert abs(told.deaths - expected) < 4 * np.sqrt(expected)
    assert told.failed < 10
    assert told.busy == pytest.approx((2000 - told.failed) * 60 + told.lost, rel=1e-6)
    alike, unlike = (simulate(works, Cluster(20, (1.0,), spread=spread), seed=1) for spread in (0.0, 0.3))
    assert alike.seconds == pytest.approx(6000)
    assert unlike.seconds != pytest.approx(alike.seconds, rel=1e-3)
