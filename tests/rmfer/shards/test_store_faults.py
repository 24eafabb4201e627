from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_shards import picture, wall
from store_checks import Make, check_fault, rewrite

from rmfer.errors import RmferError, ShardError
from rmfer.shards import ImageReader, index, open_index
from rmfer.shards.shard_files import find_shards
from rmset_builder.shards.layout import find_shards as builders_shards
from rmset_builder.shards.videos_table import VideoRecord, update_videos


def test_every_row_is_what_pyarrow_reads(folder: Path) -> None:
    found = open_index(folder)
    reader = ImageReader(found)
    assert [shard.name for shard in find_shards(folder)] == [s.path.name for s in builders_shards(folder)]
    row = 0
    for shard in builders_shards(folder):
        for expected in pq.read_table(shard.path).to_pylist():
            assert (found.frame[row], found.identity[row]) == (expected["frame"], expected["identity"])
            assert bytes(reader.read(row)) == expected["image"]["bytes"]
            assert found.place(row)[0] == shard.path
            row += 1
    assert row == len(found) == 420
    assert found.videos == ("a", "b")
    np.testing.assert_array_equal(found.video_start, [0, 300, 420])
    for person in range(8):
        own = slice(*found.person_start[person : person + 2])
        rows = found.person_row[own] + found.video_start[person // 5]
        assert (found.identity[rows] == person % 5).all()
        np.testing.assert_array_equal(found.frame[rows], found.person_frame[own])
        assert (np.diff(found.person_frame[own]) > 0).all()


def test_one_picture_costs_one_small_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, reads, pread = ImageReader(open_index(folder)), list[int](), os.pread
    # JPEGs of 32 x 32 pixels are shorter than a page and share some; larger ones have one each.
    for row in (0, 150, 419):
        reader.read(row)
    monkeypatch.setattr(os, "pread", lambda handle, size, at: reads.append(size) or pread(handle, size, at))
    for row in (7, 207, 400):
        reader.read(row)
    assert len(reads) == 3
    assert max(reads) < 4096


def test_a_page_each_for_pictures_of_the_usual_size(tmp_path: Path, make_shards: Make) -> None:
    make_shards(tmp_path, "v", wall(4, 3), size=160)
    found = open_index(tmp_path)
    assert len(set(found.offset.tolist())) == len(found)
    sizes = [len(bytes(ImageReader(found).read(row))) for row in range(12)]
    assert all(page - size < 60 for page, size in zip(found.size.tolist(), sizes, strict=True))


def test_the_index_is_built_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_index(folder)
    built = list((folder / ".rmfer-index").glob("*/index.json"))
    assert len(built) == 1
    monkeypatch.setattr(index, "build", None)
    again = open_index(folder)
    assert again.digest == first.digest
    np.testing.assert_array_equal(again.offset, first.offset)


def test_only_what_changed_is_read_again(folder: Path, make_shards: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_index(folder)
    make_shards(folder, "b", wall(30, 4), size=32, first=5000)
    read: list[str] = []
    from rmfer.shards import index_build  # noqa: PLC0415

    original = index_build.read_columns
    monkeypatch.setattr(index_build, "read_columns", lambda path: read.append(path.name) or original(path))
    after = open_index(folder)
    assert read == ["b-00000.parquet"]
    assert (len(before), len(after)) == (420, 420)
    assert bytes(ImageReader(after).read(300)) == picture(5000, 32)
    assert bytes(ImageReader(after).read(299)) == picture(299, 32)
    assert len(list((folder / ".rmfer-index").glob("*/index.json"))) == 1, "the old one is gone"
    assert before.identity[0] == 0, "and still serves whoever has it open"
    (folder / "b-00000.parquet").unlink()
    assert open_index(folder).videos == ("a",)


def test_a_touched_shard_is_another(folder: Path) -> None:
    before = open_index(folder)
    os.utime(folder / "b-00000.parquet", ns=(1, 1))
    assert open_index(folder).shards != before.shards
    assert open_index(folder).digest == before.digest, "it holds the same"
    with pytest.raises(ShardError, match=r"b-00000.parquet: changed since it was indexed; .*open the folder again"):
        ImageReader(before).read(350)


def test_a_broken_index_is_made_anew(folder: Path) -> None:
    open_index(folder)
    (place,) = (folder / ".rmfer-index").glob("*/")
    for damage in ("index.json", "offset.bin"):
        (place / damage).write_bytes((place / damage).read_bytes()[:-5])
        assert bytes(ImageReader(open_index(folder)).read(33)) == picture(33, 32)


def test_the_index_can_lie_elsewhere(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.mktemp("cache") / "deep"
    assert len(open_index(folder, cache=cache)) == 420
    assert not (folder / ".rmfer-index").exists()
    assert list(cache.glob("*/frame.bin"))


def test_two_processes_build_one_index(folder: Path) -> None:
    program = (
        "import sys, pathlib; from rmfer.shards import open_index; print(len(open_index(pathlib.Path(sys.argv[1]))))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in both] == ["420\n", "420\n"]
    assert len(list((folder / ".rmfer-index").glob("*/index.json"))) == 1


def test_neither_the_index_nor_the_sampler_imports_torch(folder: Path) -> None:
    program = (
        "import sys, pathlib; from rmfer.shards import open_index, AnchorSampler, SamplerSettings;"
        "AnchorSampler(open_index(pathlib.Path(sys.argv[1])), "
        "SamplerSettings(min_distance=5, positives=5, frame_stride=1)).step(0, 0);"
        "print([m for m in ('torch', 'insightface', 'onnxruntime', 'rmset_builder.pipeline') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_shard_cut_in_the_middle(folder: Path) -> None:
    path = folder / "a-00001.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    check_fault(folder, path.name, "not a whole Parquet file", "delete it and run `rmset extract`", left=320)
    path.write_bytes(content)
    assert len(open_index(folder)) == 420, "a mended shard serves again"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 3, b"\0" * 500])
def test_a_file_that_is_no_parquet(folder: Path, content: bytes) -> None:
    (folder / "b-00000.parquet").write_bytes(content)
    check_fault(folder, "b-00000.parquet", "not a whole Parquet file", "rmset extract", left=300)


def test_a_wrong_schema_version(folder: Path) -> None:
    rewrite(folder / "b-00000.parquet", {"rmset.schema": "2"})
    check_fault(
        folder, "b-00000.parquet", "has rmset.schema 2, this program reads 1", "extract the video again", left=300
    )
    assert open_index(folder, skip_bad=True).videos == ("a",)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_missing_part(folder: Path, part: int) -> None:
    open_index(folder)
    path = folder / f"a-{part:05d}.parquet"
    path.unlink()
    check_fault(folder, path.name, "is missing", "rmset extract --force", left=320)


def test_a_missing_video(folder: Path) -> None:
    update_videos(folder, VideoRecord(id="c", shards=1, faces=9))
    update_videos(folder, VideoRecord(id="d", state="failed"))
    check_fault(folder, "c-00000.parquet", "is missing", "put it back", left=420)
    (folder / "videos.parquet").write_bytes(b"nonsense")
    with pytest.raises(RmferError, match=r"videos.parquet cannot be read .*rebuilds it"):
        open_index(folder)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"use_dictionary": False}, "compressed with snappy"),
        ({}, "with a dictionary"),
        ({"compression": "none", "use_dictionary": False}, "has no offset index"),
        (
            {"compression": "none", "use_dictionary": False, "write_page_index": True, "data_page_version": "2.0"},
            "plain",
        ),
    ],
)
def test_shards_that_others_wrote(folder: Path, options: dict[str, Any], fault: str) -> None:
    rewrite(folder / "b-00000.parquet", **options)
    remedy = "delete it" if fault == "plain" else f"rmset export {folder} --to shards --out {folder}-new"
    check_fault(folder, "b-00000.parquet", fault, remedy, left=300)


