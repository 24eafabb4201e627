"""A table of the paper beside what was found, as lines for people, Markdown or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

PAPER, HERE = "paper", "here"


@dataclass(frozen=True)
class Line:
    """A line of a row: where its cells (columns,) are from, as text."""

    source: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A table as it is shown: rows by name, each of some lines; notes below."""

    number: int
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Line, ...]], ...]
    notes: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """Number and title."""
        return f"Table {self.number}. {self.title}"


def print_table(shown: Shown, console: Console) -> None:
    """Print for people."""
    table = RichTable(
        title=shown.heading, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False
    )
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    for column in shown.columns:
        table.add_column(column, justify="right" if shown.number > 1 else "left", overflow="fold")
    for name, lines in shown.rows:
        for place, line in enumerate(lines):
            table.add_row(
                "" if place else name, line.source, *line.cells, style="dim" if line.source.startswith(PAPER) else ""
            )
    console.print(table)
    for note in shown.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


def markdown(shown: Shown) -> str:
    """As a Markdown table."""
    heads = ["", "", *shown.columns]
    lines = [f"**{shown.heading}**", "", _row(heads), _row(["---", "---", *["--:"] * len(shown.columns)])]
    for name, own in shown.rows:
        lines += [_row(["" if place else name, line.source, *line.cells]) for place, line in enumerate(own)]
    return "\n".join([*lines, "", *(f"- {note}" for note in shown.notes)]).rstrip() + "\n"


def as_json(shown: Shown, figures: dict[str, Any]) -> dict[str, Any]:
    """As plain values: the table as it is shown, and the ``figures`` that it was made from."""
    rows = [
        {"name": name, "lines": [{"source": line.source, "cells": list(line.cells)} for line in lines]}
        for name, lines in shown.rows
    ]
    told = {"table": shown.number, "title": shown.title, "columns": list(shown.columns), "rows": rows}
    return {**told, "notes": list(shown.notes), **figures}


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
