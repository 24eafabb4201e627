"""``rmset extract``: videos to shards."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console

from rmset_builder.commands.extract_places import EngineChoice, Room, choose_executor, parse_engine
from rmset_builder.core.command_line import TextPath, echo, something_is_done
from rmset_builder.core.errors import RmsetError
from rmset_builder.core.machine import usable_cores
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.executors.base import run
from rmset_builder.pipeline.inputs import find_sources
from rmset_builder.pipeline.jobs import THREADS_PER_JOB
from rmset_builder.pipeline.made_with import engine_name, engine_of
from rmset_builder.pipeline.model_pack import DEFAULT_PACK, LICENCE_NOTICE, load_pack
from rmset_builder.pipeline.one_video import sweep
from rmset_builder.pipeline.planner import plan
from rmset_builder.pipeline.progress import ProgressReporter
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.staging import LEASES
from rmset_builder.shards.videos_table import VideoRecord, read_videos
from rmset_builder.storage.address import Address, address_of, shown
from rmset_builder.storage.command_line import cache_option
from rmset_builder.storage.swap import conditions_hold
from rmset_builder.takedown.filter import keep_out_pruned
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.stalls import PATIENCE_S


def _setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command line option for each of the settings, its help and default taken from there."""
    for name, field in reversed(ExtractSettings.model_fields.items()):
        description = field.description or ""
        sentence = f"{description[:1].upper()}{description[1:]}."
        option = click.option(f"--{name.replace('_', '-')}", default=field.default, help=sentence)
        command = option(command)
    return command


def _gpus(_: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """``0`` or ``0,1`` as numbers."""
    parts = [part.strip() for part in value.split(",")] if value is not None else []
    gpus = tuple(int(part) for part in parts if part.isascii() and part.isdigit())
    if len(set(gpus)) < len(parts):
        raise click.BadParameter(f"{value!r} is not a GPU's number or several, such as 0 or 0,1", param=parameter)
    return gpus


@click.command("extract", context_settings={"show_default": True})
@click.argument("videos", nargs=-1, type=click.Path(path_type=Path, readable=False), metavar="[VIDEO|DIR]...")
@click.option("--out", type=TextPath(file_okay=False), default="shards", help="Folder of the shards.")
@cache_option
@click.option(
    "--single-writer",
    is_flag=True,
    help="Nobody else writes to --out s3://...: needed where its server does not refuse to write over others' work.",
    show_default="off",
)
@click.option("--gpu", callback=_gpus, metavar="N[,N]...", help="NVIDIA GPUs to use.", show_default="none, the CPU")
@click.option(
    "--engine",
    callback=parse_engine,
    default="local,onnxruntime",
    metavar="NAME[,NAME]",
    help="Where to work, local or ray, and what runs models on CPUs, onnxruntime or openvino.",
)
@click.option("--address", default="", help="Ray cluster: HOST:PORT of its head, or auto.", show_default="this machine")
@click.option("--models", default=DEFAULT_PACK, help="Model pack: offline, one of insightface's, or a folder.")
@click.option("--group", help="Expression group of these videos.", show_default="the catalog's")
@click.option("--recursive", is_flag=True, help="Take the videos of folders within DIRs, too.", show_default="off")
@click.option(
    "--same-engine", is_flag=True, help="Extract again what another --engine's models ran on.", show_default="off"
)
@click.option("--force", is_flag=True, help="Extract again what is already done.", show_default="off")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Videos to work on at a time, each in a process of its own.",
    show_default=f"one for each {THREADS_PER_JOB} threads and each GPU, as memory allows",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=usable_cores,
    help="CPU threads in all; of a cluster all that there are, unless given.",
    show_default=f"{usable_cores()}, the cores that may be used",
)
@click.option(
    "--nvdec/--no-nvdec",
    default=True,
    help="Let the decoder of --gpu decode, where ffmpeg can use it.",
    show_default="on",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=0, min_open=True),
    default=PATIENCE_S,
    help="Give up a video whose ffmpeg gives nothing for so long, or its process twice as long, seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a video on stdout.", show_default="off")
