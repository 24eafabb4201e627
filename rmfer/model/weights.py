"""Loads weights from a file on this machine into a network; every weight that does not fit is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from rmfer.errors import RmferError
from rmfer.model.network import PARTS, RmferNet
from rmset_builder.core.files import whole_file

Weights = Mapping[str, Tensor]

_PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".tar")
# Where trainers put the weights within their checkpoints, and what wrappers write before each name.
NESTS = ("net", "state_dict", "model_state_dict", "model")
_WRAPPERS = ("module.", "_orig_mod.", "model.")
_DEEPEST = 10


@dataclass(frozen=True)
class WeightsReport:
    """What became of the weights of a file; names are those of `RmferNet`.

    Attributes:
        path: the file.
        taken: what fitted.
        missing: what the network has and the file lacks, so that it keeps its random values.
        misshapen: what has another shape: name, shape in the file, shape in the network.
        unused: what the file has and the network lacks.
    """

    path: Path
    taken: tuple[str, ...]
    missing: tuple[str, ...]
    misshapen: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        """One line for the file, and one for each part that is not wholly the file's."""
        lines = [f"weights of {self.path}: {_by_part(self.taken)}"]
        if self.missing:
            lines.append(f"  not in the file, begun at random: {_by_part(self.missing)}")
        if self.misshapen:
            shown = [f"{name} {list(there)} (here {list(here)})" for name, there, here in self.misshapen]
            lines.append(f"  of another shape, begun at random: {_few(shown)}")
        if self.unused:
            lines.append(f"  left out, having no place: {_few(self.unused)}")
        return "\n".join(lines)


def load_weights(net: RmferNet, source: str | Path) -> WeightsReport:
    """Take from ``source`` all weights that fit ``net``.

    Reads files of `rmfer train` and `rmfer convert`, and of timm's backbones; of these last ones the classifier is
    left out, for nothing tells the order of its classes. ``head_att`` begins as ``head_main`` where it is not there.

    Args:
        net: changed in place.
        source: a run's folder, whose best epoch it is then, a .safetensors file, or a checkpoint of torch's that holds
            tensors and plain values only.

    Raises:
        RmferError: the file is missing, damaged, would run code, or fits less than half of the backbone.
    """
    path = Path(source)
    if path.is_dir():
        path /= "best.safetensors"
    found = _named_as_here(read_weights(path), net)
    own = net.state_dict()
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    backbone = [name for name in own if name.startswith("backbone.")]
    fits = sum(name in fitting for name in backbone)
    if 2 * fits < len(backbone):
        raise RmferError(
            f"{path} fits {fits:,} of the backbone's {len(backbone):,} tensors; it has {_few(sorted(found)) or 'none'}",
            remedy="choose the backbone that it was made with (--set backbone=NAME)",
        )
    if not any(name.startswith("head_att.") for name in fitting):
        main = {name: value for name, value in fitting.items() if name.startswith("head_main.")}
        fitting |= {name.replace("head_main.", "head_att."): value for name, value in main.items()}
    net.load_state_dict(fitting, strict=False)
    return WeightsReport(
        path=path,
        taken=tuple(name for name in own if name in fitting),
        missing=tuple(name for name in own if name not in found and name not in fitting),
        misshapen=tuple(
            (name, tuple(found[name].shape), tuple(own[name].shape))
            for name in own
            if name in found and name not in fitting
        ),
        unused=tuple(sorted(found.keys() - own.keys())),
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a file by name, on the CPU; nothing in it is run.

    Raises:
        RmferError: the file is missing, damaged, of another kind, or would run code.
    """
    if not path.is_file():
        raise RmferError(
            f"there is no file {path} to take weights from", remedy="give a .safetensors, .pt or .pth file"
        )
    if path.suffix == ".safetensors":
        try:
            return dict(safetensors.torch.load_file(path))
        except (OSError, SafetensorError) as error:
            raise RmferError(f"{path} cannot be read ({error})", remedy="fetch it anew") from error
    if path.suffix not in _PICKLES:
        raise RmferError(
            f"{path} is of an unknown kind", remedy=f"weights are in .safetensors or {', '.join(_PICKLES)} files"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's loader raises whatever a file leads it to
        raise RmferError(
            f"{path} is damaged, or holds more than tensors and plain values",
            remedy=f"a whole pickled network can be made safe: `rmfer convert {path} --out WEIGHTS.safetensors`",
        ) from error
    return tensors_of(state)


def write_weights(path: Path, weights: Weights, told: dict[str, str]) -> None:
    """Write a .safetensors file with ``told`` in its header, atomically.

    Raises:
        RmferError: the disk is full or the folder cannot be written to.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    try:
        with whole_file(path) as temporary:
            # Not save_file, which would let nobody but the user read it.
            temporary.write_bytes(safetensors.torch.save(plain, told))
    except OSError as error:
        raise RmferError(f"{path} cannot be written ({error})", remedy="make room, or choose another folder") from error


def tensors_of(state: object) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, from where trainers usually put them, without wrappers' prefixes."""
    if not isinstance(state, Mapping):
        return {}
    held: Mapping[Any, Any] = state
    for _ in range(_DEEPEST):  # one may hold itself
        nest = next((nest for nest in NESTS if isinstance(held.get(nest), Mapping)), None)
        if nest is None:
            break
        held = held[nest]
    tensors = {str(name): value for name, value in held.items() if isinstance(value, Tensor)}
    for _ in range(_DEEPEST):
        wrapper = next((one for one in _WRAPPERS if tensors and all(name.startswith(one) for name in tensors)), None)
        if wrapper is None:
            break
        tensors = {name.removeprefix(wrapper): value for name, value in tensors.items()}
    return tensors


def _named_as_here(weights: Weights, net: RmferNet) -> dict[str, Tensor]:
    """``weights`` under the names of `RmferNet`: those of a bare backbone get its prefix."""
    if any(name.startswith("backbone.") for name in weights):
        return dict(weights)
    backbone = net.backbone.state_dict()
    return {f"backbone.{name}" if name in backbone else name: value for name, value in weights.items()}


def _by_part(names: tuple[str, ...]) -> str:
    counts = {part: sum(name.startswith(f"{part}.") for name in names) for part in PARTS}
    return ", ".join(f"{part} ({count:,} tensors)" for part, count in counts.items() if count)


def _few(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4:,} more" if len(names) > 4 else "")
