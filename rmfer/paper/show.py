"""From the paper's numbers and what was found to a table that can be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rmfer.labelled.benchmark import Benchmark
from rmfer.labels import class_names
from rmfer.paper.collect import ACCURACIES, Found, Spread
from rmfer.paper.plan import Data, Planned, classes_of, lacking
from rmfer.paper.published import Table, Value
from rmfer.paper.render import HERE, PAPER, Line, Shown
from rmfer.training.presets import resolve

NOT_COMPARABLE = "\N{DAGGER}"
_EMPTY = "\N{EN DASH}"


def show_runs(
    table: Table,
    found: Mapping[str, Found],
    planned: Sequence[Planned],
    data: Data,
    *,
    quick: bool,
    failed: Mapping[str, str] | None = None,
) -> Shown:
    """A table of runs: the paper's row, then what was found by each rule, and its difference from the base's row.

    Args:
        table: which.
        found: by the names of rows with a finished run.
        planned: all runs.
        data: that they train on.
        quick: whether they are a rehearsal.
        failed: why runs failed, by their folders' names.
    """
    reasons = failed or {}
    failures = [
        f"{one.job.title} failed: {reasons[name]}" for one in planned if (name := one.job.folder.name) in reasons
    ]
    rows = []
    comparable = _comparable(table, data.benchmark)
    mark = "" if any(comparable) else f" {NOT_COMPARABLE}"
    # What is not of the column's data is not put there; where no column's is at hand, each measure is told once.
    told = (
        comparable if any(comparable) else [name not in table.measures[:at] for at, name in enumerate(table.measures)]
    )
    for row in table.rows:
        lines = [Line(PAPER + mark, _paper_line(row.paper).cells)]
        reason = lacking(row, data)
        if row.name in found:
            wanted = sum(one.row.name == row.name for one in planned)
            lines += _found_lines(found[row.name], told, wanted)
        else:
            lines.append(Line(HERE, (f"not run: {reason or 'unfinished'}", *[""] * (len(table.columns) - 1))))
        rows.append((row.name, tuple(lines)))
    notes = (*failures, *_run_notes(table, planned, data, quick=quick))
    return Shown(table.number, table.title, table.columns, tuple(rows), notes)


def _found_lines(found: Found, told: Sequence[bool], wanted: int) -> list[Line]:
    lines = []
    for rule, values in found.values.items():
        partly = f"{values[0].seeds} of {wanted} seeds" if values[0].seeds < wanted else ""
        lines.append(Line(", ".join(filter(None, [HERE, rule, partly])), _where(told, map(_spread, values))))
        if rule in found.minus_base:
            cells = (f"{value:+.2f} [{low:+.2f}, {high:+.2f}]" for value, low, high in found.minus_base[rule])
            lines.append(Line("  minus the base", _where(told, cells)))
    return lines


def _where(told: Sequence[bool], cells: Iterable[str]) -> tuple[str, ...]:
    return tuple(cell if is_told else _EMPTY for cell, is_told in zip(cells, told, strict=True))


def _run_notes(table: Table, planned: Sequence[Planned], data: Data, *, quick: bool) -> tuple[str, ...]:
    notes = []
    if quick:
        notes.append("--quick: a rehearsal with a tiny network and few pictures; its figures mean nothing")
    benchmark = data.benchmark
    if not any(_comparable(table, benchmark)):
        notes.append(
            f"{NOT_COMPARABLE} the paper's figures are of {table.benchmark}, those here of {benchmark.title}: "
            "other data, not to be compared"
        )
    if weights := sorted({one.config.weights for one in planned}):
        papers = "an EfficientNet-b2 that was tuned on AffectNet"
        if any("resnet50" in (row.presets or ()) for row in table.rows):
            papers = "a ResNet50 of which it does not say how it was tuned"
        notes.append(f"the paper begins with {papers}, here with weights {', '.join(weights)}")
    notes.append(
        "the authors' code keeps the epoch that is best on what it tests on; here it is the last epoch, test read once"
    )
    if base := next((row.name for row in table.rows if row.is_base and table.measures[0] in ACCURACIES), ""):
        notes.append(f"the base is: {base}")
    seeds = len({one.job.seed for one in planned})
    told = f"mean \N{PLUS-MINUS SIGN} deviation of {seeds} seeds" if seeds > 1 else "one seed"
    if set(table.measures) <= set(ACCURACIES):
        told += "; brackets: 95 % intervals over " + ("pairs of runs and images" if seeds > 1 else "images")
    notes.append(f"here: {told}")
    return (*notes, *table.notes)


def _comparable(table: Table, benchmark: Benchmark) -> list[bool]:
    """(columns,) whether the paper's is of the benchmark."""
    names = (benchmark.title, f"{benchmark.title}-{classes_of(table, benchmark)}")
    return [name in names for name in table.benchmarks]


def show_settings(table: Table) -> Shown:
    """Table 8: the settings of the presets beside the paper's."""
    presets = [resolve([name], []) for name in table.presets]
    rows = []
    for row in table.rows:
        ours = tuple(_plain(getattr(config, row.setting)) for config in presets)
        rows.append((row.name, (_paper_line(row.paper), Line(HERE, ours))))
    return Shown(table.number, table.title, table.columns, tuple(rows), table.notes)


def show_counts(table: Table, benchmark: Benchmark | None) -> Shown:
    """Table 10: how many pictures a benchmark has of each expression, beside the paper's."""
    rows = []
    for row in table.rows:
        cells = [_EMPTY] * len(table.columns)
        for place, column in enumerate(table.columns):
            title, _, split = column.rpartition(" ")
            if benchmark is not None and benchmark.title.startswith(title.partition("-")[0]):
                names = class_names(benchmark.classes)
                own = benchmark.splits.get(split)
                if own is not None and row.name in names:
                    cells[place] = f"{own.counts(benchmark.classes)[names.index(row.name)]:,}"
        rows.append((row.name, (_paper_line(row.paper), Line(HERE, tuple(cells)))))
    return Shown(table.number, table.title, table.columns, tuple(rows), table.notes)


def show_keywords(table: Table, groups: Mapping[str, Sequence[str]]) -> Shown:
    """Table 1: a manifest's keywords beside the paper's, by group."""
    rows = []
    papers = {row.name: row.paper for row in table.rows}
    for name in dict.fromkeys([*papers, *groups]):
        paper = _paper_line(papers[name]) if name in papers else Line(PAPER, (_EMPTY,))
        rows.append((name, (paper, Line(HERE, (", ".join(groups.get(name, ())) or _EMPTY,)))))
    return Shown(table.number, table.title, table.columns, tuple(rows), table.notes)


def _paper_line(values: Sequence[Value]) -> Line:
    return Line(PAPER, tuple(map(_plain, values)))


def _plain(value: Value) -> str:
    if value is None:
        return _EMPTY
    return f"{value:,}" if isinstance(value, int) else str(value)


def _spread(spread: Spread) -> str:
    digits = 2 if abs(spread.mean) >= 2 else 4
    deviation = "" if spread.deviation is None else f" \N{PLUS-MINUS SIGN} {spread.deviation:.{digits}f}"
    return f"{spread.mean:.{digits}f}{deviation}"
