"""The cheapest path that gives the same frames: ffmpeg's options, its pipe, and decoding within this process.

    python benchmarks/decoding.py [--video VIDEO] [--rounds 7]

The video as it is, and scaled to 1920 x 1080 and encoded anew (libx264, CRF 23). Every path decodes the whole of it
once in each round, by turns, on as many threads as its name says: seconds of processor time (ffmpeg's and this
process's) and of the clock, the median of all rounds, the least and the most. Before that each gives all its frames
once to a hash, planes and BGRA apart: where two paths do not give the same, the program ends.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import decoded_frames, keep, shared
from watched_command import processor_seconds

from rmset_builder.video.colour import ColourMatrix
from rmset_builder.video.decode import Frame
from rmset_builder.video.decode_command import decode_command
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.info import VideoInfo, file_url, open_container
from rmset_builder.video.pipes import fill, widen_pipe

Frames = Iterator[Frame]
Decoding = Callable[[VideoInfo], Frames]


def piped(info: VideoInfo, *, threads: int, slices: bool = False, raw: bool = False) -> Frames:
    """Planes as ffmpeg's pipe gives them, by the command of `rmset extract` but for what is asked for."""
    with Path(os.devnull).open("w") as times:
        command = decode_command(
            info,
            file_url(info.path),
            find_ffmpeg().path,
            times_descriptor=times.fileno(),
            threads=threads,
            nvdec=None,
            filters=[],
        )
        if slices:
            command[command.index("-i") : command.index("-i")] = ["-thread_type", "slice"]
        if raw:
            command = ["rawvideo" if word in ("pgmyuv", "image2pipe") else word for word in command]
        yield from read(command, times.fileno(), info, headers=0 if raw else 3)


def read(command: list[str], times: int, info: VideoInfo, *, headers: int) -> Frames:
    """The pictures that a command writes, each behind some lines of header, into one buffer."""
    buffer = np.empty((info.height * 3 // 2, info.width), np.uint8)
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[times]) as process:
        assert process.stdout is not None
        widen_pipe(process.stdout.fileno())
        while all(process.stdout.readline() for _ in range(headers)) and fill(process.stdout, buffer):
            yield buffer
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")


def nowhere(info: VideoInfo, *, threads: int) -> Frames:
    """Decoded and thrown away by ffmpeg: what no path that uses it falls below."""
    command = [find_ffmpeg().path, "-v", "error", "-nostdin", "-threads", str(threads), "-i", file_url(info.path)]
    command += ["-map", f"0:{info.track}", "-fps_mode", "passthrough", "-f", "null", "-"]
    subprocess.run(command, check=True)
    return iter(())


def in_process(info: VideoInfo, *, threads: int, bgra: bool = False) -> Frames:
    """PyAV's planes, Y above Cb above Cr; or converted to BGRA by what `FrameReader` converts with."""
    picture = np.empty((info.height, info.width, 4), np.uint8)
    with open_container(info.path) as container:
        stream = container.streams[info.track]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        for frame in container.decode(stream):
            planes = frame.to_ndarray()
            yield cv2.cvtColor(planes, cv2.COLOR_YUV2BGRA_I420, dst=picture) if bgra else planes


PATHS: dict[str, Decoding] = {
    **{f"pgmyuv, {n} threads": partial(piped, threads=n) for n in (1, 2, 4)},
    "pgmyuv, 2 threads, slices": partial(piped, threads=2, slices=True),
    **{f"rawvideo, {n} threads": partial(piped, threads=n, raw=True) for n in (1, 2)},
    **{f"to nowhere, {n} threads": partial(nowhere, threads=n) for n in (1, 2)},
    **{f"PyAV, {n} threads": partial(in_process, threads=n) for n in (1, 2)},
    **{f"FrameReader, {n} threads": partial(decoded_frames, threads=n) for n in (1, 2)},
    **{f"PyAV to BGRA, {n} threads": partial(in_process, threads=n, bgra=True) for n in (1, 2)},
}


def sha256(name: str, info: VideoInfo) -> tuple[int, str]:
    """How many frames a path gives, and the hash of them all, planes in one order."""
    digest, count = hashlib.sha256(), 0
    for frame in PATHS[name](info):
        if name.startswith("pgmyuv"):  # which has a row of Cb beside a row of Cr
            luma, colours = frame[: info.height], frame[info.height :]
            digest.update(luma)
            digest.update(np.ascontiguousarray(colours.reshape(info.height // 2, 2, -1).transpose(1, 0, 2)))
        else:
            digest.update(frame)
        count += 1
    return count, digest.hexdigest()


def same_frames(info: VideoInfo) -> dict[str, Any]:
    """The frames of all paths, which are the same, as planes and as BGRA; ffmpeg's to nowhere give none."""
    found: dict[str, set[tuple[int, str]]] = {"planes": set(), "bgra": set()}
    for name in PATHS:
        if not name.startswith("to nowhere"):
            found["bgra" if "BGRA" in name or "FrameReader" in name else "planes"].add(sha256(name, info))
    if any(len(hashes) != 1 for hashes in found.values()):
        raise SystemExit(f"{info.path}: the paths do not give the same frames: {found}")
    return {kind: dict(zip(("frames", "sha256"), *hashes, strict=True)) for kind, hashes in found.items()}


def measure(video: Path, rounds: int) -> dict[str, Any]:
    """Every path's seconds on one video."""
    info = VideoInfo.from_path(video)
    if info.plain_planes is not ColourMatrix.BT601:
        raise SystemExit(f"{video}: only planes of BT.601 are converted to BGRA alike on every path")
    same = same_frames(info)
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in PATHS}
    for number in range(rounds):
        for name, path in PATHS.items():
            began, clock = processor_seconds() + time.process_time(), time.perf_counter()
            for _ in path(info):
                pass
            processor = processor_seconds() + time.process_time() - began
            spent[name].append((processor, time.perf_counter() - clock))
        print(f"{video.stem}: round {number + 1} of {rounds}", file=sys.stderr)
    return {
        "video": video.stem,
        "size": f"{info.width} x {info.height}",
        "same_frames": same,
        "paths": {
            name: {
                f"{kind}_s": {of.__name__: round(of(values), 3) for of in (statistics.median, min, max)}
                for kind, values in zip(("processor", "clock"), zip(*seconds, strict=True), strict=True)
            }
            for name, seconds in spent.items()
        },
    }


def full_hd(video: Path, folder: Path) -> Path:
    """The video at 1920 x 1080, encoded anew."""
    out = folder / f"{video.stem}-1080p.mp4"
    command = [find_ffmpeg().path, "-v", "error", "-i", str(video), "-an", "-vf", "scale=1920:1080"]
    subprocess.run([*command, "-c:v", "libx264", "-crf", "23", str(out)], check=True)
    return out


def main() -> None:
    """Measure, keep, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, help="default: film11 of the test data")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    video = options.video or shared() / "data" / "mashups" / "film11.mp4"
    with tempfile.TemporaryDirectory(prefix="rmset-decoding-") as scratch:
        results = [measure(one, options.rounds) for one in (video, full_hd(video, Path(scratch)))]
    keep("decoding", {"ffmpeg": find_ffmpeg().version, "rounds": options.rounds, "videos": results}, packages=("av",))
    for found in results:
        print(f"\n{found['video']}, {found['size']}: seconds of processor and of the clock")
        for name, row in found["paths"].items():
            print(f"{name:28s}{row['processor_s']['median']:8.2f}{row['clock_s']['median']:8.2f}")


if __name__ == "__main__":
    main()
