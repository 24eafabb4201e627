"""Random single pictures: our reader, pyarrow's `take` on default Parquet, Lance, and one file a picture, in one run.

    python benchmarks/random_reads.py SHARDS [--rounds 5]

The same faces lie in all of them: SHARDS as they are; one Parquet file as `pyarrow.parquet.write_table` makes it by
default; a Lance data set; a folder of JPEG files. Each round reads random faces from every side, one at a time and 101
at a time (an anchor set); medians of the rounds and of their ratios are kept. All files are in the system's memory, so
what is compared is the work of each format. The second part reads our shards under other settings of Parquet.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq
from common import keep

from rmfer.shards import ImageReader, open_index
from rmset_builder.exporting.lance import NAME
from rmset_builder.exporting.run import export
from rmset_builder.shards.layout import find_shards

Read = Callable[[list[int]], list[bytes]]
SET = 101
# Reads a round: what a side takes is between microseconds and a second.
READS = {"ours": 3000, "file_per_image": 3000, "lance": 300, "pyarrow_take": 3, "pyarrow_take_on_our_shards": 20}


def sides(shards: Path, scratch: Path) -> dict[str, Read]:
    """For each side, how it reads given rows."""
    found = find_shards(shards)
    table = pa.concat_tables([pq.read_table(shard.path) for shard in found])
    pq.write_table(table, scratch / "default.parquet")
    jpegs = scratch / "jpegs"
    jpegs.mkdir()
    for number, image in enumerate(table["image"].to_pylist()):
        (jpegs / f"{number:06d}.jpg").write_bytes(image["bytes"])
    del table
    export(shards, "lance", scratch / "lance")
    rows = lance.dataset(str(scratch / "lance" / NAME))
    default = pa_dataset.dataset(scratch / "default.parquet")
    own = pa_dataset.dataset([shard.path for shard in found])
    reader = ImageReader(open_index(shards))

    def taken(source: Any) -> Read:
        def read(wanted: list[int]) -> list[bytes]:
            images = source.take(pa.array(wanted), columns=["image"])["image"].to_pylist()
            return [image["bytes"] for image in images]

        return read

    return {
        "ours": lambda wanted: [bytes(image) for image in reader.read_many(wanted)],  # type: ignore[arg-type]
        "file_per_image": lambda wanted: [(jpegs / f"{row:06d}.jpg").read_bytes() for row in wanted],
        "lance": lambda wanted: rows.take(wanted, columns=["image"])["image"].to_pylist(),
        "pyarrow_take": taken(default),
        "pyarrow_take_on_our_shards": taken(own),
    }


def settings(shards: Path, scratch: Path, random: np.random.Generator) -> list[dict[str, Any]]:
    """Our shards' largest under other settings: size, a full read, `take`, and our reader."""
    source = max((shard.path for shard in find_shards(shards)), key=lambda path: path.stat().st_size)
    table, results = pq.read_table(source), []
    compression = {name: "none" if name == "image" else "zstd" for name in table.schema.names}
    for group in (64, 256, 1024, 4096):
        for page in ("one picture", "1 MB"):
            folder = scratch / f"{group}-{page[0]}"
            folder.mkdir()
            path = folder / source.name
            small: dict[str, Any] = {"data_page_size": 1024, "write_batch_size": 1} if page == "one picture" else {}
            pq.write_table(
                table,
                path,
                row_group_size=group,
                compression=compression,
                use_dictionary=["video"],
                write_statistics=["frame", "identity"],
                write_page_index=True,
                write_page_checksum=True,
                **small,
            )
            results.append(
                {
                    "rows_a_group": group,
                    "page": page,
                    "bytes_a_row_beside_the_picture": round(overhead(path, table), 1),
                    "footer_bytes_a_row": round(pq.read_metadata(path).serialized_size / table.num_rows, 1),
                    **timings(path, random.integers(0, table.num_rows, 300).tolist()),
                }
            )
    return results


def timings(path: Path, wanted: list[int]) -> dict[str, float]:
    """Reading a shard whole, by `take`, and by our reader."""
    reader, source, few = ImageReader(open_index(path.parent)), pa_dataset.dataset(path), wanted[:20]
    take_s = seconds(lambda: [source.take([row], columns=["image"]) for row in few])
    ours_s = seconds(lambda: [reader.read(row) for row in wanted])
    return {
        "full_read_s": round(seconds(lambda: pq.read_table(path)), 3),
        "pyarrow_take_ms": round(1e3 * take_s / len(few), 2),
        "our_read_us": round(1e6 * ours_s / len(wanted), 1),
    }


def overhead(path: Path, table: pa.Table) -> float:
    """Bytes a row that are no picture."""
    pictures = sum(len(image["bytes"]) for image in table["image"].to_pylist())
    return (path.stat().st_size - pictures) / table.num_rows


def seconds(work: Callable[[], object]) -> float:
    """The least of three."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(prefix="rmfer-benchmark-") as name:
        scratch = Path(name)
        read = sides(options.shards, scratch)
        total = len(open_index(options.shards))
        some = random.integers(0, total, 5).tolist()
        expected = read["ours"](some)
        for side, by in read.items():
            assert by(some) == expected, side
        single: dict[str, list[float]] = {side: [] for side in read}
        sets: dict[str, list[float]] = {side: [] for side in read}
        for _ in range(options.rounds):
            for side, by in read.items():
                wanted = random.integers(0, total, READS[side]).tolist()
                began = time.perf_counter()
                for row in wanted:
                    by([row])
                single[side].append(len(wanted) / (time.perf_counter() - began))
                count = max(2, READS[side] // SET)
                draws = [np.sort(random.choice(total, SET, replace=False)).tolist() for _ in range(count)]
                began = time.perf_counter()
                for draw in draws:
                    by(draw)
                sets[side].append(SET * count / (time.perf_counter() - began))
        (scratch / "settings").mkdir()
        results = {
            "faces": total,
            "rounds": options.rounds,
            "reads_per_s_one_at_a_time": {side: round(statistics.median(v), 1) for side, v in single.items()},
            "reads_per_s_101_at_a_time": {side: round(statistics.median(v), 1) for side, v in sets.items()},
            "ours_to_each_one_at_a_time": ratios(single),
            "ours_to_each_101_at_a_time": ratios(sets),
            "settings": settings(options.shards, scratch / "settings", random),
        }
    keep("random_reads", results, packages=("pyarrow", "pylance"))


def ratios(found: dict[str, list[float]]) -> dict[str, float]:
    """The median over the rounds of our rate to each other side's."""
    return {
        side: round(statistics.median(a / b for a, b in zip(found["ours"], values, strict=True)), 1)
        for side, values in found.items()
        if side != "ours"
    }


if __name__ == "__main__":
    main()
