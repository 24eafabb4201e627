"""Losses are computed in float32 at least, also under autocast."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def in_float32(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` without autocast, its half-precision arguments as float32; the first must be a tensor."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next(value.device.type for value in args if isinstance(value, Tensor))
        wide = {name: _wide(value) for name, value in kwargs.items()}
        with torch.autocast(device, enabled=False):
            return function(*map(_wide, args), **wide)

    return run


def _wide(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16):
        return value.float()
    return value
