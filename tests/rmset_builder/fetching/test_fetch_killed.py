"""kill -9 at ten random moments of a download: nothing that was finished is lost, and the end is the same."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mashup_site import Clip, Site

from rmset_builder.core.files import sha256_of
from rmset_builder.fetching.catalog import read_rows

CLIPS, PADDING, KILLS = 10, 120_000, 10


def final(folder: Path) -> dict[str, dict[str, Any]]:
    return {video.id: {**vars(video), "when": ""} for video in read_rows(folder).values()}


def test_killed_at_ten_random_moments(
    site: Site,
    film: Callable[..., bytes],
    manifest: Callable[..., Path],
    fetch: Callable[..., Any],
    start_rmset: Callable[..., Any],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    chance = random.Random(5)
    for number in range(CLIPS):
        box = (8 + PADDING).to_bytes(4, "big") + b"free" + chance.randbytes(PADDING)
        site.add("mashup x", Clip(f"v{number}", film(number) + box, rate=1_000_000))
    path = manifest(Anger=["x"])
    options = ("--allow-plugins", "--sleep", "0", "--sleep-requests", "0")
    seen: set[str] = set()
    killed_in_a_download = 0
    for _ in range(KILLS):
        site.sent.clear()
        moment = chance.randrange(1, PADDING)
        with start_rmset("fetch", path, *options, cwd=tmp_path, env=environment) as process:
            while sum(site.sent.values()) < moment and process.poll() is None:
                time.sleep(0.001)
            assert process.poll() is None, process.stderr.read()
            os.kill(process.pid, signal.SIGKILL)
        killed_in_a_download += bool(list((tmp_path / "videos" / ".partial").glob("*.part")))
        rows = read_rows(tmp_path / "videos")
        assert seen <= rows.keys()
        seen |= rows.keys()
        whole = {p.stem for p in (tmp_path / "videos").glob("*.mp4")}
        for one in whole:
            assert rows[one].state == "fetched"
            assert sha256_of(tmp_path / "videos" / f"{one}.mp4") == rows[one].sha256
    assert killed_in_a_download >= KILLS // 2
    done = fetch(path)
    assert done.returncode == 0, done.stderr
    assert fetch(path, "--out", "undisturbed").returncode == 0
    assert final(tmp_path / "videos") == final(tmp_path / "undisturbed")
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == CLIPS
    assert not list((tmp_path / "videos" / ".partial").iterdir())
