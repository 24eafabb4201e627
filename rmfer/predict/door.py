"""The way to `rmset_builder`, which finds faces: taken when one is to be found, as aligned pictures do without it."""

from __future__ import annotations

import torch

from rmfer.errors import RmferError


def require_builder() -> None:
    """Make sure that faces can be found.

    Raises:
        RmferError: rmset_builder, or something it needs, is not installed.
    """
    try:
        import rmset_builder.api  # noqa: PLC0415
    except ImportError as error:
        raise RmferError(
            f"faces are found by rmset_builder, which cannot be imported ({error})",
            remedy="run: pip install rmset-builder; or, where pictures are aligned faces already, give --aligned",
        ) from error
    del rmset_builder


def video_suffixes() -> frozenset[str]:
    """The suffixes of files that are taken for videos.

    Raises:
        RmferError: rmset_builder is not installed.
    """
    require_builder()
    from rmset_builder.api import VIDEO_SUFFIXES  # noqa: PLC0415

    return VIDEO_SUFFIXES


def onnx_gpu(device: torch.device) -> int | None:
    """The GPU on which ONNX Runtime runs beside torch on ``device``; None, the CPU, where it was built for none."""
    from rmset_builder.api import cuda_is_there  # noqa: PLC0415

    return (device.index or 0) if device.type == "cuda" and cuda_is_there() else None