def test_shards_of_many_pictures_a_page_serve_too(folder: Path) -> None:
    rewrite(folder / "b-00000.parquet", compression="none", use_dictionary=False, write_page_index=True)
    reader = ImageReader(open_index(folder))
    assert [bytes(reader.read(300 + n)) for n in (0, 1, 60, 119)] == [picture(1000 + n, 32) for n in (0, 1, 60, 119)]


def test_other_contents(folder: Path) -> None:
    path = folder / "b-00000.parquet"
    plain: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_page_index": True}
    table = pq.read_table(path)
    for changed, fault in [
        (table.drop_columns(["image"]), "has not the columns of a shard"),
        (table.slice(60).replace_schema_metadata(table.schema.metadata), None),
        (pa.concat_tables([table.slice(60), table.slice(0, 60)]), "not sorted"),
        (table.set_column(1, "frame", pa.array(range(-1, 119), pa.int32())), "numbers from 0"),
        (table.replace_schema_metadata({**table.schema.metadata, b"rmset.video": b"x"}), "holds the video 'x'"),
    ]:
        pq.write_table(changed, path, **plain)
        if fault is None:
            assert len(open_index(folder)) == 360
        else:
            with pytest.raises(RmferError, match=fault):
                open_index(folder)
    pq.write_table(table, path, **plain)
    shutil.copy(folder / "a-00000.parquet", folder / "a-00003.parquet")
    with pytest.raises(RmferError, match=r"a-00003.parquet: has frames from before the end of the part before"):
        open_index(folder)


def test_a_shard_that_goes_while_it_is_read(folder: Path) -> None:
    found = open_index(folder)
    (folder / "a-00002.parquet").unlink()
    with pytest.raises(ShardError, match=r"a-00002.parquet: is missing; put it back"):
        ImageReader(found).read(299)
    reader, path = ImageReader(found), folder / "b-00000.parquet"
    reader.read(300)
    os.truncate(path, 2000)
    with pytest.raises(ShardError, match=r"b-00000.parquet, row 119: the file ends before it"):
        reader.read(419)
    with pytest.raises(ShardError, match=r"b-00000.parquet: was cut since it was indexed"):
        ImageReader(found).read(419)


def test_nothing_to_open(tmp_path: Path, make_shards: Make) -> None:
    with pytest.raises(RmferError, match=r"no folder of shards at .*absent; make one with: rmset extract"):
        open_index(tmp_path / "absent")
    with pytest.raises(RmferError, match="no shards in"):
        open_index(tmp_path)
    make_shards(tmp_path, "v", [])
    with pytest.raises(RmferError, match="no faces in the shards"):
        open_index(tmp_path)
    make_shards(tmp_path, "w", wall(2, 2))
    assert open_index(tmp_path).videos == ("v", "w")


def test_more_shards_than_files_that_stay_open(
    tmp_path: Path, make_shards: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shards(tmp_path, "v", wall(6, 5), per_shard=3, size=16)
    monkeypatch.setattr("rmfer.shards.images.OPEN_FILES", 2)
    reader = ImageReader(open_index(tmp_path))
    assert [bytes(found) for found in reader.read_many(range(30))] == [picture(n, 16) for n in range(30)]  # type: ignore[arg-type]
    held = [file for file in psutil.Process().open_files() if Path(file.path).parent == tmp_path]
    assert len(held) == 2
    del reader


def test_the_index_tells_what_it_is_of(folder: Path) -> None:
    open_index(folder)
    (told,) = (folder / ".rmfer-index").glob("*/index.json")
    assert {name for name, *_ in json.loads(told.read_text())["shards"]} == {"a", "b"}
