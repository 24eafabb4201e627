"""The real mashups: everybody is found, and everybody is told apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.shared

LEAST_RECALL = {"wall9": 0.99, "film11": 0.99, "crowd19": 0.97, "edit12": 0.99}
LEAST_PAIR_F1 = 0.995


@pytest.fixture(scope="module")
def shards(
    shared: Path,
    rmset: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The shards of all of them, by one run over their folder."""
    out = tmp_path_factory.mktemp("mashups")
    done = rmset("extract", shared / "mashups", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def score(shared: Path, shards: Path) -> Callable[[str], dict[str, Any]]:
    """The judge's own numbers for a video."""
    judge = shared.parent / "tools" / "score_mashup.py"
    if not judge.is_file():
        pytest.skip(f"no judge: {judge} does not exist")

    def run(video: str) -> dict[str, Any]:
        truth = shared / "mashups" / f"{video}.truth.csv"
        command = [sys.executable, judge, "--shards", shards, "--truth", truth, "--video", video]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        scores: dict[str, Any] = json.loads(done.stdout)
        return scores

    return run


@pytest.mark.parametrize("video", LEAST_RECALL)
def test_recall_and_identities(score: Callable[[str], dict[str, Any]], video: str) -> None:
    scores = score(video)
    assert scores["recall"] >= LEAST_RECALL[video], scores
    assert scores["pair_f1"] >= LEAST_PAIR_F1, scores
    assert scores["identities"] == scores["people"], scores
    assert scores["film_mixed"] == 0, scores
