"""Classifiers of features: a linear one, and Ada-CM's, which sees their direction alone."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import dropout, linear, normalize

HeadKind = Literal["linear", "normalised"]
# Of the pooled features, in training (Ada-CM).
DROPOUT = 0.5


class NormalisedLinear(nn.Linear):
    """Logits of L2-normalised features, which dropout has thinned in training (baselines.md, "Ada-CM")."""

    def direction(self, features: Tensor) -> Tensor:
        """(B, D) of length 1: what is classified, and what Ada-CM contrasts."""
        return normalize(dropout(features, DROPOUT, self.training), dim=1)

    def classify(self, direction: Tensor) -> Tensor:
        """(B, C) logits of what `direction` gave."""
        return linear(direction, self.weight, self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C) logits of ``features`` (B, D)."""
        return self.classify(self.direction(features))


def make_head(kind: HeadKind, features: int, classes: int) -> nn.Linear:
    """A classifier of ``features`` numbers; its weights have the same names and shapes whatever its ``kind``."""
    return NormalisedLinear(features, classes) if kind == "normalised" else nn.Linear(features, classes)
