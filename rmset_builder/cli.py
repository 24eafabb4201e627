"""The command ``rmset``: commands are imported when called, errors become one line and an exit code."""

from __future__ import annotations

import importlib
import signal
import sys

import click

from rmset_builder import __version__
from rmset_builder.errors import RmsetError, one_line
from rmset_builder.machine import bound_libraries

_COMMANDS = {
    "fetch": "Keywords to videos: search, judge, download, note everything.",
    "extract": "Videos to shards of aligned, identified faces.",
    "stats": "Table 2 of the paper, from the shards' metadata.",
    "export": "Shards to webdataset, Lance, or a folder of pictures.",
    "contact": "A picture with a row of faces per identity.",
    "verify": "Are videos, shards and their tables whole, and do they agree?",
    "prune": "Take down a video, or one person of it, for good.",
    "doctor": "Is this machine fit for the job, and what would mend it?",
}


class _LazyGroup(click.Group):
    """A group whose commands live in ``rmset_builder.commands.NAME`` and are imported only when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"rmset_builder.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="rmset")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def rmset(ctx: click.Context, debug: bool) -> None:
    """Rebuild RMset: reaction-mashup videos in, Parquet shards of aligned and identified faces out.

    Exit codes: 0 done; 1 some items failed and are listed with their reasons, all others are complete;
    2 wrong usage or environment, nothing was done.
    """
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run ``rmset`` and exit with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    if debug:  # wherever it stands, so that it can be added at the end of the line that failed
        arguments = ["--debug", *(a for a in arguments if a != "--debug")]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bound_libraries()
    try:
        sys.exit(rmset.main(args=arguments, prog_name="rmset", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "rmset"
        click.echo(one_line(f"{command}: {error.format_message().rstrip('.')}; see: {command} --help"), err=True)
        sys.exit(2)
    except click.Abort:
        click.echo("rmset: interrupted; what is complete stays, the same command goes on from there", err=True)
        sys.exit(130)
    except RmsetError as error:
        if debug:
            raise
        click.echo(f"rmset: {error}", err=True)
        sys.exit(2)
    except MemoryError as error:
        if debug:
            raise
        remedy = "fewer --jobs or --threads take less, and `rmset doctor` says how much there is"
        click.echo(f"rmset: memory ran out ({error or 'nothing more was to be had'}); {remedy}", err=True)
        sys.exit(2)
    except Exception as error:
        if debug:
            raise
        told = one_line(f"{type(error).__name__}: {error}")
        click.echo(f"rmset: a fault of the program: {told}; see it with --debug", err=True)
        sys.exit(2)
