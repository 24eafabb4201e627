"""What goes through pipes and calls: orders to workers, and what the driver tells the command that started it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.inference.session import ONNX_RUNTIME, Runtime
from rmset_builder.pipeline.algorithm import SEAL
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.task import Task
from rmset_builder.storage.address import is_address
from rmset_builder.video.stalls import PATIENCE_S as STALL_S

CONNECT_S = 120.0
"""After so long a cluster that has not answered is given up; on a loaded machine a new one is there after some 40 s."""

PATIENCE_S = 120.0
"""After so long a silence a worker's video is given to another; Ray itself takes about a minute to give up a node."""


@dataclass(frozen=True)
class Place:
    """Where to run: a cluster's ``address``, or by a Ray that is started for the run where it is empty.

    ``gpu`` gives each worker a GPU of its own; ``jobs`` and ``threads`` are the workers and the cores in all, by
    default what the cluster has room for. After ``stall_s`` seconds in which its ffmpeg gives nothing a video is given
    up, after ``patience_s`` of silence a worker, after ``connect_s`` a cluster that does not answer.
    """

    address: str = ""
    gpu: bool = False
    nvdec: bool = True
    jobs: int | None = None
    threads: int | None = None
    stall_s: float = STALL_S
    patience_s: float = PATIENCE_S
    connect_s: float = CONNECT_S


@dataclass(frozen=True)
class Recipe:
    """What decides the shards: each node opens ``models``, a pack's name or folder, for itself and compares the hash.

    ``seal`` is of the code, ``runtime`` what runs the models on CPUs.
    """

    models: str
    models_sha256: str
    settings: ExtractSettings
    runtime: Runtime = ONNX_RUNTIME
    seal: str = SEAL


@dataclass(frozen=True)
class Order:
    """What is the same for all videos of a run, as it is sent to every worker.

    ``probe`` and ``sample`` are files that a node sees if it shares the folders of ``out`` and of the videos; None
    where these are in a bucket.
    """

    recipe: Recipe
    out: Path
    probe: Path | None
    sample: Path | None
    threads: int
    gpu: bool
    nvdec: bool
    stall_s: float


@dataclass(frozen=True)
class Begun:
    """A video's turn has come."""

    task: Task


@dataclass(frozen=True)
class Advanced:
    """So many frames and faces of a video are done."""

    task: Task
    frames: int
    faces: int


@dataclass(frozen=True)
class Noted:
    """Something that the user should know; empty where it only says that the driver lives."""

    text: str = ""


def wherever(path: Path) -> Path:
    """The same file or folder for processes that have another current folder."""
    return path if is_address(path) else path.absolute()


def tasks_wherever(tasks: Sequence[Task]) -> list[Task]:
    """The same tasks for processes that have another current folder."""
    return [_task_wherever(task) for task in tasks]


def _task_wherever(task: Task) -> Task:
    path = wherever(task.path)
    header = task.header and dataclasses.replace(task.header, path=path)
    return dataclasses.replace(task, path=path, header=header)
