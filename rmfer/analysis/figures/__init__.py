"""The figures of the supplement, drawn with matplotlib without a display."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmset_builder.core.files import whole_file

INK, GREY, FAINT = "#1c1c1a", "#77776f", "#d9d9d4"
POINTS, TITLE_POINTS, NOTE_POINTS = 9.5, 12.0, 8.5
DPI = 160
# Okabe and Ito's colours, which those who confuse red and green tell apart, and shapes besides.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#8F8A00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def new_figure(width: float, height: float) -> Any:
    """A white matplotlib Figure of so many inches."""
    # A Figure without pyplot needs no display, keeps no state, and may be drawn by any thread.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Any, stem: Path) -> tuple[Path, Path]:
    """Write STEM.png and STEM.pdf; the same figure gives the same bytes."""
    paths = (Path(f"{stem}.png"), Path(f"{stem}.pdf"))
    without = ({"Software": None}, {"CreationDate": None, "Creator": None, "Producer": None})
    for path, metadata in zip(paths, without, strict=True):
        with whole_file(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], metadata=metadata)
    return paths


def plain_axes(axes: Any) -> None:
    """No frame, small grey ticks."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=POINTS, colors=GREY)
