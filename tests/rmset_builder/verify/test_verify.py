from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from collection import PEOPLE, ROWS, Collection, face_rows, jpeg
from PIL import Image

from rmset_builder.shards import writer
from rmset_builder.shards.layout import find_shards, shard_path
from rmset_builder.shards.metadata import ShardMetadata, read_metadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.tombstones import Tombstone, add_tombstone
from rmset_builder.shards.videos_table import FAILED, TABLE_NAME, VideoRecord, update_videos
from rmset_builder.shards.writer import write_shard
from rmset_builder.takedown.prune import prune_video
from rmset_builder.verify.collection import verify


@pytest.fixture
def place(tmp_path: Path) -> Collection:
    return Collection(tmp_path)


def faults(place: Collection, *, quick: bool = False) -> list[str]:
    return verify(place.shards, place.videos, quick=quick, threads=2).faults


def rewrite(place: Collection, change: Callable[[FaceRows], FaceRows], **metadata: str) -> None:
    """Write the shard of ``one`` anew with other rows or metadata."""
    path = shard_path(place.shards, "one", 0)
    told = read_metadata(path)[1].to_strings() | {k.replace("_", ".", 1): v for k, v in metadata.items()}
    rows = change(face_rows(0, ROWS))

    def blocks() -> Iterator[FaceRows]:
        for start in range(0, len(rows), 256):
            part = slice(start, start + 256)
            yield FaceRows(**{name: values[part] for name, values in vars(rows).items()})

    write_shard(path, "one", blocks(), ShardMetadata.from_strings(told))


def changed(**columns: Any) -> Callable[[FaceRows], FaceRows]:
    def change(rows: FaceRows) -> FaceRows:
        return FaceRows(**{**vars(rows), **{name: make(getattr(rows, name)) for name, make in columns.items()}})

    return change


def test_a_whole_collection_has_no_fault(place: Collection) -> None:
    found = verify(place.shards, place.videos, quick=False, threads=2)
    assert (found.faults, found.notes) == ([], [])
    assert (found.files, found.videos, found.shards, found.faces, found.images) == (2, 2, 2, 2 * ROWS, 2 * ROWS)
    assert verify(place.shards, place.videos, quick=True, threads=1).images == 0


def swap(values: Any) -> Any:
    mixed = values.copy()
    mixed[[100, 300]] = mixed[[300, 100]]
    return mixed


def with_image(content: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda images: [*images[:5], content, *images[6:]]


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (48, 48)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(frame=swap), "rows are not sorted by (frame, identity, track)"),
        (changed(frame=np.zeros_like), "rows are not sorted"),
        (changed(frame=lambda f: f + 1), "frames outside 0 .. 199"),
        (
            changed(identity=lambda i: np.where(i > 1, i + 1, i).astype(np.int32)),
            "4 identities are there, numbered up to 4",
        ),
        (changed(bbox=lambda b: np.where(b == 7, np.nan, b).astype(np.float32)), "numbers that are not finite"),
        (changed(images=with_image(jpeg(1)[:-200])), "identity 0 does not decode"),
        (changed(images=with_image(b"")), "identity 0 does not decode"),
        (changed(images=with_image(b"<html>")), "identity 0 does not decode"),
        (changed(images=with_image(png())), "identity 0 does not decode"),
        (changed(images=with_image(jpeg(1, 40))), "is 40 x 40, not 48 x 48"),
    ],
)
def test_what_is_wrong_inside_a_shard(place: Collection, change: Callable[[FaceRows], FaceRows], words: str) -> None:
    rewrite(place, change)
    found = faults(place)
    assert any(words in fault for fault in found), found
    assert all("rmset extract --force" in fault for fault in found)
    if "decode" in words or " x " in words:
        assert faults(place, quick=True) == []


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"rmset_identities": "5"}, "5 are promised"),
        ({"rmset_frames": "201"}, "rmset.frames is 201, videos.parquet has 200"),
        ({"rmset_frames": "2OO"}, "rmset.frames is '2OO', which is no number"),
        ({"rmset_frames": "2OO"}, "rmset.frames is 2OO, videos.parquet has 200"),
        ({"rmset_source_sha256": "0"}, "rmset.source_sha256 is 0"),
        ({"rmset_part": "3"}, "it says it is part 3"),
        ({"rmset_video": "two"}, "it holds the video two"),
    ],
)
def test_metadata_that_do_not_agree(place: Collection, metadata: dict[str, str], words: str) -> None:
    rewrite(place, changed(), **metadata)
    assert any(words in fault for fault in faults(place, quick=True))


def test_shards_that_are_torn_missing_or_strange(place: Collection) -> None:
    path = shard_path(place.shards, "one", 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert any("not a whole Parquet file" in fault for fault in faults(place, quick=True))
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(2000) + whole[middle + 2000 :])
    assert faults(place)
    path.unlink()
    assert any("the folder 0 faces in 0 shards" in fault for fault in faults(place, quick=True))
    shutil.copy(shard_path(place.shards, "two", 0), path)
    assert any("it holds rows of two" in fault for fault in faults(place, quick=True))
    table = pq.read_table(shard_path(place.shards, "two", 0)).drop_columns("sharpness")
    pq.write_table(table, path)
    assert any("the column sharpness is missing" in fault for fault in faults(place, quick=True))


def test_shards_of_one_video_in_the_wrong_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_SHARD", 256)
    place = Collection(tmp_path)
    assert faults(place) == []
    first, second = shard_path(place.shards, "one", 0), shard_path(place.shards, "one", 1)
    content = first.read_bytes()
    second.replace(first)
    second.write_bytes(content)
    found = faults(place, quick=True)
    assert any("its shards are not in order" in fault for fault in found)


