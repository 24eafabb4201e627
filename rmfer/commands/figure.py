"""``rmfer figure``: the supplement's figures 1 to 4, of one's own runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from rmfer.errors import RmferError
from rmset_builder.core.command_line import INTERRUPTED, TextPath, echo_path, something_is_done
from rmset_builder.core.progress import counted


@click.command("figure", context_settings={"show_default": True})
@click.argument("number", type=click.Choice(["1", "2", "3", "4"]))
@click.argument("runs", nargs=-1, type=TextPath())
@click.option("--name", "names", multiple=True, help="Of each run, in their order.  [default: the folders' names]")
@click.option("--which", type=click.Choice(["best", "last"]), default="last", help="The epoch.")
@click.option("--benchmark", "benchmark_path", type=TextPath(), help="Its folder or zip.  [default: each run's own]")
@click.option("--rmset", "shards", type=TextPath(), default=Path("shards"), help="Shards, for figure 3.")
@click.option("--set-number", type=click.IntRange(0), default=0, help="Which anchor set, for figure 3.")
@click.option(
    "--seed", type=click.IntRange(0, 2**64 - 1), default=42, help="Of the runs, and of the anchor sets of figure 3."
)
@click.option("--frame-stride", type=click.IntRange(1), help="Every how many-th frame.  [default: the first run's]")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--out", type=TextPath(), help="Path without suffix.  [default: figureN, or WORK/figureN without RUNS]")
@click.option("--work", type=TextPath(), default=Path("paper"), help="Folder of the runs, without RUNS.")
@click.option("--quick", is_flag=True, help="A rehearsal in minutes, whose figure means nothing, without RUNS.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting of all runs, without RUNS.")
@click.option("--jobs", type=click.IntRange(1), help="Runs at a time, without RUNS.  [default: one a GPU, or two]")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop in time; the same command goes on.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    number: str,
    runs: tuple[Path, ...],
    names: tuple[str, ...],
    which: str,
    out: Path | None,
    work: Path,
    quick: bool,
    changes: tuple[str, ...],
    jobs: int | None,
    minutes: float | None,
    **options: Any,
) -> None:
    """Draw a figure of the paper's supplement from RUNS, as PNG and PDF; without RUNS the paper's own are trained.

    \b
    1  attention between like faces by epoch (runs with attention_batches)
    2  confusion matrices side by side
    3  an anchor set of shards with the attention of each face
    4  the plane by MDS, all classes and class by class
    """
    if not runs:
        training = {"quick": quick, "changes": changes, "jobs": jobs, "minutes": minutes}
        runs, names = _train(ctx, int(number), work, options, training)
        out = out or work / f"figure{number}"
    if names and len(names) != len(runs):
        raise RmferError(f"{len(names)} names for {len(runs)} runs", remedy="give one --name a run, or none")
    chosen = dict(zip(names or _short([run.name for run in runs]), runs, strict=True))
    if len(chosen) < len(runs):
        raise RmferError("two runs have the same name", remedy="give each a --name")
    figure = _DRAW[number](chosen, which=which, **options)
    from rmfer.evaluation.plotting import write_figure  # noqa: PLC0415

    stem = out or Path(f"figure{number}")
    written = Path(f"{stem}.png"), Path(f"{stem}.pdf")
    try:
        write_figure(figure, *written)
    except OSError as error:
        raise RmferError(
            f"the figure cannot be written ({error.strerror or error})", remedy="give another --out"
        ) from None
    something_is_done()
    for path in written:
        echo_path(path)


def _train(
    ctx: click.Context, number: int, work: Path, options: dict[str, Any], training: dict[str, Any]
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The paper's own runs of a figure, and their names."""
    from rmfer.labelled.registry import open_benchmark  # noqa: PLC0415
    from rmfer.paper.plan import Data  # noqa: PLC0415
    from rmfer.paper.published import figure_rows  # noqa: PLC0415
    from rmfer.paper.train import train_rows  # noqa: PLC0415

    table = figure_rows(number)
    data = Data(open_benchmark(options["benchmark_path"]), options["shards"])
    planned, ended = train_rows(table, data, work, seeds=[options["seed"]], device=options["device"], **training)
    if ended.interrupted:
        ctx.exit(INTERRUPTED)
    missing = [one.row.name for one in planned if not one.job.is_done]
    if missing:
        raise RmferError(f"not trained yet: {', '.join(missing)}", remedy="the same command goes on")
    for note in table.notes:
        click.echo(f"note: {note}", err=True)
    return tuple(one.job.folder for one in planned), tuple(one.row.name for one in planned)


