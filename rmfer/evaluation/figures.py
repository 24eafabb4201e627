"""The confusion matrix as a paper prints it: row-normalised (Fig. 2), drawn with matplotlib, without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rmfer.evaluation.accuracy import Counts, row_shares
from rmfer.evaluation.plotting import GREY, INK, new_figure, write_figure

_FAINT, _ON_DARK = "#b9b9b3", "#dfe9f5"
# Shares from which on a cell is so dark that its share is white, or its count wants to be darker.
_DARK, _MIDDLE = 0.55, 0.25
# Inches.
_CELL, _LEFT, _RIGHT, _BELOW, _ABOVE, _LINE = 0.78, 1.35, 0.35, 0.95, 0.55, 0.235
_POINTS, _TITLE_POINTS, _LINE_POINTS, _COUNT_POINTS = 10.5, 13.5, 10.0, 7.2


def draw_confusion(confusion: Counts, names: Sequence[str], *, title: str, lines: Sequence[str] = ()) -> Any:
    """A matplotlib Figure of a confusion matrix (C, C): share of the row in per cent, and below it how many images.

    Args:
        confusion: row = label, column = expression found.
        names: (C,) of the expressions.
        title: above it, in bold.
        lines: between the title and the matrix.
    """
    side = _CELL * len(names)
    width, height = _LEFT + side + _RIGHT, _BELOW + side + _ABOVE + _LINE * len(lines)
    figure = new_figure(width, height)
    axes = figure.add_axes((_LEFT / width, _BELOW / height, side / width, side / height))
    draw_matrix(axes, confusion, names)
    left, top = _LEFT / width, height - 0.3
    figure.text(left, top / height, title, fontsize=_TITLE_POINTS, color=INK, weight="bold", va="center")
    for number, line in enumerate(lines, start=1):
        at = (top - 0.04 - number * _LINE) / height
        figure.text(left, at, line, fontsize=_LINE_POINTS, color=GREY, va="center")
    return figure


def draw_matrix(axes: Any, confusion: Counts, names: Sequence[str], *, labels: bool = True) -> None:
    """A confusion matrix (C, C) on matplotlib's ``axes``; with ``labels`` also the rows' names and counts."""
    shares = row_shares(confusion)
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(confusion.shape):
        _draw_cell(axes, row, column, float(shares[row, column]), int(confusion[row, column]))
    _draw_names(axes, names, confusion.sum(axis=1).tolist() if labels else None)
    _draw_gaps(axes, len(names))


def write_confusion(path: Path, confusion: Counts, names: Sequence[str], *, title: str, lines: Sequence[str]) -> None:
    """Write `draw_confusion`'s figure to a PNG file."""
    figure = draw_confusion(confusion, names, title=title, lines=lines)
    write_figure(figure, path)


def _draw_cell(axes: Any, row: int, column: int, share: float, count: int) -> None:
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    if np.isnan(share):
        axes.text(column, row, "\N{EN DASH}", fontsize=_POINTS, color=_FAINT, **middle)
        return
    colour = "white" if share >= _DARK else INK if count else _FAINT
    weight = "bold" if row == column else "normal"
    axes.text(column, row - 0.09, f"{100 * share:.1f}", fontsize=_POINTS, color=colour, weight=weight, **middle)
    if count:
        colour = _ON_DARK if share >= _DARK else INK if share >= _MIDDLE else GREY
        axes.text(column, row + 0.25, f"{count:,}", fontsize=_COUNT_POINTS, color=colour, **middle)


def _draw_names(axes: Any, names: Sequence[str], counts: Sequence[int] | None) -> None:
    slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(names)), names, fontsize=_POINTS, color=INK, **slanted)
    axes.set_yticks([])
    axes.set_xlabel("found", fontsize=_POINTS + 1, color=INK, labelpad=2)
    if counts is None:
        return
    for row, (name, count) in enumerate(zip(names, counts, strict=True)):
        axes.text(-0.62, row - 0.1, name, fontsize=_POINTS, color=INK, ha="right", va="center")
        axes.text(-0.62, row + 0.22, f"{count:,}", fontsize=_COUNT_POINTS + 0.6, color=GREY, ha="right", va="center")
    axes.text(-2.05, len(names) / 2 - 0.5, "label", fontsize=_POINTS + 1, color=INK, rotation=90, va="center")


def _draw_gaps(axes: Any, classes: int) -> None:
    """White lines between cells, and no frame."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.6)
    axes.tick_params(which="both", length=0)
