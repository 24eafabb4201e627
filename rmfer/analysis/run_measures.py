"""All that the supplement measures of a trained network on a split of its benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rmfer.analysis.batches import balanced_batches, balanced_sample
from rmfer.analysis.mds import class_distances, plane_of
from rmfer.analysis.measures import cosine_difference, filter_ratio, same_label_attention
from rmfer.labelled.loader import EvalLoader
from rmfer.labelled.split import Split
from rmfer.labels import class_names
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo

GAMMAS = (0.05, 0.1, 0.5)
ATTENTION_BATCHES = 32
MDS_IMAGES = 560


@dataclass(frozen=True)
class Plane:
    """Faces as points: ``points`` (m, 2), ``labels`` (m,) int64, ``images`` (m,) their numbers in the split."""

    points: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]


@dataclass(frozen=True)
class RunMeasures:
    """What was measured.

    Attributes:
        split: its name.
        epoch: from 0, whose weights they are.
        which: "last" or "best".
        space: "z", projections, or "f", features, where the run trained no projection.
        images: how many.
        cosine_difference: Tables 6 and 13.
        cosine_difference_with_diagonal: the same as the authors' code has it.
        filter_ratios: by gamma, Table 12.
        attention: Fig. 1, in class-balanced batches.
        distances: by expression, Table 14, in the plane.
        relative_distances: the same divided by all points' root mean square distance from their centre.
    """

    split: str
    epoch: int
    which: str
    space: str
    images: int
    cosine_difference: float
    cosine_difference_with_diagonal: float
    filter_ratios: dict[str, float]
    attention: float
    distances: dict[str, float]
    relative_distances: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """As plain values; epochs from 1."""
        return {**vars(self), "epoch": self.epoch + 1}


def embed_split(
    net: RmferNet,
    info: ModelInfo,
    split: Split,
    *,
    device: torch.device | None = None,
    workers: int | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> torch.Tensor:
    """(n, D) float32 on the CPU: z of every image of a split, or f where no projection was trained.

    Args:
        net: on ``device``; is in evaluation mode afterwards.
        info: what belongs to it.
        split: its images.
        device: where the network is; None is the CPU.
        workers: threads that decode; by default one for each core that may be used.
        advance: called with how many more images are done.
    """
    net.eval()
    on_gpu = device if device is not None and device.type == "cuda" else None
    every = []
    options = {"size": info.size, "mean": info.mean, "std": info.std, "workers": workers, "device": on_gpu}
    with torch.inference_mode(), EvalLoader(split, **options) as loader:  # type: ignore[arg-type]
        for batch in loader:
            f, z = net.embed(batch.images)
            every.append((f if "projection" in info.untrained else z).float().cpu())
            advance(len(batch.items))
    return torch.cat(every).clone()


def measure(
    z: torch.Tensor,
    info: ModelInfo,
    split: Split,
    *,
    gammas: Sequence[float] = GAMMAS,
    mds_images: int = MDS_IMAGES,
    seed: int = 42,
) -> tuple[RunMeasures, Plane]:
    """Everything of the embeddings ``z`` (n, D) of a split's images; the plane of a class-balanced part of them.

    Args:
        z: of `embed_split`.
        info: of the network: tau and self-masking are those of its training.
        split: whose images they are.
        gammas: of the filter ratios.
        mds_images: at most so many points.
        seed: of batches and part.
    """
    labels = torch.from_numpy(split.labels)
    how = {"tau": float(info.config.get("tau", 0.25)), "self_mask": bool(info.config.get("self_masking", True))}
    batches = balanced_batches(split.labels, ATTENTION_BATCHES, seed=seed)
    attention = [same_label_attention(z[own], labels[own], **how) for own in torch.from_numpy(batches)]  # type: ignore[arg-type]
    chosen = balanced_sample(split.labels, mds_images, seed=seed)
    plane = Plane(plane_of(z[chosen].numpy()), split.labels[chosen], chosen)
    found = class_distances(plane.points, plane.labels, classes=info.classes)
    names = class_names(info.classes)
    measures = RunMeasures(
        split=split.name,
        epoch=info.epoch,
        which=info.which,
        space="f" if "projection" in info.untrained else "z",
        images=len(split),
        cosine_difference=cosine_difference(z, labels),
        cosine_difference_with_diagonal=cosine_difference(z, labels, include_diagonal=True),
        filter_ratios={f"{gamma:g}": filter_ratio(z, labels, gamma=gamma) for gamma in gammas},
        attention=float(np.mean(attention)),
        distances=dict(zip(names, found.raw.tolist(), strict=True)),
        relative_distances=dict(zip(names, found.relative.tolist(), strict=True)),
    )
    return measures, plane
