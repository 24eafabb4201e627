"""YAML of plain values, from whoever wrote it: read, or refused in one line."""

from __future__ import annotations

from typing import Any

import yaml

# Values, counted as often as they are named: a few lines that name each other can stand for thousands of millions.
_MOST_VALUES = 100_000


class NotYamlError(ValueError):
    """A text is no YAML of plain values; one line says why."""


def read_yaml(text: str) -> Any:
    """The value that a text has.

    Raises:
        NotYamlError: it is no YAML, or a name in it stands for too much.

    Example:
        >>> read_yaml("[1, 0.5, x]")
        [1, 0.5, 'x']
    """
    try:
        value = yaml.safe_load(text)
        if _count(value, _MOST_VALUES) < 0:
            raise NotYamlError(f"it has more than {_MOST_VALUES:,} values")
    except NotYamlError:
        raise
    except Exception as error:  # of a date, a number or a name that is none, PyYAML raises whatever it meets
        raise NotYamlError((str(error).splitlines() or [type(error).__name__])[0]) from error
    return value


def _count(value: Any, left: int) -> int:
    """How many more values there may be behind ``value``; below 0 as soon as there are too many."""
    left -= 1
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    else:
        parts = list(value) if isinstance(value, list | tuple | set) else []
    for part in parts:
        if left < 0:
            break
        left = _count(part, left)
    return left
