"""Named settings: a YAML for each column of Table 8 and each row of the paper's comparisons, laid over one another."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from rmfer.errors import RmferError
from rmfer.plain_yaml import NotYamlError, read_yaml
from rmfer.settings import TrainConfig, make_config

# The column of Table 8 that a benchmark's kind and number of classes stand for.
_COLUMN_OF = {
    ("affectnet-csv", 7): "affectnet-7",
    ("affectnet-npy", 7): "affectnet-7",
    ("affectnet-csv", 8): "affectnet-8",
    ("affectnet-npy", 8): "affectnet-8",
    ("raf-db", 7): "raf-db",
    ("ferplus", 8): "ferplus-average",
    ("ferplus", 7): "ferplus-average",
    # Which the paper does not have: the column whose learning rate is for weights that have not seen expressions.
    ("fer2013", 7): "ferplus-overall",
    ("folders", 7): "ferplus-overall",
    ("folders", 8): "ferplus-overall",
}
COLUMNS = tuple(dict.fromkeys([*_COLUMN_OF.values(), "ferplus-overall"]))


@dataclass(frozen=True)
class Preset:
    """Settings under a name, and the place of the paper that they are from."""

    name: str
    source: str
    settings: dict[str, Any]


def preset_names() -> list[str]:
    """All presets, columns of Table 8 first."""
    found = sorted(file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml"))
    return [*(name for name in COLUMNS if name in found), *(name for name in found if name not in COLUMNS)]


def load_preset(name: str) -> Preset:
    """The preset ``name``, or that in a file ``name``, a YAML of the same form.

    Raises:
        RmferError: there is none of that name, or the file is none.
    """
    if name.endswith((".yaml", ".yml")):
        return _load_file(Path(name))
    names = preset_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        meant = f"did you mean {near[0]}?" if near else ""
        raise RmferError(f"--preset {name} is none of {', '.join(names)}", remedy=meant)
    read = yaml.safe_load((_folder() / f"{name}.yaml").read_text(encoding="utf-8"))
    return Preset(name, read["source"], read["settings"])


def _load_file(path: Path) -> Preset:
    form = "it has `source:`, a text, and `settings:`, as those that `rmfer train --list-presets` names"
    try:
        read = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NotYamlError) as error:
        raise RmferError(f"--preset {path} cannot be read ({error})", remedy=form) from None
    if not isinstance(read, dict) or not isinstance(read.get("settings"), dict):
        raise RmferError(f"--preset {path} is no preset", remedy=form)
    return Preset(path.stem, str(read.get("source", path)), read["settings"])


def column_of(kind: str, classes: int) -> str | None:
    """The preset with Table 8's settings for a benchmark; None where it has none."""
    return _COLUMN_OF.get((kind, classes))


def resolve(presets: Sequence[str], assignments: Sequence[str], *, column: str | None = None) -> TrainConfig:
    """The settings of ``presets``, each over the former, and ``key=value`` assignments over all.

    Args:
        presets: their names; where none is a column of Table 8, ``column`` comes before them.
        assignments: "lambda2=0.1", "backbone_args.layers=[1, 1, 1, 1]"; values are YAML.
        column: the benchmark's, if the paper has it.

    Raises:
        RmferError: a preset or setting that does not exist, or a value that cannot be.
    """
    names = [*([column] if column and not set(presets) & set(COLUMNS) else []), *presets]
    values: dict[str, Any] = {}
    for name in names:
        values |= load_preset(name).settings
    for assignment in assignments:
        _assign(values, assignment)
    return make_config(values)


def _assign(values: dict[str, Any], assignment: str) -> None:
    name, equals, text = assignment.partition("=")
    if not equals or not name:
        raise RmferError(f"--set {assignment} is not key=value", remedy="for example --set lambda2=0.1")
    if name.split(".")[0] not in TrainConfig.model_fields:
        near = difflib.get_close_matches(name, TrainConfig.model_fields, 1)
        meant = f"did you mean {near[0]}?" if near else "`rmfer train --list-settings` prints them all"
        raise RmferError(f"--set {assignment}: {name} is no setting", remedy=meant)
    try:
        value = read_yaml(text)
    except NotYamlError as error:
        raise RmferError(f"--set {assignment}: the value is not YAML ({error})") from None
    first, *inner = name.split(".")
    if not inner:
        values[first] = value
        return
    values[first] = place = dict(values.get(first) or {})
    for key in inner[:-1]:
        place[key] = place = dict(place.get(key) or {})
    place[inner[-1]] = value


def _folder() -> Any:
    return resources.files("rmfer") / "presets"
