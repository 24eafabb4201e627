"""The tables as the supplement prints them: ``published.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

Value = float | str | None


@dataclass(frozen=True)
class Row:
    """A row as printed.

    Attributes:
        name: at its beginning.
        paper: (columns,) as printed; None: empty.
        presets: of the runs that reproduce it; None: no runs do.
        why_not: they do not, in a table of runs.
        settings: of these runs, besides.
        needs: what they cannot do without: "celeba".
        is_base: the others are compared with it, in pairs.
        setting: whose values the row has, in a table of settings.
    """

    name: str
    paper: tuple[Value, ...]
    presets: tuple[str, ...] | None = None
    why_not: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    needs: str = ""
    is_base: bool = False
    setting: str = ""


@dataclass(frozen=True)
class Table:
    """A table as printed.

    Attributes:
        number: in the supplement.
        title: our words for its caption.
        columns: their heads.
        rows: in order.
        benchmark: what the paper tested on; "" where nothing is tested.
        benchmarks: (columns,) the same of each column.
        measures: (columns,) of runs; empty where no runs are needed.
        presets: (columns,) of a table of settings.
        notes: what a reader has to know of the print.
    """

    number: int
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    benchmark: str = ""
    benchmarks: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def published() -> dict[int, Table]:
    """All tables by number."""
    return {number: _table(number, told) for number, told in _read()["tables"].items()}


def figure_rows(number: int) -> Table:
    """The rows of figure ``number`` (1 to 4), as a table without columns."""
    told = _read()["figures"][number]
    return _table(
        number, {**told, "columns": [], "measures": [], "rows": [{**row, "paper": []} for row in told["rows"]]}
    )


@cache
def _read() -> Any:
    text = (resources.files("rmfer") / "paper" / "published.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def _table(number: int, told: dict[str, Any]) -> Table:
    # Of a table of runs, presets and settings are of all its rows.
    of_runs = "measures" in told
    common: tuple[str, ...] = tuple(told.get("presets", ())) if of_runs else ()
    rows = tuple(
        Row(
            name=row["name"],
            paper=tuple(row["paper"]),
            presets=(*common, *row.get("presets", ())) if of_runs and "why_not" not in row else None,
            why_not=row.get("why_not", ""),
            settings={**told.get("settings", {}), **row.get("settings", {})},
            needs=row.get("needs", ""),
            is_base=row.get("base", False),
            setting=row.get("setting", ""),
        )
        for row in told["rows"]
    )
    return Table(
        number=number,
        title=told["title"],
        columns=tuple(told["columns"]),
        rows=rows,
        benchmark=told.get("benchmark", ""),
        benchmarks=tuple(told.get("benchmarks", [told.get("benchmark", "")] * len(told["columns"]))),
        measures=tuple(told.get("measures", ())),
        presets=() if of_runs else tuple(told.get("presets", ())),
        notes=tuple(told.get("notes", ())),
    )
