"""Weights of hsemotion's networks under the names of ours, the classifier's rows in the canonical order.

hsemotion (Savchenko et al., IEEE Transactions on Affective Computing 2022) offers the EfficientNet-b2 that the paper
begins with, ``enet_b2_7.pt``. Its classes stand in the alphabet's order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from rmfer.errors import RmferError
from rmfer.labels import EXPRESSIONS, class_names

# What timm's networks call their classifier, and what hsemotion's call it where it is a sequence of one.
_CLASSIFIERS = ("classifier.0", "classifier", "fc", "head.fc", "head")


class Renamed(NamedTuple):
    """Weights under the names of `RmferNet`; the classes in the order they had; names of what was left out."""

    weights: dict[str, Tensor]
    labels: tuple[str, ...]
    left_out: tuple[str, ...]


def renamed(weights: Mapping[str, Tensor], *, labels: Sequence[str] | None = None) -> Renamed:
    """``weights`` of a bare backbone with its classifier as those of `RmferNet`.

    A classifier of other than 7 or 8 classes is left out (ImageNet's; or one that also tells valence).

    Args:
        weights: by timm's names.
        labels: the expressions in the order of the classifier's rows; None: the alphabet's, which hsemotion has.

    Raises:
        RmferError: ``labels`` are not the expressions that the classifier tells apart.
    """
    found = next((name for name in _CLASSIFIERS if f"{name}.weight" in weights), None)
    own = [name for name in weights if found is not None and name.startswith(f"{found}.")]
    result = {f"backbone.{name}": value for name, value in weights.items() if name not in own}
    rows = len(weights[f"{found}.weight"]) if found is not None else 0
    if rows not in (7, 8):
        return Renamed(result, (), tuple(own))
    names = class_names(rows)
    order = tuple(labels or sorted(names))
    if sorted(order) != sorted(names):
        raise RmferError(
            f"the classifier tells {rows} expressions apart, which are not {', '.join(order)}",
            remedy=f"give all of {', '.join(EXPRESSIONS[:rows])}, in its order",
        )
    places = [order.index(name) for name in names]
    for name in own:
        result[f"head_main.{name.rpartition('.')[2]}"] = weights[name][places]
    return Renamed(result, order, ())
