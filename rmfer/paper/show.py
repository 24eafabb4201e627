"""From the paper's numbers and what was found to a table that can be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rmfer.labelled.benchmark import Benchmark
from rmfer.labels import class_names
from rmfer.paper.collect import Found, Spread
from rmfer.paper.plan import Data, Planned, classes_of, lacking
from rmfer.paper.published import Table, Value
from rmfer.paper.render import HERE, PAPER, Line, Shown
from rmfer.training.presets import resolve

NOT_COMPARABLE = "\N{DAGGER}"
_EMPTY = "\N{EN DASH}"


def show_runs(
    table: Table, found: Mapping[str, Found], planned: Sequence[Planned], data: Data, *, quick: bool
) -> Shown:
    """A table of runs: the paper's row, then what was found by each rule, and its difference from the base's row."""
    rows = []
    mark = "" if _same_data(table, data.benchmark) else f" {NOT_COMPARABLE}"
    for row in table.rows:
        lines = [Line(PAPER + mark, _paper_line(row.paper).cells)]
        reason = lacking(row, data)
        if row.name in found:
            lines += _found_lines(found[row.name])
        else:
            lines.append(Line(HERE, (f"not run: {reason or 'unfinished'}", *[""] * (len(table.columns) - 1))))
        rows.append((row.name, tuple(lines)))
    return Shown(table.number, table.title, table.columns, tuple(rows), _run_notes(table, planned, data, quick=quick))


def _found_lines(found: Found) -> list[Line]:
    lines = []
    for rule, values in found.values.items():
        lines.append(Line(f"{HERE}, {rule}" if rule else HERE, tuple(map(_spread, values))))
        if rule in found.minus_base:
            cells = tuple(f"{value:+.2f} [{low:+.2f}, {high:+.2f}]" for value, low, high in found.minus_base[rule])
            lines.append(Line("  minus the base", cells))
    return lines


def _run_notes(table: Table, planned: Sequence[Planned], data: Data, *, quick: bool) -> tuple[str, ...]:
    notes = []
    if quick:
        notes.append("--quick: a rehearsal with a tiny network and few pictures; its figures mean nothing")
    benchmark = data.benchmark
    if not _same_data(table, benchmark):
        notes.append(
            f"{NOT_COMPARABLE} the paper's figures are of {table.benchmark}, those here of {benchmark.title}: "
            "other data, not to be compared"
        )
    weights = sorted({one.config.weights for one in planned})
    notes.append(
        f"the paper begins with an EfficientNet-b2 that was tuned on AffectNet, here with weights {', '.join(weights)}"
    )
    notes.append(
        "the authors' code keeps the epoch that is best on what it tests on; here it is the last epoch, test read once"
    )
    seeds = len({one.job.seed for one in planned})
    if seeds > 1:
        spread = f"mean \N{PLUS-MINUS SIGN} deviation of {seeds} seeds"
        told = f"{spread}; brackets: 95 % intervals over pairs of runs and images"
    else:
        told = "one seed; brackets: 95 % intervals over images"
    notes.append(f"here: {told}")
    return (*notes, *table.notes)


def _same_data(table: Table, benchmark: Benchmark) -> bool:
    classes = classes_of(table, benchmark)
    return table.benchmark in (benchmark.title, f"{benchmark.title}-{classes}")


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
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _spread(spread: Spread) -> str:
    digits = 2 if abs(spread.mean) >= 2 else 4
    deviation = "" if spread.deviation is None else f" \N{PLUS-MINUS SIGN} {spread.deviation:.{digits}f}"
    return f"{spread.mean:.{digits}f}{deviation}"
