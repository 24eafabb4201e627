"""The programme for a bare GPU machine, rehearsed on the CPU: a typing error shall not cost a lent GPU its minutes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shared_data import shared_folder

ROOT = Path(__file__).resolve().parents[1]
PROGRAMME = ROOT / "benchmarks" / "gpu"
MakeClip = Callable[..., Path]
Finished = subprocess.CompletedProcess[str]


def loads(*arguments: object) -> Finished:
    command = [sys.executable, str(PROGRAMME / "loads.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def store(small_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a machine has received: a video."""
    folder = tmp_path_factory.mktemp("gpu") / "store"
    (folder / "2-extract" / "videos").mkdir(parents=True)
    shutil.copyfile(small_video, folder / "2-extract" / "videos" / "wall.mp4")
    return folder


@pytest.fixture
def step(store: Path, tmp_path: Path) -> Callable[..., Any]:
    """Run a step; the result of its name."""

    def run(*arguments: str, result: str | None = None) -> Any:
        environment = {**os.environ, "STORE": str(store), "OUT": str(tmp_path), "PYTHON": sys.executable}
        done = subprocess.run(
            ["bash", str(PROGRAMME / "run.sh"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return json.loads((tmp_path / f"{result}.json").read_text())["results"] if result else done.stdout

    return run


def test_loads_bring_the_files_whole_in_any_order(tmp_path: Path) -> None:
    files, store = tmp_path / "files", tmp_path / "store"
    (files / "b" / "deep").mkdir(parents=True)
    contents = {"a.bin": os.urandom(1_500_000), "b/deep/c.bin": os.urandom(1_700_000), "b/empty": b"", "z": b"last"}
    for name, content in contents.items():
        (files / name).write_bytes(content)
    assert loads("pack", files, "--out", tmp_path / "loads", "--mib", 1).returncode == 0
    every = sorted((tmp_path / "loads").iterdir())
    assert [load.name for load in every] == ["00", "01", "02", "03"]
    for load in every:
        assert sum(part.stat().st_size for part in load.iterdir() if part.name != "manifest.json") <= 1 << 20
    assert "no load has been received" in loads("missing", store).stdout
    for load in reversed(every[1:]):
        assert loads("receive", load, store).returncode == 0
    told = loads("missing", store)
    assert told.returncode == 1
    assert told.stdout.splitlines() == ["a.bin (loads 00, 01)"]
    assert loads("missing", store, "b/").returncode == 0
    assert loads("receive", every[0], store).returncode == 0
    assert loads("missing", store).returncode == 0
    for name, content in contents.items():
        assert (store / name).read_bytes() == content


@pytest.mark.parametrize("damage", ["spoilt", "cut", "gone"])
def test_a_load_that_came_damaged_is_named_and_may_come_again(tmp_path: Path, damage: str) -> None:
    files, store = tmp_path / "files", tmp_path / "store"
    files.mkdir()
    (files / "a.bin").write_bytes(bytes(range(256)) * 100)
    loads("pack", files, "--out", tmp_path / "loads")
    part = tmp_path / "loads" / "00" / "000.00"
    whole = part.read_bytes()
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(whole[:-1] + b"?" if damage == "spoilt" else whole[:-1])
    told = loads("receive", tmp_path / "loads" / "00", store)
    assert told.returncode == 1
    assert "a part of a.bin, is missing or spoilt; send it again" in told.stderr
    part.write_bytes(whole)
    assert loads("receive", tmp_path / "loads" / "00", store).stdout.split() == ["a.bin"]


def test_a_step_whose_loads_have_not_come_says_which(tmp_path: Path) -> None:
    environment = {**os.environ, "STORE": str(tmp_path / "store"), "PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", str(PROGRAMME / "run.sh"), "a"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "no load has been received" in done.stdout


@pytest.mark.slow
def test_correctness_is_rehearsed(step: Callable[..., Any]) -> None:
    found = step("a", "--rehearse", result="gpu/correctness_rehearsed")
    assert found["doctor"]["exit_code"] == 0
    assert all(found["within_tolerances"].values())
    assert found["videos"]["wall"]["missed_share"] == 0


@pytest.mark.slow
def test_throughput_is_rehearsed(step: Callable[..., Any]) -> None:
    found = step("b", "--rehearse", "--jobs", "2", "--copies", "2", result="gpu/throughput_rehearsed")
    assert [(one["jobs"], one["decoder"]) for one in found["configurations"]] == [(2, "--nvdec"), (2, "--no-nvdec")]
    assert all(one["videos"] == 2 and one["steady_frames_per_s"] > 0 for one in found["configurations"])


@pytest.mark.slow
def test_stages_are_rehearsed(step: Callable[..., Any]) -> None:
    found = step("c", "--rehearse", "--seconds", "0.05", result="gpu/stages_rehearsed")
    assert not [name for name, part in found.items() if isinstance(part, dict) and "failed" in part]
    assert found["one_job"]["stages"]["align + JPEG of a frame's faces"]["computed_ms"] > 0


@pytest.mark.slow
@pytest.mark.shared("ferplus.zip", "mashups/wall9.mp4")
def test_training_is_rehearsed(step: Callable[..., Any], store: Path) -> None:
    for name, place in (("ferplus.zip", "1-train"), ("mashups/wall9.mp4", "2-extract/videos")):
        (store / place).mkdir(exist_ok=True)
        (store / place / Path(name).name).symlink_to((shared_folder() / name).resolve())
    step("shards", "--rehearse")
    found = step("d", "--rehearse", result="gpu/train_cost_rehearsed")
    assert found["variants"]["default"]["ratios"]["ours_to_eac_sam"] > 0
    told = step("e", "--rehearse", "--arms", "ial-acl", "--set-arms", "frame_stride=1")
    assert json.loads(told[told.index("{") :]).keys() == {"ial-acl"}
    assert (store / "ferplus-runs" / "smoke-ial-acl-42-lr0.0001" / "results.json").is_file()
