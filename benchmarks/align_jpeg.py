"""What an aligned face costs, weighs and loses, by how it is drawn and how its JPEG is made.

    python benchmarks/align_jpeg.py [VIDEO ...] [--faces 300] [--rounds 9] [--expression RUN]

Each video is extracted, and of evenly spread frames every face is drawn anew by each variant: the frame warped as it is
and encoded in several ways, or the decoder's own planes warped and encoded without a change of colours between. Costs
are processor time of one thread, microseconds a face: the median of all rounds, the least and the most. Variants take
turns round by round; finding the transform, which all need, is not counted. What is lost is told by cosines to the
features of the same face never encoded: warped as it is, and, as that favours what is drawn alike, in floating point
from the decoder's planes ("exact"). Features are ArcFace's, and with ``--expression`` an expression network's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from align_variants import VARIANTS, Face, exact, faces_of, warped
from common import keep, shared

from rmset_builder.faces.align import arcface_crop, sharpness
from rmset_builder.faces.jpeg import decode_jpeg
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.video.decode import Frame

Features = Callable[[Sequence[Frame]], npt.NDArray[np.floating[Any]]]

STAGES = ("warp", "jpeg", "sharpness", "all")


def costs(faces: Sequence[Face], rounds: int) -> dict[str, npt.NDArray[np.float64]]:
    """Microseconds a face of each variant's warp, JPEG and sharpness: (rounds, 3)."""
    spent: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, variant in VARIANTS.items():
            marks = np.empty((len(faces), 4))
            # One face after the other, as extraction does it: each is still in the core's cache when it is encoded.
            for mark, face in zip(marks, faces, strict=True):
                mark[0] = time.thread_time()
                drawn = variant.draw(face)
                mark[1] = time.thread_time()
                variant.encode(drawn)
                mark[2] = time.thread_time()
                variant.sharp(drawn)
                mark[3] = time.thread_time()
            spent[name].append(np.diff(marks).mean(axis=0) * 1e6)
    return {name: np.array(values) for name, values in spent.items()}


def arcface() -> Features:
    """Embeddings of aligned RGB faces."""
    embedder = Embedder(load_pack().recogniser, batch=1, device=Device())
    return lambda faces: np.concatenate([embedder.embed([arcface_crop(face)]) for face in faces])


def expression(run: Path) -> tuple[Features, str]:
    """What the backbone of a trained network makes of aligned RGB faces; and what network that is."""
    import torch  # noqa: PLC0415  takes seconds to import

    from rmfer.model.saved import load_model  # noqa: PLC0415
    from rmfer.predict.recogniser import Recogniser  # noqa: PLC0415

    net, info = load_model(run)
    found: list[Any] = []
    net.backbone.register_forward_hook(lambda _net, _images, features: found.append(features))
    recogniser = Recogniser(net, info, torch.device("cpu"))

    def features(faces: Sequence[Frame]) -> npt.NDArray[np.floating[Any]]:
        found.clear()
        recogniser.probabilities(faces)
        return np.asarray(torch.cat(found))

    return features, f"{info.backbone}, {info.size} x {info.size}, of {info.benchmark}"


def stages_of(spent: npt.NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """Median, least and most of (rounds, stages) microseconds, by stage and of all of them together."""
    both = np.column_stack([spent, spent.sum(axis=1)])
    numbers = zip(*(of(both, axis=0).round(1).tolist() for of in (np.median, np.min, np.max)), strict=True)
    told = (dict(zip(("median", "least", "most"), one, strict=True)) for one in numbers)
    return {f"{stage}_us": one for stage, one in zip(STAGES, told, strict=True)}


def cosines(a: npt.NDArray[np.floating[Any]], b: npt.NDArray[np.floating[Any]]) -> dict[str, float]:
    """Of each row of ``a`` with the same of ``b``: the mean, and what 5 and 1 per cent lie below."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    each = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    told = {"mean": each.mean(), "p5": np.percentile(each, 5), "p1": np.percentile(each, 1)}
    return {name: round(float(value), 5) for name, value in told.items()}


def measure(video: Path, least: int, rounds: int, networks: dict[str, Features]) -> dict[str, Any]:
    """Every variant's costs, bytes and losses on one video."""
    with tempfile.TemporaryDirectory(prefix="rmset-align-") as scratch:
        faces = faces_of(video, Path(scratch), least)
    plain = [warped(face) for face in faces]
    references = {"": [cv2.cvtColor(face, cv2.COLOR_BGRA2RGB) for face in plain], "_exact": list(map(exact, faces))}
    features = {(name, to): networks[name](pictures) for name in networks for to, pictures in references.items()}
    told: dict[str, Any] = {"video": video.stem, "faces": len(faces), "variants": {}}
    spent = costs(faces, rounds)
    for name, variant in VARIANTS.items():
        drawn = [variant.draw(face) for face in faces]
        files = [variant.encode(picture) for picture in drawn]
        if name == "present" and files != [face.stored for face in faces]:
            raise SystemExit("what is measured as present is not what extraction stores")
        made = {
            network: features_of([decode_jpeg(file) for file in files]) for network, features_of in networks.items()
        }
        sharp = [variant.sharp(one) / sharpness(other) - 1 for one, other in zip(drawn, plain, strict=True)]
        told["variants"][name] = {
            **stages_of(spent[name]),
            "bytes": round(sum(map(len, files)) / len(files)),
            "same_file_as_present": sum(file == face.stored for file, face in zip(files, faces, strict=True)),
            "sharpness_off_by": round(float(np.abs(sharp).mean()), 4),
            **{network + to: cosines(made[network], wanted) for (network, to), wanted in features.items()},
        }
    return told


def print_table(found: dict[str, Any]) -> None:
    """A video's variants, one a line: median, least and most; of cosines the mean, and what 5 and 1 % lie below."""
    heads = [name for name, value in found["variants"]["present"].items() if isinstance(value, dict) or name == "bytes"]
    print(f"\n{found['video']}, {found['faces']} faces\n{'':12s}", *(f"{head:>24s}" for head in heads))
    for name, row in found["variants"].items():
        cells = [" ".join(map(str, row[head].values())) if head != "bytes" else f"{row[head]:,}" for head in heads]
        print(f"{name:12s}", *(f"{cell:>24s}" for cell in cells))


def main() -> None:
    """Measure, keep, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path, help="default: film11 and crowd19 of the test data")
    parser.add_argument("--faces", type=int, default=300, help="of each video, at least")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--expression", type=Path, metavar="RUN", help="of `rmfer train`, or its .safetensors file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    mashups = shared() / "data" / "mashups"
    videos = options.videos or [mashups / f"{name}.mp4" for name in ("film11", "crowd19")]
    networks, about = {"arcface": arcface()}, {"arcface": load_pack().recogniser.name}
    if options.expression:
        networks["expression"], about["expression"] = expression(options.expression)
    found_in = [measure(video, options.faces, options.rounds, networks) for video in videos]
    keep("align_jpeg", {"networks": about, "rounds": options.rounds, "videos": found_in}, packages=("simplejpeg",))
    for found in found_in:
        print_table(found)


if __name__ == "__main__":
    main()
