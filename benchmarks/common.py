"""What the benchmarks share: where the test data lies, a command line, and how a result is kept."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import rmset_builder
from rmset_builder.core.machine import usable_cores
from rmset_builder.inference.ort import ort
from rmset_builder.video.decode import Frame, FrameReader
from rmset_builder.video.info import VideoInfo

HERE = Path(__file__).parent
# Commands that are measured find their modules compiled, as those of an installed program are.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def shared() -> Path:
    """The folder with the test videos and tools: ``$RMSET_SHARED`` or ``../shared``."""
    folder = Path(os.environ.get("RMSET_SHARED", HERE.parents[1] / "shared"))
    if not (folder / "data").is_dir():
        raise SystemExit(f"no test data at {folder}; set RMSET_SHARED")
    return folder


def decoded_frames(info: VideoInfo, *, threads: int = 0) -> Iterator[Frame]:
    """Each frame of a video, BGRA, as `rmset extract` reads it: in the place of the one before."""
    with FrameReader(info, threads=threads) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            yield buffer


def about_this_machine(packages: tuple[str, ...] = ()) -> dict[str, Any]:
    """Date, machine and versions, ``packages``' too."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {usable_cores()} cores",
        "versions": {
            "rmset-builder": rmset_builder.__version__,
            "python": platform.python_version(),
            "onnxruntime": ort.__version__,
            "opencv": cv2.__version__,
            **{package: version(package) for package in packages},
        },
    }


def keep(name: str, results: Any, *, packages: tuple[str, ...] = ()) -> None:
    """Print results and keep them with date, machine and versions, ``packages``' too, as ``NAME.json``.

    In ``benchmarks/``, or in ``$BENCHMARK_RESULTS``.
    """
    kept = {**about_this_machine(packages), "results": results}
    text = json.dumps(kept, indent=1)
    print(text)
    path = Path(os.environ.get("BENCHMARK_RESULTS") or HERE) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def common_arguments(doc: str | None, *, scales: Iterable[str], work: Path) -> argparse.ArgumentParser:
    """What every comparison takes on its command line."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=list(scales), default="cpu")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--minutes", type=float, help="stop before so many are over, and go on with the next call")
    parser.add_argument("--work", type=Path, default=work)
    parser.add_argument("--benchmark", type=Path, help="FERPlus; by default that of the test data")
    return parser
