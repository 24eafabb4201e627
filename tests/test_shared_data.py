"""Tests that need the real videos are skipped, with the reason, wherever ``$RMSET_SHARED`` leads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from shared_data import VARIABLE, shared_folder, why_not

ROOT = Path(__file__).parents[1]


def test_both_folders_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "mashups").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "data"):
        monkeypatch.setenv(VARIABLE, str(folder))
        assert shared_folder() == tmp_path / "data"
        assert why_not(("mashups",)) == ""


@pytest.mark.parametrize("wrong", ["absent", "file", "empty"])
def test_the_reason_names_folder_and_fault(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / wrong
    if wrong == "file":
        folder.touch()
    elif wrong == "empty":
        folder.mkdir()
    monkeypatch.setenv(VARIABLE, str(folder))
    reasons = {
        "absent": f"no folder of real videos: $RMSET_SHARED is {folder}, which is absent",
        "file": f"no folder of real videos: $RMSET_SHARED is {folder}, which is no folder",
        "empty": f"the folder of real videos has no mashups/a.mp4, b: $RMSET_SHARED is {folder}",
    }
    assert why_not(("mashups/a.mp4", "b")) == reasons[wrong]


@pytest.mark.parametrize("kind", ["absent", "empty"])
def test_all_that_need_them_are_skipped(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / kind
    if kind == "empty":
        (folder / "mashups").mkdir(parents=True)
    marked = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.shared" in path.read_text("utf-8")]
    marked.remove(Path(__file__))
    assert marked
    command = [sys.executable, "-m", "pytest", "-m", "shared", "-q", "-p", "no:cacheprovider", *map(str, marked)]
    environment = {**os.environ, VARIABLE: str(folder)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout
    assert "passed" not in done.stdout
    told = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert told
    assert all(str(folder) in line for line in told)


def test_nobody_else_reads_the_variable() -> None:
    """So that there is one rule."""
    mine = {"shared_data.py", "test_shared_data.py"}
    readers = [path for path in (ROOT / "tests").rglob("*.py") if VARIABLE in path.read_text("utf-8")]
    assert {path.name for path in readers} == mine
