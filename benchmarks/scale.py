"""What RMset costs on one machine and on many, once, ten and a thousand times; and whether the model of it is right.

    python benchmarks/scale.py [--work FOLDER] [--copies 2]      # measures, checks the model, tells the table
    python benchmarks/scale.py --no-check                        # the table alone, from what was measured last

The check: what a video costs one job alone is fitted to ten mashups (`features`); what two jobs do
at once is measured on the same. From these `scale_model.py` says how long other mashups take with two jobs, and again
when one job is killed at its work; then both are done. The table takes the rates of `gpu/throughput.json` and of the
check, Table 2's videos, and a shared disk.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from common import HERE, keep, shared
from ferplus_shards import HAMILTON, MASHUPS, WALKING, clips, compose
from scale_model import Cluster, Outcome, Work, simulate
from scipy.optimize import brentq, nnls

from rmset_builder.reports.paper import TABLE_2, add_up
from rmset_builder.shards.checked_parquet import write_checked
from rmset_builder.shards.videos_table import SCHEMA, TABLE_NAME, VideoRecord, read_videos, update_videos

FITTED = ("wall9", "film11", "crowd19", "edit12", *MASHUPS)
# Composed for this alone; their numbers are their seeds.
TOLD = {
    "seed611": ["--reactors", "8", "--seconds", "20", "--size", "640x360", "--mirror"],
    "seed612": ["--reactors", "11", "--seconds", "24", "--size", "854x480", "--dropouts", "1", "--film", HAMILTON],
    "seed613": ["--reactors", "13", "--seconds", "20", "--size", "960x540", "--swaps", "1"],
    "seed614": ["--reactors", "17", "--seconds", "24", "--size", "1280x720", "--mirror", "--film", WALKING],
}
JOBS = 2
KILLED_AT = 0.4  # of the run as it was told
# Spread of videos' lengths within a group (of the logarithm), which the paper does not tell.
LENGTHS = 0.6
SCALES = (1, 10, 1000)
ROWS = (216, 2_160, 21_600, 216_000)
DISK = 1e9


def gather(work: Path) -> dict[str, Path]:
    """All mashups by name, those of the test data and composed ones."""
    videos = {path.stem: path for path in (shared() / "data" / "mashups").glob("*.mp4")}
    place = work / "videos"
    place.mkdir(parents=True, exist_ok=True)
    for name in (*FITTED, *TOLD):
        if name not in videos:
            if not (place / f"{name}.mp4").exists():
                how = {**MASHUPS, **TOLD}[name]
                compose(place, name, clips() / "clips.csv", ["--seed", name.removeprefix("seed"), *how])
            videos[name] = place / f"{name}.mp4"
    return videos


def extract(videos: Sequence[Path], out: Path, *, jobs: int, kill_at: float | None = None) -> tuple[float, float]:
    """Extract with a thread a job; returns the command's seconds, and those before the first video began.

    With ``kill_at`` one job is killed so many seconds after the beginning, and a second call does what is left.
    """
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(out), "--json"]
    command += ["--jobs", str(jobs), "--threads", str(jobs)]
    began, environment = time.monotonic(), {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
        if kill_at is not None:
            time.sleep(kill_at)
            kill_a_job(process.pid)
        process.wait()
    seconds = time.monotonic() - began
    if kill_at is not None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        seconds = time.monotonic() - began
    return seconds, seconds - sum(record.seconds_spent for record in read_videos(out).values())


def kill_a_job(parent: int) -> None:
    """The first of a command's processes that works on a video."""
    children = psutil.Process(parent).children()
    jobs = [one for one in children if any("spawn_main" in word for word in one.cmdline())]
    with contextlib.suppress(psutil.NoSuchProcess):
        jobs[0].kill()


def features(record: VideoRecord) -> list[float]:
    """What a video's cost is made of: megapixels, frames, and faces in those frames that the detector sees.

    Of the fitted, each of six told from the other five: these err by .13 in the mean, all faces in their place by .16.
    """
    pixels = record.frames * record.width * record.height / 1e6
    return [pixels, float(record.frames), record.faces * record.detected_frames / record.frames]


