"""Step c: where one job's time goes, stage by stage, in ms a frame; and the machine's ceilings, each stage alone.

    python benchmarks/gpu/stages.py VIDEO [--gpu 0] [--threads 2] [--seconds 4]

The stages are measured while the video is extracted in this process: for each function how long callers waited for it
and what their thread computed, and ffmpeg's own processor time. The ceilings are single operations over and over:
decoding by ffmpeg on the GPU and on the cores, copies to the GPU, the two networks, warping and JPEG on both sides.
"""

from __future__ import annotations

import argparse
import functools
import resource
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from common import keep
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate
from torchvision.io import encode_jpeg

from rmset_builder.core.geometry import similarity_transform
from rmset_builder.core.machine import usable_cores
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces import jpeg
from rmset_builder.faces.align import template
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.runners import CallerRunner, SharedBatchRunner
from rmset_builder.inference.session import Device
from rmset_builder.pipeline import extract as extract_module
from rmset_builder.pipeline.engine import EngineSpec, open_engine
from rmset_builder.pipeline.inputs import find_sources
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.pipeline.one_video import run_one
from rmset_builder.pipeline.stages import encode
from rmset_builder.shards import videos_table
from rmset_builder.tracking.tracker import TrackLinker
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.nvdec import NvDecoder, find_nvdec
from rmset_builder.video.shots import ChangeFinder

BATCHES = (1, 4, 16, 64)
FACES_AT_ONCE = 64
SIDE = 260

# Whose function, which, and as what it is told.
MEASURED: tuple[tuple[Any, str, str], ...] = (
    (FrameReader, "read_into", "decode: read a frame from ffmpeg"),
    (ChangeFinder, "advance", "decode: compare frames"),
    (Scrfd, "detect", "detect: whole call"),
    (CallerRunner, "run", "network: wait"),
    (SharedBatchRunner, "run", "network: wait"),
    (SharedBatchRunner, "_answer", "network: run a batch"),
    (TrackLinker, "advance", "link"),
    (encode, "encode_faces", "align + JPEG of a frame's faces"),
    (Embedder, "embed", "embed: whole call"),
    (extract_module, "find_people", "identities: all, embedding included"),
    (extract_module, "write_shards", "write shards"),
    (videos_table, "sha256_of", "hash the source"),
)


