"""Killed at any moment, by -9 or politely: the same command again ends as if nothing had been."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from disturbed import (
    Finished,
    assert_same,
    contents,
    descendants,
    finish,
    making_good,
    start,
)
from trials import is_campaign, times, trial
from workshop import CASES, Workshop, again

from rmset_builder.verify.collection import verify

SIGNALS = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM}


def disturb(process: subprocess.Popen[str], after_s: float, sign: signal.Signals) -> Finished | None:
    """Send a signal after so many seconds; None where the process had ended before."""
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        everybody = descendants(process)
        process.send_signal(sign)
        done = finish(process)
        assert not psutil.wait_procs(everybody, timeout=60)[1], "nobody outlives it"
        return done if done.returncode else None
    finish(process)
    return None


def assert_told(done: Finished, sign: signal.Signals) -> None:
    """Whoever is asked politely says goodbye; before Python has begun to listen, nobody does."""
    assert "Traceback" not in done.stderr
    if done.returncode != -sign:
        # Within an `exec`, by which dataclasses are made, Python ends by the signal; a shell says 130 of both.
        assert sign == signal.SIGTERM and done.returncode in (130, -signal.SIGINT), (done.returncode, done.stderr)
        assert done.stderr.count("interrupted") == 1


@pytest.mark.parametrize("name", CASES)
def test_killed_at_any_moment(name: str, workshop: Workshop, tmp_path: Path) -> None:
    case = CASES[name]
    if not case.always and not is_campaign():
        pytest.skip("only in a campaign: make soak")
    expected, duration = workshop.undisturbed(name)
    rng = random.Random(name)
    # Among all other tests each command meets one of the two.
    signals = list(SIGNALS.items()) if is_campaign() else [list(SIGNALS.items())[list(CASES).index(name) % 2]]
    for fault, sign in signals:
        count = times(1)
        for number in range(count):
            with trial(fault, name) as one:
                moment = duration * (number + rng.random()) / count
                for turn in range(20):
                    place = workshop.prepare(tmp_path / f"{fault} {number} {turn}", case.needs)
                    done = disturb(start(*case.words, cwd=place), moment, sign)
                    if done is not None:
                        break
                    moment *= 0.8  # it was done before: an earlier one
                assert done is not None
                assert_told(done, sign)
                with making_good(one):
                    again(case, place)
                assert_same(one, contents(place), expected)
                if "rmset" in name:
                    assert verify(place / "shards", place / "videos", quick=False, threads=1).faults == []
            shutil.rmtree(place)
