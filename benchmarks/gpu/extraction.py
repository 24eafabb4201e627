"""What the extraction's steps share: running `rmset extract`, and comparing the shards of two runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.reader import read_columns

_CELL = 16
_PAIRS = 1_000_000


def extract(videos: list[Path], out: Path, *options: str) -> tuple[list[dict[str, Any]], list[float], float]:
    """Run `rmset extract` on videos.

    Returns:
        The videos' results in the order in which they ended; when each ended and when the run began, both by
        `time.monotonic`.

    Raises:
        SystemExit: a video failed.
    """
    command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(out), "--json"]
    began, results, ended = time.monotonic(), [], []
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            results.append(json.loads(line))
            ended.append(time.monotonic())
    if process.returncode or any(result["outcome"] != "done" for result in results):
        raise SystemExit(f"{' '.join(command)}: {process.returncode}, {results[-3:]}")
    return results, ended, began


def same_identities(first: Path, second: Path, video: str) -> float:
    """Share of pairs of faces, matched by place, on which two folders agree whether they are one person."""
    labels: list[dict[tuple[int, int, int], int]] = []
    for folder in (first, second):
        frame, identity, boxes = read_columns(shard_path(folder, video, 0), "frame", "identity", "bbox")
        places = ((boxes[:, :2] + boxes[:, 2:]) / 2 // _CELL).astype(int)
        keys = zip(frame.tolist(), places[:, 0].tolist(), places[:, 1].tolist(), strict=True)
        labels.append(dict(zip(keys, identity.tolist(), strict=True)))
    both = sorted(labels[0].keys() & labels[1].keys())
    a, b = (np.array([side[key] for key in both]) for side in labels)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(both), (2, _PAIRS))
    return float(((a[i] == a[j]) == (b[i] == b[j])).mean())


def identities(folder: Path, video: str) -> int:
    """How many people a video's shard names."""
    (identity,) = read_columns(shard_path(folder, video, 0), "identity")
    return len(set(identity.tolist()) - {-1})
