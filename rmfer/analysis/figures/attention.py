"""Fig. 1: how much faces of the same expression attend to one another, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rmfer.analysis.figures import COLOURS, FAINT, MARKERS, NOTE_POINTS, POINTS, plain_axes
from rmfer.evaluation.plotting import GREY, INK, new_figure


def draw_attention(curves: Mapping[str, Sequence[tuple[int, float]]], *, note: str = "") -> Any:
    """A matplotlib Figure with a curve a run.

    Args:
        curves: by the run's name: (epoch from 1, attention) of each epoch that was measured.
        note: below the figure.
    """
    figure = new_figure(6.4, 4.0)
    axes = figure.add_axes((0.11, 0.19, 0.58, 0.74))
    ends = []
    for number, (name, points) in enumerate(curves.items()):
        epochs, values = zip(*points, strict=True)
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        axes.plot(epochs, values, color=colour, marker=marker, markersize=4, linewidth=1.6, zorder=3)
        ends.append((values[-1], name, colour))
    plain_axes(axes)
    axes.grid(axis="y", color=FAINT, linewidth=0.7, zorder=0)
    axes.set_xlabel("epoch", fontsize=POINTS, color=INK)
    axes.set_ylabel("mean attention between faces of the same label", fontsize=POINTS, color=INK)
    axes.xaxis.get_major_locator().set_params(integer=True)
    _name_ends(axes, ends)
    figure.text(0.11, 0.03, note, fontsize=NOTE_POINTS, color=GREY)
    return figure


def _name_ends(axes: Any, ends: list[tuple[float, str, str]]) -> None:
    """The curves' names beside their last points, far enough from one another to be read."""
    low, high = axes.get_ylim()
    height = 0.055 * (high - low)
    at = low - height
    for value, name, colour in sorted(ends):
        at = max(value, at + height)
        axes.annotate(
            name,
            (1.0, at),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            fontsize=POINTS,
            color=colour,
            va="center",
            annotation_clip=False,
        )
