"""The video decoder of an NVIDIA GPU, if the ffmpeg at hand can use it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from rmset_builder.video.ffmpeg import find_ffmpeg

_PATIENCE_S = 60


@dataclass(frozen=True)
class NvDecoder:
    """The decoder of GPU number ``gpu``."""

    gpu: int

    @property
    def ffmpeg_options(self) -> dict[str, str]:
        """Options of ffmpeg's input. A video that the decoder does not know is decoded on the CPU."""
        return {"hwaccel": "cuda", "hwaccel_device": str(self.gpu)}


def find_nvdec(gpu: int) -> NvDecoder | str:
    """The decoder, or in a line why there is none: ffmpeg is asked to open the GPU, and says what it cannot."""
    command = [find_ffmpeg().path, "-v", "error", "-nostdin", "-init_hw_device", f"cuda=probe:{gpu}"]
    picture = ["-f", "lavfi", "-i", "color=size=64x64", "-frames:v", "1", "-f", "null", "-"]
    try:
        done = subprocess.run(
            [*command, *picture], capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return NvDecoder(gpu)
    told = done.stderr.strip().splitlines()
    return told[0] if told else f"ffmpeg ended with {done.returncode}"
