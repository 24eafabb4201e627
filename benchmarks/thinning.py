"""What does it cost to look at fewer frames? Detection thinned to every 2nd .. 8th frame against every frame.

For each mashup and stride: recall and pair F1 against the truth, how far the corners of boxes and the landmarks lie
from those found in every frame (as shares of the box's longer side), and the time as a share of every frame's.

    python benchmarks/thinning.py [--videos VIDEO ...] [--strides 2 4 8]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from common import keep, shared
from mashups import scores

from rmset_builder.core.geometry import iou_matrix
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.reader import read_columns
from rmset_builder.shards.videos_table import read_videos

SAME_FACE = 0.3

Floats = npt.NDArray[np.float64]


def rows_of(folder: Path, video: str) -> dict[int, tuple[Floats, Floats]]:
    """Boxes (n, 4) and landmarks (n, 10) by frame."""
    frame, *places = read_columns(shard_path(folder, video, 0), "frame", "bbox", "landmarks")
    boxes, landmarks = (np.asarray(values, np.float64) for values in places)
    return {int(f): (boxes[frame == f], landmarks[frame == f]) for f in np.unique(frame)}


def errors(reference: dict[int, tuple[Floats, Floats]], found: dict[int, tuple[Floats, Floats]]) -> dict[str, float]:
    """How far faces lie from the reference's, as shares of the box's longer side; and the share of them found."""
    box_errors, landmark_errors, missed = [], [], 0
    for frame, (boxes, landmarks) in reference.items():
        if frame not in found:
            missed += len(boxes)
            continue
        overlap = iou_matrix(boxes, found[frame][0])
        nearest = overlap.argmax(axis=1)
        same = overlap.max(axis=1) >= SAME_FACE
        missed += int((~same).sum())
        side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)[same]
        box_errors.append(np.abs(found[frame][0][nearest] - boxes)[same].max(axis=1) / side)
        landmark_errors.append(np.abs(found[frame][1][nearest] - landmarks)[same].max(axis=1) / side)
    box, landmark = np.concatenate(box_errors), np.concatenate(landmark_errors)
    return {
        "box_median": round(float(np.median(box)), 4),
        "box_p95": round(float(np.percentile(box, 95)), 4),
        "box_p99": round(float(np.percentile(box, 99)), 4),
        "landmark_median": round(float(np.median(landmark)), 4),
        "landmark_p95": round(float(np.percentile(landmark, 95)), 4),
        "missed_share": round(missed / (missed + len(box)), 5),
    }


def main() -> None:
    """Extract with each stride, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", nargs="*", type=Path, help="mashups with FILE.truth.csv; default: all shipped")
    parser.add_argument("--strides", nargs="*", type=int, default=[2, 4, 8])
    options = parser.parse_args()
    videos = options.videos or sorted((shared() / "data" / "mashups").glob("*.mp4"))
    results = []
    with tempfile.TemporaryDirectory(prefix="rmset-thinning-") as scratch:
        folders = {stride: Path(scratch) / str(stride) for stride in (1, *options.strides)}
        for stride, folder in folders.items():
            command = [sys.executable, "-m", "rmset_builder", "extract", *map(str, videos), "--out", str(folder)]
            subprocess.run([*command, "--detect-every", str(stride), "--json"], check=True, capture_output=True)
        for video in videos:
            reference = rows_of(folders[1], video.stem)
            for stride, folder in folders.items():
                score = scores(folder, video)
                record = read_videos(folder)[video.stem]
                results.append(
                    {
                        "video": video.stem,
                        "every": stride,
                        **{name: score[name] for name in ("recall", "pair_f1", "identities", "people", "film_mixed")},
                        **errors(reference, rows_of(folder, video.stem)),
                        "seconds_of_stride_1": round(
                            record.seconds_spent / read_videos(folders[1])[video.stem].seconds_spent, 3
                        ),
                    }
                )
                print(json.dumps(results[-1]), file=sys.stderr)
    keep("thinning", results)


if __name__ == "__main__":
    main()
