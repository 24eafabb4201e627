"""Draw the anchor sets that training would see: a face, other people near it in time, and itself far away.

    python examples/anchor_sets.py shards/
    python examples/anchor_sets.py shards/ --sets 4 --steps 10

Needs the extra `train`: python -m pip install "rmset-builder[train]"
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rmfer.errors import RmferError
from rmfer.shards import AnchorLoader, SamplerSettings


def main() -> None:
    """Print what is in each batch."""
    parser = argparse.ArgumentParser(description="Draw anchor sets from shards, as tensors ready for training.")
    parser.add_argument("shards", type=Path, help="folder that `rmset extract` wrote; its index is made beside it")
    parser.add_argument("--sets", type=int, default=2, help="anchor sets in a batch (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=1, help="batches to draw (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42, help="the same seed draws the same sets (default: %(default)s)")
    parser.add_argument("--frame-stride", type=int, default=10, help="every how many-th frame (default: %(default)s)")
    options = parser.parse_args()

    settings = SamplerSettings(seed=options.seed, anchors_per_step=options.sets, frame_stride=options.frame_stride)
    with AnchorLoader(options.shards, settings, steps_per_epoch=options.steps) as loader:
        index = loader.sampler.index
        for batch in loader:
            sets, faces, *shape = batch.images.shape
            print(f"step {batch.step}: {sets} x {faces} pictures of {' x '.join(map(str, shape))}, normalised")
            for drawn in batch.sets:
                # Rows of the index tell of each picture who it is, and in which frame.
                near, far = drawn.rows[1 : 1 + settings.positives], drawn.rows[1 + settings.positives :]
                people, frames, far_frames = len(set(index.identity[near])), index.frame[near], index.frame[far]
                print(f"  {drawn.video}: identity {drawn.identity} in frame {drawn.frame}")
                print(f"    {len(near)} pictures of {people} other people, frames {frames.min()} to {frames.max()}")
                print(f"    {len(far)} pictures of the same person, frames {far_frames.min()} to {far_frames.max()}")


if __name__ == "__main__":
    try:
        main()
    except RmferError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
