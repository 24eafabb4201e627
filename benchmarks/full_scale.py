"""A data set of RMset's real shape, and what index, statistics and sampling cost on it.

    python benchmarks/full_scale.py [--folder DIR] [--keep] [--share 1.0]

216 videos with the frames, identities and images of each expression group of the paper's Table 2: 45,570,579 rows. The
pictures are tiny (66 bytes) and share pages, as giving each a page of its own would take an hour to write. What the
first build of the index costs where each has one, as real pictures do, is measured on a part and added up, named so.
About 4 GB on disk, deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from common import keep

from rmset_builder.reports.paper import TABLE_2, Counts, add_up
from rmset_builder.shards.columns import PICTURES
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import COLUMNS, ROWS_PER_GROUP, FaceRows, shard_schema, to_batch
from rmset_builder.shards.videos_table import SCHEMA, TABLE_NAME, VideoRecord
from rmset_builder.shards.writer import ROWS_PER_SHARD

PICTURE = b"\xff\xd8" + bytes(62) + b"\xff\xd9"
PAGE_BYTES = 64  # less than a picture, so that each fills a page
PART = 0.01  # of the videos' shape, for pages of their own
DRAWS = 2000


@dataclass(frozen=True)
class Video:
    """A video to be made."""

    id: str
    group: str
    frames: int
    identities: int
    images: int


def plan(share: float) -> list[Video]:
    """All videos; each group's frames, identities and images add up to those of Table 2."""
    random, videos = np.random.default_rng(0), []
    for letter, (group, counts) in zip("abcde", TABLE_2.items(), strict=True):
        n = max(1, round(counts.videos * share))
        shrunk = Counts(n, *(value * n // counts.videos for value in counts[1:]))
        frames = spread(shrunk.frames, random.uniform(0.5, 1.5, n))
        people = np.full(n, shrunk.faces // n)
        people[np.argsort(-frames)[: shrunk.faces - people.sum()]] += 1
        images = spread(shrunk.images, frames * people)
        if share < 1:  # rounding leaves some groups too few people
            images = np.minimum(images, frames * people)
        assert (images <= frames * people).all(), group
        numbers = zip(frames.tolist(), people.tolist(), images.tolist(), strict=True)
        videos += [Video(f"{letter}{at:02d}", group, *told) for at, told in enumerate(numbers)]
    return videos


def spread(total: int, weights: Any) -> Any:
    """Whole numbers in proportion to ``weights`` that add up to ``total``."""
    cut = np.floor(np.cumsum(weights) / np.sum(weights) * total + 0.5).astype(np.int64)
    cut[-1] = total
    return np.diff(cut, prepend=0)


def write_video(folder: Path, number: int, video: Video, page_each: bool) -> None:
    """All shards of a video, everyone seen in a random share of its frames."""
    cells = np.ones(video.frames * video.identities, bool)
    gone = np.random.default_rng(number).choice(len(cells), len(cells) - video.images, replace=False)
    cells[gone] = False
    frame, identity = np.divmod(np.flatnonzero(cells).astype(np.int32), np.int32(video.identities))
    parts = -(-len(frame) // ROWS_PER_SHARD)
    for part in range(parts):
        rows = slice(part * ROWS_PER_SHARD, (part + 1) * ROWS_PER_SHARD)
        told = ShardMetadata(
            video=video.id, group=video.group, frames=video.frames, identities=video.identities, part=part, parts=parts
        )
        schema = shard_schema(told.to_strings())
        batch = to_batch(video.id, face_rows(frame[rows], identity[rows]), schema)
        small: dict[str, Any] = {"data_page_size": PAGE_BYTES, "write_batch_size": 1} if page_each else {}
        numbers = "none" if page_each else "zstd"
        with pq.ParquetWriter(
            shard_path(folder, video.id, part),
            schema,
            compression={name: "none" if name == "image" else numbers for name in schema.names},
            use_dictionary=["video"],
            write_statistics=[column.leaf for column in COLUMNS.values() if column.kind is not PICTURES],
            write_page_index=True,
            write_page_checksum=True,
            **small,
        ) as writer:
            writer.write_batch(batch, row_group_size=ROWS_PER_GROUP)


def face_rows(frame: Any, identity: Any) -> FaceRows:
    """Rows of which only frame and identity tell anything."""
    n = len(frame)
    return FaceRows(
        frame=frame,
        identity=identity,
        track=np.zeros(n, np.int32),
        time_s=np.zeros(n),
        bbox=np.zeros((n, 4), np.float32),
        landmarks=np.zeros((n, 10), np.float32),
        det_score=np.zeros(n, np.float32),
        sharpness=np.zeros(n, np.float32),
        images=[PICTURE] * n,
    )


def write_all(folder: Path, videos: list[Video], *, page_each: bool = False) -> None:
    """All videos and their table."""
    with ProcessPoolExecutor() as pool:
        for done in [pool.submit(write_video, folder, number, video, page_each) for number, video in enumerate(videos)]:
            done.result()
    records = [
        VideoRecord(
            id=video.id,
            group=video.group,
            frames=video.frames,
            identities=video.identities,
            faces=video.images,
            shards=-(-video.images // ROWS_PER_SHARD),
        )
        for video in videos
    ]
    pq.write_table(pa.Table.from_pylist([vars(record) for record in records], schema=SCHEMA), folder / TABLE_NAME)


WORKER = """
import json, sys, time
from pathlib import Path
import numpy, pyarrow.parquet
def memory():
    names = ("Rss", "Pss", "Private_Clean", "Private_Dirty", "Shared_Clean", "Shared_Dirty")
    lines = dict(line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return {name: int(lines[name].split()[0]) / 1024 for name in names}
before = memory()
began = time.perf_counter()
from rmfer.shards import open_index, AnchorSampler, SamplerSettings
index = open_index(Path(sys.argv[1]))
opened = time.perf_counter() - began
sampler = AnchorSampler(index, SamplerSettings(seed=int(sys.argv[2]), frame_stride=int(sys.argv[3])))
made = time.perf_counter() - began - opened
seconds = []
for number in range(int(sys.argv[4])):
    start = time.perf_counter()
    sampler.draw(epoch=0, number=number)
    seconds.append(time.perf_counter() - start)
told = {"rows": len(index), "open_s": opened, "sampler_s": made, "draw_s": seconds, "before": before, "after": memory()}
print(json.dumps(told), flush=True)
sys.stdin.read()
"""


def work(folder: Path, *, stride: int = 1, workers: int = 1) -> list[dict[str, Any]]:
    """What so many processes at once, each with the index open and drawing, tell of themselves."""
    command = [sys.executable, "-c", WORKER, str(folder)]
    running = [
        subprocess.Popen([*command, str(seed), str(stride), str(DRAWS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for seed in range(workers)
    ]
    told = []
    for process in running:
        assert process.stdout is not None
        told.append(json.loads(process.stdout.readline()))
    for process in running:
        process.communicate()
    return told


def timed_stats(folder: Path) -> tuple[float, str]:
    """Seconds of ``rmset stats`` as a user waits for it, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "rmset_builder", "stats", str(folder), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - began, done.stdout


def folder_bytes(folder: Path) -> Iterator[int]:
    """The sizes of a folder's files."""
    return (path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to make it; by default a temporary folder")
    parser.add_argument("--keep", action="store_true", help="do not delete it afterwards; an existing one is used")
    parser.add_argument("--share", type=float, default=1.0, help="share of the videos; less than 1 is not kept")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="rmset-full-scale-"))
    try:
        if not (folder / TABLE_NAME).exists():
            folder.mkdir(parents=True, exist_ok=True)
            began = time.perf_counter()
            write_all(folder, plan(options.share))
            print(
                f"written in {time.perf_counter() - began:.0f} s, {sum(folder_bytes(folder)) / 1e9:.1f} GB", flush=True
            )
        results = measure(folder, exact=options.share == 1.0)
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    if options.share == 1.0:
        keep("full_scale", results)
    else:
        print(json.dumps(results, indent=1))


def measure(folder: Path, *, exact: bool) -> dict[str, Any]:
    """Statistics, first and later opening, memory, draws."""
    stats_s = []
    for _ in range(3):
        seconds, printed = timed_stats(folder)
        stats_s.append(seconds)
        print(f"rmset stats {seconds:.1f} s", flush=True)
    total = json.loads(printed)["total"]
    if exact:
        found = {row.pop("expression"): Counts(**row) for row in json.loads(printed)["rows"]}
        assert found == TABLE_2, found
        assert Counts(**total) == add_up(TABLE_2.values())
    shutil.rmtree(folder / ".rmfer-index", ignore_errors=True)
    (first,) = work(folder)
    print(f"first build and opening {first['open_s']:.1f} s", flush=True)
    (later,) = work(folder)
    print(f"opening {later['open_s']:.2f} s", flush=True)
    together = work(folder, workers=4)
    (strided,) = work(folder, stride=5)

    def own(told: dict[str, Any]) -> float:
        return float(told["after"]["Private_Clean"] + told["after"]["Private_Dirty"])

    with tempfile.TemporaryDirectory(prefix="rmset-full-scale-") as scratch:
        parts = {}
        for page_each in (False, True):
            small = Path(scratch, str(page_each))
            small.mkdir()
            write_all(small, plan(PART), page_each=page_each)
            (parts[page_each],) = work(small)
        more_per_row = (parts[True]["open_s"] - parts[False]["open_s"]) / parts[True]["rows"]
    index_bytes = sum(folder_bytes(folder / ".rmfer-index"))
    return {
        "rows": first["rows"],
        "shards": len(list(folder.glob("*-?????.parquet"))),
        "total": total,
        "rmset_stats_s": {"first": round(stats_s[0], 2), "best": round(min(stats_s), 2)},
        "table_2_exactly": exact,
        "first_build_and_open_s": round(first["open_s"], 1),
        "part_with_a_page_each": {
            "rows": parts[True]["rows"],
            "first_build_and_open_s": round(parts[True]["open_s"], 2),
            "same_rows_sharing_pages_s": round(parts[False]["open_s"], 2),
            "full_scale_added_up_s": round(first["open_s"] + more_per_row * first["rows"], 1),
        },
        "open_s": round(later["open_s"], 2),
        "index_mb_mapped_and_shared": round(index_bytes / 1e6),
        "mb_of_its_own_for_each_of_4_workers": [round(own(told)) for told in together],
        "of_which_python_numpy_pyarrow_mb": round(
            statistics.median(t["before"]["Private_Clean"] + t["before"]["Private_Dirty"] for t in together)
        ),
        "draw_median_ms": round(1000 * statistics.median(later["draw_s"]), 3),
        "draw_99th_percentile_ms": round(1000 * float(np.percentile(later["draw_s"], 99)), 3),
        "stride_5": {
            "sampler_s": round(strided["sampler_s"], 2),
            "draw_median_ms": round(1000 * statistics.median(strided["draw_s"]), 3),
        },
    }


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main()
