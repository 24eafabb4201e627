"""``rmfer benchmark``: what a folder or zip was recognised as, and how many pictures each class has."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from rmfer.labelled import Benchmark, open_benchmark
from rmfer.labelled.duplicates import Duplicates, find_duplicates, pairs
from rmfer.labelled.missing import missing_note
from rmfer.labelled.readers.celeba import NOBODY
from rmfer.labels import class_names
from rmset_builder.core.command_line import echo
from rmset_builder.core.machine import usable_cores

_COLUMNS = {"train": "Training", "valid": "Validation", "test": "Testing"}


@click.command("benchmark", context_settings={"show_default": True})
@click.argument("path", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--classes", type=click.Choice(["7", "8"]), help="7 leaves out contempt.  [default: all it has]")
@click.option("--duplicates", is_flag=True, help="Decode every picture, and count those with the very same pixels.")
@click.option("--skip-missing", is_flag=True, help="Leave out pictures that are not there; --json names them all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context, *, path: Path | None, classes: str | None, duplicates: bool, skip_missing: bool, as_json: bool
) -> None:
    """Say which benchmark the folder or zip DIR is, and count its classes as the paper's Table 10 does.

    Known are FERPlus, RAF-DB, AffectNet, FER2013 and CelebA as they are distributed, and folders named after
    expressions. Without DIR: the first with expressions in data/.

    Exit code 1: with --duplicates, some pictures cannot be decoded, as told on stderr.
    """
    benchmark = open_benchmark(path, classes=int(classes) if classes else None, skip_missing=skip_missing)
    found = find_duplicates(benchmark, workers=usable_cores(), progress=_tell) if duplicates else None
    if as_json:
        click.echo(json.dumps(_described(benchmark, found)))
    else:
        _print(benchmark, found)
    for fault in found.faults if found else ():
        echo(str(fault), err=True)
    ctx.exit(1 if found and found.faults else 0)


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total:
        end = done == total
        click.echo(
            f"\r{done:,} of {total:,} pictures" if sys.stderr.isatty() else f"{done:,} pictures", nl=end, err=True
        )


def _print(benchmark: Benchmark, found: Duplicates | None) -> None:
    named = all((split.labels != NOBODY).all() for split in benchmark.splits.values())
    instead = "identities instead" if named else "nor identities"
    what = f"{benchmark.classes} expressions" if benchmark.classes else f"no expressions, {instead}"
    echo(f"{benchmark.path}: {benchmark.title} ({benchmark.kind}), {what}")
    click.echo()
    for line in _table(benchmark):
        click.echo(line)
    for split in benchmark.splits.values():
        if split.dropped:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in split.dropped.items())
            click.echo(f"\nleft out of {_COLUMNS[split.name].lower()}: {reasons}", nl=False)
    if any(split.dropped for split in benchmark.splits.values()):
        click.echo()
    for note in filter(None, [missing_note(benchmark), *benchmark.notes]):
        click.echo(f"\nnote: {note}")
    if found is not None:
        click.echo("\nthe very same pixels:")
        for line in _duplicate_lines(benchmark, found):
            click.echo(f"  {line}")


def _table(benchmark: Benchmark) -> list[str]:
    splits = list(benchmark.splits.values())
    rows = [["Expression" if benchmark.classes else "", *(_COLUMNS[split.name] for split in splits)]]
    if benchmark.classes:
        counts = [split.counts(benchmark.classes).tolist() for split in splits]
        for at, name in enumerate(class_names(benchmark.classes)):
            rows.append([name.capitalize(), *(f"{column[at]:,}" for column in counts)])
    else:
        people = [set(split.labels.tolist()) for split in splits]
        rows.append(["Identities", *("unknown" if NOBODY in found else f"{len(found):,}" for found in people)])
    rows.append(["Total", *(f"{len(split):,}" for split in splits)])
    rules = list(splits[0].rules)[1:]
    rows += [[rule.capitalize(), *(f"{split.rules[rule].sum():,}" for split in splits)] for rule in rules]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _duplicate_lines(benchmark: Benchmark, found: Duplicates) -> list[str]:
    lines = []
    for name, split in benchmark.splits.items():
        lines.append(f"{_COLUMNS[name].lower()}: {found.within(name):,} of {len(split):,} are there before")
    for one, other in pairs(benchmark):
        count, total = found.across(one, other), len(benchmark.splits[other])
        lines.append(f"{_COLUMNS[other].lower()}: {count:,} of {total:,} are in {_COLUMNS[one].lower()} too")
    return [*lines, f"{found.conflicting(benchmark):,} of {len(found.groups):,} such pictures have more than one label"]


def _described(benchmark: Benchmark, found: Duplicates | None) -> dict[str, Any]:
    names = class_names(benchmark.classes) if benchmark.classes else ()
    told: dict[str, Any] = {
        "kind": benchmark.kind,
        "title": benchmark.title,
        "path": str(benchmark.path),
        "classes": list(names),
        "splits": {
            name: {
                "images": len(split),
                "counts": dict(zip(names, split.counts(len(names)).tolist(), strict=True)) if names else {},
                **({"rules": {rule: int(own.sum()) for rule, own in split.rules.items()}} if split.rules else {}),
                "left_out": dict(split.dropped),
                "missing": list(split.missing),
            }
            for name, split in benchmark.splits.items()
        },
        "notes": list(benchmark.notes),
        "digest": benchmark.digest,
    }
    if found is not None:
        told["duplicates"] = {
            "within": {name: found.within(name) for name in benchmark.splits},
            "across": {f"{one}, {other}": found.across(one, other) for one, other in pairs(benchmark)},
            "conflicting": found.conflicting(benchmark),
            "groups": [[benchmark.splits[p.split].name_of(p.number) for p in group] for group in found.groups],
            "faults": [str(fault) for fault in found.faults],
        }
    return told
