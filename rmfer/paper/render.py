"""A table of the paper beside what was found, as lines for people, Markdown or JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

PAPER, HERE = "paper", "here"
# How long a line of a cell may be, characters, by how many columns there are.
_LONGEST_OF = {1: 30, 2: 22, 3: 16}
_LONGEST_OF_MANY = 9
_ENDLESS = 1000
_OF_WORDS = 1


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
        title=shown.heading,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    words = shown.number == _OF_WORDS
    for column in shown.columns:
        if words:
            table.add_column(column)
        else:
            table.add_column(_broken(column, len(shown.columns)), justify="right", no_wrap=True)
    for name, lines in shown.rows:
        for place, line in enumerate(lines):
            cells = line.cells if words else [_broken(cell, len(shown.columns)) for cell in line.cells]
            table.add_row(
                "" if place else name, line.source, *cells, style="dim" if line.source.startswith(PAPER) else ""
            )
    if not words:
        # Too wide a table goes on in the terminal's next line: a number that is cut off would look like another.
        table.width = console.measure(table, options=console.options.update(max_width=_ENDLESS)).maximum
    console.print(table, crop=False)
    for note in shown.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


def _broken(text: str, columns: int) -> str:
    """In lines that are short enough for so many columns; neither words nor intervals are broken."""
    longest = _LONGEST_OF.get(columns, _LONGEST_OF_MANY)
    whole = text.replace(", ", ",\N{NO-BREAK SPACE}")
    lines = textwrap.wrap(whole, longest, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


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
