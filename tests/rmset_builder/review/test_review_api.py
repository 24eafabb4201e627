"""What a page asks: corrections that do what the commands do, and who is to be seen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from corrections import wall
from review.serving import Served

from rmset_builder.corrections.correct import merge, split
from rmset_builder.corrections.ledger import LEDGER_NAME
from rmset_builder.shards.layout import find_shards, identities_path
from rmset_builder.shards.lock import alone

Rmset = Callable[..., CompletedProcess[str]]

# What is asked, and the same on the command line.
CORRECTIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "merge", "identities": [1, 4]}, ["merge", "wall", "1", "4"]),
    ({"kind": "split", "identity": 3, "tracks": [5]}, ["split", "wall", "3", "--track", "5"]),
    ({"kind": "swap", "identities": [0, 2], "first": 33}, ["swap", "wall", "0", "2", "--from-frame", "33"]),
    (
        {"kind": "swap", "identities": [0, 2], "first": 3, "last": 9},
        ["swap", "wall", "0", "2", "--from-frame", "3", "--to-frame", "9"],
    ),
    ({"kind": "drop", "identity": 2}, ["drop", "wall", "2"]),
]


@pytest.mark.parametrize(("asked", "command"), CORRECTIONS, ids=lambda one: one[0] if isinstance(one, list) else "")
def test_a_click_and_a_command_make_the_same_shards(
    served: Served, rmset: Rmset, asked: dict[str, Any], command: list[str]
) -> None:
    fresh, other = wall.contents(served.shards), served.shards.with_name("other")
    shutil.copytree(served.shards, other)
    answer = served.post(video="wall", as_of=0, **asked)
    done = rmset(*command, "--shards", other)
    assert (answer.status_code, done.returncode) == (200, 0), (answer.text, done.stderr)
    assert wall.contents(served.shards) == wall.contents(other) != fresh
    told = answer.json()
    assert (told["video"], told["number"], told["as_of"], told["remarks"]) == ("wall", 1, 1, [])
    assert done.stdout == f"wall: {told['words']}; {told['identities']} identities now\n"

    answer = served.post(kind="undo", video="wall")
    assert (answer.status_code, answer.json()["number"], answer.json()["as_of"]) == (200, 1, 2)
    assert wall.contents(served.shards) == fresh


def test_the_answer_tells_which_numbers_moved(served: Served) -> None:
    told = served.post(kind="merge", video="wall", identities=[1, 2], as_of=0, why="twins").json()
    assert told["renumbered"] == {"2": 1, "3": 2, "4": 3}
    assert (told["identities"], told["words"]) == (4, "identities 1 and 2 are one person")
    listed = served.client.get("/api/corrections").json()
    assert listed["as_of"] == 1
    (one,) = listed["corrections"]
    assert {name: one[name] for name in ("number", "video", "kind", "why", "counts")} == {
        "number": 1,
        "video": "wall",
        "kind": "merge",
        "why": "twins",
        "counts": True,
    }
    served.post(kind="undo", number=1)
    assert [one["counts"] for one in served.client.get("/api/corrections?video=wall").json()["corrections"]] == [False]
    assert served.client.get("/api/corrections?video=other").json()["corrections"] == []


def test_the_state_names_the_folder_but_not_where_it_is(served: Served, looked_at: Served) -> None:
    one, other = (each.client.get("/api/state").json() for each in (served, looked_at))
    assert (one["as_of"], one["waiting"]) == (0, 0)
    assert one["folder"] != other["folder"]
    assert served.client.get("/api/state").json() == one
    assert served.shards.name not in str(one)


def test_numbers_are_those_that_the_page_had_seen(served: Served) -> None:
    before = wall.people(served.shards)
    served.post(kind="merge", video="wall", identities=[1, 2], as_of=0)
    # Of a page that has not been loaded again: 3 and 4 are 2 and 3 now.
    assert served.post(kind="merge", video="wall", identities=[3, 4], as_of=0).status_code == 200
    moved = {0: 0, 1: 1, 2: 1, 3: 2, 4: 2}
    assert wall.people(served.shards) == {place: moved[who] for place, who in before.items()}


def test_corrections_at_once_are_done_one_after_another(served: Served) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(served.post, kind="drop", video="wall", identity=n, as_of=0) for n in range(4)]
        numbers = sorted(one.result().json()["number"] for one in asked)
    assert numbers == [1, 2, 3, 4]
    assert set(wall.people(served.shards).values()) == {0}
    assert [one["counts"] for one in served.client.get("/api/corrections").json()["corrections"]] == [True] * 4


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"{", "Invalid JSON"),
        (b"[]", "object"),
        (b'{"kind": "prune", "video": "wall"}', "does not match any of the expected tags"),
        (b'{"kind": "drop", "video": "wall", "identity": 1}', "drop.as_of: Field required"),
        (b'{"kind": "drop", "video": "../x", "identity": 1, "as_of": 0}', "drop.video: String should match pattern"),
        (b'{"kind": "drop", "video": "wall\\n", "identity": 1, "as_of": 0}', "drop.video: String should match"),
        (
            b'{"kind": "drop", "video": "wall", "identity": "1", "as_of": 0}',
            "drop.identity: Input should be a valid int",
        ),
        (b'{"kind": "drop", "video": "wall", "identity": -1, "as_of": 0}', "drop.identity: Input should be greater"),
        (b'{"kind": "drop", "video": "wall", "identity": 1e99, "as_of": 0}', "drop.identity: Input should be"),
        (b'{"kind": "drop", "video": "wall", "identity": true, "as_of": 0}', "drop.identity: Input should be"),
        (b'{"kind": "drop", "video": "wall", "identity": 1, "as_of": 0, "x": 1}', "drop.x: Extra inputs are not"),
        (b'{"kind": "merge", "video": "wall", "identities": [1], "as_of": 0}', "merge.identities: List should have"),
        (b'{"kind": "split", "video": "wall", "identity": 1, "tracks": [], "as_of": 0}', "split.tracks: List should"),
        (b'{"kind": "swap", "video": "wall", "identities": [1, 2, 3], "first": 1, "as_of": 0}', "swap.identities"),
    ],
)
def test_what_is_no_correction_is_a_line(looked_at: Served, body: bytes, told: str) -> None:
    before = wall.contents(looked_at.shards)
    answer = looked_at.client.post("/api/corrections", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert wall.contents(looked_at.shards) == before
    assert not (looked_at.shards / LEDGER_NAME).exists()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"kind": "drop", "video": "wall", "identity": 9, "as_of": 0}, "no identity 9 in wall: it has 0 to 4"),
        ({"kind": "drop", "video": "nix", "identity": 9, "as_of": 0}, "no shards of a video 'nix'"),
        ({"kind": "drop", "video": "wall", "identity": 1, "as_of": 3}, "there is no correction 3 yet"),
        ({"kind": "merge", "video": "wall", "identities": [1, 1], "as_of": 0}, "two identities or more make one"),
        ({"kind": "split", "video": "wall", "identity": 3, "tracks": [0], "as_of": 0}, "has no track 0"),
        ({"kind": "swap", "video": "wall", "identities": [0, 1], "first": 9, "last": 3, "as_of": 0}, "is before the"),
        ({"kind": "undo"}, "there is no correction in"),
    ],
)
def test_what_cannot_be_done_is_told_and_not_done(looked_at: Served, asked: dict[str, Any], told: str) -> None:
    before = wall.contents(looked_at.shards)
    answer = looked_at.post(**asked)
    assert answer.status_code == 409
    assert told in answer.json()["error"]
    assert wall.contents(looked_at.shards) == before


def test_a_video_at_work_elsewhere_is_told(served: Served) -> None:
    asked = {"kind": "drop", "video": "wall", "identity": 1, "as_of": 0}
    with alone(served.shards, "wall"):
        answer = served.post(**asked)
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": "wall is at work in another process; wait for it or stop it"},
    )
    assert served.post(**asked).status_code == 200


def test_a_damaged_shard_is_a_line(served: Served) -> None:
    path = find_shards(served.shards)[0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content[:-100])
    for answer in (
        served.post(kind="drop", video="wall", identity=1, as_of=0),
        served.client.get("/api/videos/wall"),
        served.client.get("/api/videos/wall/identities/1"),
    ):
        assert answer.status_code == 409
        assert "wall-00000.parquet" in answer.json()["error"]
        assert "\n" not in answer.json()["error"]


def test_people_are_told_with_what_they_are_known_by(served: Served) -> None:
    told = served.client.get("/api/videos/wall").json()
    assert (told["video"], told["as_of"]) == ("wall", 0)
    seen = [(one["identity"], one["faces"], one["tracks"], one["start_s"], one["end_s"]) for one in told["identities"]]
    assert seen == [
        (0, 60, 1, 0, 2.36),
        (1, 60, 1, 0, 2.36),
        (2, 60, 1, 0, 2.36),
        (3, 50, 2, 0, 2.36),
        (4, 41, 2, 0.2, 2.36),
    ]
    keys = [one["key"] for one in told["identities"]]
    assert len(set(keys)) == 5
    # Whoever is not corrected keeps the key under any number.
    served.post(kind="drop", video="wall", identity=1, as_of=0)
    after = served.client.get("/api/videos/wall").json()
    assert [one["key"] for one in after["identities"]] == [keys[0], *keys[2:]]
    assert after["version"] != told["version"]
    served.post(kind="undo")
    assert [one["key"] for one in served.client.get("/api/videos/wall").json()["identities"]] == keys


def test_tracks_are_told_with_faces_of_them(looked_at: Served) -> None:
    told = looked_at.client.get("/api/videos/wall/identities/3").json()
    rows = wall.faces(looked_at.shards).select(["frame", "identity", "track"]).to_pylist()
    assert [(one["track"], one["first"], one["last"], one["faces"]) for one in told["tracks"]] == [
        (3, 0, 20, 21),
        (5, 31, 59, 29),
    ]
    for one in told["tracks"]:
        assert len(one["shown"]) == 4
        for row, frame in one["shown"]:
            assert rows[row] == {"frame": frame, "identity": 3, "track": one["track"]}
    assert looked_at.client.get("/api/videos/wall/identities/7").json()["error"].startswith("no identity 7 in wall")


def test_faces_are_those_of_the_rows(served: Served) -> None:
    told = served.client.get("/api/videos/wall").json()
    images = wall.faces(served.shards)["image"].to_pylist()
    for one in told["identities"]:
        answer = served.client.get(f"/faces/wall/{told['version']}/{one['row']}.jpg")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.content == images[one["row"]]["bytes"]
    assert served.client.get(f"/faces/wall/{told['version']}/{len(images)}.jpg").status_code == 404
    # After a correction the same row may be another face.
    served.post(kind="drop", video="wall", identity=0, as_of=0)
    answer = served.client.get(f"/faces/wall/{told['version']}/0.jpg")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/api/videos/nix",
        "/api/videos/..",
        "/api/videos/%2e%2e",
        "/api/videos/..%2f..%2fetc%2fpasswd",
        "/api/videos/wall%00",
        "/api/videos/wall/identities/-1",
        "/api/videos/wall/identities/x",
        "/faces/..%2fshards/0/0.jpg",
        "/review/..%2f__init__.py",
        "/review/../__init__.py",
        "/review/__init__.py",
        "/corrections.jsonl",
        "/shards/videos.parquet",
        "/videos.parquet",
        "//etc/passwd",
        "/review//etc/passwd",
    ],
)
def test_nothing_but_pages_is_served(looked_at: Served, path: str) -> None:
    status, answer = looked_at.raw(path)
    assert status == 404
    assert json.loads(answer).keys() == {"error"}


def test_those_who_look_alike_stand_side_by_side(served: Served) -> None:
    # The same person under two numbers, of whom the second is the last to appear.
    merge(served.shards, "wall", [0, 4])
    split(served.shards, "wall", 0, [max(t for t, i in tracks(served.shards) if i == 0)])
    told = served.client.get("/api/videos/wall").json()
    means = np.stack(pq.read_table(identities_path(served.shards, "wall"))["embedding"].to_pylist())
    alike = means @ means.T - 2 * np.eye(len(means))
    one, other = np.unravel_index(alike.argmax(), alike.shape)
    place = told["order"].index
    assert sorted(told["order"]) == list(range(len(means)))
    assert abs(place(int(one)) - place(int(other))) == 1


def test_without_embeddings_people_stand_by_number(served: Served, tmp_path: Path) -> None:
    identities_path(served.shards, "wall").unlink()
    assert served.client.get("/api/videos/wall").json()["order"] == [0, 1, 2, 3, 4]


def tracks(shards: Path) -> set[tuple[int, int]]:
    table = wall.faces(shards)
    return set(zip(table["track"].to_pylist(), table["identity"].to_pylist(), strict=True))
