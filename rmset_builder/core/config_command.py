"""The command ``config`` of both programs: which values options have where nothing is given, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rmset_builder.core.command_line import echo
from rmset_builder.core.defaults import files, for_click, option_names, read_defaults


@dataclass(frozen=True)
class Effective:
    """An option of a command: its value, and where that is from: a file, or the program."""

    command: str
    option: str
    value: Any
    source: str


def config_command(program: str) -> click.Command:
    """``config`` of ``program``."""

    @click.command("config")
    @click.argument("names", nargs=-1, metavar="[COMMAND]...")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def command(ctx: click.Context, /, *, names: tuple[str, ...], as_json: bool) -> None:
        """Print the options of each COMMAND (default: of all that a file sets), their values and where these are from.

        What one sets once goes to rmset.toml, in the folder where commands run or in ~/.config/rmset/ (the folder's
        counts before the user's; $RMSET_CONFIG names another, alone). The command line comes before both.

        \b
        [rmset.extract]
        jobs = 2
        det-size = 1280
        """
        group = ctx.parent.command if ctx.parent is not None else None
        assert isinstance(group, click.Group)
        every = list(_effective(program, group, ctx, names))
        if as_json:
            click.echo(json.dumps([vars(one) for one in every], indent=1))
            return
        read = files()
        echo(f"files: {', '.join(map(str, read)) or 'none'}", err=True)
        wide = max((len(f"{one.command} --{one.option}") for one in every), default=0)
        for one in every:
            name = f"{one.command} --{one.option}"
            echo(f"{name:<{wide}}  {_told(one.value):<16}  {one.source}")

    return command


def _effective(program: str, group: click.Group, ctx: click.Context, names: tuple[str, ...]) -> Iterator[Effective]:
    defaults = read_defaults(program)
    for name in names or tuple(defaults.by_command):
        found = group.get_command(ctx, name)
        if found is None:
            raise click.UsageError(f"No such command {name!r}.", ctx)
        set_here = for_click(defaults, name, found)
        values = _values(found, name, set_here)
        for option, parameter in option_names(found).items():
            source = str(defaults.sources[name][option]) if parameter in set_here else "default"
            if names or parameter in set_here:
                yield Effective(name, option, _plain(values[parameter]), source)


def _values(command: click.Command, name: str, set_here: dict[str, Any]) -> dict[str, Any]:
    """As the command would see them; a value of the wrong kind is told as on the command line."""
    with click.Context(command, info_name=name) as ctx:
        return {
            name: parameter.type_cast_value(ctx, set_here[name]) if name in set_here else parameter.get_default(ctx)
            for parameter in command.params
            if isinstance(parameter, click.Option) and not parameter.is_eager and (name := parameter.name)
        }


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value if isinstance(value, bool | int | float | str) else None


def _told(value: Any) -> str:
    return "-" if value is None else json.dumps(value)