def test_tables_that_contradict_the_shards(place: Collection) -> None:
    record = place.record("one")
    update_videos(place.shards, type(record)(**{**vars(record), "faces": ROWS + 1}))
    assert any(f"{TABLE_NAME} has" in fault for fault in faults(place, quick=True))
    update_videos(place.shards, record)
    side = place.shards / "identities" / "one.parquet"
    table = pq.read_table(side)
    pq.write_table(table.slice(1), side)
    assert {"identities with gaps", f"{PEOPLE - 1} identities with"} == {
        word
        for word in ("identities with gaps", f"{PEOPLE - 1} identities with")
        if any(word in f for f in faults(place))
    }
    side.unlink()
    assert any("one.parquet: missing" in fault for fault in faults(place))
    side.write_bytes(b"PAR1")
    assert any("one.parquet: not whole" in fault for fault in faults(place))


def test_files_that_are_not_what_was_fetched(place: Collection) -> None:
    path = place.videos / "one.mp4"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!")
    assert any("its bytes are not those that were fetched" in fault for fault in faults(place))
    path.write_bytes(content[:-1])
    assert any("bytes instead of" in fault for fault in faults(place))
    path.unlink()
    assert any("one.mp4: missing; fetch it again" in fault for fault in faults(place))
    path.write_bytes(content)
    with (place.videos / "catalog.jsonl").open("a") as ledger:
        ledger.write("torn {\n")
    assert any("catalog.jsonl:3: no row of a ledger" in fault for fault in faults(place))


def test_a_hostile_row_does_not_lead_out_of_the_folder(place: Collection, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"x")
    row = {"id": "secret", "state": "fetched", "file": "../secret.mp4", "bytes": 1, "sha256": "0"}
    with (place.videos / "catalog.jsonl").open("a") as ledger:
        ledger.write(json.dumps(row) + "\n")
    assert any("which is no name for it" in fault for fault in faults(place))


def test_the_command(place: Collection, rmset: Callable[..., Any], tmp_path: Path) -> None:
    here = (place.shards, "--videos", place.videos)
    done = rmset("verify", *here)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (0, "", "all is well")
    find_shards(place.shards)[0].path.write_bytes(b"")
    done = rmset("verify", *here, "--quick")
    assert done.returncode == 1
    assert done.stdout.startswith(str(place.shards / "one-00000.parquet"))
    report = json.loads(rmset("verify", *here, "--json").stdout)
    assert report["faults"] and report["shards"] == 2
    assert rmset("verify", tmp_path / "no", "--videos", tmp_path / "nor").returncode == 2


@pytest.mark.parametrize(
    ("shards", "videos", "told"),
    [
        ("nowhere", None, "nowhere is not there: there is nothing to check"),
        ("nowhere", "videos", "nowhere is not there: there is nothing to check"),
        ("empty", None, "empty holds no shards: there is nothing to check"),
        ("shards", "nowhere", "--videos nowhere is not there: there is nothing to check files against"),
        ("shards", "empty", "--videos empty holds no videos: there is nothing to check files against"),
        (None, "nowhere", "shards is not there, nowhere has no catalog.jsonl: there is nothing to check"),
        (None, None, "shards is not there, videos has no catalog.jsonl: there is nothing to check"),
    ],
)
def test_of_nothing_all_is_not_well(
    place: Collection,
    rmset: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shards: str | None,
    videos: str | None,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    if shards is None:
        place.shards.rename("elsewhere")
        (place.videos / "catalog.jsonl").unlink()
    done = rmset("verify", "--quick", *([shards] if shards else []), *(["--videos", videos] if videos else []))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"rmset: {told}; name them: rmset verify SHARDS --videos DIR\n"


def test_one_folder_is_enough_unless_both_are_named(
    place: Collection, rmset: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place.videos.rename("films")
    assert rmset("verify", "--quick").returncode == 0
    place.shards.rename("faces")
    assert rmset("verify", "--videos", "films").returncode == 0
    assert rmset("verify", "faces", "--quick").returncode == 0
    (tmp_path / "films" / "catalog.jsonl").unlink()
    assert rmset("verify", "faces", "--quick", "--videos", "films").returncode == 0, "may hold what was taken down"


def test_shards_alone_and_videos_alone(place: Collection, tmp_path: Path) -> None:
    alone = verify(place.shards, tmp_path / "nothing", quick=True, threads=1)
    assert (alone.faults, alone.files) == ([], 2)  # the files still lie where they were extracted from
    (place.videos / "two.mp4").write_bytes(b"other")
    assert (
        "changed since it was extracted" in verify(place.shards, tmp_path / "nothing", quick=True, threads=1).notes[0]
    )
    assert verify(tmp_path / "nothing", place.videos, quick=True, threads=1).files == 2


def test_parquet_of_another_kind_is_no_shard(place: Collection) -> None:
    pq.write_table(pa.table({"a": [1]}), place.shards / "mine.parquet")
    assert faults(place) == []


def test_a_file_of_the_same_name_was_not_taken_down(place: Collection) -> None:
    other = place.videos / "one.mkv"
    other.write_bytes(b"another film")
    prune_video(place.shards, place.videos, "two", "asked")
    add_tombstone(place.shards, Tombstone(video="one--0", why="asked"))
    assert faults(place) == []
    update_videos(place.shards, VideoRecord(id="one--0", source=str(other), state=FAILED))
    assert [fault for fault in faults(place) if "delete it" in fault] == [
        f"{other}: was taken down (pruned.jsonl); delete it: rm -f -- {other}"
    ]
