"""A sweep as a picture: points with error bars over one setting, a heat map over two, one a value of a third.

Drawn with matplotlib, without a display. Colours go from light to dark in one hue and so are told apart by everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmfer.errors import RmferError
from rmfer.evaluation.plotting import GREY, INK, new_figure, write_figure
from rmfer.runs.grid import as_text, is_number
from rmfer.runs.summary import Finished, Measure

PNG, PDF = "sweep.png", "sweep.pdf"
MOST_SETTINGS = 3
_LINE, _DOT = "#1f5a93", "#7fa8d1"
_MAP = "Blues"
# The map's lightest colours would hide the least cells, its darkest are all alike.
_LIGHTEST, _DARKEST = 0.08, 0.85
# Below this luminance white has more contrast than ink.
_DARK = 0.2
_POINTS, _TITLE_POINTS, _SMALL_POINTS = 10.5, 12.5, 8.5
# From such a ratio of the ends on, values stand at the distances of their logarithms.
_DECADE = 10.0
# Inches; single seeds stand so far beside their mean.
_BESIDE = 0.11
_WIDE, _HIGH, _CELL, _CELL_HIGH = 6.4, 4.2, 0.95, 0.72

Values = Mapping[str, Sequence[Any]]
Floats = npt.NDArray[np.float64]


def draw_sweep(finished: Sequence[Finished], values: Values, measure: Measure) -> Any:
    """A matplotlib Figure of a measure, in per cent: means over the seeds, and standard deviations.

    Args:
        finished: the grid points that have finished runs; others are left blank.
        values: of each setting of the grid, in their order; settings with one value are not drawn.
        measure: what is drawn.

    Raises:
        RmferError: more settings vary than a picture shows.
    """
    varying = {name: own for name, own in values.items() if len(own) > 1} or dict(list(values.items())[:1])
    if len(varying) > MOST_SETTINGS:
        raise RmferError(
            f"{len(varying)} settings vary ({', '.join(varying)}), and a picture shows {MOST_SETTINGS}",
            remedy="the summary has all; for a picture, sweep over fewer at a time",
        )
    draw = _draw_points if len(varying) == 1 else _draw_maps
    figure = draw(finished, varying, measure)
    seeds = sorted({seed for point in finished for seed in point.seeds})
    fixed = [f"{name}={as_text(own[0])}" for name, own in values.items() if name not in varying]
    dots = " (small dots)" if len(varying) == 1 else ""
    about = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean ± s.d. over seeds {', '.join(map(str, seeds))}{dots}"
    title = measure.title[0].upper() + measure.title[1:]
    figure.suptitle(title, fontsize=_TITLE_POINTS, color=INK, weight="bold")
    figure.supxlabel("; ".join([about, *fixed]), fontsize=_SMALL_POINTS, color=GREY)
    return figure


def write_sweep(folder: Path, finished: Sequence[Finished], values: Values, measure: Measure) -> tuple[Path, Path]:
    """Write `draw_sweep`'s figure as PNG and PDF.

    Raises:
        RmferError: more settings vary than a picture shows, or ``folder`` cannot be written to.
    """
    figure = draw_sweep(finished, values, measure)
    png, pdf = folder / PNG, folder / PDF
    try:
        write_figure(figure, png, pdf)
    except OSError as error:
        raise RmferError(f"{folder} cannot be written to ({error.strerror})", remedy="give another --out") from error
    return png, pdf


def _draw_points(finished: Sequence[Finished], values: Values, measure: Measure) -> Any:
    from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415

    ((name, own),) = values.items()
    figure = new_figure(_WIDE, _HIGH, layout="constrained")
    axes = figure.add_subplot()
    places = dict(zip(map(as_text, own), _places(own, axes), strict=True))
    beside = axes.transData + ScaledTranslation(_BESIDE, 0, figure.dpi_scale_trans)
    for point in finished:
        found = 100 * np.asarray(point.found.get(measure.column, ()))
        spread = point.spread(measure.column)
        if spread is None:
            continue
        at = places[as_text(point.settings[name])]
        if spread.sd is not None:
            axes.plot([at] * len(found), found, "o", color=_DOT, markersize=4, transform=beside)
        reach = None if spread.sd is None else 100 * spread.sd
        bar = {"color": _LINE, "markersize": 7, "capsize": 4, "elinewidth": 1.4, "zorder": 2}
        axes.errorbar([at], [100 * spread.mean], yerr=reach, fmt="o", **bar)
    axes.set_xticks(list(places.values()), list(places), fontsize=_POINTS, color=INK)
    axes.set_xlabel(name, fontsize=_POINTS, color=INK)
    axes.set_ylabel(f"{measure.name} accuracy, %", fontsize=_POINTS, color=INK)
    axes.grid(axis="y", color="#e4e4e0", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure


def _places(own: Sequence[Any], axes: Any) -> list[float]:
    """Where values stand on the x axis: at their own numbers, at the logarithms', or one beside the other."""
    if not all(map(is_number, own)) or len(own) < 2:
        axes.set_xlim(-0.5, len(own) - 0.5)
        return [float(number) for number in range(len(own))]
    if min(own) > 0 and max(own) / min(own) >= _DECADE:
        axes.set_xscale("log")
        axes.minorticks_off()
    return [float(value) for value in own]


