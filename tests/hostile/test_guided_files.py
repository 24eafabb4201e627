"""Files that are made by what code they reach, for readers that are Python: a part of `make soak` where atheris is."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from targets import TARGETS
from trials import inputs_tried, times

GUIDED = Path(__file__).with_name("guided.py")
RUNS_A_TIME = 200
READERS = [
    "shards in training", "videos.parquet", "catalog.jsonl", "corrections.jsonl", "lock file", "manifest", "presets",
    "pickled networks", "benchmark zips", "FERPlus's votes", "RAF-DB's table", "AffectNet's labels",
]  # fmt: skip


@pytest.mark.skipif(not times(0), reason="guided files are tried by `make soak`")
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not here: pip install atheris")
@pytest.mark.parametrize("name", READERS)
def test_guided_files_lead_to_an_answer_or_a_clear_line(name: str, tmp_path: Path) -> None:
    runs = RUNS_A_TIME * times(0)
    done = subprocess.run(
        [sys.executable, GUIDED, name, tmp_path / "files", f"-runs={runs}", "-seed=1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(GUIDED.parent), *sys.path])},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    tried = re.findall(r"^(?:#|Done )(\d+)\b", done.stderr, re.MULTILINE)
    assert tried, done.stderr[-2000:]
    inputs_tried(f"{name}, guided", TARGETS[name].command, tried=int(tried[-1]), crashes=int(done.returncode != 0))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
