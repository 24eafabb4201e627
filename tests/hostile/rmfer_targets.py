"""What `rmfer` reads that others made."""
# ruff: noqa: PLC0415

from __future__ import annotations

import io
import os
from pathlib import Path

from target import Target, collection


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


RMFER = {
    "shards in training": Target(
        "rmfer train", "shards/one-00000.parquet", collection("shards/one-00000.parquet"), _read_for_training
    ),
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
