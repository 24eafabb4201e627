"""Measures of runs, kept in their folders so that tables and figures need not measure them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from rmfer.analysis.run_measures import GAMMAS, MDS_IMAGES, Plane, RunMeasures, embed_split, measure
from rmfer.errors import RmferError
from rmfer.evaluation.comparison import run_settings
from rmfer.evaluation.evaluate import find_split
from rmfer.labelled.registry import open_benchmark
from rmfer.model.saved import load_model
from rmset_builder.core.files import whole_file
from rmset_builder.shards.checked_parquet import read_checked, write_checked

FOLDER = "analysis"
"""Of a run."""

Counting = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def measure_run(
    run: Path,
    benchmark_path: Path | None = None,
    *,
    split: str = "test",
    which: str = "last",
    gammas: Sequence[float] = GAMMAS,
    mds_images: int = MDS_IMAGES,
    device: torch.device | None = None,
    counting: Counting = lambda total: nullcontext(lambda count: None),
) -> RunMeasures:
    """Measure a run's network on a split, and keep it: SPLIT-WHICH.json, and the plane as SPLIT-WHICH-mds.parquet.

    Args:
        run: its folder.
        benchmark_path: None: where the run says that it was.
        split: of the benchmark.
        which: "last" or "best" epoch.
        gammas: of the filter ratios.
        mds_images: at most so many points of the plane.
        device: where to compute; None is the CPU.
        counting: given how many images there are, a context within which to tell how many more are done.

    Raises:
        RmferError: no such run, benchmark or split, or the folder cannot be written to.
    """
    net, info = load_model(run, which=which, device=device or torch.device("cpu"))
    benchmark = open_benchmark(benchmark_path or benchmark_of(run), classes=info.classes)
    images = find_split(benchmark, split)
    with counting(len(images)) as advance:
        z = embed_split(net, info, images, device=device, advance=advance)
    found, plane = measure(z, info, images, gammas=gammas, mds_images=mds_images)
    columns = {"image": plane.images, "label": plane.labels, "x": plane.points[:, 0], "y": plane.points[:, 1]}
    folder = (run if run.is_dir() else run.parent) / FOLDER
    try:
        with whole_file(folder / f"{split}-{which}-mds.parquet") as temporary:
            write_checked(pa.table(columns), temporary)
        with whole_file(folder / f"{split}-{which}.json") as temporary:
            temporary.write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RmferError(f"{folder} cannot be written to ({error.strerror or error})") from error
    return found


def kept_measures(run: Path, *, split: str = "test", which: str = "last") -> RunMeasures | None:
    """What `measure_run` kept; None where it did not, or kept something else."""
    try:
        told: dict[str, Any] = json.loads((run / FOLDER / f"{split}-{which}.json").read_text(encoding="utf-8"))
        own = {field.name: told[field.name] for field in fields(RunMeasures)}
    except (OSError, ValueError, KeyError):
        return None
    return RunMeasures(**own | {"epoch": told["epoch"] - 1})


def kept_plane(run: Path, *, split: str = "test", which: str = "last") -> Plane:
    """The plane that `measure_run` kept.

    Raises:
        RmferError: it did not, or the file cannot be read.
    """
    path = run / FOLDER / f"{split}-{which}-mds.parquet"
    try:
        table = read_checked(path)
    except (pa.ArrowException, OSError) as error:
        raise RmferError(f"{path} cannot be read ({error})", remedy=f"measure the run: `rmfer analyze {run}`") from None
    points = np.stack([table[name].to_numpy() for name in ("x", "y")], axis=1)
    return Plane(points, table["label"].to_numpy(), table["image"].to_numpy())


def attention_curve(run: Path) -> list[tuple[int, float]]:
    """(epoch from 1, attention) of each validation of a run's log (Fig. 1).

    Raises:
        RmferError: there is no log, or it tells no attention.
    """
    path, found = run / "log.jsonl", []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            if told.get("event") == "epoch" and "attention" in told:
                found.append((int(told["epoch"]) + 1, float(told["attention"])))
    except (OSError, ValueError) as error:
        raise RmferError(f"{path} cannot be read ({error})", remedy="give a run's folder") from None
    if not found:
        raise RmferError(
            f"{path} tells no attention", remedy="train with --set attention_batches=32, and with a validation split"
        )
    return found


def benchmark_of(run: Path) -> Path:
    """Where a run's benchmark lay.

    Raises:
        RmferError: nothing tells.
    """
    folder = run if run.is_dir() else run.parent
    found = run_settings(folder)[1]
    if found is None:
        raise RmferError(
            f"{folder / 'config.yaml'} does not tell which benchmark {run.name} is of",
            remedy="give it: --benchmark PATH",
        )
    return found
