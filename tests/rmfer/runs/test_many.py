"""Many runs at once: what is told of those that fail, and whose a folder is."""

from __future__ import annotations

import fcntl
import io
import json
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from rmfer.runs.job import Job
from rmfer.runs.many import freest_device, run_all
from rmfer.runs.process import LOCK, start

RESULTS = {"last": {"epoch": 1, "valid": {"overall": 0.5, "average": 0.25}}}


def test_runs_are_dealt_evenly() -> None:
    devices, taken = ["cuda:0", "cuda:1", "cuda:2"], list[str | None]()
    for _ in range(7):
        taken.append(freest_device(devices, taken))
    assert taken == ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    taken.remove("cuda:1")
    assert freest_device(devices, taken) == "cuda:1"
    assert freest_device([], taken) is None


@pytest.mark.slow
def test_a_run_that_fails_is_told_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    done = Job("done", 1, tmp_path / "done")
    done.folder.mkdir()
    (done.folder / "results.json").write_text(json.dumps(RESULTS))
    nowhere = ("--benchmark", str(tmp_path / "nowhere"))
    failing = [Job("a", 1, tmp_path / "a", arguments=nowhere), Job("b", 2, tmp_path / "b", arguments=("--set", "x=1"))]
    after = Job("after", 1, tmp_path / "after", base=tmp_path / "a")
    console = Console(file=io.StringIO())
    ended = run_all([done, *failing, after], at_once=2, minutes=None, devices=["cpu", "cpu:0"], console=console)

    assert not ended.interrupted
    assert ended.failed.keys() == {"a", "b"}
    assert ended.failed["a"].startswith(f"exit code 2: rmfer: {tmp_path / 'nowhere'}")
    assert ended.failed["b"].startswith("exit code 2: rmfer: --set x=1: x is no setting")
    assert isinstance(console.file, io.StringIO)
    told = console.file.getvalue()
    assert "a, seed 1: begins on cpu\n" in told
    assert "b, seed 2: begins on cpu:0\n" in told
    assert f"a, seed 1: failed: {ended.failed['a']}\n" in told
    # What begins with a run that failed has nothing to begin with.
    assert not after.folder.exists()


def test_a_folder_in_which_another_process_trains_is_left_to_it(tmp_path: Path) -> None:
    job = Job("a", 1, tmp_path / "a")
    job.folder.mkdir()
    console = Console(file=io.StringIO())
    with (job.folder / LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert start(job, threads=1) is None

        def end_soon() -> None:
            time.sleep(0.5)
            (job.folder / "results.json").write_text(json.dumps(RESULTS))

        thread = threading.Thread(target=end_soon)
        thread.start()
        ended = run_all([job], at_once=1, minutes=None, console=console)
        thread.join()
    assert ended.failed == {}
    assert isinstance(console.file, io.StringIO)
    told = console.file.getvalue()
    assert "another process is at it" in told
    assert "done, valid overall 50.00 %" in told
    assert not (job.folder / "told.txt").exists(), "it was begun"
