"""Commands that are disturbed, and what lies there afterwards beside what an undisturbed run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
from safetensors.numpy import load_file
from trials import Trial

ROOT = Path(__file__).parents[1]
PATIENCE_S = 300
# What two runs of the same command need not have in common.
OF_A_RUN = frozenset(
    {"seconds_spent", "source_mtime_ns", "when", "seconds", "created", "wall_time", "source", "made", "time"}
)

Finished = subprocess.CompletedProcess[str]
# By name: how many rows a file has (1 where it has none), and what must be the same.
Contents = dict[str, tuple[int, Any]]


def start(program: str, *words: object, **options: Any) -> subprocess.Popen[str]:
    """A process of ``rmset`` or ``rmfer``, in a session of its own.

    ``env`` is added to this process's; ``within`` is a command line that runs the one that follows it.
    """
    module = {"rmset": "rmset_builder", "rmfer": "rmfer"}[program]
    own = {"OMP_NUM_THREADS": "1", **options.pop("env", {})}
    within: list[str] = options.pop("within", [])
    own["PYTHONPATH"] = os.pathsep.join(filter(None, [own.get("PYTHONPATH"), str(ROOT)]))
    return subprocess.Popen(
        [*within, sys.executable, "-m", module, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        errors="replace",
        start_new_session=True,
        env={**os.environ, **own},
        **options,
    )


def finish(process: subprocess.Popen[str]) -> Finished:
    """Wait for a process; one that takes minutes is killed, which is a failure."""
    with process:
        try:
            out, err = process.communicate(timeout=PATIENCE_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Finished(process.args, process.returncode, out, err)


def run(program: str, *words: object, **options: Any) -> Finished:
    """A process, from its start to its end."""
    return finish(start(program, *words, **options))


@contextmanager
def making_good(one: Trial) -> Iterator[None]:
    """The block is what puts things right, and how long it takes is noted."""
    began = time.monotonic()
    yield
    one.recovery_s = time.monotonic() - began


def assert_same(one: Trial, found: Contents, expected: Contents) -> None:
    """Note how many rows and files are missing or too many; nothing may be."""
    one.rows_lost = sum(max(0, rows - found.get(name, (0, None))[0]) for name, (rows, _) in expected.items())
    one.left_over = len(found.keys() - expected.keys())
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def contents(folder: Path) -> Contents:
    """All files, hidden ones too: bytes, of tables and logs their rows without what is a run's own.

    Locks and checkpoints count by their names, weights without what is noted beside them; files for TensorBoard, of
    which each start of a training begins one, are left out.
    """
    return {
        str(path.relative_to(folder)): _content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "tensorboard"
    }


def _content(path: Path) -> tuple[int, Any]:
    if path.suffix in (".lock", ".ckpt"):
        return 1, None
    if path.suffix == ".safetensors":
        return 1, {name: weights.tobytes() for name, weights in load_file(path).items()}
    if path.suffix == ".jsonl":
        lines = [_bare(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
        # Of a training: that it was begun and gone on with may be told besides.
        lines = [line for line in lines if line.get("event", "steps") in ("steps", "epoch")]
        return len(lines), lines
    if path.suffix == ".json":
        return 1, _bare(json.loads(path.read_text("utf-8")))
    if path.name == "videos.parquet":
        rows = [_bare(row) for row in pq.read_table(path).to_pylist()]
        return len(rows), rows
    rows_of = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else 1
    return rows_of, path.read_bytes()


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _bare(one) for name, one in value.items() if name not in OF_A_RUN}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def soon(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What ``condition`` says as soon as it says something, while the process is at work."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
    return found


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that a process has started, and they."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def ffmpeg_of(process: subprocess.Popen[str], video: str) -> psutil.Process | None:
    """The ffmpeg that decodes a video; None where there is none at present."""
    for child in descendants(process):
        try:
            words = child.cmdline()
        except psutil.Error:
            continue
        if any(word.startswith("file:") and Path(word).stem == video for word in words):
            return child
    return None
