"""Which device a name means, or which devices."""

from __future__ import annotations

import torch

from rmfer.data.device import check_device
from rmfer.errors import RmferError


def named_device(name: str | None = None) -> torch.device:
    """The device of that name: "cpu", "cuda", "cuda:1"; None is the GPU where there is one, else the CPU.

    Raises:
        RmferError: no such device, or it is not there.
    """
    try:
        found = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise RmferError(f"--device {name} is no device", remedy="use cpu, cuda or cuda:N") from None
    check_device(found)
    return found


def named_devices(name: str | None = None) -> tuple[str, ...]:
    """The names of all devices that a name stands for: "cuda" for every GPU that is visible; None as `named_device`.

    Raises:
        RmferError: no such device, or it is not there.
    """
    found = named_device(name)
    if str(found) == "cuda":
        return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    return (str(found),)
