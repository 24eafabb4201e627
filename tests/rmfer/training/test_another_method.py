"""docs/methods.md: another method takes one file and one preset, and is then trained like those that are there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from training_helpers import SETTINGS, arguments, run, write_benchmark

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
CODE, PRESET = (re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)[0] for kind in ("python", "yaml"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The package with the two files of the documentation in it, and nothing else changed."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "rmfer", folder / "rmfer", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "rmfer" / "losses" / "mirrored.py").write_text(CODE, encoding="utf-8")
    (folder / "rmfer" / "presets" / "mirrored.yaml").write_text(PRESET, encoding="utf-8")
    return folder


def test_the_documented_method_trains(checkout: Path, tmp_path: Path) -> None:
    out, benchmark = tmp_path / "run", write_benchmark(tmp_path / "benchmark")
    settings = {**SETTINGS, "epochs": 2, "epochs_pre": 0, "augment": False}
    own = ("lambda2", "losses")
    line = ["train", "--benchmark", benchmark, "--out", out, "--device", "cpu", "--preset", "mirrored"]
    for name, value in settings.items():
        if name not in own:
            line += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "rmfer", *map(str, line)]
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    steps = [json.loads(each) for each in (out / "log.jsonl").read_text().splitlines()]
    logged = [each for each in steps if each["event"] == "steps"]
    assert all(each["mirrored"] > 0 for each in logged)
    assert logged[-1]["total"] == pytest.approx(logged[-1]["fer"] + logged[-1]["mirrored"], rel=1e-4)


def test_it_is_as_short_as_it_says_and_reads_as_the_house_writes(checkout: Path) -> None:
    assert len(CODE.splitlines()) <= 36
    ruff = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml", "--select", "E,F,W,B"]
    found = subprocess.run([*ruff, checkout / "rmfer/losses/mirrored.py"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_a_preset_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("source: nobody's\nsettings: {lambda1: 0, lambda2: 0, tau: 0.75}\n")
    benchmark = write_benchmark(tmp_path / "benchmark")
    line = arguments(benchmark, tmp_path, tmp_path / "run")
    dry = run(["train", "--benchmark", str(benchmark), "--preset", str(file), "--dry-run"])
    assert dry.returncode == 0, dry.stderr
    assert "tau: 0.75" in dry.stdout and "- mine\n" in dry.stdout
    for text, told in (("[1, 2", "cannot be read"), ("source: x", "is no preset")):
        file.write_text(text)
        refused = run([*line, "--preset", str(file)])
        assert refused.returncode == 2
        assert told in refused.stderr
    assert "cannot be read" in run([*line, "--preset", str(tmp_path / "none.yaml")]).stderr
