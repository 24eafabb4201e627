from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.exporting import run
from rmset_builder.exporting.run import WRITERS, export
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import read_metadata

Rows = list[dict[str, Any]]
Rmset = Callable[..., Any]


def rows_of(folder: Path) -> Rows:
    return [row for shard in find_shards(folder) for row in pq.read_table(shard.path).to_pylist()]


@pytest.fixture(scope="module")
def expected(demo_shards: Path) -> Rows:
    """All rows of the demo's shards."""
    return rows_of(demo_shards)


@pytest.fixture
def source(demo_shards: Path, tmp_path: Path) -> Path:
    """The demo's shards twice, under two names of videos."""
    shutil.copytree(demo_shards, tmp_path / "shards")
    shard = find_shards(tmp_path / "shards")[0]
    table = pq.read_table(shard.path)
    told = {**table.schema.metadata, b"rmset.video": b"other"}
    pq.write_table(table.slice(0, 40).replace_schema_metadata(told), shard.path.with_name("other-00000.parquet"))
    return tmp_path / "shards"


def test_webdataset_reads_it(demo_shards: Path, expected: Rows, tmp_path: Path) -> None:
    import webdataset  # noqa: PLC0415

    assert export(demo_shards, "webdataset", tmp_path / "out").rows == len(expected)
    tars = sorted(str(path) for path in (tmp_path / "out").iterdir())
    assert [Path(tar).suffix for tar in tars] == [".tar"]
    found = list(webdataset.WebDataset(tars, shardshuffle=False).decode())
    raw = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len({sample["__key__"] for sample in found}) == len(expected)
    for sample, bare, row in zip(found, raw, expected, strict=True):
        assert bare["jpg"] == row["image"]["bytes"]
        assert sample["json"] == {name: value for name, value in row.items() if name != "image"}
    again = tmp_path / "again"
    export(demo_shards, "webdataset", again)
    assert Path(tars[0]).read_bytes() == (again / Path(tars[0]).name).read_bytes()


