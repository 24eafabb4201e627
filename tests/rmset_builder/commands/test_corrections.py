from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from corrections import wall

from rmset_builder.core.geometry import iou_matrix

Run = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    wall.extract(Path("shards"))
    return tmp_path


def test_each_command_says_what_it_did_and_how_to_take_it_back(place: Path, rmset: Run) -> None:
    before = wall.contents(Path("shards"))
    done = rmset("merge", "wall", 1, 3, "--why", "same hat")
    assert (done.returncode, done.stdout) == (0, "wall: identities 1 and 3 are one person; 4 identities now\n")
    assert done.stderr == "other numbers now: 3 -> 1, 4 -> 3\ntake it back: rmset undo --number 1\n"
    done = rmset("split", "wall", 1, "--track", 5)
    assert done.stdout == "wall: of identity 1 track 5 is another person; 5 identities now\n"
    done = rmset("swap", "wall", 0, 2, "--from-frame", 20, "--to-frame", 30)
    assert done.stdout == "wall: identities 0 and 2 are exchanged from frame 20 to 30; 5 identities now\n"
    done = rmset("drop", "wall", 3, "--json")
    told = json.loads(done.stdout)
    assert (told["number"], told["identities"], told["renumbered"]) == (4, 4, {"4": 3})
    done = rmset("corrections")
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert [(number, words) for number, _, words in lines] == [
        ("1", "wall: identities 1 and 3 are one person: same hat"),
        ("2", "wall: of identity 1 track 5 is another person"),
        ("3", "wall: identities 0 and 2 are exchanged from frame 20 to 30"),
        ("4", "wall: identity 3 is left out"),
    ]
    assert rmset("undo", "--number", 1).returncode == 2
    for _ in range(4):
        assert rmset("undo", "wall").stdout.startswith("wall: undone: ")
    assert wall.contents(Path("shards")) == before
    done = rmset("undo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "rmset: there is no correction in shards; see them with: rmset corrections\n"
    counts = [json.loads(line)["counts"] for line in rmset("corrections", "--json").stdout.splitlines()]
    assert counts == [False] * 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["merge", "wall", "1"], "two identities or more make one"),
        (["merge", "wall", "1", "2", "--shards", "nowhere"], "no folder of shards at nowhere"),
        (["merge", "../wall", "1", "2"], "no shards of a video '../wall' in shards"),
        (["split", "wall", "1"], "Missing option '--track'"),
        (["swap", "wall", "1", "2", "--from-frame", "9", "--to-frame", "8"], "--to-frame 8 is before --from-frame 9"),
        (["drop", "wall", "7"], "no identity 7 in wall: it has 0 to 4; look at them: rmset report, rmset contact"),
        (["undo", "--number", "3"], "there is no correction 3 that counts in shards"),
        (["corrections", "nowhere"], "no folder of shards at nowhere"),
    ],
)
def test_wrong_usage_is_one_line_and_changes_nothing(place: Path, rmset: Run, arguments: list[str], told: str) -> None:
    before = wall.contents(Path("shards"))
    done = rmset(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert wall.contents(Path("shards")) == before


def test_damaged_shards_are_not_written_anew(place: Path, rmset: Run) -> None:
    path = next(Path("shards").glob("wall-*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = wall.contents(Path("shards"))
    done = rmset("merge", "wall", 0, 1)
    assert done.returncode == 2
    assert f"{path} is damaged (video wall, " in done.stderr
    assert "nothing was changed; extract it again: rmset extract --force" in done.stderr
    assert wall.contents(Path("shards")) == before


def test_a_real_video_extracted_again_keeps_its_corrections(
    small_video: Path, rmset: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    extract = ["extract", small_video, "--out", "shards", "--threads", 1]
    assert rmset(*extract).returncode == 0
    assert rmset("merge", "small", 0, 4).returncode == 0
    assert rmset("drop", "small", 2, "--as-of", 0).returncode == 0
    assert rmset("swap", "small", 1, 3, "--from-frame", 12, "--as-of", 0).returncode == 0
    before = pq.read_table("shards/small-00000.parquet")
    done = rmset(*extract, "--det-size", 480, "--detect-every", 1)
    assert done.returncode == 0, done.stderr
    after = pq.read_table("shards/small-00000.parquet")
    pairs = set()
    for frame in range(25):
        (one, own), (other, theirs) = (at(table, frame) for table in (before, after))
        overlap = iou_matrix(own, theirs)
        assert overlap.shape == (5, 5)
        assert overlap.max(axis=1).min() > 0.5
        pairs |= set(zip(one.tolist(), other[overlap.argmax(axis=1)].tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 4
    assert rmset("verify", "shards").returncode == 0
    record = pq.read_table("shards/videos.parquet").to_pylist()[0]
    assert (record["identities"], record["faces"], record["message"]) == (4, 125, "")


def at(table: Any, frame: int) -> tuple[np.ndarray, np.ndarray]:
    rows = table.filter(table["frame"].to_numpy() == frame)
    return rows["identity"].to_numpy(), np.stack(rows["bbox"].to_numpy())
