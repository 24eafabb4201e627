"""What the benchmarks share: where the test data lies, and how a result is kept."""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2

import rmset_builder
from rmset_builder.core.machine import usable_cores
from rmset_builder.inference.ort import ort

HERE = Path(__file__).parent


def shared() -> Path:
    """The folder with the test videos and tools: ``$RMSET_SHARED`` or ``../shared``."""
    folder = Path(os.environ.get("RMSET_SHARED", HERE.parents[1] / "shared"))
    if not (folder / "data").is_dir():
        raise SystemExit(f"no test data at {folder}; set RMSET_SHARED")
    return folder


def keep(name: str, results: Any, *, packages: tuple[str, ...] = ()) -> None:
    """Print results and keep them with date, machine and versions, ``packages``' too, as ``NAME.json``.

    In ``benchmarks/``, or in ``$BENCHMARK_RESULTS``.
    """
    kept = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {usable_cores()} cores",
        "versions": {
            "rmset-builder": rmset_builder.__version__,
            "python": platform.python_version(),
            "onnxruntime": ort.__version__,
            "opencv": cv2.__version__,
            **{package: version(package) for package in packages},
        },
        "results": results,
    }
    text = json.dumps(kept, indent=1)
    print(text)
    path = Path(os.environ.get("BENCHMARK_RESULTS") or HERE) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