def _draw_maps(finished: Sequence[Finished], values: Values, measure: Measure) -> Any:
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    (down, rows), (along, columns), *more = values.items()
    outer, panels = more[0] if more else ("", [None])
    width = len(panels) * (1.1 + _CELL * len(columns)) + 0.5
    figure = new_figure(max(_WIDE, width), 1.7 + _CELL_HIGH * len(rows), layout="constrained")
    colours = colormaps[_MAP](np.linspace(_LIGHTEST, _DARKEST, 256))
    cells = {tuple(as_text(point.settings[name]) for name in values): point for point in finished}
    spreads = {key: spread for key, point in cells.items() if (spread := point.spread(measure.column)) is not None}
    means = [100 * spread.mean for spread in spreads.values()] or [0.0]
    low, high = min(means), max(means)
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels), sharey=True)), panels, strict=True):
        tail = () if panel is None else (as_text(panel),)
        own = {
            (row, column): spreads.get((as_text(one), as_text(other), *tail))
            for row, one in enumerate(rows)
            for column, other in enumerate(columns)
        }
        grid = np.full((len(rows), len(columns)), np.nan)
        for place, spread in own.items():
            grid[place] = np.nan if spread is None else 100 * spread.mean
        # One value alone is neither low nor high.
        reach = {"vmin": low - 0.5 * (low == high), "vmax": high + 0.5 * (low == high)}
        shown = axes.imshow(grid, cmap=LinearSegmentedColormap.from_list(_MAP, colours), aspect="auto", **reach)
        for (row, column), spread in own.items():
            dark = spread is not None and _luminance(shown.to_rgba(grid[row, column])[:3]) < _DARK
            _draw_cell(axes, row, column, spread, colour="white" if dark else INK)
        _draw_frame(axes, list(map(as_text, rows)), list(map(as_text, columns)))
        axes.set_xlabel(along, fontsize=_POINTS, color=INK)
        if panel is not None:
            axes.set_title(f"{outer} = {as_text(panel)}", fontsize=_POINTS, color=INK)
    figure.axes[0].set_ylabel(down, fontsize=_POINTS, color=INK)
    return figure


def _luminance(colour: Sequence[float]) -> float:
    """Of an sRGB colour, as WCAG has it: 0 is black, 1 is white."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def _draw_cell(axes: Any, row: int, column: int, spread: Any, *, colour: str) -> None:
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    if spread is None:
        axes.text(column, row, "\N{EN DASH}", fontsize=_POINTS, color=GREY, **middle)
        return
    # In points, so that both lines stay together however high the cell is.
    middle |= {"xy": (column, row), "textcoords": "offset points", "color": colour}
    up = 0 if spread.sd is None else 6
    axes.annotate(f"{100 * spread.mean:.2f}", xytext=(0, up), fontsize=_POINTS, **middle)
    if spread.sd is not None:
        axes.annotate(f"± {100 * spread.sd:.2f}", xytext=(0, -8), fontsize=_SMALL_POINTS, **middle)


def _draw_frame(axes: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Values beside the cells, white lines between them, and no frame."""
    axes.set_xticks(range(len(columns)), columns, fontsize=_POINTS, color=INK)
    axes.set_yticks(range(len(rows)), rows, fontsize=_POINTS, color=INK)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.6)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
