"""The real mashups: everybody is found, and everybody is told apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmset_builder.shards.reader import read_columns

LEAST_RECALL = {"wall9": 0.99, "film11": 0.99, "crowd19": 0.97, "edit12": 0.99}
LEAST_PAIR_F1 = 0.995
WALKERS = [f"dreamtalk_mead/{name}.mp4" for name in ("M030_front_happy_level3_001", "W009_front_sad_level3_001")]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared(*(f"mashups/{name}.{kind}" for name in LEAST_RECALL for kind in ("mp4", "truth.csv"))),
]


def tool(shared: Path, name: str) -> Path:
    path = shared.parent / "tools" / name
    if not path.is_file():
        pytest.skip(f"{path} does not exist")
    return path


def score(shared: Path, shards: Path, truth: Path) -> dict[str, Any]:
    """The judge's own numbers for a video."""
    video = truth.name.removesuffix(".truth.csv")
    judge = tool(shared, "score_mashup.py")
    command = [sys.executable, judge, "--shards", shards, "--truth", truth, "--video", video]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores: dict[str, Any] = json.loads(done.stdout)
    return scores


@pytest.mark.parametrize("video", LEAST_RECALL)
def test_recall_and_identities(shared: Path, mashup_shards: Path, video: str) -> None:
    scores = score(shared, mashup_shards, shared / "mashups" / f"{video}.truth.csv")
    assert scores["recall"] >= LEAST_RECALL[video], scores
    assert scores["pair_f1"] >= LEAST_PAIR_F1, scores
    assert scores["identities"] == scores["people"], scores
    assert scores["film_mixed"] == 0, scores


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fade", ["--swaps", "1", "--fade", "12", "--flicker", ".2"]),
        ("local", ["--swaps", "0", "--exchange", "4", "--replace", "2", "--melt", "10"]),
    ],
)
def test_no_track_spans_two_people(
    shared: Path, rmset: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, name: str, options: list[str]
) -> None:
    clips, video = shared / "clips", tmp_path / f"{name}.mp4"
    command = [sys.executable, tool(shared, "make_mashup.py"), "--clips", clips / "clips.csv", "--root", clips]
    command += ["--face-boxes", clips / "faces.csv", "--out", video, "--seed", "7", "--reactors", "8"]
    command += ["--seconds", "5", "--size", "960x540", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    done = rmset("extract", video, "--out", tmp_path / "shards")
    assert done.returncode == 0, done.stderr
    scores = score(shared, tmp_path / "shards", tmp_path / f"{name}.truth.csv")
    assert scores["pair_f1"] >= 0.99, scores
    assert scores["recall"] >= 0.985, scores
    assert scores["identities"] == scores["people"], scores


@pytest.mark.shared(*(f"clips/{name}" for name in WALKERS))
def test_people_who_walk_through_the_picture_are_one_track_each(
    shared: Path, rmset: Callable[..., subprocess.CompletedProcess[str]], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clips = [shared / "clips" / name for name in WALKERS]
    # By about a fifth and a tenth of a face's width each frame.
    walks = (
        "testsrc2=size=1280x720:rate=25:duration=3,gblur=8,eq=saturation=.3[wall];"
        "[0:v]scale=128:128[fast];[1:v]scale=160:160[slow];"
        "[wall][fast]overlay=x='-60+16*n':y=120:shortest=1[one];[one][slow]overlay=x='1100-9*n':y=420:shortest=1"
    )
    video = make_clip(tmp_path / "walk.mp4", "-i", clips[0], "-i", clips[1], "-filter_complex", walks, "-frames:v", 72)
    done = rmset("extract", video, "--out", tmp_path / "shards")
    assert done.returncode == 0, done.stderr
    rows = read_columns(next((tmp_path / "shards").glob("walk-*.parquet")), "identity", "track")
    seen = Counter(zip(*(values.tolist() for values in rows), strict=True))
    assert len(seen) == len({identity for identity, _ in seen}) == 2
