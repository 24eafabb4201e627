"""The command ``completion`` of both programs: what a shell needs to complete their commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


def completion_command(program: str) -> click.Command:
    """``completion`` of ``program``."""

    @click.command("completion")
    @click.argument("shell", type=click.Choice(_SHELLS))
    @click.pass_context
    def command(ctx: click.Context, /, *, shell: str) -> None:
        kind = get_completion_class(shell)
        assert kind is not None and ctx.parent is not None
        click.echo(kind(ctx.parent.command, {}, program, f"_{program.upper()}_COMPLETE").source())

    command.help = f"""Print a script that lets SHELL complete the commands and options of {program}.

    \b
    bash:  eval "$({program} completion bash)"       # in ~/.bashrc
    zsh:   eval "$({program} completion zsh)"        # in ~/.zshrc
    fish:  {program} completion fish > ~/.config/fish/completions/{program}.fish
    """
    return command
