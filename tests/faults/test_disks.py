"""A disk that fills, cannot be written to, or is taken away: one clear line, and the same command ends well later."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disturbed import Finished, assert_same, contents, finish, making_good, run, soon, start
from trials import cannot_try, is_campaign, times, trial
from workshop import CASES, Workshop, again

from rmset_builder.shards.videos_table import read_videos
from rmset_builder.verify.collection import verify

DISK_BYTES = 64_000_000
LEAST_WRITTEN = 100_000
# Each writes a good deal; among all other tests, two do.
FILLED = {"rmset extract": True, "rmset export": False, "rmset report": False, "rmfer train": False}
ALL = (*FILLED, "rmset prune", "rmset merge", "rmfer index", "rmfer export")


@contextmanager
def small_disk(place: Path, fault: str, command: str) -> Iterator[Path]:
    """A disk of its own, in memory; where nobody may have one, the trial is skipped."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        cannot_try(fault, command, f"nothing may be mounted ({mounted.stderr.strip()})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, room: int) -> Path:
    """Write a file that leaves so many bytes free."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - room)))
    return ballast


def assert_one_clear_line(done: Finished, *words: str) -> str:
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr and "fault of the program" not in done.stderr, done.stderr
    told = [line for line in done.stderr.splitlines() if any(word in line for word in words)]
    assert len(told) == 1, done.stderr
    assert "; " in told[0], "with a remedy"
    return told[0]


@pytest.mark.parametrize("name", ALL)
def test_a_disk_that_fills_up(name: str, workshop: Workshop, tmp_path: Path) -> None:
    if not FILLED.get(name) and not is_campaign():
        pytest.skip("only in a campaign: make soak")
    case, rng = CASES[name], random.Random(name)
    expected, _ = workshop.undisturbed(name)
    for number in range(times(1)):
        with small_disk(tmp_path / f"{number}", "disk full", name) as disk, trial("disk full", name) as one:
            # What is written anew in place of something else takes room, too, until it is there.
            room = round(rng.uniform(0, 0.8) * max(workshop.bytes_written(name), LEAST_WRITTEN))
            for turn in range(20):
                place = workshop.prepare(disk / f"place{turn}", case.needs)
                before = contents(place)
                ballast = fill(disk, room)
                done = run(*case.words, cwd=place)
                after = contents(place)
                ballast.unlink()
                if done.returncode:
                    break
                shutil.rmtree(place)
                room //= 2  # it sufficed
            assert_one_clear_line(done, "No space left")
            # What was whole stays whole, but for what is to be taken down.
            kept = {file for file in before if "shards/" not in file} & (expected.keys() | after.keys())
            assert {file: after[file] for file in kept} == {file: before[file] for file in kept}
            with making_good(one):
                again(case, place)
            assert_same(one, contents(place), expected)
            if "rmset" in name:
                assert verify(place / "shards", place / "videos", quick=False, threads=1).faults == []


@pytest.mark.parametrize("name", ALL)
def test_a_disk_that_may_only_be_read(name: str, workshop: Workshop, tmp_path: Path) -> None:
    if name != "rmset extract" and not is_campaign():
        pytest.skip("only in a campaign: make soak")
    case = CASES[name]
    expected, _ = workshop.undisturbed(name)
    with small_disk(tmp_path / "disk", "read-only disk", name) as disk, trial("read-only disk", name) as one:
        place = workshop.prepare(disk / "place", case.needs)
        before = contents(place)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        done = run(*case.words, cwd=place)
        assert done.returncode == 2, "nothing was done"
        assert_one_clear_line(done, "Read-only file system")
        assert contents(place) == before
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        with making_good(one):
            again(case, place)
        assert_same(one, contents(place), expected)


def test_rights_that_are_taken_away_in_the_middle(
    workshop: Workshop, bound_by_rights: Callable[[], None], tmp_path: Path
) -> None:
    name = "rmset extract"
    expected, _ = workshop.undisturbed(name)
    for number in range(times(1)):
        with trial("rights taken away", name) as one:
            place = workshop.prepare(tmp_path / f"{number}", CASES[name].needs)
            shards = place / "shards"
            process = start(*CASES[name].words, cwd=place, preexec_fn=bound_by_rights)
            soon((shards / "a-00000.parquet").exists, process)
            shards.chmod(0o555)
            done = finish(process)
            assert "(Permission denied); make room or give another --out" in assert_one_clear_line(done, "failed: ")
            shards.chmod(0o755)
            assert all(record.state == "done" for record in read_videos(shards).values())
            with making_good(one):
                again(CASES[name], place)
            assert_same(one, contents(place), expected)
