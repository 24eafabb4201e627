"""``rmfer train``: the recogniser, from a labelled benchmark and shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console

from rmfer import __version__
from rmfer.errors import RmferError
from rmfer.settings import TrainConfig
from rmfer.training.presets import column_of, load_preset, preset_names, resolve
from rmset_builder.core.command_line import TextPath, something_is_done
from rmset_builder.core.files import whole_file
from rmset_builder.shards.mirror import mirrored, name_of
from rmset_builder.storage.command_line import cache_option

_MISSING = "missing.txt"


def _list_presets(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    for name in preset_names():
        preset = load_preset(name)
        settings = ", ".join(f"{key} {value}" for key, value in preset.settings.items())
        click.echo(f"{name}\n    {preset.source}\n    {settings}")
    ctx.exit()


def _list_settings(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    for name, field in TrainConfig.model_fields.items():
        kind = (
            str(field.annotation).replace("typing.", "")
            if not isinstance(field.annotation, type)
            else field.annotation.__name__
        )
        click.echo(f"{name} = {json.dumps(field.default)}\n    {field.description or ''} [{kind}]")
    ctx.exit()


@click.command("train", context_settings={"show_default": True})
@click.option("--rmset", "shards", type=TextPath(), default=Path("shards"), help="The folder of shards.")
@click.option(
    "--benchmark",
    "benchmark_path",
    type=click.Path(path_type=Path),
    help="Folder or zip of FERPlus, RAF-DB, AffectNet, FER2013, or train/CLASS/*.jpg.  [default: the first in data/]",
)
@click.option(
    "--preset",
    "presets",
    multiple=True,
    metavar="NAME",
    help="Settings by name or file, each over the one before; --list-presets.  [default: Table 8's column]",
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="One setting; --list-settings.")
@click.option(
    "--skip-missing",
    is_flag=True,
    help=f"Leave out pictures that are not there: --set skip_missing=true; {_MISSING} in --out names them.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/BENCHMARK-PRESETS-SEED]"
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out where its last checkpoint left it.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--dry-run", is_flag=True, help="Print the resolved settings and check the data, but do not train.")
@click.option(
    "--list-presets", is_flag=True, is_eager=True, expose_value=False, callback=_list_presets, help="Print all presets."
)
@click.option(
    "--list-settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_settings,
    help="Print all settings.",
)
@cache_option
@click.pass_context
def command(ctx: click.Context, /, *, shards: Path, **options: Any) -> None:
    """Train the expression recogniser on a labelled benchmark and the faces of shards.

    \b
    rmfer train --rmset shards/                              # the benchmark in data/, Table 8's settings for it
    rmfer train --benchmark ferplus.zip --preset ferplus-average --preset ial
    rmfer train --set lambda2=0.1 --set epochs=40            # anything else
    torchrun --nproc-per-node 8 -m rmfer train --set anchors_per_step=8 --set batch_size=256

    The last and the best epoch, by the validation split, are evaluated on the test split once, at the end.
    """
    with mirrored(shards) as mirror:
        _train(ctx, shards=mirror.folder, **options)


def _train(
    ctx: click.Context,
    *,
    shards: Path,
    benchmark_path: Path | None,
    presets: tuple[str, ...],
    assignments: tuple[str, ...],
    skip_missing: bool,
    out: Path | None,
    resume: bool,
    device: str | None,
    dry_run: bool,
) -> None:
    # torch takes seconds to import, and --help does without.
    from rmfer.distributed import join, leave, losses_told  # noqa: PLC0415
    from rmfer.labelled.missing import missing_list, missing_note  # noqa: PLC0415
    from rmfer.labelled.registry import open_benchmark  # noqa: PLC0415
    from rmfer.training.anchors import need_shards  # noqa: PLC0415
    from rmfer.training.finish import finish  # noqa: PLC0415
    from rmfer.training.run import InterruptedRun, Run  # noqa: PLC0415
    from rmfer.training.trainer import train  # noqa: PLC0415

    assignments = (*assignments, "skip_missing=true") if skip_missing else assignments
    config = resolve(presets, assignments)  # wrong names are told before the benchmark is read
    benchmark = open_benchmark(benchmark_path, classes=config.classes, skip_missing=config.skip_missing)
    column = column_of(benchmark.kind, benchmark.classes)
    config = resolve(presets, assignments, column=column)
    if config.classes not in (None, benchmark.classes):
        benchmark = open_benchmark(benchmark_path, classes=config.classes, skip_missing=config.skip_missing)
    names = tuple(load_preset(name).name for name in presets) or ((column,) if column else ("custom",))
    folder = out or Path("runs") / "-".join([benchmark.kind, *names, f"seed{config.seed}"])
    run = Run(folder, config, benchmark, shards if config.needs_shards else None, names)
    if dry_run:
        click.echo(yaml.safe_dump(_told(run), sort_keys=False), nl=False)
        return
    if config.needs_shards:
        need_shards(shards)
    _check_folder(folder, resume=resume)

    ranks = join(device)
    console = Console(stderr=True)
    try:
        if ranks.is_first:
            _write(folder / "config.yaml", yaml.safe_dump(_told(run), sort_keys=False))
            if note := missing_note(benchmark):
                _write(folder / _MISSING, missing_list(benchmark))
                click.echo(f"note: {note}; all of them: {folder / _MISSING}", err=True)
            console.print(
                f"{benchmark.title} -> {folder} on {ranks.device}, {ranks.world_size} process(es)",
                highlight=False,
                soft_wrap=True,
            )
        try:
            with losses_told():
                train(run, ranks, console, resume=resume)
        except InterruptedRun:
            if ranks.is_first:
                click.echo(f"rmfer: interrupted; the same command with --resume goes on with {folder}", err=True)
            ctx.exit(130)
        if ranks.is_first:
            told = finish(run, ranks.device)
            something_is_done()
            click.echo(told)
        ranks.wait()
    finally:
        leave()


def _check_folder(folder: Path, *, resume: bool) -> None:
    begun = (folder / "log.jsonl").exists() or (folder / "last.ckpt").exists()
    if begun and not resume:
        raise RmferError(f"{folder} holds a run already", remedy="go on with it (--resume) or give another --out")
    if resume and not begun:
        raise RmferError(f"{folder} holds no run to go on with", remedy="begin it without --resume, or give its --out")


def _told(run: Any) -> dict[str, Any]:
    from rmfer.training.anchors import shards_grey  # noqa: PLC0415 (torch)

    return {
        "rmfer": __version__,
        "presets": list(run.presets),
        "benchmark": {
            "title": run.benchmark.title,
            "path": str(run.benchmark.path),
            "classes": run.benchmark.classes,
            "digest": run.benchmark.digest,
            "pictures": {name: len(split) for name, split in run.benchmark.splits.items()},
            "missing": {name: len(split.missing) for name, split in run.benchmark.splits.items() if split.missing},
        },
        "shards": name_of(run.shards) if run.shards else None,
        "shards_grey": shards_grey(run.config, run.benchmark) if run.shards else None,
        "settings": run.config.dump(),
    }


def _write(path: Path, text: str) -> None:
    try:
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RmferError(f"{path} cannot be written ({error.strerror})", remedy="give another --out") from error
