"""From videos in a bucket to shards in a bucket: what is there is what a local run makes, and no secret is anywhere."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from buckets import BUCKET, SECRET, Server

from rmset_builder.shards.tombstones import TOMBSTONES_NAME
from rmset_builder.shards.videos_table import read_videos

Finished = subprocess.CompletedProcess[str]
OUT = f"s3://{BUCKET}/shards"


@pytest.fixture
def videos(small_video: Path, server: Server, tmp_path: Path) -> Path:
    """Two copies of a short video that differ in their last bytes, here and in the bucket."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("one", "two"):
        shutil.copy(small_video, folder / f"{name}.mp4")
        with (folder / f"{name}.mp4").open("ab") as file:
            file.write(b"\0\0\0\x0cfree" + name.encode().ljust(4))
    server.put_folder(folder, "videos/")
    server.client().put_object(Bucket=BUCKET, Key="videos/../../outside.mp4", Body=b"hostile")
    return folder


@pytest.mark.slow
def test_what_is_in_the_bucket_is_what_a_local_run_makes(
    videos: Path,
    server: Server,
    rmset: Callable[..., Finished],
    start_rmset: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    local = tmp_path / "shards"
    assert rmset("extract", videos, "--out", local, "--threads", 1, "--jobs", 1).returncode == 0
    said = []
    # Two at once: each video is extracted by one of them.
    source = f"s3://{BUCKET}/videos"
    runs = [start_rmset("extract", source, "--out", OUT, "--threads", "1", "--jobs", "1", "--debug") for _ in range(2)]
    for run in runs:
        said += run.communicate(timeout=600)
        assert run.returncode in (0, 1), said
        assert run.returncode == 0 or "is at work there" in said[-1]
    last = rmset("extract", source, "--out", OUT, "--threads", 1, "--jobs", 1)
    assert last.returncode == 0 and "2 already done" in last.stderr, last.stderr
    said += [last.stdout, last.stderr]

    there = server.objects("shards/")
    ours = {path.relative_to(local).as_posix(): path.read_bytes() for path in local.rglob("*.parquet")}
    assert there.keys() == ours.keys()
    assert [name for name in ours if name != "videos.parquet" and ours[name] != there[name]] == []
    rows, own = read_videos(Path(OUT)), read_videos(local)
    assert rows.keys() == own.keys()
    for name, row in rows.items():
        assert row.source == f"{source}/{name}.mp4"
        same = {"source": "", "source_mtime_ns": 0, "seconds_spent": 0.0}
        assert dataclasses.replace(row, **same) == dataclasses.replace(own[name], **same)
    sent = [one for one in server.requests() if one.startswith("PUT ") and "-00000.parquet" in one]
    assert len(sent) == 2, sent

    stats = [rmset("stats", one, "--format", "json") for one in (OUT, local)]
    assert stats[0].stdout == stats[1].stdout and stats[0].returncode == 0, stats[0].stderr
    checked = rmset("verify", OUT, "--json")
    assert checked.returncode == 0 and json.loads(checked.stdout)["images"] == sum(row.faces for row in own.values())
    for one, out in ((OUT, "theirs"), (local, "ours")):
        done = rmset("report", one, "--out", out, "--jobs", 1)
        assert done.returncode == 0, done.stderr
        said += [done.stdout, done.stderr]
    pages = {path.relative_to("ours"): path for path in Path("ours").rglob("*.jpg")}
    assert pages
    assert all((Path("theirs") / name).read_bytes() == path.read_bytes() for name, path in pages.items())

    said += [checked.stderr, stats[0].stderr]
    assert not any(SECRET in text for text in said)
    assert not any(SECRET.encode() in content for content in there.values())
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in written)
    assert {path.name for path in tmp_path.iterdir()} == {"videos", "shards", "cache", "ours", "theirs"}
    assert not list((tmp_path / "cache" / "staging").iterdir())


def test_a_flipped_bit_in_the_bucket_is_found(
    demo_shards: Path, server: Server, rmset: Callable[..., Finished], tmp_path: Path
) -> None:
    server.put_folder(demo_shards, "flipped/")
    client, key = server.client(), "flipped/demo-00000.parquet"
    content = bytearray(server.objects(key)[""])
    content[len(content) // 2] ^= 1
    client.put_object(Bucket=BUCKET, Key=key, Body=bytes(content))
    done = rmset("verify", f"s3://{BUCKET}/flipped")
    assert done.returncode == 1
    assert f"s3://{BUCKET}/{key}" in done.stdout and "checksum" in done.stdout
    assert str(tmp_path) not in done.stdout + done.stderr


def test_what_was_taken_down_is_not_extracted_into_a_bucket(
    videos: Path, server: Server, rmset: Callable[..., Finished]
) -> None:
    stone = {"video": "one", "identity": None, "why": "asked"}
    server.client().put_object(Bucket=BUCKET, Key=f"down/{TOMBSTONES_NAME}", Body=f"{json.dumps(stone)}\n".encode())
    done = rmset("extract", f"s3://{BUCKET}/videos/one.mp4", "--out", f"s3://{BUCKET}/down")
    assert done.returncode == 1 and "was taken down (asked" in done.stderr
    assert set(server.objects("down/")) == {TOMBSTONES_NAME}


def test_what_works_on_folders_alone_says_so_and_makes_none(
    rmset: Callable[..., Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in (["prune", OUT, "--video", "one"], ["undo", "--shards", OUT], ["fetch", "--out", OUT]):
        done = rmset(*line)
        assert done.returncode == 2 and "works on folders of this machine" in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_one_line(
    rmset: Callable[..., Finished], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmset_builder.storage.server import forget_server  # noqa: PLC0415

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:{SECRET}@127.0.0.1:1")
    forget_server()
    done = rmset("stats", OUT)
    assert done.returncode == 2 and "cannot be asked" in done.stderr and done.stderr.count("\n") == 1
    assert SECRET not in done.stderr
