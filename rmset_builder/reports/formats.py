"""Ways to write a table of counts: for people (table, markdown, latex) and for programs (csv, json)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from rmset_builder.core.errors import one_line
from rmset_builder.reports.paper import NOTE, PRINTED_TOTAL, TABLE_2, Counts
from rmset_builder.reports.stats import Table

HEADINGS = ("Expression", "video #", "face #", "frame #", "image #")
TOTAL = "Total"


class Line(NamedTuple):
    """A line for people; ``aside`` marks the paper's numbers and the ratios, which belong to the line above."""

    label: str
    cells: list[str]
    aside: bool = False


def ratios(ours: Counts, papers: Counts) -> list[float]:
    """Ours over the paper's, column by column."""
    return [mine / theirs for mine, theirs in zip(ours, papers, strict=True)]


def lines(table: Table, *, paper: bool) -> Iterator[Line]:
    """The lines of ``table`` without its total."""
    for name, counts in table.rows.items():
        yield from _lines(one_line(name), counts, TABLE_2.get(name) if paper else None)


def total_lines(table: Table, *, paper: bool) -> Iterator[Line]:
    """The total, and with ``paper`` the total that the paper prints."""
    yield from _lines(TOTAL, table.total, PRINTED_TOTAL if paper else None)


def _lines(label: str, ours: Counts, papers: Counts | None) -> Iterator[Line]:
    yield Line(label, [f"{count:,}" for count in ours])
    if papers is not None:
        yield Line("paper", [f"{count:,}" for count in papers], aside=True)
        yield Line("ratio", [_ratio(ratio) for ratio in ratios(ours, papers)], aside=True)


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def plain(table: Table, *, paper: bool = False) -> str:
    """Aligned text, for files and pipes."""
    body, total = (
        [("  " * line.aside + line.label, *line.cells) for line in part(table, paper=paper)]
        for part in (lines, total_lines)
    )
    widths = [max(map(cell_len, column)) for column in zip(HEADINGS, *body, *total, strict=True)]

    def aligned(cells: tuple[str, ...]) -> str:
        padding = [" " * (width - cell_len(cell)) for width, cell in zip(widths, cells, strict=True)]
        numbers = [space + cell for space, cell in zip(padding[1:], cells[1:], strict=True)]
        return "  ".join([cells[0] + padding[0], *numbers])

    rule = "  ".join("-" * width for width in widths)
    text = [aligned(HEADINGS), rule, *map(aligned, body), rule, *map(aligned, total)]
    return "\n".join(text + ["", NOTE] * paper)


def show(table: Table, console: Console, *, paper: bool = False) -> None:
    """Print ``table`` on a terminal."""
    view = RichTable(box=box.SIMPLE_HEAD, caption=NOTE if paper else None)
    view.add_column(HEADINGS[0])
    for heading in HEADINGS[1:]:
        view.add_column(heading, justify="right", no_wrap=True)
    for part in (lines, total_lines):
        for label, cells, aside in part(table, paper=paper):
            style = "dim" if aside else "bold" if part is total_lines else ""
            # Text and not str: a group named "[red]" is a name, not a colour.
            view.add_row(Text("  " * aside + label), *cells, style=style)
        view.add_section()
    console.print(view)


def as_text(text: str) -> str:
    """``text`` from anywhere as a line of Markdown that shows it letter by letter: no markup, no link, no entity.

    Example:
        >>> as_text("[a](http://b)")
        '\\\\[a\\\\](http\\\\://b)'
    """
    # Some readers make links of bare addresses too: of what follows `www.`, a colon or an @.
    return re.sub(r"(?i)([\\`*_{}\[\]<>#|~!&:@$^]|(?<=www)\.)", r"\\\1", one_line(text))


def markdown(table: Table, *, paper: bool = False) -> str:
    """A table in Markdown."""

    def row(line: Line) -> str:
        label = as_text(line.label)
        return f"| {' | '.join([f'*{label}*' if line.aside else label, *line.cells])} |"

    text = [
        f"| {' | '.join(HEADINGS)} |",
        "|---|--:|--:|--:|--:|",
        *map(row, lines(table, paper=paper)),
        *map(row, total_lines(table, paper=paper)),
    ]
    return "\n".join(text + ["", NOTE] * paper)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # At the start of a row, a bracket would be an argument of the line break before it.
    "[": "{[}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def latex(table: Table, *, paper: bool = False) -> str:
    """A table in LaTeX, with the rules of the package booktabs."""

    def row(cells: list[str]) -> str:
        return " & ".join(cells) + r" \\"

    def body(line: Line) -> str:
        return row([r"\quad " * line.aside + _escaped(line.label), *line.cells])

    text = [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        row([_escaped(heading) for heading in HEADINGS]),
        r"\midrule",
        *map(body, lines(table, paper=paper)),
        r"\midrule",
        *map(body, total_lines(table, paper=paper)),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(text + [rf"\par{{\footnotesize {_escaped(NOTE)}}}"] * paper)


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def comma_separated(table: Table, *, paper: bool = False) -> str:
    """Comma-separated values; with ``paper`` also the paper's counts and the ratios, empty where it has none."""
    fields = Counts._fields
    header = ["expression", *fields]
    if paper:
        header += [f"{prefix}_{field}" for prefix in ("paper", "ratio") for field in fields]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for name, ours, papers in _with_papers(table):
        row: list[object] = [name, *ours]
        if paper:
            row += [*papers, *ratios(ours, papers)] if papers else [""] * 8
        writer.writerow(row)
    return text.getvalue().rstrip("\n")


def as_json(table: Table, *, paper: bool = False) -> str:
    """JSON: ``rows`` and ``total``; with ``paper`` also the paper's counts, the ratios, and a note on its total."""
    entries: list[dict[str, object]] = []
    for name, ours, papers in _with_papers(table):
        entry: dict[str, object] = {"expression": name, **ours._asdict()}
        if paper:
            entry["paper"] = papers._asdict() if papers else None
            entry["ratio"] = dict(zip(Counts._fields, ratios(ours, papers), strict=True)) if papers else None
        entries.append(entry)
    *rows, total = entries
    del total["expression"]
    return json.dumps({"rows": rows, "total": total, **({"note": NOTE} if paper else {})}, indent=2, ensure_ascii=False)


def _with_papers(table: Table) -> Iterator[tuple[str, Counts, Counts | None]]:
    for name, counts in table.rows.items():
        yield name, counts, TABLE_2.get(name)
    yield TOTAL, table.total, PRINTED_TOTAL


FORMATS: dict[str, Callable[..., str]] = {
    "table": plain,
    "markdown": markdown,
    "latex": latex,
    "csv": comma_separated,
    "json": as_json,
}