class Clocks:
    """Wraps functions; adds up their calls, the callers' waiting and their threads' computing."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
        self._lock = threading.Lock()

    def on(self, owner: Any, name: str, label: str) -> None:
        """Measure ``owner.name`` as ``label`` from now on."""
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def timed(*args: Any, **options: Any) -> Any:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return inner(*args, **options)
            finally:
                wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
                with self._lock:
                    sums = self._sums[label]
                    sums[0], sums[1], sums[2] = sums[0] + 1, sums[1] + wall, sums[2] + cpu

        setattr(owner, name, timed)

    def per_frame(self, frames: int) -> dict[str, dict[str, float]]:
        """Calls, and milliseconds waited and computed, a frame."""
        return {
            label: {
                "calls": round(calls / frames, 4),
                "waited_ms": round(1000 * wall / frames, 3),
                "computed_ms": round(1000 * cpu / frames, 3),
            }
            for label, (calls, wall, cpu) in sorted(self._sums.items())
        }


def stages(video: Path, device: Device, nvdec: NvDecoder | None) -> dict[str, Any]:
    """One extraction in this process, measured; a first one, not measured, opens what opens once."""
    task = find_sources([video], records={}).tasks[0]
    clocks = Clocks()
    with (
        open_engine(EngineSpec(load_pack(), device=device, threads=device.threads, nvdec=nvdec)) as engine,
        tempfile.TemporaryDirectory(prefix="rmset-gpu-") as scratch,
    ):
        run_one(task, engine, Path(scratch) / "warm", lambda *_: None)
        for owner, name, label in MEASURED:
            clocks.on(owner, name, label)
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        began = time.perf_counter()
        result = run_one(task, engine, Path(scratch) / "out", lambda *_: None)
        wall = time.perf_counter() - began
        spent = [
            sum(getattr(resource.getrusage(who), name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))
            for who, before in ((resource.RUSAGE_SELF, own), (resource.RUSAGE_CHILDREN, children))
        ]
    assert result.record is not None, result
    frames = result.record.frames
    return {
        "frames": frames,
        "faces_per_frame": round(result.record.faces / frames, 2),
        "detected_frames": result.record.detected_frames,
        "threads": device.threads,
        "nvdec": nvdec is not None,
        "frames_per_s": round(frames / wall, 1),
        "own_core_ms_per_frame": round(1000 * spent[0] / frames, 3),
        "ffmpeg_core_ms_per_frame": round(1000 * spent[1] / frames, 3),
        "stages": clocks.per_frame(frames),
    }


def rate(work: Callable[[], int], *, threads: int, seconds: float) -> dict[str, float]:
    """Items a second that ``work``, which returns how many it did, does in so many threads, and its core-ms an item."""
    work()
    stop, cpu = time.monotonic() + seconds, time.process_time()

    def repeat() -> int:
        done = 0
        while time.monotonic() < stop:
            done += work()
        return done

    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(lambda _: repeat(), range(threads)))
    took = time.monotonic() - began
    return {"per_s": round(done / took, 1), "core_ms": round(1000 * (time.process_time() - cpu) / done, 4)}


def decoding(video: Path, gpu: int | None, jobs: int) -> dict[str, Any]:
    """ffmpeg alone, several at once, frames thrown away: frames/s and core-ms a frame."""
    found: dict[str, Any] = {}
    ways = {"cores": [], "gpu, copied back": ["-hwaccel", "cuda", "-hwaccel_device", str(gpu)]}
    ways["gpu, left there"] = [*ways["gpu, copied back"], "-hwaccel_output_format", "cuda"]
    for name, options in ways.items():
        if options and gpu is None:
            continue
        command = [find_ffmpeg().path, "-v", "error", "-nostdin", "-threads", "1", *options, "-stream_loop", "3"]
        command += ["-i", str(video), "-an", "-f", "null", "-"]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(jobs)]
        said = [process.communicate()[1] for process in running]
        took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        frames = 4 * jobs * int(cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT))
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if any(process.returncode for process in running) or any(said):
            found[name] = {"failed": "".join(said).strip().splitlines()[:2]}
        else:
            found[name] = {"jobs": jobs, "per_s": round(frames / took, 1), "core_ms": round(1000 * cpu / frames, 3)}
    return found


def networks(video: Path, device: Device, seconds: float) -> dict[str, Any]:
    """The detector and the recogniser at several batches, pictures/s."""
    pack, found = load_pack(), {}
    crops = [*np.random.default_rng(0).integers(0, 256, (max(BATCHES), 112, 112, 3), np.uint8)]
    picture = cv2.VideoCapture(str(video)).read()[1]
    size = InputSize.for_picture(picture.shape[1], picture.shape[0], longest_side=640)
    scaled = np.ascontiguousarray(cv2.resize(picture, (size.width, size.height)))
    for batch in BATCHES:
        detector = Scrfd(pack.detector, size=size, batch=batch, device=device, threshold=0.5)
        embedder = Embedder(pack.recogniser, batch=batch, device=device)
        rows = np.repeat(scaled[None], batch, 0)
        found[f"SCRFD {size.width} x {size.height}, batch {batch}"] = rate(
            lambda run=detector._runner.run, rows=rows: len(run(rows)[0]), threads=2, seconds=seconds
        )
        found[f"MobileFaceNet, batch {batch}"] = rate(
            lambda embed=embedder.embed, faces=crops[:batch]: len(embed(faces)), threads=2, seconds=seconds
        )
        detector.close()
        embedder.close()
    return found


def example() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A 720p BGRA frame and the landmarks (12, 10) of twelve faces in it."""
    frame = np.random.default_rng(0).integers(0, 256, (720, 1280, 4), np.uint8)
    x, y = np.meshgrid(np.arange(4) * 300 + 150, np.arange(3) * 220 + 110)
    eye_nose_mouth = np.float32([[-30, -20], [30, -20], [0, 10], [-25, 40], [25, 40]])
    landmarks = np.stack([x.ravel(), y.ravel()], 1)[:, None] + eye_nose_mouth
    return cv2.GaussianBlur(frame, (0, 0), 4), landmarks.reshape(-1, 10).astype(np.float32)


def pictures_on_cores(seconds: float) -> dict[str, Any]:
    """Align + JPEG as the pipeline does them, on one core and on all."""
    frame, landmarks = example()

    def work() -> int:
        return len(jpeg.encode_faces(frame, landmarks, side=SIDE, quality=95).pictures)

    return {
        f"align + JPEG, faces, {threads} threads": rate(work, threads=threads, seconds=seconds)
        for threads in (1, usable_cores())
    }


