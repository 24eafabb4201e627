"""Sentences for people."""

from __future__ import annotations

from collections.abc import Sequence


def in_a_row(items: Sequence[object]) -> str:
    """Things as a sentence names them.

    Example:
        >>> in_a_row([3]), in_a_row([3, 5]), in_a_row([3, 5, 8])
        ('3', '3 and 5', '3, 5 and 8')
    """
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last
