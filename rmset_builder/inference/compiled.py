"""Models as OpenVINO compiled them, kept in the cache: it takes a tenth of a second for each size of input."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import whole_file
from rmset_builder.storage.cache import cache_folder

_FOLDER, _SUFFIX = "openvino", ".blob"
_MOST_KEPT = 64
_HASH_BYTES = 32


def compiled(core: Any, graph: bytes, config: Mapping[str, str]) -> Any:
    """A model for the CPU, from the cache or compiled anew.

    What is kept was made from the same graph and settings, by the same OpenVINO for the same processor, and is whole:
    OpenVINO itself would take what has changed on disk since.

    Args:
        core: OpenVINO's.
        graph: a serialised ONNX graph.
        config: OpenVINO's settings.
    """
    path = _place(core, graph, config)
    if path is not None and (blob := _read(path)) is not None:
        with contextlib.suppress(RuntimeError):
            return core.import_model(blob, "CPU", dict(config))
    model = core.compile_model(core.read_model(graph, b""), "CPU", dict(config))
    if path is not None:
        with contextlib.suppress(OSError):
            _keep(path, model.export_model())
    return model


def _place(core: Any, graph: bytes, config: Mapping[str, str]) -> Path | None:
    """Where it is kept; None where there is no cache."""
    versions = core.get_versions("CPU")["CPU"].build_number
    told = [core.get_property("CPU", "FULL_DEVICE_NAME"), versions, sorted(config.items())]
    name = hashlib.sha256(json.dumps(told).encode() + graph).hexdigest()
    try:
        return cache_folder() / _FOLDER / f"{name}{_SUFFIX}"
    except RmsetError:
        return None


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    blob = content[_HASH_BYTES:]
    return blob if hashlib.sha256(blob).digest() == content[:_HASH_BYTES] else None


def _keep(path: Path, blob: Any) -> None:
    content = blob if isinstance(blob, bytes) else blob.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with whole_file(path) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
    kept = sorted(path.parent.glob(f"*{_SUFFIX}"), key=lambda one: one.stat().st_mtime_ns)
    for old in kept[:-_MOST_KEPT]:
        old.unlink(missing_ok=True)
