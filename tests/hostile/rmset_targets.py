"""What `rmset` reads that others made."""
# ruff: noqa: PLC0415

from __future__ import annotations

import os
from pathlib import Path

from target import Target, collection


def _check_shard(path: Path) -> None:
    from rmset_builder.shards.check import check_shard
    from rmset_builder.shards.layout import ShardFile

    assert all(check_shard(ShardFile("one", 0, path), images=True).faults)


def _read_table(path: Path) -> None:
    from rmset_builder.shards.videos_table import read_videos

    read_videos(path.parent)


def _read_catalog(path: Path) -> None:
    from rmset_builder.core.jsonl import mend_end
    from rmset_builder.fetching.catalog import read_rows

    read_rows(path.parent)
    mend_end(path)
    read_rows(path.parent)


def _manifest(folder: Path) -> list[bytes]:
    from manifest.papers_keywords import KEYWORDS

    return [KEYWORDS.read_bytes()]


def _read_manifest(path: Path) -> None:
    from rmset_builder.manifest.schema import load_manifest

    assert all(query.query.isprintable() or "\u200c" in query.query for query in load_manifest(path).queries())


def _lock(folder: Path) -> list[bytes]:
    video = "- {id: a1, url: 'https://x.example/a1', group: Anger, bytes: 12, sha256: '" + "0" * 64 + "'}\n"
    return [f"schema: 1\nvideos:\n{video}{video.replace('a1', 'b2')}".encode()]


def _read_lock(path: Path) -> None:
    from rmset_builder.fetching.lockfile import load_lock

    load_lock(path)


def _corrections(folder: Path) -> list[bytes]:
    from corrections.wall import extract

    from rmset_builder.corrections.correct import drop, merge, undo

    extract(folder, "wall")
    merge(folder, "wall", [0, 1])
    drop(folder, "wall", 2)
    undo(folder)
    return [(folder / "corrections.jsonl").read_bytes()]


def _read_corrections(path: Path) -> None:
    from rmset_builder.corrections.state import at_work

    with at_work(path.parent, "wall") as state:
        assert state.numbers.identities >= 0


_JOURNAL = ".work/wall.corrected/journal.json"


def _journal(folder: Path) -> list[bytes]:
    import json
    from dataclasses import asdict

    from rmset_builder.shards.videos_table import VideoRecord

    _corrections(folder)
    (folder / _JOURNAL).parent.mkdir(parents=True)
    record = asdict(VideoRecord(id="wall"))
    return [json.dumps({"entries": [], "parts": 1, "left_out": 0, "record": record}).encode()]


def _finish(path: Path) -> None:
    from rmset_builder.corrections.rewrite import finish

    finish(path.parents[2], "wall")


def _tombstones(folder: Path) -> list[bytes]:
    line = b'{"video": "a", "identity": 3, "why": "asked", "source_sha256": "", "when": "2026-01-01"}\n'
    return [line * 3 + line.replace(b"3", b"null")]


def _read_tombstones(path: Path) -> None:
    from rmset_builder.shards.tombstones import people_removed, read_tombstones

    people_removed(read_tombstones(path.parent))


def _config(folder: Path) -> list[bytes]:
    return [b'[rmset.extract]\nout = "shards"\njobs = 2\nrecursive = true\n[rmfer.train]\nset = ["lr=0.1"]\n']


def _read_config(path: Path) -> None:
    from rmset_builder.commands.extract import command
    from rmset_builder.core.defaults import VARIABLE, for_click, read_defaults

    os.environ[VARIABLE] = str(path)
    for_click(read_defaults("rmset"), "extract", command)


def _videos(folder: Path) -> list[bytes]:
    import subprocess

    from rmset_builder.video.ffmpeg import find_ffmpeg

    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=12:duration=1", "-f", "lavfi", "-i", "sine=duration=1"]
    ways = {"a.mp4": ["mpeg4"], "b.mkv": ["libx264", "-preset", "ultrafast"], "c.webm": ["libvpx", "-b:v", "200k"]}
    found = []
    for name, coding in ways.items():
        command = [find_ffmpeg().path, "-v", "error", "-y", *source, "-threads", "1", "-c:v", *coding, folder / name]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        found.append((folder / name).read_bytes())
    return found


def _decode(path: Path) -> None:
    import numpy as np

    from rmset_builder.video.decode import FrameReader
    from rmset_builder.video.info import VideoInfo
    from rmset_builder.video.presentation_times import Timeline

    info = VideoInfo.from_path(path)
    with FrameReader(info, threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            assert reader.count < 10_000
        timeline = Timeline.of(reader.times_s(), info.fps)
    assert len(timeline.times) == reader.count and (np.diff(timeline.times) >= 0).all() and timeline.fps > 0


RMSET = {
    "videos": Target("rmset extract", "x.mp4", _videos, _decode),
    "shards": Target("rmset verify", "shards/one-00000.parquet", collection("shards/one-00000.parquet"), _check_shard),
    "videos.parquet": Target("rmset stats", "shards/videos.parquet", collection("shards/videos.parquet"), _read_table),
    "catalog.jsonl": Target(
        "rmset extract", "videos/catalog.jsonl", collection("videos/catalog.jsonl"), _read_catalog, text=True
    ),
    "manifest": Target("rmset fetch", "manifest.yaml", _manifest, _read_manifest, text=True),
    "lock file": Target("rmset fetch", "keywords.lock.yaml", _lock, _read_lock, text=True),
    "corrections.jsonl": Target("rmset merge", "corrections.jsonl", _corrections, _read_corrections, text=True),
    "journal of corrections": Target("rmset merge", _JOURNAL, _journal, _finish, text=True),
    "pruned.jsonl": Target("rmset prune", "pruned.jsonl", _tombstones, _read_tombstones, text=True),
    "rmset.toml": Target("rmset extract", "rmset.toml", _config, _read_config, text=True),
}
