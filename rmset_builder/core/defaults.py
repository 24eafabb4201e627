"""``rmset.toml``: options of commands that somebody sets once, for a folder or for all of them."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from rmset_builder.core.errors import RmsetError

NAME = "rmset.toml"
VARIABLE = "RMSET_CONFIG"
_PROGRAMS = ("rmset", "rmfer")


@dataclass(frozen=True)
class Defaults:
    """What files say of the commands of one program.

    Attributes:
        by_command: options by their names on the command line without hyphens before, by the command's name.
        sources: the file that each is from, likewise.
    """

    by_command: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, dict[str, Path]] = field(default_factory=dict)


def files() -> list[Path]:
    """Those that are there, the later over the former: the user's, then the folder's; or ``$RMSET_CONFIG`` alone.

    Raises:
        RmsetError: ``$RMSET_CONFIG`` names none.
    """
    if named := os.environ.get(VARIABLE):
        if not Path(named).is_file():
            raise RmsetError(f"${VARIABLE} is {named}, which is no file", remedy=f"unset {VARIABLE}, or write it")
        return [Path(named)]
    return [path for path in (_of_the_user(), Path(NAME)) if path is not None and path.is_file()]


def _of_the_user() -> Path | None:
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "rmset" / NAME
    except RuntimeError:  # somebody without a home
        return None


def read_defaults(program: str) -> Defaults:
    """What the files say of ``program``: tables [PROGRAM.COMMAND] of its options.

    Raises:
        RmsetError: a file is no TOML, or of another form.
    """
    found = Defaults()
    for path in files():
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RmsetError(f"{path} cannot be read ({error})", remedy="mend it, or take it away") from None
        form = "it has tables [rmset.COMMAND] and [rmfer.COMMAND]"
        for name, own in told.items():
            if name not in _PROGRAMS or not isinstance(own, dict):
                raise RmsetError(f"{path}: {name} is no program", remedy=form)
        for command, own in told.get(program, {}).items():
            if not isinstance(own, dict):
                raise RmsetError(f"{path}: {program}.{command} is no table", remedy=f"write [{program}.{command}]")
            for option, value in own.items():
                name = option.replace("_", "-")
                found.by_command.setdefault(command, {})[name] = value
                found.sources.setdefault(command, {})[name] = path
    return found


def for_click(defaults: Defaults, name: str, command: click.Command) -> dict[str, Any]:
    """A command's defaults by the names that click knows its options by.

    Raises:
        RmsetError: it has no such option, or the value is a table.
    """
    options = option_names(command)
    chosen = {}
    for option, value in defaults.by_command.get(name, {}).items():
        path = defaults.sources[name][option]
        if option not in options:
            near = difflib.get_close_matches(option, options, 1)
            meant = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(options))}"
            raise RmsetError(f"{path}: {name} has no option {option}", remedy=meant)
        if isinstance(value, dict):
            raise RmsetError(f"{path}: {name}.{option} is a table", remedy="give a value or a list")
        chosen[options[option]] = value
    return chosen


def option_names(command: click.Command) -> dict[str, str]:
    """click's name of each option by its name on the command line, without what only prints and ends."""
    return {
        word.removeprefix("--"): parameter.name or ""
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.is_eager
        for word in parameter.opts
        if word.startswith("--")
    }


def check_commands(defaults: Defaults, program: str, commands: Mapping[str, Any]) -> None:
    """Make sure that only commands that exist are spoken of.

    Raises:
        RmsetError: one is not.
    """
    for name in defaults.by_command:
        if name not in commands:
            path = next(iter(defaults.sources[name].values()))
            near = difflib.get_close_matches(name, commands, 1)
            meant = f"did you mean {near[0]}?" if near else f"`{program} --help` lists them"
            raise RmsetError(f"{path}: {program} has no command {name}", remedy=meant)
