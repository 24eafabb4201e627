"""Two runs into one folder, and clocks that go back: every video is done once, and no row is lost."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from disturbed import assert_same, contents, finish, making_good, run, start
from trials import times, trial
from workshop import CASES, Workshop, again

NAME = "rmset extract"
# Python runs it first: the clock of all its processes goes back by an hour as soon as a video is done.
CLOCK = """
import os, time
real, real_ns = time.time, time.time_ns
def back():
    return 3600 if os.path.exists("shards/a-00000.parquet") else 0
time.time = lambda: real() - back()
time.time_ns = lambda: real_ns() - back() * 10**9
"""


def test_two_at_once_into_one_folder(workshop: Workshop, tmp_path: Path) -> None:
    """The one that comes to a video second says so, and ends with 1."""
    expected, _ = workshop.undisturbed(NAME)
    for number in range(times(1)):
        for fault, halves in (("twice at once", [["videos"], ["videos"]]), ("two halves at once", None)):
            with trial(fault, NAME) as one:
                place = workshop.prepare(tmp_path / f"{fault} {number}", CASES[NAME].needs)
                inputs = halves or [["videos/a.mp4", "videos/b.mp4"], ["videos/c.mp4", "videos/b.mp4"]]
                options = CASES[NAME].words[3:]
                both = [start("rmset", "extract", *words, *options, cwd=place) for words in inputs]
                for done in [finish(process) for process in both]:
                    assert "Traceback" not in done.stderr
                    failures = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
                    assert all("by another process; wait for it" in line for line in failures), done.stderr
                    assert done.returncode == (1 if failures else 0)
                with making_good(one):
                    last = again(CASES[NAME], place)
                assert last.stdout.count("already done") == 3, "nothing was left to do"
                assert_same(one, contents(place), expected)


def test_a_clock_that_goes_back(workshop: Workshop, tmp_path: Path) -> None:
    """In the middle of a run, and from one to the next; and files whose time lies ahead of it."""
    expected, _ = workshop.undisturbed(NAME)
    for number in range(times(1)):
        with trial("clock back by an hour", NAME) as one:
            place = workshop.prepare(tmp_path / f"{number}", CASES[NAME].needs)
            ahead = time.time() + 7 * 86_400
            os.utime(place / "videos" / "a.mp4", (ahead, ahead))
            (place / "clock").mkdir()
            (place / "clock" / "sitecustomize.py").write_text(CLOCK)
            root = os.pathsep.join([str(place / "clock"), str(Path(__file__).parents[2])])
            done = run(*CASES[NAME].words, cwd=place, env={"PYTHONPATH": root})
            assert (done.returncode, done.stdout.count(" frames, ")) == (0, 3), done.stderr
            with making_good(one):
                last = run(*CASES[NAME].words, cwd=place, env={"PYTHONPATH": root})
            assert last.stdout.count("already done") == 3
            shutil.rmtree(place / "clock")
            assert_same(one, contents(place), expected)
