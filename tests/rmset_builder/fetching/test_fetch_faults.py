"""`rmset fetch` killed or without room: the same command again ends as if nothing had been."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disturbed import Contents, Finished, assert_same, contents, finish, making_good, start
from mashup_site import Clip, Site
from trials import Trial, cannot_try, is_campaign, times, trial

from rmset_builder.fetching.catalog import read_rows

NAME = "rmset fetch"
CLIPS, PADDING = 4, 150_000
OPTIONS = ("--allow-plugins", "--sleep", "0", "--sleep-requests", "0", "--backoff", "0.05", "--retries", "2")


@pytest.fixture
def command(site: Site, film: Callable[..., bytes], manifest: Callable[..., Path]) -> list[object]:
    """Of four clips that come slowly enough to be disturbed."""
    chance = random.Random(9)
    for number in range(CLIPS):
        box = (8 + PADDING).to_bytes(4, "big") + b"free" + chance.randbytes(PADDING)
        site.add("mashup x", Clip(f"v{number}", film(number) + box, rate=600_000))
    return ["fetch", manifest(Anger=["x"]), *OPTIONS]


def outcome(folder: Path) -> Contents:
    """The videos' bytes, the last row of each in the catalog, and which other files there are."""
    found = {name: one for name, one in contents(folder).items() if not name.endswith((".jsonl", ".json"))}
    rows = {video.id: {**vars(video), "when": ""} for video in read_rows(folder).values()}
    return {**found, "catalog": (len(rows), rows)}


def once_more(one: Trial, command: list[object], expected: Contents, **options: Any) -> None:
    with making_good(one):
        done = finish(start("rmset", *command, **options))
    assert done.returncode == 0, done.stderr
    assert_same(one, outcome(options["cwd"] / "videos"), expected)


@pytest.fixture
def undisturbed(command: list[object], environment: dict[str, str], tmp_path: Path) -> tuple[Contents, float]:
    place = tmp_path / "undisturbed"
    place.mkdir()
    began = time.monotonic()
    done = finish(start("rmset", *command, cwd=place, env=environment))
    assert done.returncode == 0, done.stderr
    return outcome(place / "videos"), time.monotonic() - began


def test_killed_at_any_moment(
    command: list[object], undisturbed: tuple[Contents, float], environment: dict[str, str], tmp_path: Path
) -> None:
    expected, duration = undisturbed
    rng = random.Random(11)
    for fault, sign in (("kill -9", signal.SIGKILL), ("SIGTERM", signal.SIGTERM)):
        for number in range(times(1)):
            moment = duration * (number + rng.random()) / times(1)
            with trial(fault, NAME) as one:
                done = None
                while done is None or done.returncode == 0:
                    place = tmp_path / f"{fault} {number}"
                    shutil.rmtree(place, ignore_errors=True)
                    place.mkdir()
                    done = disturbed_after(moment, sign, command, cwd=place, env=environment)
                    moment *= 0.8
                assert done.returncode in (-sign, 130)
                assert "Traceback" not in done.stderr
                once_more(one, command, expected, cwd=place, env=environment)


def disturbed_after(seconds: float, sign: signal.Signals, command: list[object], **options: Any) -> Finished:
    process = start("rmset", *command, **options)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(sign)
    return finish(process)


def test_a_disk_that_fills_up(
    command: list[object], undisturbed: tuple[Contents, float], environment: dict[str, str], tmp_path: Path
) -> None:
    if not is_campaign():
        pytest.skip("only in a campaign: make soak")
    expected, _ = undisturbed
    rng = random.Random(12)
    for number in range(times(1)):
        disk = tmp_path / f"disk{number}"
        disk.mkdir()
        mounting = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", disk]
        if (mounted := subprocess.run(mounting, capture_output=True, text=True, check=False)).returncode:
            cannot_try("disk full", NAME, f"nothing may be mounted ({mounted.stderr.strip()})")
        try:
            with trial("disk full", NAME) as one:
                ballast = disk / "ballast"
                room = round(rng.uniform(0, 0.9) * CLIPS * PADDING)
                ballast.write_bytes(bytes(shutil.disk_usage(disk).free - room))
                done = finish(start("rmset", *command, cwd=disk, env=environment))
                assert done.returncode in (1, 2), done.stderr
                assert "Traceback" not in done.stderr
                told = [line for line in done.stderr.splitlines() if "No space left" in line]
                assert told and all("; make room" in line for line in told), done.stderr
                ballast.unlink()
                once_more(one, command, expected, cwd=disk, env=environment)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)
