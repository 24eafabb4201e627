"""The scripts in ``examples/`` do what they say, on the demo's real shards and on folders that hold none."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rmfer.shards import AnchorSampler, SamplerSettings, open_index

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
# The others read shards; this one is tried by tests/rmset_builder/detection/test_detectors.py.
READERS = [script for script in SCRIPTS if script.stem != "another_detector"]

Row = dict[str, Any]


def example(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "examples" / f"{name}.py", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


@pytest.fixture(scope="module")
def shards(demo_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, as an index is made in it; its name would be a pattern to whoever took it for one."""
    return Path(shutil.copytree(demo_shards, tmp_path_factory.mktemp("examples") / "my [shards] 'x'"))


@pytest.fixture(scope="module")
def rows(shards: Path) -> list[Row]:
    """All rows of the demo's shards."""
    rows: list[Row] = pq.read_table(sorted(shards.glob("demo-*.parquet"))).to_pylist()
    return rows


def stretches(times: list[float], gap_s: float) -> list[tuple[float, float]]:
    """The first and last time of each run of times without a gap."""
    found: list[tuple[float, float]] = []
    for time in times:
        if found and time - found[-1][1] <= gap_s:
            found[-1] = (found[-1][0], time)
        else:
            found.append((time, time))
    return found


def test_faces_of_each_identity_are_counted(shards: Path, rows: list[Row]) -> None:
    done = example("read_shards", shards)
    assert (done.returncode, done.stderr) == (0, "")
    counts = Counter(row["identity"] for row in rows)
    assert len(counts) == 6
    told = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [(row[0], int(row[1]), int(row[2])) for row in told] == [("demo", n, counts[n]) for n in sorted(counts)]
    for _, identity, _, first, last in told:
        times = [row["time_s"] for row in rows if row["identity"] == int(identity)]
        assert (first, last) == (f"{min(times):.2f}", f"{max(times):.2f}")


def test_one_identity_is_saved_as_it_lies_in_the_shards(shards: Path, rows: list[Row], tmp_path: Path) -> None:
    out = tmp_path / "their" / "pictures"
    done = example("read_shards", shards, "--video", "demo", "--identity", 2, "--save", out)
    theirs = [row for row in rows if row["identity"] == 2]
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{len(theirs):,} pictures -> {out}\n")
    expected = {f"{row['frame']:06d}-{row['track']}.jpg": row["image"]["bytes"] for row in theirs}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == expected


def test_an_identity_that_is_nobody_is_said_to_be(shards: Path, tmp_path: Path) -> None:
    done = example("read_shards", shards, "--video", "demo", "--identity", 99, "--save", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: video demo has no identity 99 in {shards}\n"
    assert not (tmp_path / "none").exists()
    half = example("read_shards", shards, "--identity", 2)
    assert half.returncode == 2
    assert half.stderr.splitlines()[-1].endswith("--video, --identity and --save belong together")


@pytest.mark.parametrize("gap_s", [0.1, 60.0])
def test_timeline(shards: Path, rows: list[Row], gap_s: float) -> None:
    """With a short gap somebody who goes and comes back has two rows."""
    done = example("identity_timeline", shards, "--gap-s", gap_s)
    assert (done.returncode, done.stderr) == (0, "")
    told = list(csv.DictReader(done.stdout.splitlines()))
    expected = [
        ("demo", identity, round(first, 3), round(last, 3))
        for identity in sorted({row["identity"] for row in rows})
        for first, last in stretches(
            sorted({row["time_s"] for row in rows if row["identity"] == identity}),
            gap_s,
        )
    ]
    assert len(expected) == (7 if gap_s < 1 else 6)
    assert [(row["video"], int(row["identity"]), float(row["from_s"]), float(row["to_s"])) for row in told] == sorted(
        expected, key=lambda row: (row[0], row[2], row[1])
    )
    assert sum(int(row["frames"]) for row in told) == len({(row["identity"], row["frame"]) for row in rows})


def test_anchor_sets_are_those_that_training_draws(shards: Path) -> None:
    done = example("anchor_sets", shards, "--sets", 3, "--steps", 2, "--seed", 7, "--frame-stride", 1)
    assert (done.returncode, done.stderr) == (0, "")
    index = open_index(shards)
    sampler = AnchorSampler(index, SamplerSettings(seed=7, anchors_per_step=3, frame_stride=1))
    expected = []
    for step in range(2):
        expected.append(f"step {step}: 3 x 101 pictures of 3 x 260 x 260, normalised")
        for number in range(3 * step, 3 * step + 3):
            drawn = sampler.draw(epoch=0, number=number)
            frames, people = index.frame[drawn.rows], len(set(index.identity[drawn.rows[1:51]]))
            expected += [
                f"  demo: identity {drawn.identity} in frame {drawn.frame}",
                f"    50 pictures of {people} other people, frames {min(frames[1:51])} to {max(frames[1:51])}",
                f"    50 pictures of the same person, frames {min(frames[51:])} to {max(frames[51:])}",
            ]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("script", READERS, ids=lambda path: path.stem)
def test_help(script: Path) -> None:
    done = example(script.stem, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "folder that `rmset extract` wrote" in done.stdout


@pytest.mark.parametrize("script", READERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("wrong", ["absent", "empty", "file", "cut"])
def test_a_wrong_folder_is_one_line(script: Path, wrong: str, shards: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    if wrong == "file":
        folder.write_text("a file")
    elif wrong != "absent":
        folder.mkdir()
    if wrong == "cut":
        whole = (shards / "demo-00000.parquet").read_bytes()
        (folder / "demo-00000.parquet").write_bytes(whole[: len(whole) // 2])
    done = example(script.stem, folder)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert str(folder) in line


@pytest.fixture
def flipped(shards: Path, tmp_path: Path) -> Callable[[str], Path]:
    """``flipped(column)``: shards in which one bit of that column is another."""

    def flip(column: str) -> Path:
        folder = Path(shutil.copytree(shards, tmp_path / "flipped", ignore=shutil.ignore_patterns(".*")))
        path = folder / "demo-00000.parquet"
        group = pq.ParquetFile(path).metadata.row_group(0)
        chunks = (group.column(number) for number in range(group.num_columns))
        chunk = next(chunk for chunk in chunks if chunk.path_in_schema == column)
        content = bytearray(path.read_bytes())
        content[chunk.data_page_offset + chunk.total_compressed_size - 5] ^= 1
        path.write_bytes(content)
        return folder

    return flip


@pytest.mark.parametrize("name", ["read_shards", "identity_timeline"])
def test_a_flipped_bit_is_no_other_number(name: str, flipped: Callable[[str], Path]) -> None:
    done = example(name, flipped("time_s"))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "CRC" in line


def test_every_script_is_linked() -> None:
    assert len(SCRIPTS) == 4
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(f"examples/{script.name}" in readme for script in SCRIPTS)