def faces_by_gpu(frame: Tensor, landmarks: npt.NDArray[np.float32]) -> list[Tensor]:
    """What the GPU could take off the cores: a pinned frame uploaded, its faces warped and encoded, and copied back."""
    matrices = similarity_transform(landmarks.reshape(-1, 5, 2), template(SIDE))
    backward = np.stack([cv2.invertAffineTransform(matrix) for matrix in matrices]).astype(np.float32)
    height, width = frame.shape[:2]
    # grid_sample's coordinates run from -1 to 1 over the pixels' centres.
    scale = torch.tensor([2 / (width - 1), 2 / (height - 1)], device="cuda")
    picture = frame.to("cuda", non_blocking=True)[..., :3].permute(2, 0, 1)[None].half()
    side = torch.arange(SIDE, device="cuda", dtype=torch.float32)
    points = torch.stack([*torch.meshgrid(side, side, indexing="xy"), torch.ones(SIDE, SIDE, device="cuda")], -1)
    grid = points @ torch.from_numpy(backward).to("cuda").transpose(1, 2)[:, None] * scale - 1
    warped = grid_sample(picture.expand(len(grid), -1, -1, -1), grid.half(), align_corners=True)
    encoded = encode_jpeg([*warped.round().to(torch.uint8)], quality=95)
    return [data.cpu() for data in encoded]


def pictures_on_gpu(seconds: float) -> dict[str, Any]:
    """Uploading, warping and nvJPEG, each alone and together."""
    found: dict[str, Any] = {}
    frame, landmarks = example()
    pageable = torch.from_numpy(frame)
    pinned = pageable.pin_memory()
    noise = torch.rand(FACES_AT_ONCE, 3, 16, 16, device="cuda")
    faces = [*(interpolate(noise, SIDE, mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)]

    def synced(work: Callable[[], Any], count: int) -> Callable[[], int]:
        def run() -> int:
            work()
            torch.cuda.synchronize()
            return count

        return run

    together = synced(lambda: faces_by_gpu(pinned, landmarks), len(landmarks))
    ways = {
        "upload, pageable": (synced(lambda: pageable.to("cuda"), 1), 1),
        "upload, pinned": (synced(lambda: pinned.to("cuda", non_blocking=True), 1), 1),
        "nvJPEG, faces": (synced(lambda: encode_jpeg(faces, quality=95), FACES_AT_ONCE), 1),
        "nvJPEG, faces, 4 threads": (synced(lambda: encode_jpeg(faces, quality=95), FACES_AT_ONCE), 4),
        "upload + align + nvJPEG + copy back, faces": (together, 1),
        "upload + align + nvJPEG + copy back, faces, 4 threads": (together, 4),
    }
    for name, (work, threads) in ways.items():
        try:
            found[name] = rate(work, threads=threads, seconds=seconds)
        except Exception as error:  # one that is not there shall not cost the others
            found[name] = {"failed": str(error).splitlines()[0]}
    return found


def main() -> None:
    """Stages, then ceilings; kept after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each ceiling")
    parser.add_argument("--only", nargs="+", metavar="PART", help="such as one_job; by default all, one_job first")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU")
    options = parser.parse_args()
    gpu = None if options.rehearse else options.gpu
    device = Device(gpu, threads=options.threads)
    nvdec = None if gpu is None else find_nvdec(gpu)
    kept: dict[str, Any] = {"cores": usable_cores(), "nvdec": "not asked" if gpu is None else str(nvdec)}
    jobs = max(2, usable_cores())
    cv2.setNumThreads(1)  # as the engine has it
    steps: dict[str, Callable[[], Any]] = {
        "one_job": lambda: stages(options.video, device, nvdec if isinstance(nvdec, NvDecoder) else None),
        "decoding_alone": lambda: decoding(options.video, gpu, jobs),
        "networks_alone": lambda: networks(options.video, device, options.seconds),
        "pictures_on_cores": lambda: pictures_on_cores(options.seconds),
        "pictures_on_gpu": lambda: pictures_on_gpu(options.seconds),
    }
    if gpu is None:
        del steps["pictures_on_gpu"]
    for name, step in steps.items():
        if options.only and name not in options.only:
            continue
        try:
            kept[name] = step()
        except Exception as error:
            kept[name] = {"failed": f"{type(error).__name__}: {error}"}
        print(name, kept[name], flush=True)
        keep("gpu/stages" + ("_rehearsed" if options.rehearse else ""), kept, packages=("torch",))


if __name__ == "__main__":
    main()
