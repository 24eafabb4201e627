"""A tiny benchmark, tiny shards and tiny settings, on which whole runs take seconds."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rmfer.cli import main
from rmfer.labels import class_names

Finished = subprocess.CompletedProcess[str]

SETTINGS = {
    "backbone": "test_resnet",
    "weights": "none",
    "size": 32,
    "batch_size": 8,
    "positives": 6,
    "negatives": 6,
    "gamma": 0.3,
    "frame_stride": 1,
    "lr": 0.001,
    "epochs": 3,
    "epochs_pre": 1,
    "lambda2": 0.1,
    "log_every": 2,
    "workers": 1,
}


def write_benchmark(
    folder: Path, *, classes: int = 7, train: int = 8, valid: int = 3, test: int = 3, grey: bool = False
) -> Path:
    """Squares, a brightness for each expression, with noise, all grey or coloured: a set that can be learnt."""
    numbers = np.random.default_rng(7)
    for split, count in (("train", train), ("valid", valid), ("test", test)):
        for label, name in enumerate(class_names(classes)):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                picture = np.clip(30 * label + 20 + numbers.normal(0, 12, (32, 32, 1 if grey else 3)), 0, 255).astype(
                    np.uint8
                )
                cv2.imwrite(str(place / f"{number:03}.png"), picture)
    return folder


def seen(people: int = 4, frames: int = 40) -> list[tuple[int, int, int]]:
    """(frame, identity, track) of people who are there all the time."""
    return [(frame, person, person) for frame in range(frames) for person in range(people)]


def arguments(benchmark: Path, shards: Path, out: Path, **settings: Any) -> list[str]:
    """Of ``rmfer train``."""
    chosen = {**SETTINGS, **settings}
    line = ["train", "--benchmark", str(benchmark), "--rmset", str(shards), "--out", str(out), "--device", "cpu"]
    for key, value in chosen.items():
        line += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return line


def run(line: list[str]) -> Finished:
    """Run ``rmfer`` in this process, which spares the seconds that torch takes to import."""
    out, err = io.StringIO(), io.StringIO()
    handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as `start` has it: sums over several threads round otherwise
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(line)
        except SystemExit as ended:
            code = ended.code
        finally:
            for sign, handler in handlers.items():
                signal.signal(sign, handler)
            torch.set_num_threads(threads)
    assert isinstance(code, int | None), code
    return Finished(line, code or 0, out.getvalue(), err.getvalue())


def start(line: list[str], *launcher: str) -> subprocess.Popen[str]:
    """A real process of ``rmfer``, with one thread, which is quickest for so little."""
    return subprocess.Popen(
        [*(launcher or (sys.executable, "-m", "rmfer")), *line],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def run_process(line: list[str], *launcher: str) -> Finished:
    """Run `start`'s process to its end."""
    with start(line, *launcher) as process:
        out, err = process.communicate(timeout=240)
    return Finished(line, process.returncode, out, err)


def events(folder: Path, event: str) -> list[dict[str, Any]]:
    """Lines of a run's log without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines if line["event"] == event]


def took_the_same_steps(one: Path, two: Path) -> None:
    """Two runs logged the same losses and ended with the same weights, but for rounding."""
    for first, second in zip(events(one, "steps"), events(two, "steps"), strict=True):
        assert first.pop("event") == second.pop("event")
        assert second == pytest.approx(first, rel=1e-3)
    weights, others = load_file(one / "last.safetensors"), load_file(two / "last.safetensors")
    for key, value in weights.items():
        torch.testing.assert_close(others[key], value, rtol=1e-2, atol=1e-4)