def _short(names: list[str]) -> list[str]:
    """Names without what they all begin with, up to a hyphen."""
    first, *others = names
    begin = first.rfind("-") + 1 if others else 0
    while begin and not all(name.startswith(first[:begin]) and len(name) > begin for name in names):
        begin = first.rfind("-", 0, begin - 1) + 1
    return [name[begin:] for name in names]


def _attention(runs: dict[str, Path], **_: Any) -> Any:
    from rmfer.analysis.figures.attention import draw_attention  # noqa: PLC0415
    from rmfer.analysis.kept import attention_curve  # noqa: PLC0415

    note = "validation split, class-balanced batches of 32; the paper's Fig. 1 is of its test set"
    return draw_attention({name: attention_curve(run) for name, run in runs.items()}, note=note)


def _confusions(runs: dict[str, Path], *, which: str, **_: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    from rmfer.analysis.figures.confusions import draw_confusions  # noqa: PLC0415
    from rmfer.evaluation.comparison import read_answers  # noqa: PLC0415
    from rmfer.labels import class_names  # noqa: PLC0415

    every = {name: read_answers(run, split="test", which=which) for name, run in runs.items()}
    classes = max(len(one.expressions) for one in every.values())
    first = next(iter(every.values()))
    matrices = {}
    for name, one in every.items():
        if one.images != first.images:
            raise RmferError(f"{name} was not tested on the images of the first run")
        places = one.labels * classes + one.predicted
        matrices[name] = np.bincount(places, minlength=classes * classes).reshape(classes, classes)
    note = f"test split, {len(first.images):,} images, {which} epoch; rows: label, columns: found, per cent and images"
    return draw_confusions(matrices, class_names(classes), note=note)


def _sets(
    runs: dict[str, Path],
    *,
    which: str,
    shards: Path,
    set_number: int,
    seed: int,
    frame_stride: int | None,
    device: str | None,
    **_: Any,
) -> Any:
    from rmfer.analysis.attended_sets import attend  # noqa: PLC0415
    from rmfer.analysis.figures.sets import draw_sets  # noqa: PLC0415
    from rmfer.analysis.set_pictures import pictures_of  # noqa: PLC0415
    from rmfer.devices import named_device  # noqa: PLC0415
    from rmfer.model.saved import load_model  # noqa: PLC0415
    from rmfer.shards import AnchorSampler, ImageReader, SamplerSettings, open_index  # noqa: PLC0415

    models = {name: load_model(run, which=which, device=named_device(device)) for name, run in runs.items()}
    info = next(iter(models.values()))[1]
    stride = frame_stride or int(info.config.get("frame_stride", SamplerSettings().frame_stride))
    sampler = AnchorSampler(open_index(shards), SamplerSettings(seed=seed, frame_stride=stride))
    drawn = sampler.draw(epoch=0, number=set_number)
    pictures, stop = pictures_of(ImageReader(sampler.index), drawn), 1 + sampler.settings.positives
    attended = {name: attend(sampler, drawn, *model) for name, model in models.items()}
    note = "attention from the anchor, per cent of all its set; framed: the tenth that ACL keeps"
    return draw_sets(pictures[0], pictures[1:stop], pictures[stop:], attended, note=note)


def _planes(runs: dict[str, Path], *, which: str, benchmark_path: Path | None, device: str | None, **_: Any) -> Any:
    from rmfer.analysis.figures.planes import draw_planes  # noqa: PLC0415
    from rmfer.analysis.kept import kept_measures, kept_plane, measure_run  # noqa: PLC0415
    from rmfer.devices import named_device  # noqa: PLC0415
    from rmfer.labels import class_names  # noqa: PLC0415

    classes = 0
    for run in runs.values():
        found = kept_measures(run, which=which) or measure_run(
            run,
            benchmark_path,
            which=which,
            device=named_device(device),
            counting=lambda total: counted("images", total, Console(stderr=True)),
        )
        classes = max(classes, len(found.distances))
    planes = {name: kept_plane(run, which=which) for name, run in runs.items()}
    count = len(next(iter(planes.values())).labels)
    note = f"{count:,} test images, 1 - cosine by metric MDS; numbers: mean distance from the class's centre (+)"
    return draw_planes(planes, class_names(classes), note=note)


_DRAW: dict[str, Callable[..., Any]] = {"1": _attention, "2": _confusions, "3": _sets, "4": _planes}
