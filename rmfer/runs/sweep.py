"""A sweep's runs as jobs of `rmfer train`, in one folder, to which only runs of its own belong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmfer.errors import RmferError
from rmfer.labelled.benchmark import Benchmark
from rmfer.plain_yaml import read_yaml
from rmfer.resuming import refuse_differences
from rmfer.runs.grid import Point
from rmfer.runs.job import Job
from rmfer.settings import FREE_ON_RESUME, with_defaults


def job_of(
    point: Point,
    folder: Path,
    *,
    benchmark: Path,
    shards: Path,
    presets: Sequence[str],
    assignments: Sequence[str],
    workers: int,
) -> Job:
    """A point's run, below ``folder``.

    Args:
        point: of the grid.
        folder: of the sweep.
        benchmark: whose folder or zip.
        shards: their folder.
        presets: of all runs.
        assignments: "key=value" of all runs.
        workers: threads that decode, where no setting says how many: the cores are shared with other runs.
    """
    own = () if point.config.workers is not None else (f"workers={workers}",)
    arguments = ["--benchmark", str(benchmark), "--rmset", str(shards.absolute())]
    arguments += [word for name in presets for word in ("--preset", name)]
    arguments += [word for text in (*assignments, *point.assignments, *own) for word in ("--set", text)]
    return Job(point.title, point.seed, folder / point.name, arguments=tuple(arguments))


def refuse_others(point: Point, job: Job, benchmark: Benchmark, shards: Path) -> None:
    """Make sure that what lies in a run's folder was trained with the point's settings, on the same data.

    Raises:
        RmferError: it was not; each difference is named.
    """
    told = _told(job.folder / "config.yaml")
    if told is None:
        return
    then = with_defaults(told["settings"])
    now = {**point.config.dump(), "benchmark": benchmark.digest}
    refuse_differences(
        {**then, "benchmark": told["benchmark"]["digest"], "shards": told["shards"]},
        {**now, "shards": str(shards.absolute()) if point.config.needs_shards else None},
        what=f"{job.folder} holds another run",
        remedy="give another --out, or the settings of then",
        # A run that is not done may become longer.
        free=FREE_ON_RESUME - ({"epochs"} if job.is_done else set()),
    )


def _told(path: Path) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = read_yaml(path.read_text(encoding="utf-8"))
        return {name: told[name] for name in ("settings", "benchmark", "shards")}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        told_why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RmferError(f"{path} cannot be read ({told_why})", remedy="remove that run's folder") from error
