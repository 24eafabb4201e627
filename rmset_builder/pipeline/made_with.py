"""What shards are made with, as the table of videos remembers it."""

from __future__ import annotations

import json
import platform

import cv2
import numpy as np
import pyarrow as pa

from rmset_builder import __version__
from rmset_builder.inference.openvino import best_precision, require_openvino
from rmset_builder.inference.ort import ort
from rmset_builder.inference.session import OPENVINO, Device
from rmset_builder.pipeline.engine import EngineSpec
from rmset_builder.shards.videos_table import MadeWith
from rmset_builder.video.ffmpeg import find_ffmpeg


def made_with(spec: EngineSpec) -> MadeWith:
    """The versions, models and settings of an engine."""
    return MadeWith(
        rmset_version=__version__,
        versions_json=versions_json(spec.device),
        models=spec.pack.name,
        models_sha256=spec.pack.sha256,
        settings_sha256=spec.settings.sha256,
    )


def engine_name(device: Device) -> str | None:
    """What runs the models, with what decides their numbers; None for ONNX Runtime, whose version is told anyway."""
    return f"openvino {require_openvino()} {best_precision()}" if device.runtime == OPENVINO else None


def engine_of(versions: str) -> str | None:
    """The `engine_name` in a row's ``versions_json``."""
    try:
        found = json.loads(versions)["engine"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def versions_json(device: Device) -> str:
    """The versions of what decides a face's pixels and numbers, as a JSON object."""
    versions = {
        "python": platform.python_version(),
        "ffmpeg": find_ffmpeg().version,
        "onnxruntime": ort.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
    }
    if (engine := engine_name(device)) is not None:
        versions["engine"] = engine
    return json.dumps(versions, sort_keys=True)
