"""``rmfer sweep``: a grid of trainings."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rmfer.errors import RmferError
from rmset_builder.core.command_line import (
    INTERRUPTED,
    SOME_FAILED,
    SpreadingCommand,
    TextPath,
    echo,
    something_is_done,
)
from rmset_builder.core.machine import usable_cores

if TYPE_CHECKING:
    from rmfer.labelled.benchmark import Benchmark
    from rmfer.runs.grid import Point
    from rmfer.runs.job import Job
    from rmfer.runs.many import Ended
    from rmfer.runs.summary import Measure


@click.command("sweep", cls=SpreadingCommand, spreading=["--seeds"], context_settings={"show_default": True})
@click.option(
    "--over",
    multiple=True,
    required=True,
    metavar="KEY=VALUE,VALUE",
    help="A setting and its values, as in a YAML list: lambda1=0.1,0.2, backbone_args.layers=[1,1,1,1],[2,2,2,2].",
)
@click.option("--preset", "presets", multiple=True, metavar="NAME", help="Of all runs; see `rmfer train`.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Of all runs; see `rmfer train`.")
@click.option(
    "--seeds",
    multiple=True,
    type=click.IntRange(0, 2**63 - 1),
    default=[42],
    metavar="SEED...",
    help="Each combination is trained with each of these; all numbers up to the next option.",
)
@click.option("--jobs", type=click.IntRange(1), help="Runs at a time.  [default: one a GPU; one on the CPU]")
@click.option("--minutes", type=click.FloatRange(1), help="Stop before so many are over; the same command goes on.")
@click.option("--device", help="cpu, cuda (all GPUs that are visible) or cuda:N.  [default: cuda where there is one]")
@click.option(
    "--benchmark", "benchmark_path", type=click.Path(path_type=Path), help="As for `rmfer train`.  [default: in data/]"
)
@click.option("--rmset", "shards", type=TextPath(), default=Path("shards"), help="The folder of shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The sweep's folder, a folder in it a run.")
@click.option("--select", type=click.Choice(["valid", "test"]), default="valid", help="What the best is named by.")
@click.option(
    "--rule", type=click.Choice(["argmax", "majority"]), help="Of test, where it knows two.  [default: argmax]"
)
@click.option("--measure", "name", type=click.Choice(["overall", "average"]), default="overall", help="The accuracy.")
@click.option("--which", type=click.Choice(["last", "best"]), default="last", help="The epoch.")
@click.option("--dry-run", is_flag=True, help="Print the runs and check settings and data, but train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    over: tuple[str, ...],
    presets: tuple[str, ...],
    assignments: tuple[str, ...],
    seeds: tuple[int, ...],
    jobs: int | None,
    minutes: float | None,
    device: str | None,
    benchmark_path: Path | None,
    shards: Path,
    out: Path,
    select: str,
    rule: str | None,
    name: str,
    which: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train each combination of some settings' values with each seed, and sum up what was found.

    \b
    rmfer sweep --over lambda1=0.1,0.2,0.3 --over tau=0.1,0.25 --seeds 42 43 44 --benchmark ferplus.zip --out sweeps/a
    rmfer sweep --over lr=1e-4,1e-5 --preset ial --set epochs=40 --jobs 4 --minutes 600 --out sweeps/lr

    Each run is `rmfer train` in a process and a folder of its own. The same command goes on after Ctrl-C, kill -9 or
    --minutes: what is done is not done again. Leaves summary.parquet, a row a run; summary.json, means and deviations
    over the seeds; and of up to three settings sweep.png and .pdf.
    """
    # torch takes seconds to import, and --help does without.
    from rmfer.devices import named_devices  # noqa: PLC0415
    from rmfer.labelled.registry import open_benchmark  # noqa: PLC0415
    from rmfer.runs.grid import parse_axis, points  # noqa: PLC0415
    from rmfer.runs.many import run_all  # noqa: PLC0415
    from rmfer.runs.sweep import job_of, refuse_others  # noqa: PLC0415
    from rmfer.training.anchors import need_shards  # noqa: PLC0415
    from rmfer.training.presets import column_of  # noqa: PLC0415

    axes = [parse_axis(text) for text in over]
    grid = functools.partial(points, axes, seeds, presets=presets, assignments=assignments)
    skip = any(point.config.skip_missing for point in grid())  # wrong names are told before the benchmark is read
    opened = functools.cache(lambda classes: open_benchmark(benchmark_path, classes=classes, skip_missing=skip))
    every = grid(column=lambda classes: column_of(opened(classes).kind, opened(classes).classes))
    benchmarks: list[Benchmark] = [opened(point.config.classes) for point in every]
    measure = _measure(every, benchmarks, select=select, rule=rule, name=name, which=which)
    if any(point.config.needs_shards for point in every):
        need_shards(shards)
    devices = named_devices(device)
    at_once = jobs or len(devices)
    runs = [
        job_of(
            point,
            out,
            benchmark=benchmark.path,
            shards=shards,
            presets=presets,
            assignments=assignments,
            workers=max(1, usable_cores() // at_once),
        )
        for point, benchmark in zip(every, benchmarks, strict=True)
    ]
    for point, job, benchmark in zip(every, runs, benchmarks, strict=True):
        refuse_others(point, job, benchmark, shards)
    asked = {"presets": list(presets), "set": list(assignments), "benchmark": benchmarks[0].title}
    if dry_run:
        _tell_plan(every, runs, {**asked, "devices": list(devices), "at_once": at_once}, as_json=as_json)
        return
    ended = run_all(runs, at_once=at_once, minutes=minutes, devices=devices)
    something_is_done()
    _sum_up(every, runs, measure=measure, ended=ended, asked=asked, out=out, as_json=as_json)
    if ended.interrupted:
        ctx.exit(INTERRUPTED)
    if ended.failed:
        ctx.exit(SOME_FAILED)


def _measure(
    every: Sequence[Point],
    benchmarks: Sequence[Benchmark],
    *,
    select: str,
    rule: str | None,
    name: str,
    which: str,
) -> Measure:
    """What is drawn, if every run will have it."""
    from rmfer.runs.summary import Measure  # noqa: PLC0415

    if select == "valid" and rule is not None:
        raise RmferError("--rule is of the test split alone", remedy="validation's rule is --set label_rule=...")
    for point, benchmark in zip(every, benchmarks, strict=True):
        held_out = select == "valid" and point.config.holdout > 0
        if select not in benchmark.splits and not held_out:
            remedy = "hold a part of training out for it (--set holdout=0.1)" if select == "valid" else "--select valid"
            raise RmferError(f"{benchmark.title} has no {select} split to select by", remedy=remedy)
    rules = list(benchmarks[0].splits[select].rules) if select == "test" else []
    if rule is not None and rule not in rules:
        raise RmferError(f"{benchmarks[0].title} knows no rule {rule}", remedy="leave out --rule")
    return Measure(which, select, name, rule or next(iter(rules), None))


def _tell_plan(every: Sequence[Point], runs: Sequence[Job], told: Mapping[str, Any], *, as_json: bool) -> None:
    states = ["done" if job.is_done else "begun" if job.is_begun else "to do" for job in runs]
    if as_json:
        planned = [
            {"run": point.name, "settings": point.settings, "seed": point.seed, "state": state}
            for point, state in zip(every, states, strict=True)
        ]
        click.echo(json.dumps({**told, "runs": planned}, indent=1))
        return
    for job, state in zip(runs, states, strict=True):
        echo(f"{job.folder}: {state}")
    echo(
        f"{len(runs):,} runs, {states.count('done'):,} done; {told['at_once']:,} at a time "
        f"on {', '.join(told['devices'])}"
    )


def _sum_up(
    every: Sequence[Point],
    runs: Sequence[Job],
    *,
    measure: Measure,
    ended: Ended,
    asked: Mapping[str, Any],
    out: Path,
    as_json: bool,
) -> None:
    from rmfer.runs.figure import MOST_SETTINGS, PNG, write_sweep  # noqa: PLC0415
    from rmfer.runs.grid import values_of  # noqa: PLC0415
    from rmfer.runs.report import report  # noqa: PLC0415
    from rmfer.runs.summary import TABLE, best_by, by_point, means_as_json, row_of, write_summary  # noqa: PLC0415

    done = [(point, job) for point, job in zip(every, runs, strict=True) if job.is_done]
    rows = [row_of(point, job.results()) for point, job in done]
    finished, values = by_point(every, rows), values_of(every)
    best = best_by(finished, measure)
    told = {
        **asked,
        "over": values,
        "seeds": list(dict.fromkeys(point.seed for point in every)),
        "measure": measure.column,
        "best": best.settings if best else None,
        "points": means_as_json(finished),
        "unfinished": [job.folder.name for job in runs if not job.is_done],
        "failed": ended.failed,
    }
    notes = [f"failed: {run}: {reason}" for run, reason in ended.failed.items()]
    if left := len(told["unfinished"]) - len(ended.failed):
        notes.append(f"note: {left:,} of {len(runs):,} runs are not done; the same command goes on with them")
    if finished:
        write_summary(out, rows, list(values), told)
        if sum(len(own) > 1 for own in values.values()) <= MOST_SETTINGS:
            write_sweep(out, finished, values, measure)
            notes.append(f"-> {out / PNG}, with {TABLE} beside it")
        else:
            notes.append(f"note: more than {MOST_SETTINGS} settings are no picture; {out / TABLE} has all")
        if measure.split == "test":
            notes.append("note: what is best on test is best on it by chance too; --select valid chooses without it")
    if as_json:
        click.echo(json.dumps(told, indent=1))
    else:
        for line in report(finished, measure) if finished else []:
            click.echo(line)
    for note in notes:
        echo(note, err=True)