def check(work: Path, copies: int) -> dict[str, Any]:
    """The model's word on other mashups beside what they then take."""
    videos = gather(work)
    alone, start_s = extract([videos[name] for name in FITTED], work / "alone", jobs=1)
    records = read_videos(work / "alone")
    spent = np.asarray([records[name].seconds_spent for name in FITTED])
    costs, _ = nnls(np.asarray([features(records[name]) for name in FITTED]), spent)
    fitted = {name: float(np.dot(features(records[name]), costs)) for name in FITTED}

    at_once, _ = extract([videos[name] for name in FITTED], work / "at_once", jobs=JOBS)
    own = [Work(records[name].seconds_spent) for name in sorted(FITTED)]

    def missed(rate: float) -> float:
        return simulate(own, Cluster(1, (1.0, rate), start_s)).seconds - at_once

    together = float(brentq(missed, 0.8, 2.5))
    cluster = Cluster(1, (1.0, together), start_s)

    told_of = {f"{name}-{copy}": videos[name] for copy in range(copies) for name in TOLD}
    place = work / "told"
    place.mkdir(exist_ok=True)
    for name, path in told_of.items():
        shutil.copyfile(path, place / f"{name}.mp4")
    paths = [place / f"{name}.mp4" for name in sorted(told_of)]
    # What the model is given of them: pixels, frames, faces, frames detected. Extraction counts them.
    extract(paths[::copies], work / "counted", jobs=1)
    counted = {name.split("-")[0]: record for name, record in read_videos(work / "counted").items()}
    works = [Work(float(np.dot(features(counted[path.stem.split("-")[0]]), costs))) for path in paths]
    told = simulate(works, cluster)
    kill_at = KILLED_AT * told.seconds
    # A local job's video fails and waits for the next call, which starts anew.
    killed = with_a_second_call(works, cluster, kill_at)
    measured, _ = extract(paths, work / "out", jobs=JOBS)
    measured_killed, _ = extract(paths, work / "out_killed", jobs=JOBS, kill_at=kill_at)
    return {
        "seconds_alone": dict(zip(FITTED, spent.round(2).tolist(), strict=True)),
        "fitted": {name: round(value, 2) for name, value in fitted.items()},
        "per_megapixel_frame_detected_face_ms": [round(1000 * cost, 4) for cost in costs.tolist()],
        "detected": round(float(np.mean([records[name].detected_frames / records[name].frames for name in FITTED])), 3),
        "start_s": round(start_s, 2),
        "together": round(together, 3),
        "seconds_of_the_fitted": {"one job": round(alone, 2), "two": round(at_once, 2)},
        "videos_told": len(paths),
        "undisturbed": beside(told.seconds, measured),
        "a job killed": {"killed_at_s": round(kill_at, 2), **beside(killed, measured_killed)},
        "bytes_a_face": round(bytes_a_face(work / "out"), 1),
        "source_bytes_a_frame": round(
            sum(record.source_bytes for record in counted.values()) / sum(r.frames for r in counted.values()), 1
        ),
    }


def with_a_second_call(works: Sequence[Work], cluster: Cluster, kill_at: float) -> float:
    """Seconds of a call in which a job is killed, and of the next, which does what failed."""
    first = simulate(works, cluster, kills=[(kill_at, 0)], tries=1)
    # Which video died with the job is not told: the mean one stands for it.
    mean = Work(float(np.mean([work.seconds for work in works])))
    return first.seconds + (simulate([mean], cluster).seconds if first.failed else 0.0)


def beside(told: float, measured: float) -> dict[str, float]:
    """Both, and by how much the model is wrong."""
    return {"told_s": round(told, 2), "measured_s": round(measured, 2), "error": round(told / measured - 1, 4)}


def bytes_a_face(shards: Path) -> float:
    """On disk, of all shards together."""
    size = sum(path.stat().st_size for path in shards.glob("*-*.parquet"))
    return size / sum(record.faces for record in read_videos(shards).values())


def paper_videos(scale: int, seed: int = 0) -> list[tuple[int, int]]:
    """(frames, faces) of Table 2's videos, ``scale`` times: each group's mean, their lengths spread about it."""
    random, found = np.random.default_rng(seed), list[tuple[int, int]]()
    for counts in TABLE_2.values():
        lengths = np.exp(random.normal(0, LENGTHS, counts.videos * scale))
        frames = counts.frames * scale * lengths / lengths.sum()
        found += [(round(one), round(one * counts.images / counts.frames)) for one in frames.tolist()]
    return [found[place] for place in random.permutation(len(found)).tolist()]


