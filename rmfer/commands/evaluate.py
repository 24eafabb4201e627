"""``rmfer evaluate``: a trained model on a benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from rmfer.evaluation import FOLDER
from rmset_builder.core.command_line import echo, something_is_done
from rmset_builder.core.progress import counted

if TYPE_CHECKING:
    from rmfer.labelled.benchmark import Benchmark


@click.command("evaluate", context_settings={"show_default": True})
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--benchmark",
    "benchmark_path",
    type=click.Path(path_type=Path),
    help="Folder or zip of FERPlus, RAF-DB, AffectNet, FER2013, or train/CLASS/*.jpg.  [default: the first in data/]",
)
@click.option("--skip-missing", is_flag=True, help="Leave out pictures that are not there, and name them in a file.")
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", help="The benchmark's split.")
@click.option("--which", type=click.Choice(["best", "last"]), default="best", help="The epoch, where MODEL is a run.")
@click.option("--out", type=click.Path(path_type=Path), help=f"Folder to write to.  [default: {FOLDER}/ of the run]")
@click.option("--batch-size", type=click.IntRange(1), default=64, help="Images at a time; changes speed alone.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    model: Path,
    benchmark_path: Path | None,
    skip_missing: bool,
    split: str,
    which: str,
    out: Path | None,
    batch_size: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Evaluate MODEL, a run's folder or a .safetensors file, on a benchmark.

    Prints overall and average accuracy and each class's recall with confidence intervals. Writes all figures as
    BENCHMARK-SPLIT-WHICH.json, the confusion matrix as .png, and every image's probabilities as .csv and .parquet; of
    FERPlus also for the images with a majority alone.
    """
    # torch takes seconds to import, and --help does without.
    from rmfer.devices import named_device  # noqa: PLC0415
    from rmfer.evaluation.evaluate import by_rules, evaluate, find_split  # noqa: PLC0415
    from rmfer.evaluation.files import (  # noqa: PLC0415
        report,
        write_evaluation,
        write_lines,
        write_probabilities,
        write_table,
    )
    from rmfer.labelled.missing import missing_list, missing_note  # noqa: PLC0415
    from rmfer.model.saved import load_model  # noqa: PLC0415

    place = named_device(device)
    net, info = load_model(model, which=which, device=place)
    benchmark = _open_for(info.classes, benchmark_path, skip_missing=skip_missing)
    images = find_split(benchmark, split)
    folder = out or (model if model.is_dir() else model.parent) / FOLDER
    stem = f"{benchmark.kind}-{split}-{info.which}"
    with counted("images", len(images), Console(stderr=True)) as advance:
        found, probabilities = evaluate(
            net, info, benchmark, split, device=place, batch_size=batch_size, advance=advance
        )
    every = by_rules(found, images, probabilities)
    written = write_evaluation(every[0], folder, stem)
    for other in every[1:]:
        write_evaluation(other, folder, f"{stem}-{other.rule}")
    write_table(folder / f"{stem}.parquet", images, probabilities, found.names)
    if note := missing_note(benchmark):
        write_lines(folder / f"{stem}-missing.txt", missing_list(benchmark))
        click.echo(f"note: {note}; all of them: {folder / f'{stem}-missing.txt'}", err=True)
    write_probabilities(folder / f"{stem}.csv", images, probabilities, found.names)
    something_is_done()
    if as_json:
        told = {other.rule: other.as_json() for other in every[1:]}
        click.echo(json.dumps({**every[0].as_json(), **({"other_rules": told} if told else {})}))
    else:
        click.echo("\n\n".join(map(report, every)))
    echo(f"-> {written[1]}, with {stem}.json, {stem}.csv and {stem}.parquet beside it", err=True)


def _open_for(classes: int, path: Path | None, *, skip_missing: bool) -> Benchmark:
    """The benchmark with the model's classes; with its own where it has fewer."""
    from rmfer.labelled.registry import open_benchmark  # noqa: PLC0415

    benchmark = open_benchmark(path, skip_missing=skip_missing)
    if benchmark.classes <= classes:
        return benchmark
    return open_benchmark(path, classes=classes, skip_missing=skip_missing)
