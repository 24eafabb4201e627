"""The network: a backbone, the projection that attention is computed from, and two classifiers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor, nn

import rmfer.model.backbones  # noqa: F401 (into timm's registry)
from rmfer.errors import RmferError
from rmfer.model.heads import HeadKind, make_head

HEADS = ("main", "att")
PARTS = ("backbone", "projection", "head_main", "head_att")

# What `RmferNet` decides by itself, and what would make timm read a file.
_RESERVED = frozenset(
    {"pretrained", "num_classes", "features_only", "checkpoint_path", "cache_dir", "pretrained_strict"}
    | {"pretrained_cfg", "pretrained_cfg_overlay", "scriptable", "model_name"}
)


class RmferNet(nn.Module):
    """Faces to features f, to their projections z, and to logits of expressions in the canonical order.

    ``head_main`` classifies f (L_FER); ``head_att`` what attention has mixed (L_IAL), from the same first values.

    Args:
        backbone: any name of timm's, with or without a tag (``tf_efficientnet_b2.ns_jft_in1k``).
        classes: expressions, C.
        backbone_args: further arguments to ``timm.create_model``, for example ``{"drop_rate": 0.2}``.
        pretrained: begin with timm's weights, which are fetched unless they are in its cache.
        head: how h_main classifies: see `rmfer.model.heads`.

    Raises:
        RmferError: no such backbone or argument, or weights that cannot be had.
    """

    def __init__(
        self,
        backbone: str = "tf_efficientnet_b2",
        *,
        classes: int,
        backbone_args: Mapping[str, Any] | None = None,
        pretrained: bool = False,
        head: HeadKind = "linear",
    ) -> None:
        super().__init__()
        self.backbone = _backbone(backbone, dict(backbone_args or {}), pretrained)
        self.classes = classes
        self.features = _features(self.backbone)
        self.projection = nn.Sequential(
            nn.Linear(self.features, self.features), nn.ReLU(), nn.Linear(self.features, self.features)
        )
        self.head_main = make_head(head, self.features, classes)
        self.head_att = nn.Linear(self.features, classes)
        self.head_att.load_state_dict(self.head_main.state_dict())

    def features_of(self, images: Tensor) -> Tensor:
        """f: (B, D) of ``images`` (B, 3, H, W), normalised."""
        features: Tensor = self.backbone(images)
        return features

    def maps_of(self, images: Tensor) -> Tensor:
        """The backbone's last feature maps, (B, D, h, w), of ``images`` (B, 3, H, W), normalised.

        Raises:
            RmferError: the backbone has none that features are pooled from, as transformers have not.
        """
        maps: Tensor = self.backbone.forward_features(images)  # type: ignore[operator]
        if maps.ndim != 4 or maps.shape[1] != self.features:
            raise RmferError(
                f"{type(self.backbone).__name__} pools no feature maps of {self.features} channels",
                remedy="use a convolutional backbone, for example resnet50 or tf_efficientnet_b2",
            )
        return maps

    def pooled(self, maps: Tensor) -> Tensor:
        """f: (B, D) of what `maps_of` gave."""
        features: Tensor = self.backbone.forward_head(maps)  # type: ignore[operator]
        return features

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """f and z = g(f), (B, D) each, of ``images`` (B, 3, H, W), normalised."""
        features = self.features_of(images)
        return features, self.projection(features)

    def logits(self, images: Tensor, head: str = "main") -> Tensor:
        """(B, C) of single pictures, by the classifier ``head``: "main", or "att" where only that one was trained."""
        if head not in HEADS:
            raise ValueError(f"head {head!r} is none of {HEADS}")
        chosen = self.head_main if head == "main" else self.head_att
        logits: Tensor = chosen(self.features_of(images))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """(B, C) logits of the main classifier: what accuracy is reported from."""
        return self.logits(images)


def untrained_parts(net: RmferNet) -> tuple[str, ...]:
    """Those of `PARTS` of which no weight is trained."""
    return tuple(
        part for part in PARTS if not any(weights.requires_grad for weights in net.get_submodule(part).parameters())
    )


def _backbone(name: str, options: dict[str, Any], pretrained: bool) -> nn.Module:
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.partition(".")[0], timm.list_models(), n=3)
        raise RmferError(
            f"timm knows no backbone {name!r}",
            remedy=f"did you mean {' or '.join(near)}?" if near else "`timm.list_models()` lists its names",
        )
    if reserved := sorted(_RESERVED & options.keys()):
        raise RmferError(f"backbone_args may not set {', '.join(reserved)}", remedy="leave it out")
    try:
        net: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **options)
    except Exception as error:  # whatever the backbone's own constructor raises
        raise RmferError(
            f"timm cannot build {name} with backbone_args {options}: {_first_line(error)}",
            remedy="see timm's documentation of this backbone",
        ) from error
    return _pretrained(name, options) if pretrained else net


def _pretrained(name: str, options: dict[str, Any]) -> nn.Module:
    try:
        net: nn.Module = timm.create_model(name, pretrained=True, num_classes=0, **options)
    except Exception as error:  # network, disk, hub: each library with exceptions of its own
        raise RmferError(
            f"timm's weights of {name} cannot be had: {_first_line(error)}",
            remedy="give a file that is on this machine (weights=FILE), or begin from scratch (weights=none)",
        ) from error
    return net


def _features(backbone: nn.Module) -> int:
    """D: how wide the pooled output is; some backbones have a layer between the last map and the classifier."""
    width = getattr(backbone, "head_hidden_size", None) or backbone.num_features
    return int(width)  # type: ignore[arg-type]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
