"""The picture of a sweep: what stands in it, by matplotlib's own account and by its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rmfer.errors import RmferError
from rmfer.runs.figure import draw_sweep, write_sweep
from rmfer.runs.grid import parse_axis, points, values_of
from rmfer.runs.summary import Finished, Measure, by_point, row_of

MEASURE = Measure("last", "valid", "overall")
Sweep = tuple[list[Finished], dict[str, list[Any]]]


def sweep(*over: str, seeds: tuple[int, ...] = (42, 43), left_out: int = -1) -> Sweep:
    """Overall accuracies of .50, .51, .52 ... in the grid's order; one grid point may have no run."""
    every = points([parse_axis(text) for text in over], seeds)
    rows = []
    for number, point in enumerate(every):
        one = {"epoch": 1, "valid": {"overall": 0.5 + number / 100, "average": 0.1}}
        if number // len(seeds) != left_out:
            rows.append(row_of(point, {"last": one, "best": one}))
    return by_point(every, rows), values_of(every)


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def ticks(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_one_setting_is_points_with_error_bars_and_a_dot_a_seed() -> None:
    figure = draw_sweep(*sweep("lambda1=0.3,0.1,0.2", left_out=2), MEASURE)
    (axes,) = figure.axes
    bars = [[*map(float, bar.lines[0].get_xydata()[0])] for bar in axes.containers]
    # Pairs of neighbours: .500 and .510 of 0.3, .520 and .530 of 0.1.
    assert bars == [pytest.approx([0.3, 50.5]), pytest.approx([0.1, 52.5])]
    deviation = 0.5**0.5
    ends = [bar.lines[2][0].get_segments()[0] for bar in axes.containers]
    assert np.allclose(ends[0], [[0.3, 50.5 - deviation], [0.3, 50.5 + deviation]])
    dots = [line.get_ydata().tolist() for line in axes.lines if len(line.get_ydata()) == 2]
    assert dots == [pytest.approx([50, 51]), pytest.approx([52, 53])]
    assert ticks(axes.xaxis) == ["0.1", "0.2", "0.3"]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("lambda1", "linear")
    assert figure.get_suptitle() == "Overall accuracy on validation, last epoch"
    assert figure.get_supxlabel() == "mean ± s.d. over seeds 42, 43 (small dots)"


@pytest.mark.parametrize(
    ("over", "scale", "places"),
    [
        ("lr=1e-5,1e-3,1e-4", "log", [1e-5, 1e-3, 1e-4]),
        ("tau=0.1,0.9", "linear", [0.1, 0.9]),
        ("optimizer=sgd,adam", "linear", [0, 1]),
        ("sam=true,false", "linear", [0, 1]),
    ],
)
def test_values_stand_where_they_belong(over: str, scale: str, places: list[float]) -> None:
    (axes,) = draw_sweep(*sweep(over, seeds=(42,)), MEASURE).axes
    assert axes.get_xscale() == scale
    assert [float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata())] == pytest.approx(places)


def test_two_settings_are_a_map_with_numbers_in_its_cells() -> None:
    figure = draw_sweep(*sweep("lambda1=0.1,0.2", "tau=0.5,0.1,1", "gamma=0.2", left_out=1), MEASURE)
    (axes,) = figure.axes
    # Rows are lambda1, columns tau from 0.1 on, which had no runs where lambda1 is 0.1.
    assert np.allclose(
        axes.images[0].get_array().filled(np.nan), [[np.nan, 50.5, 54.5], [58.5, 56.5, 60.5]], equal_nan=True
    )
    assert texts(axes) == [
        "\N{EN DASH}",
        "50.50",
        "± 0.71",
        "54.50",
        "± 0.71",
        "58.50",
        "± 0.71",
        "56.50",
        "± 0.71",
        "60.50",
        "± 0.71",
    ]
    assert (ticks(axes.yaxis), ticks(axes.xaxis)) == (["0.1", "0.2"], ["0.1", "0.5", "1"])
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("lambda1", "tau")
    assert figure.get_supxlabel() == "mean ± s.d. over seeds 42, 43; gamma=0.2"


def test_numbers_can_be_told_from_their_cells() -> None:
    (axes,) = draw_sweep(*sweep("lambda1=0.1,0.2,0.3,0.4", "tau=0.1,0.2,0.3"), MEASURE).axes
    shown = axes.images[0]
    colours = shown.cmap(shown.norm(shown.get_array()))[..., :3].reshape(-1, 3)
    inks = [text.get_color() for text in axes.texts if "±" not in text.get_text()]
    for colour, ink in zip(colours, inks, strict=True):
        weights = [0.2126, 0.7152, 0.0722]
        paper = float(np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4) @ weights)
        other = 1.0 if ink == "white" else 0.012
        # WCAG's ratio of contrast.
        assert (max(paper, other) + 0.05) / (min(paper, other) + 0.05) > 4


def test_of_three_settings_each_value_of_the_last_has_a_map_in_the_same_colours() -> None:
    figure = draw_sweep(*sweep("lambda1=0.1,0.2", "tau=0.1,0.2", "sam=true,false", seeds=(42,)), MEASURE)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("sam = true", "sam = false")
    assert texts(first) == ["50.00", "52.00", "54.00", "56.00"]
    assert texts(second) == ["51.00", "53.00", "55.00", "57.00"]
    assert first.images[0].get_clim() == second.images[0].get_clim() == pytest.approx((50, 57))


def test_more_settings_are_refused() -> None:
    with pytest.raises(RmferError, match=r"4 settings vary \(lambda1, tau, gamma, rho\), and a picture shows 3"):
        draw_sweep(*sweep("lambda1=0.1,0.2", "tau=0.1,0.2", "gamma=0.1,0.2", "rho=0.1,0.2"), MEASURE)


@pytest.mark.parametrize("over", [["tau=0.1"], ["tau=0.1,0.2"], ["tau=0.1,0.2", "sam=true,false"]])
def test_the_files_are_a_picture_and_the_same_every_time(over: list[str], tmp_path: Path) -> None:
    drawn = [write_sweep(tmp_path / str(number), *sweep(*over), MEASURE) for number in range(2)]
    for one, other in zip(*drawn, strict=True):
        assert one.read_bytes() == other.read_bytes()
    png, pdf = drawn[0]
    pixels = cv2.imread(str(png))
    assert pixels is not None
    assert (pixels != 255).any(axis=2).mean() > 0.01
    # Nothing is cut off: the outermost pixels are paper.
    assert all((edge == 255).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    assert pdf.read_bytes().startswith(b"%PDF-")
