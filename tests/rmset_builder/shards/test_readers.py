"""Shards open as they are in the readers that people use, several at once and beside the table of videos."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from PIL import Image

ROWS = {"demo": 658, "film": 0, "small": 150}
README = Path(__file__).parents[3] / "README.md"


@pytest.fixture(scope="module")
def folder(
    demo_shards: Path,
    small_video: Path,
    make_clip: Callable[..., Path],
    rmset: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder that holds ``shards/`` of three videos, in one of which nobody is seen."""
    place = tmp_path_factory.mktemp("readers")
    shutil.copytree(demo_shards, place / "shards")
    film = make_clip(place / "film.mp4", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=0.5")
    done = rmset("extract", small_video, film, "--out", place / "shards", "--threads", 1)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def glob(folder: Path) -> str:
    """The shards of all videos, as the README has it."""
    return f"{folder}/shards/*-*.parquet"


@pytest.fixture(scope="module")
def truth(folder: Path) -> list[dict[str, Any]]:
    """All rows, read shard by shard."""
    return [row for name in ROWS for row in pq.read_table(folder / "shards" / f"{name}-00000.parquet").to_pylist()]


def plain(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What identifies and places each face, as plain values."""
    return sorted(
        (r["video"], r["frame"], r["identity"], r["track"], r["time_s"], tuple(r["bbox"]), tuple(r["landmarks"]))
        for r in rows
    )


def test_pyarrow(folder: Path, truth: list[dict[str, Any]]) -> None:
    dataset = ds.dataset(sorted((folder / "shards").glob("*-*.parquet")))
    assert dataset.count_rows() == sum(ROWS.values())
    wanted = dataset.to_table(filter=(ds.field("video") == "demo") & (ds.field("identity") == 3))
    assert wanted.num_rows == sum(row["video"] == "demo" and row["identity"] == 3 for row in truth)
    assert wanted.schema.field("video").type == pa.dictionary(pa.int32(), pa.string())
    assert plain(dataset.to_table().to_pylist()) == plain(truth)


def test_duckdb(folder: Path, glob: str, truth: list[dict[str, Any]]) -> None:
    counts = duckdb.sql(f"select video, count(*) from '{glob}' group by video order by video").fetchall()
    assert counts == [(video, rows) for video, rows in ROWS.items() if rows]
    columns = "video, frame, identity, track, time_s, bbox, landmarks"
    names = columns.split(", ")
    rows = [dict(zip(names, row, strict=True)) for row in duckdb.sql(f"select {columns} from '{glob}'").fetchall()]
    assert plain(rows) == plain(truth)
    (picture,) = duckdb.sql(f"select image.bytes from '{glob}' where video = 'small' limit 1").fetchall()[0]
    assert Image.open(io.BytesIO(picture)).size == (260, 260)
    joined = duckdb.sql(
        f"select v.id, v.faces, count(f.frame) from '{folder}/shards/videos.parquet' v "
        f"left join '{glob}' f on f.video = v.id group by all order by 1"
    ).fetchall()
    assert joined == [(video, rows, rows) for video, rows in ROWS.items()]


def test_polars(glob: str, truth: list[dict[str, Any]]) -> None:
    frame = pl.read_parquet(glob)
    assert frame.height == sum(ROWS.values())
    assert plain(frame.cast({"video": pl.String}).to_dicts()) == plain(truth)
    lazy = pl.scan_parquet(glob).group_by("video").agg(pl.col("identity").n_unique()).sort("video").collect()
    assert lazy.cast({"video": pl.String}).rows() == [("demo", 6), ("small", 6)]
    assert Image.open(io.BytesIO(frame["image"].struct.field("bytes")[0])).size == (260, 260)


@pytest.mark.parametrize("way", ["files", "folder", "streaming"])
def test_hugging_face_shows_pictures(
    folder: Path, glob: str, truth: list[dict[str, Any]], tmp_path: Path, way: str
) -> None:
    options: dict[str, Any] = {"cache_dir": str(tmp_path), "split": "train"}
    if way == "folder":
        faces = datasets.load_dataset(str(folder / "shards"), data_files="*-*.parquet", **options)
    else:
        faces = datasets.load_dataset("parquet", data_files=glob, streaming=way == "streaming", **options)
    assert faces.features["image"] == datasets.Image()
    row = next(iter(faces))
    assert isinstance(row["image"], Image.Image)
    assert (row["image"].size, row["image"].mode, row["image"].format) == ((260, 260), "RGB", "JPEG")
    np.testing.assert_array_equal(
        np.asarray(row["image"]), np.asarray(Image.open(io.BytesIO(truth[0]["image"]["bytes"])))
    )
    if way != "streaming":
        assert plain(faces.remove_columns("image").to_list()) == plain(truth)


def test_hugging_face_opens_one_shard(folder: Path, tmp_path: Path) -> None:
    shard = str(folder / "shards" / "small-00000.parquet")
    faces = datasets.load_dataset("parquet", data_files=shard, cache_dir=str(tmp_path))["train"]
    assert faces.num_rows == ROWS["small"]
    assert faces[149]["image"].size == (260, 260)
    assert faces[149]["video"] == "small"


def test_the_calls_in_the_readme_work(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bare folder and `*.parquet` mix in videos.parquet, which is why the README names the pattern."""
    (block,) = re.findall(r"```python\n(import datasets.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block.count("shards/*-*.parquet") == 3
    monkeypatch.chdir(folder)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    names: dict[str, Any] = {}
    exec(block, names)
    assert names["faces"].num_rows == sum(ROWS.values())
    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        datasets.load_dataset("parquet", data_files="shards/*.parquet", cache_dir=str(tmp_path / "mixed"))