def test_lance_reads_it(source: Path, tmp_path: Path) -> None:
    import lance  # noqa: PLC0415

    expected = rows_of(source)
    export(source, "lance", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["faces.lance"]
    data_set = lance.dataset(str(tmp_path / "out" / "faces.lance"))
    found = data_set.to_table().to_pylist()
    assert [row.pop("image") for row in found] == [row["image"]["bytes"] for row in expected]
    assert {row.pop("video") for row in found[-40:]} == {expected[0]["video"]}
    assert [row["frame"] for row in found] == [row["frame"] for row in expected]
    assert found[5]["bbox"] == expected[5]["bbox"]
    taken = data_set.take([3, len(expected) - 1], columns=["image"]).to_pylist()
    assert [row["image"] for row in taken] == [expected[n]["image"]["bytes"] for n in (3, -1)]


def test_torchvision_and_datasets_read_image_folders(demo_shards: Path, expected: Rows, tmp_path: Path) -> None:
    import datasets  # noqa: PLC0415
    from torchvision.datasets import ImageFolder  # noqa: PLC0415

    export(demo_shards, "imagefolder", tmp_path / "out")
    video = expected[0]["video"]
    people = sorted({f"{video}_{row['identity']}" for row in expected})
    folder = ImageFolder(str(tmp_path / "out"))
    assert folder.classes == people
    assert len(folder) == len(expected)
    path, label = folder.samples[0]
    first = next(row for row in expected if f"{video}_{row['identity']}" == people[label])
    assert Path(path).read_bytes() == first["image"]["bytes"]
    assert folder[0][0].size == (260, 260)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    told = {(row["frame"], row["identity"], row["track"]): row for row in expected}
    assert len(loaded["train"]) == len(expected)
    for row in loaded["train"].select(range(0, len(expected), 50)):
        assert row["bbox"] == told[row["frame"], row["identity"], row["track"]]["bbox"]


def test_shards_again_in_todays_layout(source: Path, tmp_path: Path) -> None:
    before = rows_of(source)
    exported = export(source, "shards", tmp_path / "out")
    assert (exported.rows, exported.shards) == (len(before), 2)
    assert [row["image"] for row in rows_of(tmp_path / "out")] == [row["image"] for row in before]
    for shard in find_shards(source):
        rows, told = read_metadata(tmp_path / "out" / shard.path.name)
        assert (rows, told.video) == (read_metadata(shard.path)[0], shard.video)
        chunk = pq.read_metadata(tmp_path / "out" / shard.path.name).row_group(0).column(9)
        assert (chunk.compression, chunk.has_dictionary_page) == ("UNCOMPRESSED", False)
    assert (tmp_path / "out" / "videos.parquet").read_bytes() == (source / "videos.parquet").read_bytes()
    assert contents(tmp_path / "out" / "identities") == contents(source / "identities")


@pytest.mark.parametrize("form", list(WRITERS))
def test_a_stopped_run_goes_on(source: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original, added = WRITERS[form].add, list[str]()

    def stop(writer: Any, shard: Any, out: Path) -> int:
        if added:
            raise KeyboardInterrupt
        added.append(shard.path.name)
        return original(writer, shard, out)

    out = tmp_path / "out"
    monkeypatch.setattr(WRITERS[form], "add", stop)
    with pytest.raises(KeyboardInterrupt):
        export(source, form, out)
    assert not out.exists()

    def note(writer: Any, shard: Any, where: Path) -> int:
        added.append(shard.path.name)
        return original(writer, shard, where)

    monkeypatch.setattr(WRITERS[form], "add", note)
    exported = export(source, form, out)
    assert (exported.kept, exported.rows) == (1, len(rows_of(source)))
    assert added == [shard.path.name for shard in find_shards(source)]
    monkeypatch.undo()
    export(source, form, tmp_path / "whole")
    if form != "lance":  # whose files have random names
        assert contents(out) == contents(tmp_path / "whole")
    assert not list(tmp_path.glob(".*")), "nothing is left over"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_stopped_transaction_is_done_again(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lance  # noqa: PLC0415

    original = run.LanceWriter.add

    def stop(writer: Any, shard: Any, out: Path) -> int:
        original(writer, shard, out)
        if shard.path.name.startswith("other"):
            raise KeyboardInterrupt
        return original(writer, shard, out) if False else pq.read_metadata(shard.path).num_rows

    monkeypatch.setattr(run.LanceWriter, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        export(source, "lance", tmp_path / "out")
    monkeypatch.undo()
    assert export(source, "lance", tmp_path / "out").kept == 0
    assert lance.dataset(str(tmp_path / "out" / "faces.lance")).count_rows() == len(rows_of(source))


def test_shards_that_changed_meanwhile_are_exported_anew(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = run.WebDatasetWriter.add

    def stop(writer: Any, shard: Any, out: Path) -> int:
        if shard.path.name.startswith("other"):
            raise KeyboardInterrupt
        return original(writer, shard, out)

    monkeypatch.setattr(run.WebDatasetWriter, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        export(source, "webdataset", tmp_path / "out")
    monkeypatch.undo()
    os.utime(find_shards(source)[0].path)
    assert export(source, "webdataset", tmp_path / "out").kept == 0


def test_the_command(source: Path, tmp_path: Path, rmset: Rmset) -> None:
    done = rmset("export", source)
    out = tmp_path / "shards-webdataset"
    assert (done.returncode, done.stdout) == (0, f"{out}: {len(rows_of(source)):,} faces of 2 shards\n")
    done = rmset("export", source)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"rmset: --out {out} is there already; give another, or remove it: rm -r {out}\n"
    assert rmset("export", tmp_path / "absent").returncode == 2
    assert rmset("export", source, "--to", "zip").returncode == 2
    (tmp_path / "empty").mkdir()
    assert "no shards in" in rmset("export", tmp_path / "empty").stderr


def test_a_damaged_shard_is_named_and_nothing_appears(demo_shards: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_shards, tmp_path / "shards")
    (shard,) = find_shards(tmp_path / "shards")
    content = bytearray(shard.path.read_bytes())
    content[content.index(b"\xff\xd8") + 500] ^= 1
    shard.path.write_bytes(content)
    with pytest.raises(RmsetError, match=r"cannot be read .*rmset extract"):
        export(tmp_path / "shards", "webdataset", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    shard.path.write_bytes(content[:5000])
    with pytest.raises(RmsetError, match="not a whole Parquet file"):
        export(tmp_path / "shards", "webdataset", tmp_path / "out")


def test_a_missing_package(demo_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.LanceWriter, "package", "a_package_that_is_not_there")
    with pytest.raises(RmsetError, match=r"--to lance needs .*pip install 'rmset-builder\[export\]'"):
        export(demo_shards, "lance", tmp_path / "out")


def test_no_export_imports_torch(source: Path, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from rmset_builder.exporting.run import WRITERS, export;"
        "[export(pathlib.Path(sys.argv[1]), form, pathlib.Path(sys.argv[2], form)) for form in WRITERS];"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, source, tmp_path / "out"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
