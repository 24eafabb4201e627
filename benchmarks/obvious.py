"""The obvious program, as most people would write it today: the other side of benchmarks/extract.py.

insightface's FaceAnalysis frame by frame, every face embedded, one JPEG a face, DBSCAN at the end.

    python benchmarks/obvious.py VIDEO FOLDER [FRAMES]     prints one JSON object
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from insightface.app import FaceAnalysis
from insightface.utils import face_align
from sklearn.cluster import DBSCAN

from rmset_builder.pipeline.model_pack import load_pack

SIDE = 260


def main(video: str, folder: Path, most_frames: int) -> None:
    """Extract the faces of ``video`` into ``folder``."""
    pack, models = load_pack(), folder / "models"
    models.mkdir(parents=True)
    for model in (pack.detector, pack.recogniser):
        shutil.copy(model, models)
    with contextlib.redirect_stdout(io.StringIO()):
        app = FaceAnalysis(name=str(models.absolute()), providers=["CPUExecutionProvider"])
        # 640 x 384 fits 16:9 pictures; the usual 640 x 640 would cost this side more and find no more faces.
        app.prepare(ctx_id=-1, det_size=(640, 384))
    began = time.perf_counter()
    capture, frames, embeddings = cv2.VideoCapture(video), 0, []
    while frames < most_frames:
        alive, picture = capture.read()
        if not alive:
            break
        for number, face in enumerate(app.get(picture)):
            matrix = face_align.estimate_norm(face.kps, 112) * (SIDE / 112)
            aligned = cv2.warpAffine(picture, matrix, (SIDE, SIDE))
            cv2.imwrite(str(folder / f"{frames}_{number}.jpg"), aligned, [cv2.IMWRITE_JPEG_QUALITY, 95])
            embeddings.append(face.normed_embedding)
        frames += 1
    DBSCAN(eps=0.6, min_samples=5, metric="cosine").fit(np.array(embeddings))
    seconds = time.perf_counter() - began
    print(json.dumps({"frames": frames, "faces": len(embeddings), "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else sys.maxsize)
