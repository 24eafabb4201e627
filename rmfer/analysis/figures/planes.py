"""Fig. 4: faces in the plane that multidimensional scaling gives, all classes and class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rmfer.analysis.figures import COLOURS, FAINT, NOTE_POINTS, POINTS, TITLE_POINTS
from rmfer.analysis.mds import class_distances
from rmfer.analysis.run_measures import Plane
from rmfer.evaluation.plotting import GREY, INK, new_figure

# Inches.
_SIDE, _GAP, _LEFT, _ABOVE, _BELOW = 1.9, 0.16, 1.05, 0.5, 0.4


def draw_planes(planes: Mapping[str, Plane], names: Sequence[str], *, note: str = "") -> Any:
    """A matplotlib Figure: a column a run, all classes in the first row, each by itself below.

    In a corner of each is the mean distance of the class's points from their centre, a cross (Table 14).

    Args:
        planes: by the run's name.
        names: (C,) of the expressions.
        note: below the figure.
    """
    rows, columns = 1 + len(names), len(planes)
    width = _LEFT + columns * (_SIDE + _GAP)
    height = _ABOVE + rows * (_SIDE + _GAP) + _BELOW
    figure = new_figure(width, height)
    for column, (run, plane) in enumerate(planes.items()):
        left = _LEFT + column * (_SIDE + _GAP)
        distances = class_distances(plane.points, plane.labels, classes=len(names)).raw
        reach = 1.08 * np.abs(plane.points - plane.points.mean(0)).max()
        for row in range(rows):
            below = _BELOW + (rows - 1 - row) * (_SIDE + _GAP)
            axes = figure.add_axes((left / width, below / height, _SIDE / width, _SIDE / height))
            _frame(axes, plane, reach)
            for label in range(len(names)) if row == 0 else [row - 1]:
                _points(axes, plane, label, with_centre=row > 0)
            told = distances[row - 1] if row else np.nanmean(distances)
            axes.text(0.03, 0.04, f"{told:.3f}", fontsize=NOTE_POINTS, color=GREY, transform=axes.transAxes)
            if column == 0:
                axes.text(
                    -0.08,
                    0.5,
                    names[row - 1] if row else "all",
                    fontsize=POINTS,
                    color=COLOURS[(row - 1) % len(COLOURS)] if row else INK,
                    weight="bold",
                    ha="right",
                    va="center",
                    transform=axes.transAxes,
                )
            if row == 0:
                axes.set_title(run, fontsize=TITLE_POINTS - 1, color=INK, weight="bold", pad=6)
    figure.text(_LEFT / width, 0.12 / height, note, fontsize=NOTE_POINTS, color=GREY)
    return figure


def _frame(axes: Any, plane: Plane, reach: float) -> None:
    x, y = plane.points.mean(0)
    axes.set_xlim(x - reach, x + reach)
    axes.set_ylim(y - reach, y + reach)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def _points(axes: Any, plane: Plane, label: int, *, with_centre: bool) -> None:
    own = plane.points[plane.labels == label]
    axes.scatter(*own.T, s=7, color=COLOURS[label % len(COLOURS)], alpha=0.75, linewidths=0)
    if with_centre and len(own):
        axes.scatter(*own.mean(0), s=42, marker="+", color=INK, linewidths=1.4)
