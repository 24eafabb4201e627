"""The runs of a sweep: each combination of some settings' values, with each seed, under a name of its own."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from rmfer.errors import RmferError
from rmfer.plain_yaml import NotYamlError, read_yaml
from rmfer.settings import TrainConfig
from rmfer.training.presets import resolve

# What stands for itself in a folder's name on every file system; some take A and a for one letter.
_PLAIN = re.compile(r"[a-z0-9._+=,-]+")
_UNSAFE, _UNSAFE_NAME = re.compile(r"[^A-Za-z0-9._+-]+"), re.compile(r"[^A-Za-z0-9._+=,-]+")
_LONGEST, _DIGITS = 120, 10
# Which preset of Table 8 belongs to the benchmark with so many classes.
Column = Callable[[int | None], str | None]


@dataclass(frozen=True)
class Axis:
    """A setting, "tau" or "acl_options.p", and the values that it takes in turn."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Point:
    """A run of the grid.

    Attributes:
        name: of its folder; readable, and no other point's.
        title: its settings as people read them, without the seed.
        settings: the values that the grid gives it, as the configuration holds them.
        seed: of its training.
        assignments: what `rmfer train` is to ``--set`` beyond the sweep's own.
        config: all its settings.
    """

    name: str
    title: str
    settings: dict[str, Any]
    seed: int
    assignments: tuple[str, ...]
    config: TrainConfig


def parse_axis(text: str) -> Axis:
    """An axis as the command line has it: values are YAML, with commas between them as in a YAML list.

    Raises:
        RmferError: it is no NAME=VALUE,VALUE.

    Example:
        >>> parse_axis("tau=0.1,0.25").values
        (0.1, 0.25)
        >>> parse_axis("backbone_args.layers=[1, 1, 1, 1],[2, 2, 2, 2]").values
        ([1, 1, 1, 1], [2, 2, 2, 2])
    """
    name, _, written = text.partition("=")
    example = "for example --over lambda1=0.1,0.2"
    try:
        values = read_yaml(f"[{written}]")
    except NotYamlError as error:
        raise RmferError(f"--over {text}: the values are not YAML ({error})", remedy=example) from None
    if not name or not isinstance(values, list) or not values:
        raise RmferError(f"--over {text} is not NAME=VALUE,VALUE", remedy=example)
    return Axis(name, tuple(values))


def points(
    axes: Sequence[Axis],
    seeds: Sequence[int],
    *,
    presets: Sequence[str] = (),
    assignments: Sequence[str] = (),
    column: Column = lambda classes: None,
) -> list[Point]:
    """Every run; seeds change from one to the next, then the last axis' values.

    Args:
        axes: of the grid.
        seeds: each combination is trained with all of them.
        presets: of all runs, by name.
        assignments: "key=value" of all runs.
        column: see `Column`.

    Raises:
        RmferError: a setting that does not exist, a combination that cannot be, or one that is there twice.
    """
    _check_names([axis.name for axis in axes], [text.partition("=")[0] for text in assignments])
    found: dict[str, Point] = {}
    for values in itertools.product(*(axis.values for axis in axes)):
        chosen = dict(zip((axis.name for axis in axes), values, strict=True))
        for seed in seeds:
            own = tuple(f"{name}={as_yaml(value)}" for name, value in {**chosen, "seed": seed}.items())
            every = (*assignments, *own)
            try:
                # Which column there is depends on the number of classes, which is a setting itself.
                config = resolve(presets, every, column=column(resolve(presets, every).classes))
            except RmferError as error:
                told = f"the run {', '.join(own)} cannot be: {error.message}"
                raise RmferError(told, remedy=error.remedy) from None
            settings = {name: _held(config, name) for name in chosen}
            point = Point(_folder_name(settings, seed), title_of(settings), settings, seed, own, config)
            if point.name in found:
                raise RmferError(f"the run {', '.join(own)} is there twice", remedy="give each value and seed once")
            found[point.name] = point
    return list(found.values())


def values_of(every: Sequence[Point]) -> dict[str, list[Any]]:
    """By setting the values that it takes: numbers from the least on, all others in the order in which they came."""
    found: dict[str, list[Any]] = {name: [] for name in every[0].settings}
    for point in every:
        for name, value in point.settings.items():
            if value not in found[name]:
                found[name].append(value)
    return {name: sorted(values) if all(map(is_number, values)) else values for name, values in found.items()}


def is_number(value: Any) -> bool:
    """Whether values like this have an order: no bool has."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_yaml(value: Any) -> str:
    """A value in a line of YAML, which reads as the same value."""
    listed: str = yaml.safe_dump([value], default_flow_style=True, width=float("inf"), allow_unicode=True)
    return listed.strip()[1:-1]


def as_text(value: Any) -> str:
    """A value as people read it: 1 for 1.0, true, null, [1, 2], or the words that it is.

    Example:
        >>> as_text(0.25), as_text(1.0), as_text(True), as_text("adam")
        ('0.25', '1', 'true', 'adam')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def title_of(settings: dict[str, Any]) -> str:
    """Some settings as people read them.

    Example:
        >>> title_of({"lambda1": 0.1, "tau": 1.0})
        'lambda1=0.1, tau=1'
    """
    return ", ".join(f"{name}={as_text(value)}" for name, value in settings.items())


def _check_names(names: Sequence[str], fixed: Sequence[str]) -> None:
    if "seed" in (*names, *fixed):
        raise RmferError("a sweep's seeds are not given as a setting", remedy="give them so: --seeds 42 43 44")
    for one, other in (*itertools.combinations(names, 2), *itertools.product(names, fixed)):
        if _contains(one, other) or _contains(other, one):
            given = f"{one} is" if one == other else f"{one} and {other} are of one setting that is"
            raise RmferError(f"--over {one}: {given} given twice", remedy="leave one of them out")


def _contains(outer: str, inner: str) -> bool:
    return f"{inner}.".startswith(f"{outer}.")


def _held(config: TrainConfig, name: str) -> Any:
    """The value that the configuration made of what was given: 1e-4, which YAML takes for a text, is a number there."""
    value: Any = config.dump()
    for key in name.split("."):
        value = value[key]
    return value


def _folder_name(settings: dict[str, Any], seed: int) -> str:
    name = ",".join(f"{key}={_UNSAFE.sub('-', as_text(value)).strip('-')}" for key, value in settings.items())
    # What was changed or cut might be another's too; a digest of the values tells them apart.
    exact = all(map(_is_exact, settings.values())) and _PLAIN.fullmatch(name)
    if not exact or len(name) > _LONGEST:
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        name = f"{_UNSAFE_NAME.sub('-', name)[:_LONGEST]}-{digest[:_DIGITS]}"
    return f"{name}-seed{seed}"


def _is_exact(value: Any) -> bool:
    """Whether its text in a folder's name can be no other value's."""
    if isinstance(value, str):
        # Neither changed nor, as 'null' and '1' would be, the text of something else.
        return _UNSAFE.sub("-", value).strip("-") == value and as_yaml(value) == value
    return value is None or (isinstance(value, bool | int | float) and not as_text(value).startswith("-"))
