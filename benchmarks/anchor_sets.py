"""Anchor sets a second: our loader, the authors' layout, and the bare decoding of the same pictures, in one run.

    python benchmarks/anchor_sets.py SHARDS [--faces 50000] [--rounds 3] [--device cuda]

SHARDS are those of real videos; they are repeated to at least so many faces. Each round measures every side once, one
after the other, so that whatever else the machine does meets all of them; medians are reported. Cold means that the
files' pages were given back to the system before (posix_fadvise DONTNEED).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import authors_layout
import numpy as np
import pyarrow.parquet as pq
import simplejpeg
import torch
from common import keep

from rmfer.data.device import check_device
from rmfer.errors import RmferError
from rmfer.shards.images import ImageReader
from rmfer.shards.index import open_index
from rmfer.shards.loader import AnchorLoader
from rmfer.shards.sampler import AnchorSampler, SamplerSettings
from rmset_builder.core.machine import usable_cores

WARM_UP = 6
# The videos at hand are too short for the default stride; a set has as many pictures with any.
SETTINGS = SamplerSettings(frame_stride=1)

# Which side is divided by which; "both" are those where both have the same decoder.
RATIOS = {
    "cpu_augmentation_to_authors_warm": ("ours_cpu_augmentation_warm", "authors_warm"),
    "cpu_augmentation_to_authors_cold": ("ours_cpu_augmentation_cold", "authors_cold"),
    "cpu_augmentation_exact_decoding_to_authors_warm": ("ours_cpu_augmentation_exact_decoding_warm", "authors_warm"),
    "left_to_device_to_memory_warm": ("ours_augmentation_left_to_device_warm", "from_memory"),
    "left_to_device_to_memory_cold": ("ours_augmentation_left_to_device_cold", "from_memory"),
    "left_to_device_to_memory_both_quick_warm": ("ours_augmentation_left_to_device_warm", "from_memory_quick_decoder"),
    "left_to_device_to_memory_both_quick_cold": ("ours_augmentation_left_to_device_cold", "from_memory_quick_decoder"),
    "left_to_device_to_memory_both_exact_warm": ("ours_left_to_device_exact_decoding_warm", "from_memory"),
    "left_to_device_to_memory_both_exact_cold": ("ours_left_to_device_exact_decoding_cold", "from_memory"),
}


def repeat(shards: Path, out: Path, faces: int) -> int:
    """Copy every shard under new names until there are ``faces``; how many there are."""
    sources, total, copy = sorted(shards.glob("*-0*.parquet")), 0, 0
    while total < faces:
        for source in sources:
            video, part = source.stem.rsplit("-", 1)
            target = out / f"{video}_{copy}-{part}.parquet"
            table = pq.ParquetFile(source)
            total += table.metadata.num_rows
            rename(source, target, f"{video}_{copy}")
        copy += 1
    return total


def rename(source: Path, target: Path, video: str) -> None:
    """A shard under another video's name, its footer too."""
    from rmset_builder.shards.metadata import read_metadata  # noqa: PLC0415
    from rmset_builder.shards.reader import read_blocks  # noqa: PLC0415
    from rmset_builder.shards.writer import write_shard  # noqa: PLC0415

    _, metadata = read_metadata(source)
    write_shard(target, video, read_blocks(source), replace(metadata, video=video))


def forget(folder: Path) -> None:
    """Give the pages of all files below ``folder`` back to the system."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def rate(batches: Iterator[Any], sets: int) -> float:
    """Sets a second after the first few."""
    for _ in range(WARM_UP):
        next(batches)
    began = time.perf_counter()
    count = sum(1 for _ in batches)
    assert count == sets, count
    return count / (time.perf_counter() - began)


def ours(shards: Path, sets: int, epoch: int, workers: int, **options: Any) -> float:
    """Our loader's rate."""
    with AnchorLoader(shards, SETTINGS, steps_per_epoch=sets + WARM_UP, workers=workers, **options) as loader:
        loader.set_epoch(epoch)
        return rate(iter(loader), sets)


