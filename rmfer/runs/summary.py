"""What a sweep found: a row for each finished run, and for each grid point means and deviations over its seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from rmfer.errors import RmferError
from rmfer.runs.grid import Point, is_number
from rmset_builder.core.files import whole_file
from rmset_builder.shards.checked_parquet import write_checked

TABLE, MEANS = "summary.parquet", "summary.json"
WHICH, MEASURES = ("last", "best"), ("overall", "average")


@dataclass(frozen=True)
class Measure:
    """An accuracy of a run: of the epoch ``which``, on ``split``, by ``rule`` where the split knows several."""

    which: str
    split: str
    name: str
    rule: str | None = None

    @property
    def column(self) -> str:
        """Of the table: "last_valid_overall", "best_test_majority_average"."""
        return "_".join(filter(None, (self.which, self.split, self.rule, self.name)))

    @property
    def title(self) -> str:
        """As people read it."""
        split = {"valid": "validation", "test": "test"}[self.split]
        rule = f" by {self.rule}" if self.rule else ""
        return f"{self.name} accuracy on {split}{rule}, {self.which} epoch"


class Spread(NamedTuple):
    """Mean and standard deviation of the sample, in [0, 1], over so many runs; one run alone has no deviation."""

    mean: float
    sd: float | None
    runs: int


@dataclass(frozen=True)
class Finished:
    """The finished runs of a grid point: their seeds, and by column an accuracy for each, in [0, 1]."""

    title: str
    settings: dict[str, Any]
    seeds: tuple[int, ...]
    found: Mapping[str, tuple[float, ...]]

    def spread(self, column: str) -> Spread | None:
        """Of an accuracy; None where no run has it."""
        values = self.found.get(column, ())
        if not values:
            return None
        return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def row_of(point: Point, results: Mapping[str, Any]) -> dict[str, Any]:
    """A run's row: its folder, the grid's settings, its seed, and of both epochs number and accuracies in [0, 1].

    Args:
        point: of the grid.
        results: what `rmfer train` wrote of the run.
    """
    row: dict[str, Any] = {"run": point.name, **point.settings, "seed": point.seed}
    for which in WHICH:
        found = results[which]
        row[f"{which}_epoch"] = found["epoch"]
        for name, told in found.items():
            split = name.partition("-")[0]
            if split in ("valid", "test") and told:
                row |= {Measure(which, split, kind, told.get("rule")).column: told[kind] for kind in MEASURES}
    return row


def by_point(every: Sequence[Point], rows: Sequence[Mapping[str, Any]]) -> list[Finished]:
    """Rows of one grid point taken together, in the grid's order; points without a finished run are left out."""
    own = {row["run"]: row for row in rows}
    points: dict[str, list[Point]] = {}
    for point in every:
        if point.name in own:
            points.setdefault(json.dumps(point.settings), []).append(point)
    finished = []
    for some in points.values():
        runs = [own[point.name] for point in some]
        accuracies = [name for name in runs[0] if name.startswith(WHICH) and name.endswith(MEASURES)]
        found = {name: tuple(run[name] for run in runs if name in run) for name in accuracies}
        finished.append(Finished(some[0].title, some[0].settings, tuple(point.seed for point in some), found))
    return finished


def best_by(finished: Sequence[Finished], measure: Measure) -> Finished | None:
    """The grid point with the highest mean; of equals the first."""
    told = [(spread.mean, point) for point in finished if (spread := point.spread(measure.column)) is not None]
    return max(told, key=lambda pair: pair[0])[1] if told else None


def means_as_json(finished: Sequence[Finished]) -> list[dict[str, Any]]:
    """Of each grid point settings, seeds, and of each accuracy mean, deviation (null for one run) and runs."""
    return [
        {
            "settings": point.settings,
            "seeds": list(point.seeds),
            "found": {name: spread._asdict() for name in point.found if (spread := point.spread(name)) is not None},
        }
        for point in finished
    ]


def as_table(rows: Sequence[Mapping[str, Any]], settings: Sequence[str]) -> pa.Table:
    """Rows as an Arrow table; settings that are neither numbers, texts nor bools of one kind become JSON texts."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pa.table({name: _plain(values) if name in settings else values for name, values in columns.items()})


def write_summary(folder: Path, rows: Sequence[Mapping[str, Any]], settings: Sequence[str], told: Any) -> None:
    """Write ``rows`` as Parquet, and ``told`` as JSON.

    Raises:
        RmferError: ``folder`` cannot be written to.
    """
    try:
        with whole_file(folder / TABLE) as temporary:
            write_checked(as_table(rows, settings), temporary)
        with whole_file(folder / MEANS) as temporary:
            temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RmferError(f"{folder} cannot be written to ({error.strerror})", remedy="give another --out") from error


def _plain(values: list[Any]) -> list[Any]:
    there = [value for value in values if value is not None]
    if all(map(is_number, there)) or any(all(isinstance(value, kind) for value in there) for kind in (str, bool)):
        return values
    return [json.dumps(value) for value in values]
