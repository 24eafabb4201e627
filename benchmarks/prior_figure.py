"""The curve of `prior.py`: ACL's gain over IAL against the prior's truth, with intervals."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt

MEASURES = ("overall", "average")
RULE = "majority"


def draw(arms: Mapping[str, Any], levels: Sequence[str], by_gamma: Mapping[float, Sequence[str]], path: Path) -> None:
    """Write the figure.

    Args:
        arms: what `prior.summary` tells of each arm.
        levels: of p, in the order of the axis.
        by_gamma: the arms of each gamma, in the order of the levels.
        path: an SVG file.
    """
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(9, 3.6), sharex=True, layout="constrained")
    for axis, measure in zip(axes, MEASURES, strict=True):
        for place, (gamma, names) in enumerate(by_gamma.items()):
            told = [arms[name][f"minus ial, by {RULE}"][measure] for name in names]
            middle = [value for value, _, _ in told]
            reach = [[value - low for value, low, _ in told], [high - value for value, _, high in told]]
            where = [number + 0.08 * (place - 0.5) for number in range(len(levels))]
            chosen = "a tenth, by attention" if gamma < 1 else "all of P and N"
            axis.errorbar(where, middle, yerr=reach, marker="o", capsize=3, label=f"gamma {gamma:g}: {chosen}")
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set_xticks(range(len(levels)), levels)
        axis.set_xlabel("p: positives that show the anchor's expression")
        axis.set_title(f"{measure} accuracy")
    axes[0].set_ylabel("IAL + ACL minus IAL, per cent")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    plt.close(figure)
    path.write_text("".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines()))
