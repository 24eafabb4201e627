"""``rmfer compare``: runs against other runs, image by image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rmset_builder.core.command_line import SpreadingCommand, echo

if TYPE_CHECKING:
    from rmfer.evaluation.comparison import Answers, Comparison

_AGAINST = "--against"


@click.command("compare", cls=SpreadingCommand, spreading=[_AGAINST], context_settings={"show_default": True})
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    _AGAINST,
    "against",
    multiple=True,
    required=True,
    metavar="RUN...",
    type=click.Path(path_type=Path),
    help="The other side's runs; all names up to the next option.",
)
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", help="The benchmark's split.")
@click.option("--which", type=click.Choice(["best", "last"]), default="best", help="The epoch.")
@click.option(
    "--benchmark",
    type=click.Path(path_type=Path),
    help="To find images of the split that also stand in training.  [default: where the first run found it]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *, runs: tuple[Path, ...], against: tuple[Path, ...], split: str, which: str, benchmark: Path | None, as_json: bool
) -> None:
    """Compare runs' accuracies with others' on the same images: RUN... --against RUN...

    Prints the mean difference with a 95 % interval over seeds and images, and McNemar's test of each pair of runs;
    of FERPlus also for the images with a majority, and all of it without images that also stand in training.
    """
    from rmfer.evaluation.comparison import compare, read_answers, seen_in_training  # noqa: PLC0415

    ours, theirs = ([read_answers(run, split=split, which=which) for run in side] for side in (runs, against))
    place = benchmark or ours[0].benchmark
    seen = seen_in_training(place, split) if place is not None and (benchmark is not None or place.exists()) else None
    found = compare(ours, theirs, seen=seen or ())
    if as_json:
        click.echo(json.dumps(_as_json(ours, theirs, found)))
        return
    for side, of in (("ours", ours), ("theirs", theirs)):
        click.echo(f"{side}: {', '.join(run.name for run in of)}")
    for comparison in found:
        click.echo()
        for line in _lines(comparison):
            click.echo(line)
    drawn = "pairs of runs" if found[0].pairs else "runs"
    click.echo(f"\nin brackets: 95 % intervals by bootstrap over {drawn} and over images")
    if seen is None:
        note = "the benchmark is not there, so images that also stand in training count: --benchmark names it"
        echo(f"note: {note}", err=True)


def _lines(comparison: Comparison) -> list[str]:
    lines = [f"{comparison.images:,} images" + (f" ({comparison.which})" if comparison.which else "")]
    for name, found in comparison.found.items():
        low, high = (100 * bound for bound in found.interval)
        lines.append(
            f"  {name}: {100 * found.ours:.2f} % against {100 * found.theirs:.2f} %: "
            f"{100 * found.value:+.2f} ({low:+.2f} to {high:+.2f})"
        )
    for seed, test in comparison.pairs:
        which = "" if seed is None else f", seed {seed}"
        lines.append(
            f"  McNemar{which}: {test.ours_alone:,} images right in ours alone, {test.theirs_alone:,} in theirs, "
            f"p = {test.p:.2g}"
        )
    return lines


def _as_json(ours: Sequence[Answers], theirs: Sequence[Answers], found: Sequence[Comparison]) -> dict[str, Any]:
    return {
        "ours": [run.name for run in ours],
        "theirs": [run.name for run in theirs],
        "level": 0.95,
        "comparisons": [
            {
                "which": comparison.which or "all",
                "images": comparison.images,
                **{
                    name: {
                        "ours": difference.ours,
                        "theirs": difference.theirs,
                        "difference": difference.value,
                        "low": difference.interval.low,
                        "high": difference.interval.high,
                    }
                    for name, difference in comparison.found.items()
                },
                "mcnemar": [{"seed": seed, **test._asdict()} for seed, test in comparison.pairs],
            }
            for comparison in found
        ],
    }
