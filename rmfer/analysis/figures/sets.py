"""Fig. 3: an anchor set of real shards, and how much each of its faces is attended to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rmfer.analysis.figures import COLOURS, NOTE_POINTS, POINTS, TITLE_POINTS
from rmfer.evaluation.plotting import GREY, INK, new_figure

Pictures = Sequence[npt.NDArray[np.uint8]]
# Inches.
_FACE, _GAP, _TEXT, _LEFT, _ABOVE, _BELOW = 0.62, 0.06, 0.2, 0.95, 0.45, 0.3
_BETWEEN = 0.4
_KEPT = COLOURS[5]


@dataclass(frozen=True)
class AttendedSet:
    """How a network attends from an anchor to its set: attention of each face, and which of them are kept.

    ``positives`` (P,) and ``negatives`` (N,) are softmax over all of both, in [0, 1]; ``near`` and ``far`` the places
    of P_imp and N_imp.
    """

    positives: npt.NDArray[np.float64]
    negatives: npt.NDArray[np.float64]
    near: frozenset[int]
    far: frozenset[int]


def draw_sets(
    anchor: npt.NDArray[np.uint8],
    positives: Pictures,
    negatives: Pictures,
    by_run: Mapping[str, AttendedSet],
    *,
    shown: int = 12,
    note: str = "",
) -> Any:
    """A matplotlib Figure: for each run a strip of the positives and one of the negatives, most attended first.

    What the run keeps for ACL is framed.

    Args:
        anchor: (H, W, 3) RGB.
        positives: faces of other people at the same moment.
        negatives: faces of the same person at other moments.
        by_run: by the run's name.
        shown: faces of a strip.
        note: below the figure.
    """
    line = _FACE + _TEXT
    width = _LEFT + (shown + 1.6) * (_FACE + _GAP)
    height = _ABOVE + len(by_run) * (2 * line + _BETWEEN) - _BETWEEN + _BELOW
    figure = new_figure(width, height)

    def place(picture: npt.NDArray[np.uint8], x: float, y: float, text: str = "", *, kept: bool = False) -> None:
        axes = figure.add_axes((x / width, y / height, _FACE / width, _FACE / height))
        axes.imshow(picture)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(kept)
            spine.set_color(_KEPT)
            spine.set_linewidth(2.4)
        colour, weight = (INK, "bold") if kept else (GREY, "normal")
        figure.text(
            (x + _FACE / 2) / width,
            (y - 0.11) / height,
            text,
            fontsize=7.5,
            color=colour,
            weight=weight,
            ha="center",
            va="center",
        )

    top = height - _ABOVE
    for run, attended in by_run.items():
        figure.text(0.1 / width, (top + 0.12) / height, run, fontsize=TITLE_POINTS - 1, color=INK, weight="bold")
        place(anchor, _LEFT, top - line - _FACE / 2, "anchor")
        strips = (
            ("positives", positives, attended.positives, attended.near),
            ("negatives", negatives, attended.negatives, attended.far),
        )
        for number, (name, pictures, values, chosen) in enumerate(strips):
            y = top - (number + 1) * line + _TEXT
            figure.text(0.1 / width, (y + _FACE / 2) / height, name, fontsize=POINTS, color=INK, va="center")
            # Of the negatives the least attended are kept: both ends are shown. Ties stand as `choose` has them.
            order = np.argsort(-values, kind="stable") if number == 0 else np.argsort(values, kind="stable")[::-1]
            half = shown // 2
            seen = order[:shown] if number == 0 else np.concatenate([order[: shown - half], order[-half:]])
            for column, index in enumerate(seen[: len(pictures)].tolist()):
                x = _LEFT + (column + 1.6) * (_FACE + _GAP)
                place(pictures[index], x, y, f"{100 * values[index]:.2f}", kept=index in chosen)
        top -= 2 * line + _BETWEEN
    figure.text(0.1 / width, 0.1 / height, note, fontsize=NOTE_POINTS, color=GREY)
    return figure
