"""The command ``rmfer``: commands are imported when called, errors become one line and an exit code."""

from __future__ import annotations

import importlib
import signal
import sys

import click

from rmfer import __version__
from rmfer.errors import RmferError
from rmset_builder.machine import bound_libraries

_COMMANDS = {
    "train": "Train the recogniser on a labelled benchmark and the faces of shards.",
    "evaluate": "Accuracies of a trained model on a benchmark, with intervals and confusion matrix.",
    "predict": "Expressions of the faces in pictures and videos.",
    "export": "A trained model as an ONNX file.",
    "convert": "Make weights out of a pickled network without running it.",
    "benchmark": "Recognise a benchmark: count its classes, find pictures that it has twice.",
    "index": "Build or describe the index of a folder of shards.",
    "sample": "Draw anchor sets: print who they are, or show them as a picture.",
}


class _LazyGroup(click.Group):
    """A group whose commands live in ``rmfer.commands.NAME`` and are imported only when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"rmfer.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="rmfer")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def rmfer(ctx: click.Context, debug: bool) -> None:
    """Train the RMFER expression recogniser on shards; `rmset` makes them.

    Exit codes: 0 done; 1 some items failed and are listed with their reasons, all others are complete;
    2 wrong usage or environment, nothing was done.
    """
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run ``rmfer`` and exit with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    if debug:  # wherever it stands, so that it can be added at the end of the line that failed
        arguments = ["--debug", *(a for a in arguments if a != "--debug")]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bound_libraries()
    try:
        sys.exit(rmfer.main(args=arguments, prog_name="rmfer", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        click.echo("rmfer: interrupted; what is complete stays", err=True)
        sys.exit(130)
    except RmferError as error:
        if debug:
            raise
        click.echo(f"rmfer: {error}", err=True)
        sys.exit(2)
    except MemoryError as error:
        if debug:
            raise
        remedy = "smaller batches and pictures take less, and `rmset doctor` says how much there is"
        click.echo(f"rmfer: memory ran out ({error or 'nothing more was to be had'}); {remedy}", err=True)
        sys.exit(2)
    except Exception as error:
        if debug:
            raise
        click.echo(f"rmfer: a fault of the program: {type(error).__name__}: {error}; see it with --debug", err=True)
        sys.exit(2)
