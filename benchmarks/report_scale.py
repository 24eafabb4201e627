"""`rmset report` on a set of RMset's shape: seconds, megabytes, memory, and how soon its pages stand.

    python benchmarks/report_scale.py [--pictures SHARDS] [--frames 240] [--share 1.0] [--folder DIR]

216 videos in the expression groups of the paper's Table 2, with its 3,478 identities, but so many frames each, of which
everybody is seen in the share that Table 2 gives. Pictures are those of the shards named, or of the demo's, at full
size; an identity has those of one person. What a report reads of pictures grows with the faces shown, hardly with the
frames, as whoever is on screen all the time shares row groups; the narrow columns of full-size videos are timed and
added up, named so. A second run with nothing to do is timed too, and where there is a Chromium, how long each kind of
page takes from its address to its load event.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import keep
from full_scale import Video, folder_bytes, plan
from watched_command import run_watched

from rmset_builder.core.machine import usable_cores
from rmset_builder.reports.measures import appearances, coverage, distributions, read_face_columns
from rmset_builder.reports.paper import TABLE_2
from rmset_builder.shards.layout import ShardFile, find_shards
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.reader import read_columns, read_images
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.shards.writer import write_shards

WIDTH, HEIGHT, FPS, TRACK_FRAMES = 1280, 720, 25.0, 75
CHROMIUM = Path("/usr/bin/chromium")
LARGEST_ROWS = 800_000


def demo_shards(folder: Path) -> Path:
    """The shards of the demo's mashup."""
    for command in (
        ["rmset_builder.demo", "--out", folder / "demo.mp4"],
        ["rmset_builder", "extract", folder / "demo.mp4", "--out", folder / "demo"],
    ):
        subprocess.run([sys.executable, "-m", *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    return folder / "demo"


def read_people(shards: Path, most: int = 60) -> list[list[bytes]]:
    """For each person of the shards, at most so many pictures."""
    people = []
    for shard in find_shards(shards):
        (identity,) = read_columns(shard.path, "identity")
        wanted = {
            who: np.flatnonzero(identity == who)[:: max(1, (identity == who).sum() // most)] for who in set(identity)
        }
        images = dict(read_images(shard.path, np.concatenate(list(wanted.values()))))
        people += [[images[row] for row in rows.tolist()] for rows in wanted.values()]
    return people


def write_video(folder: Path, number: int, video: Video, people: Sequence[Sequence[bytes]]) -> VideoRecord:
    """A video's shards: a wall of tiles, everyone seen in a random share of the frames."""
    random = np.random.default_rng(number)
    seen = random.random((video.frames, video.identities)) < video.images / (video.frames * video.identities)
    seen[:2] = True  # nobody is left out
    frame, identity = (column.astype(np.int32) for column in np.nonzero(seen))
    across = int(np.ceil(np.sqrt(video.identities * WIDTH / HEIGHT)))
    side = 0.6 * WIDTH / across
    y, x = np.divmod(np.arange(video.identities), across)
    corner = np.stack([(x + 0.2) * WIDTH / across, (y + 0.2) * WIDTH / across], 1)
    sizes = random.uniform(0.5, 1.0, len(frame)) * side
    boxes = np.concatenate([corner[identity], corner[identity] + sizes[:, None]], 1).astype(np.float32)

    def block(start: int, stop: int) -> FaceRows:
        rows = slice(start, stop)
        faces = [people[(number + who) % len(people)] for who in identity[rows].tolist()]
        return FaceRows(
            frame=frame[rows],
            identity=identity[rows],
            track=(identity[rows] * 1000 + frame[rows] // TRACK_FRAMES).astype(np.int32),
            time_s=frame[rows] / FPS,
            bbox=boxes[rows],
            landmarks=np.repeat(boxes[rows, :2], 5, 1),
            det_score=np.full(stop - start, 0.9, np.float32),
            sharpness=sizes[rows].astype(np.float32),
            images=[own[at % len(own)] for own, at in zip(faces, frame[rows].tolist(), strict=True)],
        )

    told = ShardMetadata(video=video.id, group=video.group, frames=video.frames, identities=video.identities)
    paths = write_shards(folder, video.id, len(frame), block, told)
    return VideoRecord(
        id=video.id, title=f"Reaction mashup {video.id}", group=video.group, width=WIDTH, height=HEIGHT, fps=FPS,
        frames=video.frames, duration_s=video.frames / FPS, identities=video.identities, faces=len(frame),
        shards=len(paths),
    )  # fmt: skip


def write_all(folder: Path, videos: Sequence[Video], people: Sequence[Sequence[bytes]]) -> int:
    """All videos and their table; how many rows they have."""
    with ProcessPoolExecutor() as pool:
        running = [pool.submit(write_video, folder, number, video, people) for number, video in enumerate(videos)]
        records = [one.result() for one in running]
    for record in records:
        update_videos(folder, record)
    return sum(record.faces for record in records)


def columns_seconds(folder: Path, people: Sequence[Sequence[bytes]]) -> float:
    """Processor seconds a million rows of the narrow columns of a long video: read, counted, laid over the picture."""
    frames = LARGEST_ROWS // 20
    tiny = [[b"\xff\xd8" + bytes(62) + b"\xff\xd9"]]
    video = Video("long", "", frames, 20, LARGEST_ROWS)
    write_video(folder, 0, video, tiny)
    shards: list[ShardFile] = find_shards(folder)
    began = time.process_time()
    faces = read_face_columns(shards)
    distributions(faces, frames, 1 / FPS)
    appearances(faces, 1 / FPS)
    coverage(faces.boxes, WIDTH, HEIGHT)
    return (time.process_time() - began) / len(faces) * 1e6


def load_seconds(pages: dict[str, Path]) -> dict[str, float]:
    """From a page's address to its load event in Chromium, the least of three; nothing where there is none."""
    if not CHROMIUM.exists():
        return {}
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  wanted only where there is a browser

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        found = {}
        for name, path in pages.items():
            seconds = []
            for _ in range(3):
                page = browser.new_page(viewport={"width": 1600, "height": 1000})
                began = time.perf_counter()
                page.goto(path.absolute().as_uri(), wait_until="load")
                seconds.append(time.perf_counter() - began)
                page.close()
            found[name] = round(min(seconds), 2)
        browser.close()
    return found


def measure(folder: Path, shards: Path) -> dict[str, Any]:
    """The report, made and made again."""
    command = [sys.executable, "-m", "rmset_builder", "report", str(shards), "--out", str(folder / "report"), "--json"]
    first, again = run_watched(command), run_watched(command)
    report, told = folder / "report", json.loads(first.output)
    pages = {video["id"]: report / video["page"] for video in told["videos"]}
    largest = max(pages, key=lambda video: pages[video].stat().st_size)
    loading = {
        "overview": report / "index.html",
        "review_list": report / "review.html",
        "largest_video": pages[largest],
    }
    return {
        "jobs": usable_cores(),
        # More than the cores: the machine had other work too, and seconds say less than processor seconds.
        "load_average": round(os.getloadavg()[1], 1),
        "seconds": round(first.seconds, 1),
        "processor_seconds": round(first.processor_s, 1),
        "mb": round(sum(folder_bytes(report)) / 1e6, 1),
        "peak_mb_of_all_processes": round(first.peak_mb),
        "seconds_with_nothing_to_do": round(again.seconds, 2),
        "findings": sum(video["findings"] for video in told["videos"]),
        "mb_of_the_overview": round((report / "index.html").stat().st_size / 1e6, 2),
        "mb_of_the_largest_page": round(pages[largest].stat().st_size / 1e6, 2),
        "seconds_to_load": load_seconds(loading),
    }


def main() -> None:
    """Make, measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="shards whose pictures are taken; by default the demo's")
    parser.add_argument("--frames", type=int, default=240, help="frames of each video")
    parser.add_argument("--share", type=float, default=1.0, help="share of the videos; less than 1 is not kept")
    parser.add_argument("--folder", type=Path, help="where to work; emptied afterwards; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rmset-report-", dir=options.folder) as name:
        folder = Path(name)
        people = read_people(options.pictures or demo_shards(folder))
        videos = [
            replace(video, frames=options.frames, images=round(options.frames * video.images / video.frames))
            for video in plan(options.share)
        ]
        rows = write_all(folder / "shards", videos, people)
        print(f"{rows:,} rows, {sum(folder_bytes(folder / 'shards')) / 1e9:.1f} GB", flush=True)
        (folder / "columns").mkdir()
        per_million = columns_seconds(folder / "columns", people)
        results = {
            "videos": len(videos),
            "identities": sum(video.identities for video in videos),
            "rows": rows,
            "gb_of_shards": round(sum(folder_bytes(folder / "shards")) / 1e9, 1),
            **measure(folder, folder / "shards"),
            "processor_seconds_a_million_rows_of_narrow_columns": round(per_million, 2),
            "narrow_columns_of_all_rows_of_table_2_added_up_processor_s": round(
                per_million * sum(counts.images for counts in TABLE_2.values()) / 1e6
            ),
        }
    if options.share == 1.0:
        keep("report_scale", results, packages=("pyarrow", "jinja2", "pillow"))
    else:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
