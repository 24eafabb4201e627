"""Faces that stand on their heads are found by the detector, told from upright ones, and left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from rmset_builder.demo.compose import find_photo
from rmset_builder.demo.scene import Image
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.faces import Faces
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import align_face
from rmset_builder.faces.upside_down import INPUT_SIZE, SURER, surer_when_turned, upside_down_note
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack

Finished = Callable[..., object]


@pytest.fixture(scope="module")
def detector() -> Scrfd:
    return Scrfd(load_pack().detector, size=INPUT_SIZE, batch=1, device=Device(), threshold=0.2)


def photo_faces(turned: bool) -> tuple[Image, Faces]:
    photo = np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)
    picture = np.ascontiguousarray(photo[::-1, ::-1]) if turned else photo
    whole = Scrfd(load_pack().detector, size=InputSize(640, 448), batch=1, device=Device(), threshold=0.5)
    return picture, whole.detect([picture])[0]


@pytest.mark.parametrize("turned", [False, True])
def test_upright_faces_and_others(detector: Scrfd, turned: bool) -> None:
    picture, found = photo_faces(turned)
    assert len(found) >= 2, "the detector sees faces either way"
    surer = surer_when_turned([align_face(picture, marks, side=260) for marks in found.landmarks], detector)
    assert (surer >= SURER).all() if turned else (surer < 0).all(), surer


def test_a_picture_without_a_face_is_not_upside_down(detector: Scrfd) -> None:
    assert surer_when_turned([np.full((260, 260, 3), 90, np.uint8)], detector).tolist() == [0]


@pytest.mark.parametrize("flip", ["vflip", "hflip,vflip"])
def test_they_are_left_out_and_counted(
    demo_frames: list[Image], make_clip: Callable[..., Path], rmset: Finished, tmp_path: Path, flip: str
) -> None:
    raw = tmp_path / "frames.bgr"
    raw.write_bytes(b"".join(frame.tobytes() for frame in demo_frames[:12]))
    source = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", "1280x720", "-framerate", 25, "-i", raw]
    clip = make_clip(tmp_path / "clip.mp4", *source, "-vf", flip, "-c:v", "libx264", "-pix_fmt", "yuv420p")
    rmset("extract", clip, "--out", tmp_path / "shards", "--threads", 1)
    (record,) = pq.read_table(tmp_path / "shards" / "videos.parquet").to_pylist()
    assert (record["state"], record["faces"]) == ("done", 0)
    assert json.loads(record["dropped_json"])["faces"]["upside-down"] >= 12
    assert "-display_rotation 180" in record["message"]


def test_a_few_are_no_reason_for_a_note() -> None:
    assert upside_down_note(3, 4) == upside_down_note(0, 0) == ""
    assert "1,200" in upside_down_note(1200, 4)
