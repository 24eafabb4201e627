"""Tiny networks whose logits differ from picture to picture, as files of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo, save_model


def stirred_net(backbone: str = "test_resnet", *, classes: int = 8, size: int = 48) -> RmferNet:
    """A network as if it had been trained: batch-norm statistics of real activations, classifiers that disagree."""
    torch.manual_seed(3)
    net = RmferNet(backbone, classes=classes)
    net.train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches, without what it began with
    images = torch.randn(2, 16, 3, size, size)
    with torch.no_grad():
        for batch in images:
            net(batch)
        features = net.eval().features_of(images[0])
        for head in (net.head_main, net.head_att):
            head.weight.normal_()
            head.weight *= 0.3 / head(features).std(dim=0).mean()
    return net


def info_of(backbone: str = "test_resnet", **changed: Any) -> ModelInfo:
    """What belongs to such a network."""
    values: dict[str, Any] = {
        "backbone": backbone,
        "backbone_args": {},
        "classes": 8,
        "size": 48,
        "mean": (0.5, 0.45, 0.4),
        "std": (0.25, 0.2, 0.2),
        "benchmark": "Own",
        "preset": "base",
        "epoch": 4,
        "which": "best",
        "metrics": {"valid_average": 0.5},
        "config": {"weights": "/home/somebody/enet.pt", "lr": 1e-3, "sam": True, "lambda2": 0.1, "epochs": 9},
    }
    return ModelInfo(**values | changed)


def write_run(folder: Path, **changed: Any) -> Path:
    """A run's folder with both epochs."""
    for which in ("best", "last"):
        info = info_of(**{"which": which, **changed})
        save_model(folder / f"{which}.safetensors", stirred_net(info.backbone, classes=info.classes), info)
    return folder
