"""What reads files that others made: for each reader whole files to begin with, and how it is called.

Each imports what it needs when it is called: torch takes longer than all that is tried without it.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A reader of files.

    Args:
        command: that reads such files.
        file: the file's path within the folder that ``make`` is given.
        make: lays out what belongs around the file, and gives whole files.
        read: reads it: gives an answer, or raises RmsetError.
        text: whether the file is text.
    """

    command: str
    file: str
    make: Callable[[Path], list[bytes]]
    read: Callable[[Path], object]
    text: bool = False


def _collection(file: str) -> Callable[[Path], list[bytes]]:
    def make(folder: Path) -> list[bytes]:
        from collection import Collection

        Collection(folder)
        return [(folder / file).read_bytes()]

    return make


def _check_shard(path: Path) -> None:
    from rmset_builder.shards.check import check_shard
    from rmset_builder.shards.layout import ShardFile

    assert all(check_shard(ShardFile("one", 0, path), images=True).faults)


def _read_for_training(path: Path) -> None:
    import simplejpeg

    from rmfer.shards.shard_files import read_columns
    from rmset_builder.decoder_limits import refuse_large_jpeg
    from rmset_builder.shards.pages import PageError, picture

    columns = read_columns(path)
    with path.open("rb") as file:
        for offset, size in list(zip(columns.offset.tolist(), columns.size.tolist(), strict=True))[::20]:
            try:
                whole = picture(os.pread(file.fileno(), size, offset), 0)
            except PageError:
                continue
            try:
                refuse_large_jpeg(whole)
                simplejpeg.decode_jpeg(whole, "RGB")
            except ValueError:
                continue


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


def _preset(folder: Path) -> list[bytes]:
    from importlib import resources

    return [(resources.files("rmfer") / "presets" / f"{name}.yaml").read_bytes() for name in ("raf-db", "ial")]


def _read_preset(path: Path) -> None:
    from rmfer.training.presets import resolve

    resolve([str(path)], [])


def _read_setting(path: Path) -> None:
    from rmfer.training.presets import resolve

    for line in path.read_bytes().decode("utf-8", "replace").splitlines():
        resolve([], [line])


def _model(folder: Path) -> list[bytes]:
    from small_models import write_run

    return [(write_run(folder) / "best.safetensors").read_bytes()]


def _read_model(path: Path) -> None:
    from rmfer.model.saved import load_model

    load_model(path)


def _pickles(folder: Path) -> list[bytes]:
    import torch
    from torch import nn

    net, found = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), list[bytes]()
    for what in (net, net.state_dict(), {"model": net}):
        for new in (True, False):
            file = io.BytesIO()
            torch.save(what, file, _use_new_zipfile_serialization=new)
            found.append(file.getvalue())
    return found


def _convert(path: Path) -> None:
    from rmfer.model.pickled import read_pickled

    read_pickled(path)


def _checkpoints(folder: Path) -> list[bytes]:
    import torch

    found = []
    for new in (True, False):
        file = io.BytesIO()
        torch.save({"state_dict": {"module.a": torch.ones(2, 3)}}, file, _use_new_zipfile_serialization=new)
        found.append(file.getvalue())
    return found


def _read_weights(path: Path) -> None:
    from rmfer.model.weights import read_weights

    read_weights(path)


def _look_at(path: Path) -> None:
    from rmfer.labelled import open_benchmark

    for split in open_benchmark(path).splits.values():
        for number in range(min(3, len(split))):
            split.decode(number)


def _zips(folder: Path) -> list[bytes]:
    from labelled.benchmark_layouts import LAYOUTS
    from small_benchmarks import zip_of

    found = []
    for kind, (write, _) in LAYOUTS.items():
        (folder / kind).mkdir()
        write(folder / kind)
        found.append(zip_of(folder / kind, folder / f"{kind}.zip").read_bytes())
    return found


def _table(kind: str, file: str) -> Target:
    def make(folder: Path) -> list[bytes]:
        from labelled.benchmark_layouts import LAYOUTS

        LAYOUTS[kind][0](folder)
        return [(folder / file).read_bytes()]

    depth = len(Path(file).parts) - 1
    return Target("rmfer benchmark", file, make, lambda path: _look_at(path.parents[depth]), text=file[-4:] != ".npy")


def _pictures(folder: Path) -> list[bytes]:
    import cv2
    from small_benchmarks import face

    return [cv2.imencode(suffix, face(1))[1].tobytes() for suffix in (".png", ".jpg", ".webp", ".bmp", ".tiff")]


def _read_pictures(path: Path) -> None:
    from rmfer.errors import RmferError
    from rmfer.labelled.archive import FolderTree
    from rmfer.labelled.images import ImageFiles
    from rmfer.predict.pictures import read_picture

    try:
        ImageFiles(FolderTree(path.parent), [path.name]).decode(0)
    except RmferError as error:
        assert str(error)
    read_picture(path)


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


TARGETS = {
    "videos": Target("rmset extract", "x.mp4", _videos, _decode),
    "shards": Target("rmset verify", "shards/one-00000.parquet", _collection("shards/one-00000.parquet"), _check_shard),
    "shards in training": Target(
        "rmfer train", "shards/one-00000.parquet", _collection("shards/one-00000.parquet"), _read_for_training
    ),
    "videos.parquet": Target("rmset stats", "shards/videos.parquet", _collection("shards/videos.parquet"), _read_table),
    "catalog.jsonl": Target(
        "rmset extract", "videos/catalog.jsonl", _collection("videos/catalog.jsonl"), _read_catalog, text=True
    ),
    "manifest": Target("rmset fetch", "manifest.yaml", _manifest, _read_manifest, text=True),
    "lock file": Target("rmset fetch", "keywords.lock.yaml", _lock, _read_lock, text=True),
    "corrections.jsonl": Target("rmset merge", "corrections.jsonl", _corrections, _read_corrections, text=True),
    "journal of corrections": Target("rmset merge", _JOURNAL, _journal, _finish, text=True),
    "pruned.jsonl": Target("rmset prune", "pruned.jsonl", _tombstones, _read_tombstones, text=True),
    "rmset.toml": Target("rmset extract", "rmset.toml", _config, _read_config, text=True),
    "presets": Target("rmfer train", "preset.yaml", _preset, _read_preset, text=True),
    "settings": Target(
        "rmfer train --set", "set.txt", lambda folder: [b"lr=0.1\nbackbone_args.layers=[1, 1]\n"], _read_setting, True
    ),
    "safetensors of a run": Target("rmfer predict", "best.safetensors", _model, _read_model),
    "pickled networks": Target("rmfer convert", "net.pt", _pickles, _convert),
    "checkpoints": Target("rmfer train", "weights.pt", _checkpoints, _read_weights),
    "benchmark zips": Target("rmfer benchmark", "set.zip", _zips, _look_at),
    "FERPlus's votes": _table("ferplus", "fer2013new.csv"),
    "RAF-DB's labels": _table("raf-db", "EmoLabel/list_patition_label.txt"),
    "RAF-DB's table": _table("raf-db-kaggle", "train_labels.csv"),
    "AffectNet's table": _table("affectnet-csv", "training.csv"),
    "AffectNet's labels": _table("affectnet-npy", "train_set/annotations/3_exp.npy"),
    "FER2013's table": _table("fer2013", "fer2013.csv"),
    "CelebA's table": _table("celeba", "identity_CelebA.txt"),
    "pictures": Target("rmfer predict", "picture.png", _pictures, _read_pictures),
}
