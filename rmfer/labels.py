"""The expressions and their order, the same in every benchmark, model and table."""

from __future__ import annotations

from rmfer.errors import RmferError

# AffectNet's own numbering (method.md, "Label orders and layouts").
EXPRESSIONS: tuple[str, ...] = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)


def class_names(classes: int) -> tuple[str, ...]:
    """The names of the first 7 or all 8 expressions; 7 leaves out contempt.

    Raises:
        RmferError: another number.

    Example:
        >>> class_names(7)[-1]
        'anger'
    """
    if classes not in (7, 8):
        raise RmferError(f"{classes} expressions are not told apart", remedy="use 7, without contempt, or 8")
    return EXPRESSIONS[:classes]