def from_memory(shards: Path, sets: int, workers: int, *, exact: bool = True) -> float:
    """Sets a second when the same files are in memory and only decoded, each thread into the memory of a set."""
    how = {"fastdct": not exact, "fastupsample": not exact}
    index = open_index(shards)
    sampler, reader = AnchorSampler(index, SETTINGS), ImageReader(index)
    files = [[bytes(f) for f in reader.read_many(sampler.draw(epoch=0, number=n).rows)] for n in range(sets)]  # type: ignore[arg-type]

    own = threading.local()

    def decode(some: list[bytes]) -> None:
        if not hasattr(own, "out"):
            own.out = np.zeros((len(some), 260, 260, 3), np.uint8)
        for file, place in zip(some, own.out, strict=True):
            simplejpeg.decode_jpeg(file, "RGB", buffer=place, **how)

    with ThreadPoolExecutor(workers) as pool:
        began = time.perf_counter()
        list(pool.map(decode, files))
        return sets / (time.perf_counter() - began)


def ratio(found: dict[str, list[float]], name: str, to: str) -> float:
    """The median over the rounds of how many times the rate of ``to`` that of ``name`` is."""
    return round(statistics.median(a / b for a, b in zip(found[name], found[to], strict=True)), 2)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--faces", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--sets", type=int, default=120, help="sets a measurement of ours has")
    parser.add_argument("--device", help="also with nvJPEG and augmentation on this GPU, for example cuda")
    options = parser.parse_args()
    if options.device:
        try:
            check_device(torch.device(options.device))
        except RmferError as error:
            raise SystemExit(f"--device {options.device}: {error}") from error
    with tempfile.TemporaryDirectory(prefix="rmfer-benchmark-") as scratch:
        folder, jpegs = Path(scratch, "shards"), Path(scratch, "jpegs")
        folder.mkdir()
        faces = repeat(options.shards, folder, options.faces)
        tables = authors_layout.write(folder, jpegs)
        os.sync()
        sides: dict[str, Callable[[int], float]] = {}
        few, workers = max(2, options.sets // 8), options.workers

        def theirs(_: int) -> float:
            return rate(authors_layout.loader(tables, sets=few + WARM_UP, workers=workers), few)

        def cold(side: Callable[[int], float], where: Path) -> Callable[[int], float]:
            def run(number: int) -> float:
                forget(where)
                return side(number)

            return run

        def mine(**how: Any) -> Callable[[int], float]:
            return lambda number: ours(folder, options.sets, number, workers, **how)

        def memory(*, exact: bool) -> Callable[[int], float]:
            return lambda _: from_memory(folder, options.sets, workers, exact=exact)

        # What is compared with each other stands together, so that it meets the same of whatever else the machine does.
        sides["ours_cpu_augmentation_warm"] = mine()
        sides["authors_warm"] = theirs
        sides["ours_cpu_augmentation_exact_decoding_warm"] = mine(exact_decoding=True)
        sides["ours_augmentation_left_to_device_warm"] = mine(augment="later")
        sides["ours_left_to_device_exact_decoding_warm"] = mine(augment="later", exact_decoding=True)
        sides["from_memory"] = memory(exact=True)
        sides["from_memory_quick_decoder"] = memory(exact=False)
        sides["ours_augmentation_left_to_device_cold"] = cold(mine(augment="later"), folder)
        sides["ours_left_to_device_exact_decoding_cold"] = cold(mine(augment="later", exact_decoding=True), folder)
        sides["ours_cpu_augmentation_cold"] = cold(mine(), folder)
        sides["authors_cold"] = cold(theirs, jpegs)
        if options.device:
            on_gpu: dict[str, Any] = {"device": options.device, "augment": "device"}
            sides["ours_decoded_on_cpu_augmented_on_gpu"] = lambda n: ours(folder, options.sets, n, workers, **on_gpu)
            sides["ours_all_on_gpu"] = lambda n: ours(folder, options.sets, n, workers, decode_on="cuda", **on_gpu)
        found: dict[str, list[float]] = {name: [] for name in sides}
        sides["authors_warm"](0)  # so that all files are in memory before the first round
        for number in range(options.rounds):
            for name, side in sides.items():
                found[name].append(side(number))
                print(f"round {number + 1}: {name} {found[name][-1]:.2f} sets/s", flush=True)
        shutil.rmtree(jpegs)
    median = {name: statistics.median(values) for name, values in found.items()}

    keep(
        "gpu/anchor_sets" if options.device else "anchor_sets",
        {
            "faces": faces,
            "workers": workers,
            "rounds": options.rounds,
            "gpu": torch.cuda.get_device_name(options.device) if options.device else None,
            "sets_per_s": {name: round(value, 2) for name, value in median.items()},
            "ratios": {name: ratio(found, *pair) for name, pair in RATIOS.items()},
        },
        packages=("torch", "torchvision", "pillow", "pandas", "simplejpeg", "numba"),
    )


if __name__ == "__main__":
    main()
