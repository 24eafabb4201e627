"""``rmfer analyze``: what a trained network has learnt, and what it says of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from rmset_builder.core.command_line import TextPath, echo, something_is_done
from rmset_builder.core.progress import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rmfer.analysis.prior import Estimate, Share
    from rmfer.analysis.run_measures import RunMeasures


class _RunsFirst(click.Group):
    """A group whose first word may be a run's folder: `rmfer analyze RUN` is `rmfer analyze runs RUN`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["runs", *args]
        return super().parse_args(ctx, args)


@click.group("analyze", cls=_RunsFirst)
def command() -> None:
    """What trained networks have learnt, and what they say of data.

    \b
    rmfer analyze RUN [RUN ...]             # the supplement's measures of their projections
    rmfer analyze prior SHARDS --model RUN  # how true the paper's prior is on shards
    """


@command.command("runs", context_settings={"show_default": True})
@click.argument("runs", nargs=-1, required=True, type=TextPath())
@click.option("--benchmark", "benchmark_path", type=TextPath(), help="Its folder or zip.  [default: each run's own]")
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", help="The benchmark's split.")
@click.option("--which", type=click.Choice(["best", "last"]), default="last", help="The epoch.")
@click.option("--gamma", "gammas", type=click.FloatRange(0, 1, min_open=True), multiple=True, default=(0.05, 0.1, 0.5))
@click.option("--mds-images", type=click.IntRange(2, 4000), default=560, help="Points of the plane.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs_command(
    *,
    runs: tuple[Path, ...],
    benchmark_path: Path | None,
    split: str,
    which: str,
    gammas: tuple[float, ...],
    mds_images: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Measure what the projections of RUNS tell of expressions: difference of cosines (Tables 6, 13), what attention
    filters (Table 12), attention between like faces (Fig. 1), and the distances of a plane by MDS (Fig. 4, Table 14).

    Keeps all of it in analysis/ of each run. `rmfer figure` draws it.
    """
    # torch takes seconds to import, and --help does without.
    from rmfer.analysis.kept import measure_run  # noqa: PLC0415
    from rmfer.devices import named_device  # noqa: PLC0415

    place, told = named_device(device), {}
    for run in runs:
        told[str(run)] = measure_run(
            run,
            benchmark_path,
            split=split,
            which=which,
            gammas=gammas,
            mds_images=mds_images,
            device=place,
            counting=lambda total: counted("images", total, Console(stderr=True)),
        )
    something_is_done()
    if as_json:
        click.echo(json.dumps({run: measures.as_json() for run, measures in told.items()}, indent=1))
    else:
        for line in _measured_lines(told):
            echo(line)


def _measured_lines(told: Mapping[str, RunMeasures]) -> list[str]:
    """A line a measure, a column a run."""
    wide = max(10, *(len(Path(run).name) for run in told))
    every = list(told.values())
    rows: list[tuple[str, list[str]]] = [
        ("", [Path(run).name for run in told]),
        ("images", [f"{one.images:,}" for one in every]),
        ("measured on", ["projections" if one.space == "z" else "features" for one in every]),
        ("difference of cosines (Tables 6, 13)", [f"{one.cosine_difference:.4f}" for one in every]),
        ("  with the diagonal, as the authors' code", [f"{one.cosine_difference_with_diagonal:.4f}" for one in every]),
    ]
    for gamma in every[0].filter_ratios:
        cells = [f"{100 * one.filter_ratios[gamma]:.1f} %" for one in every]
        rows.append((f"filter ratio, gamma {gamma} (Table 12)", cells))
    rows.append(("attention between like faces (Fig. 1)", [f"{one.attention:.4f}" for one in every]))
    for name in every[0].distances:
        rows.append((f"distance in the plane, {name} (Table 14)", [f"{one.distances[name]:.3f}" for one in every]))
    return [f"{name:<46}" + "".join(f"  {cell:>{wide}}" for cell in cells) for name, cells in rows]


@command.command("prior", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(), default=Path("shards"))
@click.option("--model", type=click.Path(path_type=Path), required=True, help="A run's folder, or a .safetensors file.")
@click.option("--which", type=click.Choice(["best", "last"]), default="last", help="The epoch, where it is a run.")
@click.option("--sets", type=click.IntRange(2), default=100, help="How many anchor sets to draw.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=42, help="Of the draws.")
@click.option("--frame-stride", type=click.IntRange(1), help="Every how many-th frame.  [default: the run's]")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prior(
    *,
    shards: Path,
    model: Path,
    which: str,
    sets: int,
    seed: int,
    frame_stride: int | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Estimate how true the paper's prior is on SHARDS: p, that a positive of an anchor set shows the anchor's
    expression, and q, that a negative shows another one, by a trained network's predictions.

    Its errors draw both towards chance; where the run kept its test's predictions, p and q are also told as they would
    be without them. What p must be for ACL to pay: docs/prior.md.
    """
    # torch takes seconds to import, and --help does without.
    from rmfer.analysis.prior import estimate  # noqa: PLC0415
    from rmfer.analysis.shard_predictions import predict_sets  # noqa: PLC0415
    from rmfer.devices import named_device  # noqa: PLC0415
    from rmfer.evaluation.comparison import confusion_on_test  # noqa: PLC0415
    from rmfer.model.saved import load_model  # noqa: PLC0415
    from rmfer.shards import AnchorSampler, SamplerSettings, open_index  # noqa: PLC0415

    place = named_device(device)
    net, info = load_model(model, which=which, device=place)
    stride = frame_stride or int(info.config.get("frame_stride", SamplerSettings().frame_stride))
    sampler = AnchorSampler(open_index(shards), SamplerSettings(seed=seed, frame_stride=stride))
    with counted("anchor sets", sets, Console(stderr=True)) as advance:
        predicted = predict_sets(
            sampler,
            net,
            info,
            sets=sets,
            device=place,
            gamma=float(info.config.get("gamma", 0.1)),
            advance=advance,
        )
    confusion = confusion_on_test(model, which=which, classes=info.classes) if model.is_dir() else None
    found = estimate(predicted, classes=info.classes, confusion=confusion)
    told = {"shards": str(shards), "model": str(model), "frame_stride": stride, **found.as_json()}
    click.echo(json.dumps(told, indent=1)) if as_json else _tell(found, len(set(predicted.videos)))


def _tell(found: Estimate, videos: int) -> None:
    of = "1 video" if videos == 1 else f"{videos:,} videos"
    echo(f"{found.sets:,} anchor sets of {of}; 95 % intervals over {found.drawn}")
    echo(f"p, positives like their anchor   {_percent(found.p)}, by chance {100 * found.chance:.1f} %")
    echo(f"q, negatives unlike theirs       {_percent(found.q)}, by chance {100 * (1 - found.chance):.1f} %")
    if found.p_imp is not None and found.q_imp is not None:
        echo(f"p of those that attention keeps  {_percent(found.p_imp)}")
        echo(f"q of those that attention keeps  {_percent(found.q_imp)}")
    if found.corrected is not None:
        p, q, chance = (100 * found.corrected[name] for name in ("p", "q", "chance"))
        echo(f"if it errs here as on its test split: p {p:.1f} %, q {q:.1f} %, chance {chance:.1f} %")
    echo("what p must be for ACL to pay: docs/prior.md")


def _percent(share: Share) -> str:
    return f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"
