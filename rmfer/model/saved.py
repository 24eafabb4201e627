"""A trained network as one file: its weights, and in the header all that is needed to use them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from rmfer.data.device import check_device
from rmfer.errors import RmferError
from rmfer.model.heads import HeadKind
from rmfer.model.network import RmferNet
from rmfer.model.weights import write_weights

FORMAT = "1"
_FORMAT_KEY, _INFO_KEY = "rmfer.format", "rmfer.model"


@dataclass(frozen=True)
class ModelInfo:
    """What is needed beside the weights to use a model.

    Attributes:
        backbone: its name in timm.
        backbone_args: further arguments to ``timm.create_model``.
        classes: 7 or 8, in the canonical order.
        size: height and width of its pictures, pixels.
        mean: of R, G, B in 0 .. 1, that pictures are normalised with.
        std: likewise.
        benchmark: title of what it was trained on.
        preset: the presets of its training, separated by blanks.
        epoch: from 0, after which the weights were kept.
        which: "last" or "best" epoch.
        evaluate_with: the classifier that was trained and is to be used.
        metrics: accuracies in 0 .. 1 by name, ``valid_average`` for example.
        config: all settings of its training.
        untrained: parts of the network that were not trained, so that the file lacks them.
        head: how h_main classifies; see `rmfer.model.heads`.
    """

    backbone: str
    backbone_args: dict[str, Any]
    classes: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    benchmark: str = ""
    preset: str = ""
    epoch: int = 0
    which: str = "last"
    evaluate_with: Literal["main", "att"] = "main"
    metrics: dict[str, float] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    untrained: tuple[str, ...] = ()
    head: HeadKind = "linear"

    @property
    def is_grey(self) -> bool:
        """Whether it was trained on grey pictures: red, green and blue have the same mean and deviation."""
        return len({*zip(self.mean, self.std, strict=True)}) == 1


def save_model(path: Path, net: RmferNet, info: ModelInfo) -> None:
    """Write the weights of ``net``, but for untrained parts, with ``info``; ``path`` is whole then, or as it was.

    Raises:
        RmferError: the disk is full or the folder cannot be written to.
    """
    trained = {name: value for name, value in net.state_dict().items() if _part(name) not in info.untrained}
    write_weights(path, trained, {_FORMAT_KEY: FORMAT, _INFO_KEY: json.dumps(asdict(info))})


def load_model(path: Path, *, which: str = "best", device: torch.device | str = "cpu") -> tuple[RmferNet, ModelInfo]:
    """A trained network, in evaluation mode on ``device``; of what was not trained, h_att is h_main.

    Args:
        path: a run's folder, or a file that `save_model` wrote.
        which: of a folder, "best" or "last".
        device: where the network is to be.

    Raises:
        RmferError: there is none, it is damaged or of another kind, or there is no such device.
    """
    place = torch.device(device)
    check_device(place)
    file = _file(path, which)
    try:
        with safe_open(file, framework="pt") as opened:
            info = _info(file, opened.metadata() or {})
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise RmferError(
            f"{file} cannot be read ({error})", remedy="it is damaged: train anew, or copy it anew"
        ) from error
    net = RmferNet(info.backbone, classes=info.classes, backbone_args=info.backbone_args, head=info.head)
    _check_fit(file, net, weights, info.untrained)
    if "head_att" in info.untrained:
        main = {name: value for name, value in weights.items() if _part(name) == "head_main"}
        weights |= {name.replace("head_main.", "head_att."): value for name, value in main.items()}
    net.load_state_dict(weights, strict=False)
    return net.to(place).eval(), info


def _file(path: Path, which: str) -> Path:
    if not path.is_dir():
        if not path.exists():
            raise RmferError(f"{path} does not exist", remedy="give a run's folder or a .safetensors file")
        return path
    file = path / f"{which}.safetensors"
    if not file.is_file():
        raise RmferError(
            f"{path} holds no {file.name}",
            remedy="a run has one from the end of its first epoch on; is it a run's folder?",
        )
    return file


def _info(file: Path, told: dict[str, str]) -> ModelInfo:
    if _INFO_KEY not in told:
        raise RmferError(
            f"{file} holds weights, but was not written by `rmfer train`",
            remedy="to begin a training with them: `rmfer train --set weights=FILE`",
        )
    if told.get(_FORMAT_KEY) != FORMAT:
        raise RmferError(
            f"{file} has format {told.get(_FORMAT_KEY)}, this version reads {FORMAT}", remedy="update rmset-builder"
        )
    try:
        info = TypeAdapter(ModelInfo).validate_json(told[_INFO_KEY])
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise RmferError(f"{file}: what it tells of its network is wrong ({faults})", remedy="train anew") from None
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in info.backbone_args.items()}
    return ModelInfo(**{**vars(info), "backbone_args": options})  # JSON has no tuples, which timm wants


def _part(name: str) -> str:
    return name.partition(".")[0]


def _check_fit(file: Path, net: RmferNet, weights: dict[str, torch.Tensor], untrained: tuple[str, ...]) -> None:
    here = {name: value for name, value in net.state_dict().items() if _part(name) not in untrained}
    wrong = sorted(
        name
        for name in here.keys() | weights.keys()
        if name not in here or name not in weights or here[name].shape != weights[name].shape
    )
    if wrong:
        shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise RmferError(
            f"{file}: its weights are not those of the network it names: {shown}",
            remedy="was it written with another version of timm? Install that one, or train anew",
        )
