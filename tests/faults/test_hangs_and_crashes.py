"""A process that hangs, crashes or floods costs its own video, with a reason that is noted; all others go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from disturbed import Contents, Finished, assert_same, contents, ffmpeg_of, finish, making_good, run, soon, start
from trials import cannot_try, times, trial

from rmset_builder.shards.videos_table import read_videos
from rmset_builder.video.ffmpeg import find_ffmpeg

CGROUPS = Path("/sys/fs/cgroup")
# A process that has begun to work has long more than that.
LITTLE_MEMORY = 20_000_000
# A loaded machine may take seconds for a frame; and each trial waits for it, and as long again.
PATIENCE_S = 5
# Gives the first frames, tells so, and goes on when it is let.
HALF = '{ffmpeg} "$@" | {{ head -c 1000000; touch {told}; while [ ! -e {go} ]; do sleep 0.05; done; cat; }}; exit'
FLOOD = "head -c 20480000 /dev/zero | tr '\\0' 'x' >&2; exec {ffmpeg} \"$@\""


def wrapper(folder: Path, **does: str) -> dict[str, str]:
    """The environment in which ``ffmpeg`` is a script that does this or that as it decodes a video of that name."""
    folder.mkdir()
    places = {"ffmpeg": find_ffmpeg().path, "told": folder / "told", "go": folder / "go"}
    cases = "".join(f"*/{video}.mp4*image2pipe*) {script.format(**places)};;\n" for video, script in does.items())
    path = folder / "ffmpeg"
    path.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}esac\nexec {find_ffmpeg().path} "$@"\n')
    path.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "RMSET_FFMPEG": ""}


def command(videos: Path, out: Path, jobs: int, *more: object) -> list[object]:
    return ["extract", videos, "--out", out, "--jobs", jobs, "--threads", 2, *more]


def failures(done: Finished, out: Path) -> dict[str, tuple[str, str]]:
    """Reason and message of each video that failed, which was told and noted in the same words."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    noted = {name: (one.reason, one.message) for name, one in read_videos(out).items() if one.state == "failed"}
    told = [line.removeprefix("failed: ") for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert sorted(told) == sorted(message for _, message in noted.values())
    assert all("; " in message for message in told), "with a remedy"
    return noted


def whole(out: Path) -> Contents:
    """What `contents` finds, but for what is told of a video beside its numbers."""
    found = contents(out)
    rows = [{**row, "message": ""} for row in found["videos.parquet"][1]]
    return {**found, "videos.parquet": (len(rows), rows)}


def test_an_ffmpeg_and_a_job_that_hang(videos: Path, undisturbed: Path, tmp_path: Path) -> None:
    for number in range(times(1)):
        out, scripts = tmp_path / f"{number}", tmp_path / f"bin{number}"
        environment = wrapper(scripts, a=HALF, b=HALF)
        with trial("ffmpeg stopped", "rmset extract") as one, trial("job's process stopped", "rmset extract") as other:
            process = start("rmset", *command(videos, out, 2, "--patience", PATIENCE_S), env=environment)
            soon((scripts / "told").exists, process)
            decoders = [soon(partial(ffmpeg_of, process, video), process) for video in "ab"]
            os.killpg(decoders[0].pid, signal.SIGSTOP)
            job = psutil.Process(decoders[1].ppid())
            job.suspend()
            done = finish(process)
            (scripts / "go").touch()
            found = failures(done, out)
            assert {video: reason for video, (reason, _) in found.items()} == {"a": "hangs", "b": "hangs"}
            assert f"ffmpeg gave nothing for {PATIENCE_S} s after " in found["a"][1]
            assert f"the process at work on it did nothing for {2 * PATIENCE_S} s and was ended" in found["b"][1]
            assert read_videos(out)["c"].state == "done"
            assert not psutil.wait_procs([*decoders, job], timeout=60)[1]
            with making_good(one), making_good(other):
                again = run("rmset", *command(videos, out, 1))
            assert (again.returncode, again.stdout.count("already done")) == (0, 1), again.stderr
            for found in (one, other):
                assert_same(found, whole(out), whole(undisturbed))


def test_an_ffmpeg_that_crashes_and_one_that_floods(videos: Path, undisturbed: Path, tmp_path: Path) -> None:
    for number in range(times(1)):
        out, scripts = tmp_path / f"{number}", tmp_path / f"bin{number}"
        environment = wrapper(scripts, a=HALF, b=FLOOD)
        with trial("ffmpeg killed", "rmset extract") as one, trial("ffmpeg floods stderr", "rmset extract") as other:
            process = start("rmset", *command(videos, out, 1), env=environment)
            soon((scripts / "told").exists, process)
            os.killpg(soon(partial(ffmpeg_of, process, "a"), process).pid, signal.SIGKILL)
            done = finish(process)
            ((video, (reason, message)),) = failures(done, out).items()
            assert (video, reason) == ("a", "decoder-failed")
            assert message.startswith(f"{videos / 'a.mp4'}: ffmpeg ended with -9 after ")
            noted = read_videos(out)["b"]
            assert noted.state == "done"
            assert noted.message.startswith("ffmpeg wrote 5000 error line(s), the last: xxx")
            assert len(noted.message) < 5_000
            with making_good(one):
                again = run("rmset", *command(videos, out, 1))
            assert (again.returncode, again.stdout.count("already done")) == (0, 2), again.stderr
            for found in (one, other):
                assert_same(found, whole(out), whole(undisturbed))


@contextmanager
def little_memory(name: str) -> Iterator[Path]:
    """A control group with room for next to nothing, as the path of the file that takes processes into it."""
    first = (CGROUPS / "cgroup.controllers").exists()
    folder = (CGROUPS if first else CGROUPS / "memory") / f"rmset-{name}-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / ("memory.max" if first else "memory.limit_in_bytes")).write_text(str(LITTLE_MEMORY))
    except OSError as error:
        cannot_try("no memory left for a job", "rmset extract", f"no control group can be made ({error.strerror})")
    try:
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()


def test_a_job_that_the_kernel_kills_for_its_memory(videos: Path, undisturbed: Path, tmp_path: Path) -> None:
    for number in range(times(1)):
        out, scripts = tmp_path / f"{number}", tmp_path / f"bin{number}"
        environment = wrapper(scripts, a=HALF)
        with little_memory(f"{number}") as group, trial("no memory left for a job", "rmset extract") as one:
            process = start("rmset", *command(videos, out, 2), env=environment)
            soon((scripts / "told").exists, process)
            job = psutil.Process(soon(partial(ffmpeg_of, process, "a"), process).ppid())
            group.write_text(str(job.pid))
            (scripts / "go").touch()
            done = finish(process)
            assert failures(done, out) == {
                "a": (
                    "worker-died",
                    f"{videos / 'a.mp4'}: the process at work on it ended with -9; memory may have run out: try fewer "
                    "--jobs",
                )
            }
            with making_good(one):
                again = run("rmset", *command(videos, out, 1))
            assert (again.returncode, again.stdout.count("already done")) == (0, 2), again.stderr
            assert_same(one, whole(out), whole(undisturbed))
