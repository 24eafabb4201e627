"""How many people are among the positives, and among those that attention keeps, by `frame_stride`.

    python benchmarks/frame_stride.py MODEL SHARDS [--sets 2000] [--strides 1 2 5 10 15 20 30]

MODEL (a run's folder) tells which positives are most similar to their anchor. Every face of the shards goes through it
once. For each stride: people in P and in P_imp, the share of sets whose P_imp is one person, how far P_imp lies from
the anchor, and which videos give no set any more; and the same where positives are drawn person first, then frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from common import keep

from rmfer.errors import RmferError
from rmfer.losses.acl import choose
from rmfer.model.saved import load_model
from rmfer.predict.likest import FaceEmbedder
from rmfer.shards.index import Index, open_index
from rmfer.shards.sampler import AnchorSampler, AnchorSet, SamplerSettings
from rmset_builder.core.machine import usable_cores

BATCH = 256
POSITIVES, GAMMA = 50, 0.1


def embed_all(index: Index, model: Path) -> torch.Tensor:
    """(R, D) float32: the projection of every face."""
    embed = FaceEmbedder(*load_model(model, which="last"), index, workers=usable_cores())
    starts = range(0, len(index), BATCH)
    found = torch.cat([embed(np.arange(at, min(at + BATCH, len(index)))) for at in starts])
    embed.close()
    return found


def person_first(index: Index, drawn: AnchorSet, numbers: np.random.Generator, stride: int) -> np.ndarray[Any, Any]:
    """The positives of ``drawn`` anew: all other people of its window in turn, each with a random face that is left."""
    video = index.video_of(int(drawn.rows[0]))
    first, stop = index.video_start[video : video + 2].tolist()
    away = index.frame[first:stop] - drawn.frame
    reach = drawn.radius * stride
    rows = first + np.flatnonzero(
        (index.identity[first:stop] != drawn.identity) & (away >= -reach) & (away < reach) & (away % stride == 0)
    )
    rows = rows[np.argsort(numbers.random(len(rows)), kind="stable")]
    people = index.identity[rows]
    turn = np.zeros(len(rows), np.int64)
    for person in np.unique(people):
        own = people == person
        turn[own] = np.arange(own.sum())
    return rows[np.argsort(turn, kind="stable")][:POSITIVES]


def summary(index: Index, z: torch.Tensor, sets: list[AnchorSet], positives: list[Any], fps: dict[str, float]) -> Any:
    """Of one way to draw."""
    people, kept_people, away = [], [], []
    for drawn, rows in zip(sets, positives, strict=True):
        anchor, near = z[int(drawn.rows[0])][None], z[torch.from_numpy(rows)][None]
        kept = rows[choose(anchor, near, near, gamma=GAMMA).positives[0].numpy()]
        people.append(len(np.unique(index.identity[rows])))
        kept_people.append(len(np.unique(index.identity[kept])))
        away.append(np.abs(index.frame[kept] - drawn.frame).mean() / fps[drawn.video])
    return {
        "people_in_p": round(float(np.mean(people)), 2),
        "people_in_p_imp": round(float(np.mean(kept_people)), 2),
        # Where there are others to choose from.
        "one_person": round(float(np.mean(np.asarray(kept_people)[np.asarray(people) > 1] == 1)), 3),
        "sets_with_two_people_in_all": round(float(np.mean(np.asarray(people) == 1)), 3),
        "different_negatives": round(float(np.mean([len(np.unique(s.rows[1 + POSITIVES :])) for s in sets])), 1),
        "seconds_from_anchor": round(float(np.mean(away)), 3),
    }


def main() -> None:
    """Embed, draw, count, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--strides", type=int, nargs="+", default=[1, 2, 5, 10, 15, 20, 30])
    options = parser.parse_args()
    index = open_index(options.shards)
    table = pq.read_table(options.shards / "videos.parquet").to_pylist()
    fps = {row["id"]: float(row["fps"]) for row in table}
    z = embed_all(index, options.model)
    kept: dict[str, Any] = {"videos": len(index.videos), "faces": len(index), "sets": options.sets, "by_stride": {}}
    for stride in options.strides:
        try:
            sampler = AnchorSampler(index, SamplerSettings(frame_stride=stride))
        except RmferError as error:
            kept["by_stride"][stride] = {"none": str(error).replace(str(options.shards), "the shards")}
            continue
        sets = [sampler.draw(epoch=0, number=number) for number in range(options.sets)]
        numbers = np.random.default_rng(stride)
        kept["by_stride"][stride] = {
            "as_drawn": summary(index, z, sets, [drawn.rows[1 : 1 + POSITIVES] for drawn in sets], fps),
            "person_first": summary(index, z, sets, [person_first(index, d, numbers, stride) for d in sets], fps),
            "videos_left_out": [f"{name}: {reason}" for name, reason in sampler.eligible.left_out],
        }
        print(stride, kept["by_stride"][stride], flush=True)
    keep("frame_stride", kept, packages=("torch",))


if __name__ == "__main__":
    main()
