"""Where ``rmset extract`` works: from its options to an executor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from rmset_builder.core.machine import find_memory, usable_cores
from rmset_builder.inference.session import ONNX_RUNTIME, OPENVINO, Device, Runtime, require_cuda
from rmset_builder.pipeline.engine import EngineSpec
from rmset_builder.pipeline.executors.base import Executor
from rmset_builder.pipeline.executors.local import LocalExecutor
from rmset_builder.pipeline.jobs import Jobs, default_jobs
from rmset_builder.pipeline.model_pack import ModelPack
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.video.nvdec import NvDecoder, find_nvdec


@dataclass(frozen=True)
class EngineChoice:
    """What ``--engine`` names: where to work, ``local`` or ``ray``, and what runs models on CPUs."""

    place: str = "local"
    runtime: Runtime = ONNX_RUNTIME


@dataclass(frozen=True)
class Room:
    """What the work may take.

    Attributes:
        gpus: which to use; on a cluster each worker has one, whichever Ray gives it.
        nvdec: whether GPUs decode.
        jobs: how many videos at a time; None for as many as there is room for.
        threads: CPU cores in all; None for as many as there are.
        patience_s: how long ffmpeg may give nothing.
    """

    gpus: tuple[int, ...]
    nvdec: bool
    jobs: int | None
    threads: int | None
    patience_s: float


def parse_engine(_: click.Context, parameter: click.Parameter, value: str) -> EngineChoice:
    """``ray``, ``openvino``, or one of each with a comma."""
    places, runtimes = ["local", "ray"], [ONNX_RUNTIME, OPENVINO]
    names = [name.strip() for name in value.split(",")]
    for known in (places, runtimes):
        if sum(name in known for name in names) > 1:
            raise click.BadParameter(f"{value!r} names two of {', '.join(known)}", param=parameter)
    if unknown := [name for name in names if name not in (*places, *runtimes)]:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join([*places, *runtimes])}", param=parameter)
    place = next((name for name in places if name in names), "local")
    return EngineChoice(place, OPENVINO if OPENVINO in names else ONNX_RUNTIME)


def choose_executor(
    pack: ModelPack,
    settings: ExtractSettings,
    *,
    models: str,
    engine: EngineChoice,
    address: str,
    room: Room,
    videos: int,
) -> Executor:
    """The executor that the options ask for.

    Args:
        pack: the models.
        settings: what decides the shards.
        models: the pack's name or folder, by which nodes of a cluster open it for themselves.
        engine: where to work, and what runs the models.
        address: of a Ray cluster; empty for this machine.
        room: what the work may take.
        videos: how many there are.

    Raises:
        RmsetError: a GPU cannot be used.
        UsageError: the options contradict each other.
    """
    if room.gpus and engine.runtime == OPENVINO:
        raise click.UsageError("--engine openvino runs on CPUs: leave out --gpu")
    if engine.place == "ray":
        # Who works on this machine needs none of it.
        from rmset_builder.pipeline.executors.cluster.executor import RayExecutor  # noqa: PLC0415
        from rmset_builder.pipeline.executors.cluster.messages import Place, Recipe  # noqa: PLC0415

        place = Place(
            address,
            gpu=bool(room.gpus),
            nvdec=room.nvdec,
            jobs=room.jobs,
            threads=room.threads if room.threads or address else usable_cores(),
            stall_s=room.patience_s,
        )
        name = str(Path(models).absolute()) if Path(models).is_dir() else models
        return RayExecutor(place, Recipe(name, pack.sha256, settings, engine.runtime))
    if address:
        raise click.UsageError("--address is of a Ray cluster: add --engine ray")
    return _here(pack, settings, runtime=engine.runtime, room=room, videos=videos)


def _here(pack: ModelPack, settings: ExtractSettings, *, runtime: Runtime, room: Room, videos: int) -> LocalExecutor:
    """An engine for each of the videos that are worked on at a time; GPUs take turns, threads are shared out."""
    gpus, threads = room.gpus, room.threads or usable_cores()
    for gpu in gpus:
        require_cuda(gpu)
    decoders = {gpu: _nvdec(gpu) if room.nvdec else None for gpu in gpus}
    if room.jobs is None:
        found = default_jobs(threads=threads, gpus=len(gpus), videos=videos, memory=find_memory())
    else:
        found = Jobs(min(room.jobs, videos))
    if found.note:
        click.echo(f"note: {found.note}", err=True)
    count = found.count
    return LocalExecutor(
        [
            EngineSpec(
                pack,
                settings,
                Device(gpus[number % len(gpus)] if gpus else None, runtime=runtime),
                threads=max(1, threads // count),
                nvdec=decoders[gpus[number % len(gpus)]] if gpus else None,
                patience_s=room.patience_s,
            )
            for number in range(count)
        ]
    )


def _nvdec(gpu: int) -> NvDecoder | None:
    found = find_nvdec(gpu)
    if isinstance(found, NvDecoder):
        return found
    click.echo(f"note: videos are decoded on the CPU, ffmpeg cannot use the decoder of GPU {gpu} ({found})", err=True)
    return None
