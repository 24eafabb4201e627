"""Ids of files in a collection: whose are kept, and who steps aside."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from rmset_builder.core.files import sha256_of
from rmset_builder.fetching.catalog import CATALOG_NAME
from rmset_builder.pipeline.id_owners import IdOwners, takedown_ids
from rmset_builder.shards.videos_table import FAILED, VideoRecord, storable
from rmset_builder.video.ids import video_id

BESIDE = re.compile(r"(\w+)--[0-9a-f]{16}")


def put(path: Path, data: str = "") -> Path:
    """A file of bytes of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data or str(path))
    return path


def record(video: str, file: Path, **changes: object) -> VideoRecord:
    known = {"source": storable(str(file)), "source_bytes": file.stat().st_size, "source_sha256": sha256_of(file)}
    return VideoRecord(id=video, **{**known, **changes})  # type: ignore[arg-type]


def assign(*files: Path, records: tuple[VideoRecord, ...] = ()) -> list[str]:
    ids = IdOwners({one.id: one for one in records}).assign(files)
    return [ids[file] for file in files]


def is_beside(found: str, readable: str) -> bool:
    match = BESIDE.fullmatch(found)
    return match is not None and match[1] == readable


def test_names_without_ascii_are_told_apart(tmp_path: Path) -> None:
    files = [put(tmp_path / f"{name}.mp4") for name in ("日本", "中国", "한국", "реакция", "video")]
    ids = assign(*files)
    assert len(set(ids)) == 5
    assert ids[4] == "video"
    assert [assign(file)[0] for file in files] == ids, "whatever else there is"


def test_one_stem_twice(tmp_path: Path) -> None:
    """With another suffix, in another folder, or in capitals that some disks do not tell apart."""
    files = [put(tmp_path / name) for name in ("a/x.mp4", "a/x.mkv", "b/x.mp4", "b/X.webm", "c/a/x.mp4", "c/y.mp4")]
    ids = assign(*files)
    assert len({one.casefold() for one in ids}) == 6
    assert [is_beside(one, "x") or is_beside(one, "X") for one in ids] == [True] * 5 + [False]
    assert ids[5] == "y"
    for order in itertools.permutations(files):
        assert IdOwners({}).assign(order) == dict(zip(files, ids, strict=True))


def test_ids_are_the_same_wherever_the_folder_lies(tmp_path: Path) -> None:
    names = ("a/x.mp4", "a/x.mkv", "b/x.mp4")
    here, there = ([put(tmp_path / root / name) for name in names] for root in ("here", "far/there"))
    assert assign(*here) == assign(*there)


def test_what_was_extracted_keeps_its_id_and_newcomers_step_aside(tmp_path: Path) -> None:
    old, new = put(tmp_path / "b/x.mp4"), put(tmp_path / "a/x.mp4")
    assert assign(old) == ["x"]
    done = record("x", old)
    kept, beside = assign(old, new, records=(done,))
    assert kept == "x"
    assert is_beside(beside, "x")
    assert assign(new, records=(done,)) == [beside], "whether or not the other file is asked for as well"
    assert assign(new, old, records=(done, record(beside, new))) == [beside, "x"]


@pytest.mark.parametrize("name", ["日本.mp4", "my video.mp4", "x" * 200 + ".mp4"])
def test_ids_of_an_older_rule_are_kept(tmp_path: Path, name: str) -> None:
    file = put(tmp_path / name)
    done = record("video", file)
    assert assign(file, records=(done,)) == ["video"]
    file = file.rename(put(tmp_path / "moved" / "y").with_name(name))
    assert assign(file, records=(done,)) == ["video"], "wherever the file is moved"
    put(file, "other bytes")
    assert assign(file, records=(done,)) != ["video"]


def test_a_file_that_failed_keeps_its_id(tmp_path: Path) -> None:
    bad, good = put(tmp_path / "a/x.mp4"), put(tmp_path / "b/x.mp4")
    failed = VideoRecord(id="x", source=str(bad), state=FAILED)
    kept, beside = assign(bad, good, records=(failed,))
    assert kept == "x"
    assert is_beside(beside, "x")


def test_a_copy_is_the_same_video(tmp_path: Path) -> None:
    one, two = put(tmp_path / "a/x.mp4", "same"), put(tmp_path / "b/x.mp4", "same")
    other = put(tmp_path / "c/x.mp4", "else")
    assert assign(one, two) == ["x", "x"]
    assert assign(two, records=(record("x", one),)) == ["x"]
    first, second, third = assign(one, two, other)
    assert first == second != third
    assert assign(put(tmp_path / "y.mp4", "same"), one) == ["y", "x"], "of the same name"


def test_a_file_takes_the_id_of_one_that_is_gone(tmp_path: Path) -> None:
    gone, new = put(tmp_path / "old/x.mp4"), put(tmp_path / "new/x.webm")
    done = record("x", gone)
    gone.unlink()
    assert assign(new, records=(done,)) == ["x"]


def test_the_catalogs_own_file_has_the_catalogs_id(tmp_path: Path) -> None:
    own, stranger = put(tmp_path / "v/x.mp4"), put(tmp_path / "v/x.mkv")
    odd = put(tmp_path / "v/___.mp4")
    rows = [{"id": file.stem, "state": "fetched", "file": file.name} for file in (own, odd)]
    (tmp_path / "v" / CATALOG_NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))
    ids = assign(own, stranger, odd)
    assert ids[0] == "x"
    assert is_beside(ids[1], "x")
    assert ids[2] == "___"


def test_a_row_that_names_a_strangers_file_makes_no_id(tmp_path: Path) -> None:
    file = put(tmp_path / "x.mp4")
    row = {"id": "../../y", "state": "fetched", "file": "x.mp4"}
    (tmp_path / CATALOG_NAME).write_text(json.dumps(row) + "\n")
    assert assign(file) == ["x"]


def test_names_that_are_stored_alike(tmp_path: Path) -> None:
    """A table holds no bytes that are no text."""
    one, two = put(tmp_path / "n\udcffne.mp4", "one"), put(tmp_path / "n\udcfene.mp4", "two")
    done = record("n_ne", one)
    first, second = assign(one, two, records=(done,))
    assert first == "n_ne"
    assert second == video_id(two) != first


def test_the_same_letters_in_two_forms(tmp_path: Path) -> None:
    files = [put(tmp_path / "e\u0301.mp4"), put(tmp_path / "\u00e9.mp4")]
    ids = assign(*files)
    assert len(set(ids)) == 2
    assert all(is_beside(one, "e") for one in ids)


def test_what_is_not_there_changes_nobodys_id(tmp_path: Path) -> None:
    file, missing = put(tmp_path / "a/x.mp4"), tmp_path / "b/x.mp4"
    ids = assign(file, missing)
    assert ids[0] == "x"
    assert is_beside(ids[1], "x")
    (tmp_path / "d.mp4").mkdir()
    assert assign(tmp_path / "d.mp4") == ["d"]


def test_a_folder_by_another_way(tmp_path: Path) -> None:
    file = put(tmp_path / "a/my video.mp4")
    done = record("my_video", file)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for other in (tmp_path / "a" / ".." / "a" / file.name, tmp_path / "link" / file.name):
        assert assign(other, records=(done,)) == ["my_video"]


def test_the_ids_that_a_file_is_taken_down_under(tmp_path: Path) -> None:
    file = put(tmp_path / "x.mkv")
    assert takedown_ids(file, "x--0", {}) == {"x--0", "x"}
    assert takedown_ids(file, "x--0", {"x--0": record("x--0", file)}) == {"x--0"}, "it is known to be another video"
