"""A sweep's summary as lines for people, in per cent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rmfer.runs.grid import as_text
from rmfer.runs.summary import MEASURES, Finished, Measure, Spread, best_by


def report(finished: Sequence[Finished], measure: Measure) -> list[str]:
    """A line for each grid point, with means and deviations of both accuracies, and which is best.

    Args:
        finished: the grid points, at least one.
        measure: by which the best one is named; the others are of its split, rule and epoch.
    """
    measures = [replace(measure, name=name) for name in MEASURES]
    names = [*finished[0].settings, "runs", *(f"{one.split} {one.name}" for one in measures)]
    rows = [
        [
            *map(as_text, point.settings.values()),
            str(len(point.seeds)),
            *(told(point.spread(one.column)) for one in measures),
        ]
        for point in finished
    ]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in (names, *rows)]
    best = best_by(finished, measure)
    if best is not None:
        lines += ["", f"best by {measure.title}: {best.title} ({told(best.spread(measure.column))} %)"]
    return [line.rstrip() for line in lines]


def told(spread: Spread | None) -> str:
    """Per cent, with the deviation where there is one.

    Example:
        >>> told(Spread(0.7312, 0.0041, 3)), told(Spread(0.7, None, 1)), told(None)
        ('73.12 ± 0.41', '70.00', '-')
    """
    if spread is None:
        return "-"
    return f"{100 * spread.mean:.2f}" + ("" if spread.sd is None else f" ± {100 * spread.sd:.2f}")
