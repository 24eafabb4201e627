"""What all figures share: matplotlib without a display, the same bytes for the same figure, inks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmset_builder.core.files import whole_file

INK, GREY = "#1c1c1a", "#77776f"
_DPI = 160
# Program and date; without them the same figure gives the same bytes.
_LEFT_OUT = {"png": ("Software",), "pdf": ("CreationDate", "Creator", "Producer")}


def new_figure(width: float, height: float, **options: Any) -> Any:
    """A white matplotlib Figure of so many inches; ``options`` are matplotlib's."""
    # A Figure without pyplot needs no display, keeps no state, and may be drawn by any thread.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white", **options)
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Any, *paths: Path) -> None:
    """Write a figure to files, PNG or PDF by their suffixes."""
    for path in paths:
        kind = path.suffix.removeprefix(".")
        with whole_file(path) as temporary:
            figure.savefig(temporary, format=kind, metadata=dict.fromkeys(_LEFT_OUT[kind]))
