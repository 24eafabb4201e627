"""The tables of docs/reliability.md, as benchmarks/reliability.json has them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("reliability.json")
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"

_END = "<!-- end -->"
_HEADS = {
    "faults": ("fault", "command", "tried", "as it should", "rows lost", "files left over", "good again after, s"),
    "inputs": ("input", "read by", "tried", "crashes"),
}
# Columns of numbers stand to the right.
_WORDS = 2


def summed_up(section: str, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A campaign's lines, one for each trial, as rows: one for each fault or kind of input and command."""
    together: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        together.setdefault((line["fault" if section == "faults" else "kind"], line["command"]), []).append(line)
    of = _faults if section == "faults" else _inputs
    return [of(what, command, found) for (what, command), found in together.items()]


def renewed(
    section: str, before: Iterable[Mapping[str, Any]], rows: Sequence[dict[str, Any]]
) -> list[Mapping[str, Any]]:
    """New rows in the places of those of the same fault or kind and command; what has none comes last."""
    what = "fault" if section == "faults" else "kind"
    new = {(row[what], row["command"]): row for row in rows}
    kept = [new.pop((row[what], row["command"]), row) for row in before]
    return [*kept, *new.values()]


def _faults(fault: str, command: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tried = [line for line in found if "skipped" not in line]
    if not tried:
        return {"fault": fault, "command": command, "tried": 0, "why": found[0]["skipped"]}
    seconds = [line["recovery_s"] for line in tried if line["recovery_s"] is not None]
    row = {
        "fault": fault,
        "command": command,
        "tried": len(tried),
        "failed": sum(line["failed"] for line in tried),
        "rows_lost": sum(line["rows_lost"] for line in tried),
        "files_left_over": sum(line["left_over"] for line in tried),
    }
    if seconds:
        row["recovery_s"] = {"median": round(statistics.median(seconds), 1), "worst": round(max(seconds), 1)}
    return row


def _inputs(kind: str, command: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tried, crashes = (sum(line[name] for line in found) for name in ("tried", "crashes"))
    return {"kind": kind, "command": command, "tried": tried, "crashes": crashes}


def with_tables(page: str, kept: Mapping[str, Any]) -> str:
    """The page with both tables as the results have them, in the places of those that it has.

    Raises:
        ValueError: the page lacks the mark of a table.
    """
    for section in _HEADS:
        before, mark, rest = page.partition(f"<!-- {section} -->")
        _, end, after = rest.partition(_END)
        if not mark or not end:
            raise ValueError(f"the page has no table of {section}")
        page = f"{before}{mark}\n{_table(section, kept.get(section))}{_END}{after}"
    return page


def _table(section: str, kept: Mapping[str, Any] | None) -> str:
    if kept is None:
        return "\nNo campaign is kept.\n\n"
    head = _HEADS[section]
    rule = [":--"] * _WORDS + ["--:"] * (len(head) - _WORDS)
    cells = _fault_cells if section == "faults" else _input_cells
    lines = [head, rule, *map(cells, kept["rows"])]
    versions = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
    return (
        "\n"
        + "".join(f"| {' | '.join(line)} |\n" for line in lines)
        + f"\n{kept['date']}; {kept['machine']}; {versions}.\n\n"
    )


def _fault_cells(row: Mapping[str, Any]) -> list[str]:
    cells = [row["fault"], f"`{row['command']}`"]
    if not row["tried"]:
        return [*cells, "0", f"not here: {row['why']}", "", "", ""]
    seconds = row.get("recovery_s")
    again = f"{seconds['median']} (worst {seconds['worst']})" if seconds else ""
    numbers = (row["tried"], row["tried"] - row["failed"], row["rows_lost"], row["files_left_over"])
    return [*cells, *(f"{number:,}" for number in numbers), again]


def _input_cells(row: Mapping[str, Any]) -> list[str]:
    return [row["kind"], f"`{row['command']}`", f"{row['tried']:,}", f"{row['crashes']:,}"]
