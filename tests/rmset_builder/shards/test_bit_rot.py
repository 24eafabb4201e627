from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bit_rot import chunk_end, flip, picture_at
from collection import PLACES, Collection

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.exporting.run import WRITERS, export
from rmset_builder.reports.contact_sheet import write_contact_sheet
from rmset_builder.shards.checked_parquet import read_checked
from rmset_builder.shards.checksums import INDEX_FOLDER, write_sums
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.schema import ROWS_PER_GROUP
from rmset_builder.shards.tombstones import read_tombstones
from rmset_builder.shards.videos_table import TABLE_NAME, read_videos, update_videos
from rmset_builder.takedown.prune import prune_identity, prune_video
from rmset_builder.verify.collection import verify

ROW = 77
CHANGED = "its bytes are not those that were written (checksum)"


@pytest.fixture
def place(tmp_path: Path) -> Collection:
    return Collection(tmp_path)


def again(place: Collection, video: str = "one") -> str:
    source, out = (shlex.quote(str(path)) for path in (place.videos / f"{video}.mp4", place.shards))
    return f"extract it again: rmset extract --force {source} --out {out}"


def state(place: Collection) -> dict[Path, bytes]:
    folders = (place.shards, place.videos)
    files = [p for folder in folders for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".lock"]
    return {path: path.read_bytes() for path in files}


def named(row: int = ROW) -> str:
    return f"row {row} (frame {PLACES[0][row]}, identity {PLACES[1][row]}), column image: {CHANGED}"


# --------------------------------------------------------------------------------------------------------------- verify


@pytest.mark.parametrize("quick", [False, True])
def test_verify_names_the_picture(place: Collection, quick: bool) -> None:
    shard = shard_path(place.shards, "one", 0)
    flip(shard, picture_at(shard, ROW) + 1000)
    found = verify(place.shards, place.videos, quick=quick, threads=2)
    assert found.faults == [f"{shard}: video one, {named()}; {again(place)}"]


@pytest.mark.parametrize("column", ["video", "frame", "identity", "track", "time_s", "bbox", "landmarks", "sharpness"])
def test_verify_names_the_rows_of_numbers(place: Collection, column: str) -> None:
    shard = shard_path(place.shards, "two", 0)
    flip(shard, chunk_end(shard, column) - 1)
    (fault,) = verify(place.shards, place.videos, quick=True, threads=1).faults
    assert fault.startswith(f"{shard}: video two, rows ")
    assert f" to {ROWS_PER_GROUP - 1}, column {column}: {CHANGED}; {again(place, 'two')}" in fault


def test_verify_names_every_damaged_video_and_goes_on(place: Collection) -> None:
    for video, rows in (("one", range(0, 240, 10)), ("two", [ROW])):
        shard = shard_path(place.shards, video, 0)
        for row in rows:
            flip(shard, picture_at(shard, row) + 500)
    found = verify(place.shards, place.videos, quick=True, threads=2).faults
    assert sum("video one, row " in fault for fault in found) == 20
    assert any("video one, 4 more places" in fault for fault in found)
    assert sum("video two" in fault for fault in found) == 1


def test_verify_finds_the_table_of_videos(place: Collection, rmset: Callable[..., Any]) -> None:
    table = place.shards / TABLE_NAME
    flip(table, chunk_end(table, "title") - 1)
    done = rmset("verify", place.shards, "--videos", place.videos)
    assert done.returncode == 1
    assert done.stdout == (
        f"{table} cannot be read (rows 0 to 1, column title: {CHANGED}); move it away and run `rmset extract` again, "
        f"which rebuilds it: mv {table} {table}.broken\n"
    )
    with pytest.raises(RmsetError, match="cannot be read"):
        read_videos(place.shards)
    before = table.read_bytes()
    with pytest.raises(RmsetError, match="cannot be read"):
        update_videos(place.shards, Collection(place.shards.parent / "other").record("one"))
    assert table.read_bytes() == before


@pytest.mark.parametrize("column", ["video", "identity", "faces", "embedding"])
def test_verify_finds_the_mean_embeddings(place: Collection, column: str) -> None:
    side = place.shards / "identities" / "one.parquet"
    flip(side, chunk_end(side, column) - 1)
    found = verify(place.shards, place.videos, quick=True, threads=1).faults
    assert found == [f"{side}: video one, rows 0 to 3, column {column}: {CHANGED}; {again(place)}"]


def test_verify_finds_the_indexes_of_training(place: Collection) -> None:
    index = place.shards / INDEX_FOLDER / "0123"
    index.mkdir(parents=True)
    (index / "index.json").write_text("{}")
    (index / "frame.bin").write_bytes(bytes(1000))
    old = place.shards / INDEX_FOLDER / "old"
    old.mkdir()
    (old / "frame.bin").write_bytes(bytes(10))
    write_sums(index)
    assert verify(place.shards, place.videos, quick=True, threads=1).faults == []
    flip(index / "frame.bin", 500)
    (fault,) = verify(place.shards, place.videos, quick=True, threads=1).faults
    assert fault.startswith(f"{index / 'frame.bin'}: {CHANGED}; delete the index, which rmfer makes anew: rm -r -- ")
    (index / "frame.bin").unlink()
    assert len(verify(place.shards, place.videos, quick=True, threads=1).faults) == 1


