"""Decoding, quickly and on a device."""

from __future__ import annotations

import numpy as np
import simplejpeg
import torch
from pillow_pictures import by_pillow
from small_shards import picture

from rmfer.data.device import DeviceStage
from rmfer.shards.decode import QUICK


def test_quick_decoding_of_faces_stays_nearer() -> None:
    from rmset_builder.demo.compose import load_scene  # noqa: PLC0415
    from rmset_builder.demo.scene import draw_frame  # noqa: PLC0415

    frame = draw_frame(load_scene(), 0)
    for x in (20, frame.shape[1] // 2 - 130, frame.shape[1] - 280):
        face = np.ascontiguousarray(frame[40:300, x : x + 260])
        file = simplejpeg.encode_jpeg(face, 95, "BGR", "420")
        exact = simplejpeg.decode_jpeg(file, "RGB").astype(np.int64)
        difference = np.abs(exact - simplejpeg.decode_jpeg(file, "RGB", **QUICK))
        assert difference.mean() < 2
        assert difference.max() <= 96


def test_the_device_stage_decodes_files() -> None:
    """The way of nvJPEG, with torchvision's decoder for the CPU in its place."""
    stage = DeviceStage(torch.device("cpu"), size=64)
    files = [torch.frombuffer(bytearray(picture(n, 64 + 32 * (n == 2))), dtype=torch.uint8) for n in range(3)]
    images, faults = stage.decode(files)
    assert (images.shape, images.dtype, faults) == ((3, 3, 64, 64), torch.uint8, [])
    np.testing.assert_array_equal(images[1].permute(1, 2, 0).numpy(), by_pillow(picture(1)))
    images, faults = stage.decode([files[0], torch.zeros(50, dtype=torch.uint8)])
    assert len(images) == 1
    assert [place for place, _ in faults] == [1]