@_setting_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    videos: tuple[Path, ...],
    out: Path,
    single_writer: bool,
    gpu: tuple[int, ...],
    engine: EngineChoice,
    address: str,
    models: str,
    group: str | None,
    recursive: bool,
    same_engine: bool,
    force: bool,
    jobs: int | None,
    threads: int,
    nvdec: bool,
    patience: float,
    as_json: bool,
    **settings: Any,
) -> None:
    """Turn VIDEOs, or the videos of DIRs (default: videos/), into shards of aligned and identified faces.

    What is already done is left alone; a second run does only what is missing, what failed, and what changed settings
    make stale. Exit codes: 0 done; 1 some videos failed or were not begun, all others are complete; 2 nothing was
    done.
    """
    chosen = _settings(settings)
    if jobs is not None and jobs < len(gpu):
        raise click.UsageError(f"--jobs {jobs} leaves some of {len(gpu)} GPUs idle: each needs a job of its own")
    sources = find_sources(videos, records=_records(out), recursive=recursive, group=group)
    for note in sources.notes:
        echo(f"note: {note}", err=True)
    pack = load_pack(models)
    find_ffmpeg()
    if (bucket := address_of(out)) is not None:
        _require_conditions(bucket, single_writer=single_writer)
    else:
        _make_folder(out)
        sweep(out)
    wanted = engine_name(Device(runtime=engine.runtime))
    todo = plan(
        sources.tasks,
        out,
        settings_sha256=chosen.sha256,
        models_sha256=pack.sha256,
        force=force,
        is_same_engine=lambda record: not same_engine or engine_of(record.versions_json) == wanted,
    )
    todo = keep_out_pruned(todo, out)
    todo.faults.extend(Result(shown(path), Outcome.FAILED, fault=fault) for path, fault in sources.faults)
    results = [*todo.faults, *todo.kept]
    stopped: RmsetError | None = None
    for result in results:
        _tell(result, out, as_json)
    if todo.work:
        click.echo(f"note: {LICENCE_NOTICE}", err=True)
        threads_are_usual = ctx.get_parameter_source("threads") is ParameterSource.DEFAULT
        executor = choose_executor(
            pack,
            chosen,
            models=models,
            engine=engine,
            address=address,
            room=Room(gpu, nvdec, jobs, None if threads_are_usual else threads, patience),
            videos=len(todo.work),
        )
        reporter = ProgressReporter(todo.work, Console(stderr=True))
        with reporter:
            try:
                for result in run(executor, todo.work, out, reporter):
                    results.append(result)
                    something_is_done()
                    _tell(result, out, as_json)
            except RmsetError as error:
                # Exit code 2 would say that nothing was done.
                if ctx.obj.debug or len(results) == len(todo.faults) + len(todo.kept):
                    raise
                stopped = error
    if stopped is not None:
        echo(f"stopped: {stopped}", err=True)
    failed = sum(result.outcome is Outcome.FAILED for result in results)
    not_begun = len(todo.work) + len(todo.kept) + len(todo.faults) - len(results)
    _summarise(results, failed, not_begun, out)
    ctx.exit(1 if failed or stopped else 0)


def _settings(options: dict[str, Any]) -> ExtractSettings:
    try:
        return ExtractSettings(**options)
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]).replace("_", "-") if fault["loc"] else "settings"
        raise click.UsageError(f"--{name} {fault['input']}: {_told(fault)}") from error


def _told(fault: ErrorDetails) -> str:
    """What is wrong with a setting, without pydantic's words for where the rule stands."""
    own = fault.get("ctx", {}).get("error")
    return str(own) if own else fault["msg"].replace("Input should", "must")


def _records(out: Path) -> dict[str, VideoRecord]:
    try:
        return read_videos(out)
    except OSError:  # no folder can have that name: told when it is made
        return {}


def _require_conditions(out: Address, *, single_writer: bool) -> None:
    name = f"{LEASES}/probe-{secrets.token_hex(8)}"
    if not conditions_hold(out, name) and not single_writer:
        raise RmsetError(
            f"the server of {out} takes no notice of conditional writes, so that two writers would lose each other's "
            "work",
            remedy="if nobody else writes there: --single-writer",
        )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".rmset-can-write-{secrets.token_hex(8)}"  # another command may ask at the same time
        probe.touch()
        probe.unlink()
    except OSError as error:
        if out.is_symlink() and not out.exists():
            fault = RmsetError(f"--out {out} is a link that leads nowhere", remedy="remove it, or make its target")
            raise fault from error
        raise RmsetError(
            f"--out {out} cannot be written to ({error.strerror})", remedy="give another folder"
        ) from error


def _tell(result: Result, out: Path, as_json: bool) -> None:
    """One line for one video: results on stdout, faults on stderr."""
    record, fault = result.record, result.fault
    if as_json:
        line: dict[str, Any] = {"video": result.video, "outcome": result.outcome.value}
        if fault is not None:
            line |= {"reason": fault.reason, "message": str(fault)}
        elif record is not None:
            names = ("frames", "identities", "tracks", "faces", "shards", "seconds_spent", "reason", "message")
            line |= {name: getattr(record, name) for name in names}
        click.echo(json.dumps(line))
    elif fault is not None:
        echo(f"failed: {fault}", err=True)
    elif record is not None:
        what = f"{record.frames:,} frames, {record.identities:,} identities, {record.faces:,} faces"
        note = " (no face in it)" if not record.faces else ""
        if record.message:
            note += f" (note: {record.message})"
        how = f" in {record.seconds_spent:.1f} s" if result.outcome is Outcome.DONE else ", already done"
        echo(f"{result.video}: {what}{note}{how} -> {shown(out / result.video)}-*.parquet")


def _summarise(results: list[Result], failed: int, not_begun: int, out: Path) -> None:
    count = {outcome: sum(r.outcome is outcome for r in results) for outcome in Outcome}
    parts = [f"{number} {outcome.value}" for outcome, number in count.items() if number]
    if not_begun:
        parts.append(f"{not_begun} not begun")
    echo(f"{shown(out)}: {', '.join(parts) or 'nothing to do'}", err=True)
    if failed:
        click.echo("run the same command again to retry what failed; nothing of it was written", err=True)