def test_what_older_versions_wrote_is_told_and_no_fault(place: Collection) -> None:
    for path in (place.shards / TABLE_NAME, place.shards / "identities" / "one.parquet"):
        pq.write_table(pq.read_table(path), path)
    found = verify(place.shards, place.videos, quick=True, threads=1)
    assert found.faults == []
    assert [note.split(": ", 1)[1][:44] for note in found.notes] == [
        "written without checksums, by an older versi",
        "1 files were written without checksums, by a",
    ]


# ------------------------------------------------------------------------------------------------- nothing is rewritten


@pytest.mark.parametrize("what", ["picture", "numbers", "other people's picture", "embeddings"])
def test_nobody_is_taken_out_of_what_is_damaged(place: Collection, what: str, rmset: Callable[..., Any]) -> None:
    shard, side = shard_path(place.shards, "one", 0), place.shards / "identities" / "one.parquet"
    if what == "embeddings":
        flip(side, chunk_end(side, "embedding") - 1)
        told = f"{side} is damaged (video one, rows 0 to 3, column embedding: {CHANGED})"
    elif what == "numbers":
        flip(shard, chunk_end(shard, "track", group=1) - 1)
        told = f"{shard} is damaged (video one, rows {ROWS_PER_GROUP} to {len(PLACES[0]) - 1}, column track: {CHANGED})"
    else:
        row = next(n for n, one in enumerate(PLACES[1]) if (one == 1) == (what == "picture") and n > ROW)
        flip(shard, picture_at(shard, row) + 100)
        told = f"{shard} is damaged (video one, {named(row)})"
    before = state(place)
    line = ("prune", place.shards, "--videos", place.videos, "--video", "one", "--identity", 1, "--why", "asked")
    done = rmset(*line)
    assert (done.returncode, done.stdout) == (1, "")
    whole = "or take the whole video down: the same command without --identity"
    assert done.stderr == f"failed: {told}, and nothing was taken out; {again(place)}; {whole}\n"
    assert state(place) == before
    assert read_tombstones(place.shards) == []
    # The other video is untouched by it, and the damaged one can be taken down as a whole.
    prune_identity(place.shards, place.videos, "two", 1, "asked", keep_file=True)
    prune_video(place.shards, place.videos, "one", "asked")
    assert verify(place.shards, place.videos, quick=True, threads=1).faults == []


def test_a_video_that_is_not_extracted_again_has_another_remedy(place: Collection) -> None:
    prune_identity(place.shards, place.videos, "one", 1, "asked", keep_file=True)
    shard = shard_path(place.shards, "one", 0)
    flip(shard, picture_at(shard, 5) + 100)
    with pytest.raises(VideoError, match=r"; put the file back from a copy; or take the whole video down"):
        prune_identity(place.shards, place.videos, "one", 1, "asked again", keep_file=True)
    assert len(read_tombstones(place.shards)) == 1


@pytest.mark.parametrize("form", list(WRITERS))
def test_no_export_passes_damage_on(place: Collection, tmp_path: Path, form: str) -> None:
    shard = shard_path(place.shards, "two", 0)
    flip(shard, picture_at(shard, ROW) + 1000)
    with pytest.raises(RmsetError) as raised:
        export(place.shards, form, tmp_path / "out")
    assert str(raised.value) == f"{shard} cannot be read (video two, {named()}); {again(place, 'two')}"
    assert not (tmp_path / "out").exists()


def test_no_sheet_is_drawn_of_damage(place: Collection, tmp_path: Path) -> None:
    shard = shard_path(place.shards, "two", 0)
    whole = shard.read_bytes()
    for at in (picture_at(shard, ROW) + 1000, chunk_end(shard, "time_s") - 1):
        flip(shard, at)
        with pytest.raises(
            RmsetError, match=r"two-00000\.parquet cannot be read \(video two, row.*rmset extract --force"
        ):
            write_contact_sheet(place.shards, tmp_path / "contact.png", columns=100)
        shard.write_bytes(whole)
    assert not (tmp_path / "contact.png").exists()


def test_extraction_writes_checksums_everywhere(demo_shards: Path) -> None:
    from rmset_builder.shards.damage import look_at_pages  # noqa: PLC0415

    files = [*demo_shards.glob("*.parquet"), *demo_shards.glob("[a-z]*/*.parquet")]
    assert len(files) == 4
    for path in files:
        found = look_at_pages(path)
        assert found.pages == found.checksums > 0
        assert found.damages == []
        read_checked(path)


def test_the_command_tells_it_as_json(place: Collection, rmset: Callable[..., Any]) -> None:
    shard = shard_path(place.shards, "one", 0)
    flip(shard, picture_at(shard, ROW) + 1000)
    done = rmset("verify", place.shards, "--videos", place.videos, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["faults"] == [f"{shard}: video one, {named()}; {again(place)}"]
