"""The figures of the supplement, drawn with matplotlib without a display."""

from __future__ import annotations

from typing import Any

from rmfer.evaluation.plotting import GREY

FAINT = "#d9d9d4"
POINTS, TITLE_POINTS, NOTE_POINTS = 9.5, 12.0, 8.5
# Okabe and Ito's colours, which those who confuse red and green tell apart, and shapes besides.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#8F8A00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def plain_axes(axes: Any) -> None:
    """No frame, small grey ticks."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=POINTS, colors=GREY)
