"""Backbones for pictures of 48 pixels or so, in timm's registry beside its own."""

from __future__ import annotations

from typing import Any

from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet
from torch import nn


@register_model  # type: ignore[untyped-decorator]
def resnet18_stride1(pretrained: bool = False, **options: Any) -> ResNet:
    """ResNet-18 whose first map is as large as the picture: a stem of three 3 x 3 convolutions, without a pool.

    Args:
        pretrained: there are no weights of it.
        options: of timm's ``ResNet``; ``channels`` (64, 128, 256, 512) are those of its four stages.

    Raises:
        ValueError: ``pretrained``.
    """
    if pretrained:
        raise ValueError("there are no weights of resnet18_stride1")
    ours = {"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}  # which timm gives to whatever it builds
    options = {name: value for name, value in options.items() if name not in ours}
    channels = options.setdefault("channels", (64, 128, 256, 512))
    net = ResNet(
        **{"block": BasicBlock, "layers": (2, 2, 2, 2), "stem_type": "deep", "stem_width": channels[0] // 2}
        # Blocks that begin as nothing leave so narrow a net at the classes' shares for hundreds of steps.
        | {"zero_init_last": False, **options}
    )
    assert isinstance(net.conv1, nn.Sequential)
    first = net.conv1[0]
    assert isinstance(first, nn.Conv2d)
    first.stride = (1, 1)
    net.maxpool = nn.Identity()
    for map_ in net.feature_info:
        map_["reduction"] //= 2 if map_["module"] == "act1" else 4
    return net
