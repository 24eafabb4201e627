"""Reads of a bucket: while others write, when its server is killed, and never because strangers want it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from buckets import BUCKET, Server, free_port, rclone_serving

from rmset_builder.shards.mirror import Mirror
from rmset_builder.shards.videos_table import DONE, read_videos
from rmset_builder.storage.address import Address
from rmset_builder.storage.blobs import LocalFile, RemoteFile, opened, place_mark
from rmset_builder.storage.server import ChangedError, StorageError, forget_server, look, put

Finished = subprocess.CompletedProcess[str]
Rmset = Callable[..., Finished]


def test_a_folder_of_strangers_cannot_make_this_machine_ask_a_server(
    demo_shards: Path, server: Server, rmset: Rmset, tmp_path: Path
) -> None:
    server.put_folder(demo_shards, "own/")
    listed = look(Address(BUCKET, "own/demo-00000.parquet"))
    assert listed is not None
    folder = Path(shutil.copytree(demo_shards, tmp_path / "strangers"))
    shard = folder / "demo-00000.parquet"
    shard.unlink()
    assert place_mark(shard, listed), "it stands for the object, were it in the cache"
    asked = len(server.requests())
    with opened(shard) as blob:
        assert isinstance(blob, LocalFile) and blob.pread(4, 0) == b"S3AT"
    done = rmset("stats", folder)
    assert done.returncode != 0 and str(shard) in done.stderr, done.stderr
    assert len(server.requests()) == asked


def test_a_server_that_is_killed_within_a_read_is_told_and_the_rest_is_read_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, place = free_port(), Address(BUCKET, "large")
    content = bytes(range(256)) * 8192
    half = len(content) // 2
    with rclone_serving(tmp_path / "served", port) as first:
        for name, value in first.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        forget_server()
        put(place, content, replacing="")
        listed = look(place)
        assert listed is not None
        blob = RemoteFile(listed)
        assert blob.pread(half, 0) == content[:half]
        first.process.kill()
        first.process.wait()
        with pytest.raises(StorageError, match="cannot be asked"):
            blob.pread(half, half)
    with rclone_serving(tmp_path / "served", port):
        assert blob.pread(half, half) == content[half:]
        put(place, content[::-1], replacing=listed.etag)
        with pytest.raises(ChangedError):
            RemoteFile(listed).pread(half, 0)
    forget_server()


def test_who_reads_while_videos_come_sees_whole_ones_alone(
    small_video: Path,
    server: Server,
    rmset: Rmset,
    start_rmset: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    folder, out = tmp_path / "videos", f"s3://{BUCKET}/read"
    folder.mkdir()
    for name in ("one", "two", "three"):
        shutil.copy(small_video, folder / f"{name}.mp4")
    seen = list[int]()
    with start_rmset("extract", folder, "--out", out, "--jobs", "1", "--threads", "1") as process:
        while process.poll() is None:
            rows = read_videos(Path(out))
            if rows and len(rows) not in seen:
                assert {row.state for row in rows.values()} == {DONE}
                checked = rmset("verify", out, "--json")
                told = json.loads(checked.stdout)
                assert checked.returncode == 0 and told["images"] >= sum(row.faces for row in rows.values()), told
                seen.append(len(rows))
        said, told = process.communicate()
    assert process.returncode == 0, told
    assert seen == sorted(seen) and seen, said
    assert len(read_videos(Path(out))) == 3


def test_what_mends_a_folder_in_a_bucket_works_there(server: Server, rmset: Rmset, demo_shards: Path) -> None:
    server.put_folder(demo_shards, "torn/")
    server.client().delete_object(Bucket=BUCKET, Key="torn/demo-00000.parquet")
    server.client().put_object(Bucket=BUCKET, Key="torn/demo-00007.parquet", Body=b"PAR1 torn")
    done = rmset("stats", f"s3://{BUCKET}/torn")
    assert done.returncode == 1
    mirror = Mirror(Path("/cache/torn"), Address(BUCKET, "torn"))
    told = mirror.told("mend it with: rm -f -- /cache/torn/demo-?????.parquet && rmset extract VIDEO --out /cache/torn")
    assert told == (
        f"mend it with: aws s3 rm --recursive s3://{BUCKET}/torn --exclude '*' --include 'demo-?????.parquet' && "
        f"rmset extract VIDEO --out s3://{BUCKET}/torn"
    )
    assert "rm -f" not in done.stderr and "/mirrors/" not in done.stderr, done.stderr
