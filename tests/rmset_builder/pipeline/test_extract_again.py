"""A second run, and what runs tell."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from extracted import Rmset, contents, picture, shard

from rmset_builder.demo.scene import PEOPLE
from rmset_builder.shards.videos_table import VideoRecord, read_videos


class Workplace:
    """A folder with two videos, and `rmset` there."""

    def __init__(self, folder: Path, video: Path, rmset: Rmset) -> None:
        self.videos, self.out, self._rmset = folder / "videos", folder / "shards", rmset
        self.videos.mkdir()
        shutil.copyfile(video, self.videos / "a.mp4")
        shutil.copyfile(video, self.videos / "b.mp4")

    def extract(self, *arguments: object, code: int = 0) -> dict[str, dict[str, Any]]:
        """What a run says of each video."""
        done = self._rmset("extract", *(arguments or [self.videos]), "--out", self.out, "--threads", 2, "--json")
        assert done.returncode == code, done.stderr
        return {line["video"]: line for line in map(json.loads, done.stdout.splitlines())}

    def outcomes(self, *arguments: object) -> dict[str, str]:
        return {video: line["outcome"] for video, line in self.extract(*arguments).items()}

    def record(self, video: str = "a") -> VideoRecord:
        return read_videos(self.out)[video]


@pytest.fixture
def place(tmp_path: Path, small_video: Path, rmset: Rmset) -> Workplace:
    return Workplace(tmp_path, small_video, rmset)


def test_a_second_run_does_only_what_is_missing_or_stale(place: Workplace) -> None:
    assert place.outcomes() == {"a": "done", "b": "done"}
    first = contents(place.out)
    assert first["a-00000.parquet"] != first["b-00000.parquet"], "a row names its video"
    states = {path: path.stat().st_mtime_ns for path in place.out.rglob("*.parquet")}

    assert place.outcomes() == {"a": "already done", "b": "already done"}
    assert {path: path.stat().st_mtime_ns for path in place.out.rglob("*.parquet")} == states

    (place.out / "b-00000.parquet").unlink()
    assert place.outcomes() == {"a": "already done", "b": "done"}
    assert contents(place.out) == first

    smaller = ["--image-size", "64", "--jpeg-quality", "80"]
    assert place.outcomes(place.videos / "a.mp4", *smaller) == {"a": "done"}
    assert {picture(row).shape for row in shard(place.out, "a").to_pylist()} == {(64, 64, 3)}
    assert place.outcomes(place.videos, *smaller) == {"a": "already done", "b": "done"}, "b alone is stale"

    assert place.outcomes(place.videos / "a.mp4", "--force") == {"a": "done"}
    assert contents(place.out)["a-00000.parquet"] == first["a-00000.parquet"]
    assert place.outcomes(place.videos / "a.mp4", "--force") == {"a": "done"}, "done again, though nothing is stale"


def test_a_second_run_says_that_it_does_nothing(place: Workplace, rmset: Rmset) -> None:
    video = place.videos / "a.mp4"
    first = rmset("extract", video, "--out", place.out, "--threads", 1)
    again = rmset("extract", video, "--out", place.out, "--threads", 1)
    found = f"a: 25 frames, {PEOPLE} identities, 150 faces"
    assert re.fullmatch(rf"{found} in \d+\.\d s -> {place.out}/a-\*\.parquet\n", first.stdout)
    assert again.stdout == f"{found}, already done -> {place.out}/a-*.parquet\n"
    assert f"{place.out}: 1 done\n" in first.stderr
    assert again.stderr == f"{place.out}: 1 already done\n"
    assert "non-commercial research only" in first.stderr


def test_what_json_says(place: Workplace) -> None:
    lines = place.extract(place.videos / "a.mp4", place.videos / "missing.mp4", code=1)
    assert lines["a"] | {"seconds_spent": 0} == {
        **{"video": "a", "outcome": "done", "frames": 25, "identities": PEOPLE, "tracks": PEOPLE, "faces": 150},
        **{"shards": 1, "seconds_spent": 0, "reason": "", "message": ""},
    }
    assert lines["missing"]["outcome"] == "failed"
    assert lines["missing"]["reason"] == "missing"


def test_the_origin_comes_from_the_catalog_and_the_group_from_the_option(place: Workplace) -> None:
    row = {"id": "a", "title": "Ten react", "url": "https://x.org/a", "licence": "CC BY", "group": "Anger"}
    (place.videos / "catalog.jsonl").write_text(json.dumps({**row, "keyword": "racism", "state": "done"}) + "\n")
    place.extract()
    record = place.record()
    assert (record.title, record.url, record.licence) == ("Ten react", "https://x.org/a", "CC BY")
    assert (record.group, record.keyword) == ("Anger", "racism")
    assert pq.read_metadata(place.out / "a-00000.parquet").metadata[b"rmset.group"] == b"Anger"
    assert place.record("b").group == ""

    assert place.outcomes(place.videos, "--group", "Sadness") == {"a": "already done", "b": "already done"}
    assert [place.record(video).group for video in "ab"] == ["Sadness", "Sadness"]
    assert place.record().title == "Ten react"


def test_without_arguments_videos_become_shards(
    place: Workplace, rmset: Rmset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.videos.parent)
    (place.videos / "b.mp4").unlink()
    done = rmset("extract")
    assert done.returncode == 0, done.stderr
    assert "-> shards/a-*.parquet" in done.stdout
    assert shard(Path("shards"), "a").num_rows == 150
    assert read_videos(Path("shards"))["a"].source == str(place.videos / "a.mp4")


def test_progress_is_plain_lines_away_from_a_terminal(place: Workplace, rmset: Rmset) -> None:
    done = rmset("extract", place.videos / "a.mp4", "--out", place.out)
    assert "\x1b" not in done.stderr + done.stdout
    assert "\r" not in done.stderr


def test_a_terminal_gets_bars_and_a_pipe_clean_results(place: Workplace) -> None:
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def look() -> None:
        with contextlib.suppress(OSError):  # what a terminal says when nobody writes to it any more
            while chunk := os.read(ours, 4096):
                seen.append(chunk)

    viewer = threading.Thread(target=look)
    viewer.start()
    command = [sys.executable, "-m", "rmset_builder", "extract", place.videos, "--out", place.out]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=120)
    viewer.join()
    os.close(ours)
    shown = b"".join(seen).decode()
    assert process.returncode == 0, shown
    assert [line.split(":")[0] for line in out.splitlines()] == ["a", "b"]
    assert "\x1b" not in out
    assert re.search(r"a .*\d+/25 frames.* frames/s.* faces", shown), shown
    assert re.search(r"all videos .*\d+/50 frames", shown), shown
