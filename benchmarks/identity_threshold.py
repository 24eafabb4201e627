"""Is the likeness from which on two tracks are one person right for people it was not chosen on?

Photos of 20 celebrities, 12 each, taken years apart, stand for tracks: 1, 2 or 3 photos of a person make one. They are
clustered without any help of the cannot-link rule. Printed: pair F1 and identities for each threshold.

    python benchmarks/identity_threshold.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from common import keep, shared

from rmset_builder.detection.base import InputSize
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import align_face, arcface_crop
from rmset_builder.identity.clustering import IdentityRules, TrackSummary, cluster_tracks
from rmset_builder.identity.embedder import Embedder
from rmset_builder.identity.embeddings import unit
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack

THRESHOLDS = (0.20, 0.25, 0.30, 0.36, 0.40, 0.45, 0.50)
SOLID = IdentityRules.solid


def embed_photos(folder: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Embeddings of every photo with a face, and whose it is."""
    pack = load_pack()
    detector = Scrfd(pack.detector, size=InputSize(192, 192), batch=1, device=Device(), threshold=0.4)
    embedder = Embedder(pack.recogniser, batch=1, device=Device())
    vectors, people = [], []
    for person, own in enumerate(sorted(p for p in folder.iterdir() if p.is_dir())):
        for photo in sorted(own.iterdir()):
            picture = cv2.imread(str(photo))
            if picture is None:
                continue
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            faces = detector.detect([picture])[0]
            if len(faces):
                largest = int(np.argmax(faces.boxes[:, 2] - faces.boxes[:, 0]))
                aligned = align_face(picture, faces.landmarks[largest], side=260)
                vectors.append(embedder.embed([arcface_crop(aligned)])[0])
                people.append(person)
    return np.array(vectors), np.array(people)


def pair_f1(truth: npt.NDArray[np.int64], found: npt.NDArray[np.int64]) -> float:
    """F1 over all pairs: together in truth, together in what was found."""
    same, together = truth[:, None] == truth, found[:, None] == found
    pairs = ~np.eye(len(truth), dtype=bool)
    return float(2 * (same & together & pairs).sum() / ((same & pairs).sum() + (together & pairs).sum()))


def main() -> None:
    """Measure, print, keep."""
    vectors, people = embed_photos(shared() / "data" / "celebrities")
    shuffled = np.random.default_rng(0)
    results = []
    for size in (1, 2, 3):
        tracks, truth = [], []
        for person in np.unique(people):
            own = shuffled.permutation(np.flatnonzero(people == person))
            for start in range(0, len(own) - size + 1, size):
                tracks.append(vectors[own[start : start + size]].sum(axis=0))
                truth.append(person)
        n = len(tracks)
        summary = TrackSummary(np.full(n, SOLID), unit(np.array(tracks)), np.zeros((n, n), bool))
        for threshold in THRESHOLDS:
            labels = cluster_tracks(summary, IdentityRules(same_person=threshold))
            f1 = round(pair_f1(np.array(truth), labels), 4)
            identities = int(labels.max()) + 1
            results.append({"photos": size, "threshold": threshold, "pair_f1": f1, "identities": identities})
    keep("identity_threshold", {"people": len(np.unique(people)), "photos": len(people), "by_threshold": results})


if __name__ == "__main__":
    main()
