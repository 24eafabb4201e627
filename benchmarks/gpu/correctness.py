"""Step a: does a GPU give the CPU's results, and is it really the GPU that gave them?

    python benchmarks/gpu/correctness.py VIDEO ... [--gpu 0]

`rmset doctor --gpu N` first. Then each video is extracted on both sides and the rows compared: faces that one side
alone found, how far boxes and landmarks lie apart (as shares of the box's longer side), which faces are one person.
Last the networks' own outputs, number by number. `--rehearse` compares the CPU with itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import keep
from extraction import extract, identities, same_identities
from thinning import errors, rows_of
from watch import Watch

from rmset_builder.detection.base import InputSize
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack

# Float32 summed in another order moves a score by 1e-5 or so; a face whose score lies that near a threshold may go
# either way, and a keyframe with it. Beyond these bounds something else is wrong.
TOLERANCES = {
    "missed_share": 0.005,
    "found_by_gpu_alone": 0.005,
    "box_p99": 0.03,
    "landmark_p95": 0.02,
    "identity_disagreement": 0.001,
    "identities_apart": 0,
    "embedding_distance": 1e-3,
    "score_distance": 1e-3,
}


def doctor(gpu: int | None) -> dict[str, Any]:
    """What `rmset doctor` finds."""
    command = [sys.executable, "-m", "rmset_builder", "doctor", "--json"]
    command += [] if gpu is None else ["--gpu", str(gpu)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    return {
        "exit_code": done.returncode,
        "checks": {check["name"]: f"{check['mark']}: {check['found']}" for check in report["checks"]},
    }


def outputs_apart(video: Path, device: Device) -> dict[str, float]:
    """How far the two networks' outputs on ``device`` lie from the CPU's, on one frame and 32 random crops."""
    pack = load_pack()
    done, picture = cv2.VideoCapture(str(video)).read()
    if not done:
        raise SystemExit(f"{video}: no frame")
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    crops = [*np.random.default_rng(0).integers(0, 256, (32, 112, 112, 3), np.uint8)]
    height, width = picture.shape[:2]
    size = InputSize.for_picture(width, height, longest_side=640)
    found, embedded = [], []
    for where in (Device(), device):
        detector = Scrfd(pack.detector, size=size, batch=16, device=where, threshold=0.5)
        embedder = Embedder(pack.recogniser, batch=16, device=where)
        found.append(detector.detect([picture])[0])
        embedded.append(embedder.embed(crops))
        detector.close()
        embedder.close()
    order = [np.argsort(-faces.scores, kind="stable") for faces in found]
    same = len(found[0]) == len(found[1])
    score = np.abs(found[0].scores[order[0]] - found[1].scores[order[1]]).max() if same else 1.0
    cosine = (embedded[0] * embedded[1]).sum(1) / np.prod([np.linalg.norm(e, axis=1) for e in embedded], 0)
    return {"score_distance": float(score), "embedding_distance": float(1 - cosine.min())}


def main() -> None:
    """Ask the doctor, extract on both sides, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--rehearse", action="store_true", help="the CPU on both sides")
    options = parser.parse_args()
    gpu = None if options.rehearse else options.gpu
    kept: dict[str, Any] = {"doctor": doctor(gpu), "tolerances": TOLERANCES}
    print(json.dumps(kept["doctor"], indent=1), flush=True)
    kept["outputs"] = outputs_apart(options.videos[0], Device(gpu))
    print(kept["outputs"], flush=True)
    on_gpu = [] if gpu is None else ["--gpu", str(gpu)]
    worst = dict(kept["outputs"])
    with tempfile.TemporaryDirectory(prefix="rmset-gpu-") as scratch:
        cpu_side, gpu_side = Path(scratch) / "cpu", Path(scratch) / "gpu"
        with Watch(gpu) as watch:
            results, _, _ = extract(options.videos, gpu_side, *on_gpu)
        kept["while_on_gpu"] = watch.summary()
        kept["alone_frames_per_s"] = {r["video"]: round(r["frames"] / r["seconds_spent"], 1) for r in results}
        extract(options.videos, cpu_side)
        kept["videos"] = {}
        for stem in (video.stem for video in options.videos):
            ours, theirs = rows_of(gpu_side, stem), rows_of(cpu_side, stem)
            found = {
                **errors(theirs, ours),
                "found_by_gpu_alone": errors(ours, theirs)["missed_share"],
                "identity_disagreement": round(1 - same_identities(cpu_side, gpu_side, stem), 6),
                "identities_apart": abs(identities(cpu_side, stem) - identities(gpu_side, stem)),
            }
            kept["videos"][stem] = found
            worst |= {name: max(worst.get(name, 0), value) for name, value in found.items()}
    kept["within_tolerances"] = {name: bool(worst[name] <= most) for name, most in TOLERANCES.items()}
    keep("gpu/correctness" + ("_rehearsed" if options.rehearse else ""), kept, packages=("numpy",))
    print("all within the tolerances" if all(kept["within_tolerances"].values()) else "NOT within the tolerances")


if __name__ == "__main__":
    main()
