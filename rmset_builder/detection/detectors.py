"""The table of detectors: each knows its own files, so a model pack's file decides which one runs it."""

from __future__ import annotations

from pathlib import Path

import onnx

from rmset_builder.core.errors import RmsetError
from rmset_builder.detection import scrfd
from rmset_builder.detection.base import DetectorKind
from rmset_builder.inference.graphs import read_model

DETECTORS: list[DetectorKind] = [scrfd.KIND]


def register(kind: DetectorKind) -> None:
    """Add a detector; its files are known from then on, in model packs too (examples/another_detector.py)."""
    DETECTORS.append(kind)


def kind_names() -> str:
    """All kinds, for a message.

    Example:
        >>> kind_names()
        'SCRFD with landmarks (9 or 15 outputs)'
    """
    return " or ".join(kind.name for kind in DETECTORS)


def kind_of(graph: onnx.GraphProto) -> DetectorKind | None:
    """The kind of detector that an ONNX file's graph is; None where it is none of the table's."""
    return next((kind for kind in DETECTORS if kind.fits(graph)), None)


def kind_of_file(model: Path) -> DetectorKind:
    """The kind of detector in an ONNX file.

    Raises:
        RmsetError: it is no ONNX file, or none of a known detector.
    """
    graph = read_model(model).graph
    found = kind_of(graph)
    if found is None:
        raise RmsetError(f"{model} is no detector ({len(graph.output)} outputs)", remedy=f"use {kind_names()}")
    return found
