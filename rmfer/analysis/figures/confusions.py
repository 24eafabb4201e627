"""Fig. 2: confusion matrices side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rmfer.analysis.figures import NOTE_POINTS, TITLE_POINTS
from rmfer.evaluation.accuracy import Counts, average_accuracy, overall_accuracy
from rmfer.evaluation.figures import draw_matrix
from rmfer.evaluation.plotting import GREY, INK, new_figure

# Inches.
_CELL, _LEFT, _RIGHT, _GAP, _BELOW, _ABOVE = 0.72, 1.55, 0.25, 0.4, 1.25, 0.75


def draw_confusions(matrices: Mapping[str, Counts], names: Sequence[str], *, note: str = "") -> Any:
    """A matplotlib Figure of matrices (C, C) with the same labels by rows, by the run's name.

    Args:
        matrices: row = label, column = expression found.
        names: (C,) of the expressions.
        note: below the figure.
    """
    side = _CELL * len(names)
    width = _LEFT + len(matrices) * side + (len(matrices) - 1) * _GAP + _RIGHT
    height = _BELOW + side + _ABOVE
    figure = new_figure(width, height)
    for number, (run, confusion) in enumerate(matrices.items()):
        left = _LEFT + number * (side + _GAP)
        axes = figure.add_axes((left / width, _BELOW / height, side / width, side / height))
        draw_matrix(axes, confusion, names, labels=number == 0)
        at = {"x": left / width, "va": "center"}
        top = _BELOW + side
        figure.text(y=(top + 0.48) / height, s=run, fontsize=TITLE_POINTS, color=INK, weight="bold", **at)
        told = f"overall {100 * overall_accuracy(confusion):.1f} %, average {100 * average_accuracy(confusion):.1f} %"
        figure.text(y=(top + 0.2) / height, s=told, fontsize=NOTE_POINTS + 1, color=GREY, **at)
    figure.text(_LEFT / width, 0.12 / height, note, fontsize=NOTE_POINTS, color=GREY)
    return figure