def machines(measured: Mapping[str, Any]) -> dict[str, tuple[Cluster, Any]]:
    """Clusters, and of each the seconds that a video of (frames, faces) takes one job alone."""
    of_gpu = {one["jobs"]: one for one in results_of("gpu/throughput")["configurations"]}
    steady = {jobs: one["steady_frames_per_s"] for jobs, one in of_gpu.items()}
    most = max(steady)
    # Between the measured numbers of jobs by a straight line; below the smallest each job is as fast as there.
    known = [0, *sorted(steady)]
    rates = np.interp(range(1, most + 1), known, [0.0, *(steady[jobs] for jobs in known[1:])])
    together = tuple((rates / rates[0]).round(4).tolist())
    start = of_gpu[most]["first_video_after_s"]
    first = float(rates[0])
    megapixel, frame, face = (cost / 1000 for cost in measured["per_megapixel_frame_detected_face_ms"])

    def on_gpu(frames: int, _: int) -> float:
        return frames / first

    def on_cores(frames: int, faces: int) -> float:
        return frames * (1280 * 720 / 1e6 * megapixel + frame) + faces * measured["detected"] * face

    found: dict[str, tuple[Cluster, Any]] = {
        "2 cores": (Cluster(1, (1.0, measured["together"]), measured["start_s"]), on_cores)
    }
    for count in (1, 8, 64):
        told = f"{count} H100, 16 cores each"
        found[told] = (Cluster(count, together, start, DISK, spread=0.05, deaths=0.01), on_gpu)
    return found


def table(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Hours, machine-hours and bytes for each scale and cluster."""
    rows = []
    for scale in SCALES:
        videos = paper_videos(scale)
        frames, faces = (sum(column) for column in zip(*videos, strict=True))
        for name, (cluster, seconds_of) in machines(measured).items():
            per_face, per_frame = measured["bytes_a_face"], measured["source_bytes_a_frame"]
            works = [Work(seconds_of(f, n), f * per_frame + n * per_face) for f, n in videos]
            told = simulate(works, cluster)
            ideal = simulate(works, dataclasses.replace(cluster, disk=float("inf"), spread=0.0, deaths=0.0))
            rows.append(
                {
                    "scale": scale,
                    "cluster": name,
                    "videos": len(videos),
                    "hours": round(told.seconds / 3600, 3),
                    "machine_hours": round(told.seconds * cluster.machines / 3600, 2),
                    "frames_per_s": round(frames / told.seconds, 1),
                    "hours_without_disk_deaths_and_spread": round(ideal.seconds / 3600, 3),
                    "waits_for_disk": round(told.disk_waits / told.seconds, 4),
                    "jobs_busy": share_busy(told, cluster),
                    "shards_tb": round(faces * per_face / 1e12, 3),
                    "sources_tb": round(frames * per_frame / 1e12, 3),
                }
            )
    return rows


def share_busy(told: Outcome, cluster: Cluster) -> float:
    """Of all jobs' time."""
    return round(told.busy / (told.seconds * cluster.machines * len(cluster.together)), 4)


def table_of_videos(work: Path) -> list[dict[str, float]]:
    """Seconds to note one more video in a `videos.parquet` of so many."""
    found = []
    example = next(iter(read_videos(work / "out").values()))
    for rows in ROWS:
        folder = work / f"rows{rows}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fill(folder, example, rows)
        began = time.perf_counter()
        update_videos(folder, dataclasses.replace(example, id="v0000007", faces=1))
        seconds = time.perf_counter() - began
        size = (folder / "videos.parquet").stat().st_size
        found.append({"rows": rows, "seconds": round(seconds, 4), "megabytes": round(size / 1e6, 2)})
    return found


def fill(folder: Path, example: VideoRecord, rows: int) -> None:
    """A table of so many videos like one."""
    own = dataclasses.asdict(example)
    columns = {name: [value] * rows for name, value in own.items()}
    columns["id"] = [f"v{number:07d}" for number in range(rows)]
    columns["source_sha256"] = [f"{number:064x}" for number in range(rows)]
    write_checked(pa.table(columns, schema=SCHEMA), folder / TABLE_NAME)


def results_of(name: str) -> Any:
    """What a benchmark found last."""
    return json.loads((HERE / f"{name}.json").read_text())["results"]


def main() -> None:
    """Check, tell, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("scale-runs"))
    parser.add_argument("--copies", type=int, default=2, help="of each of the videos told of")
    parser.add_argument("--no-check", action="store_true", help="take what was measured last")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.no_check:
        before = results_of("scale")
        measured, of_table = before["check"], before["table_of_videos"]
    else:
        measured, of_table = check(options.work, options.copies), table_of_videos(options.work)
    total = add_up(TABLE_2.values())
    results = {
        "check": measured,
        "table_of_videos": of_table,
        "rmset": {"frames": total.frames, "faces": total.images, "disk_bytes_per_s": DISK},
        "table": table(measured),
    }
    keep("scale", results, packages=("scipy",))


if __name__ == "__main__":
    main()
