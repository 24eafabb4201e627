"""What the commands ``rmset`` and ``rmfer`` share: commands imported when called, errors as one line and a code."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from rmset_builder.core.defaults import Defaults, check_commands, for_click, read_defaults
from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.core.imports import import_large
from rmset_builder.core.machine import bound_libraries
from rmset_builder.core.output import OutputError, guard_output

SOME_FAILED, NOTHING_DONE, INTERRUPTED, READER_GONE = 1, 2, 130, 141
_BUCKET = re.compile(r"(-[^=]*=)?s3:/", re.IGNORECASE)
_HARMLESS = {"-h", "--help", "--version"}


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own and are imported only when needed.

    Args:
        package: where a module ``NAME`` with a ``command`` lies for each command.
        summaries: what each command does, in a line.
        in_buckets: the commands that know addresses such as ``s3://bucket/shards``.
    """

    def __init__(
        self,
        *args: Any,
        package: str,
        summaries: Mapping[str, str],
        in_buckets: Collection[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._in_buckets = in_buckets
        self._package = package
        self._summaries = summaries
        self._defaults = Defaults()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:  # noqa: D102
        rest = super().parse_args(ctx, args)
        self._defaults = Defaults()
        if not ctx.resilient_parsing and not _HARMLESS.intersection(args):
            self._defaults = read_defaults(self.name or "")
            check_commands(self._defaults, self.name or "", self._summaries)
        return rest

    def resolve_command(  # noqa: D102
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None and name in self._defaults.by_command:
            ctx.default_map = {name: for_click(self._defaults, name, command)}
        if name is not None and name not in self._in_buckets and any(map(_BUCKET.match, rest)):
            raise RmsetError(
                f"{self.name} {name} works on folders of this machine, not on addresses that begin with s3:",
                remedy="copy the folder here, and what was changed back (docs/storage.md)",
            )
        return name, command, rest

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: D102
        if cmd_name not in self._summaries:
            return None
        command: click.Command = import_large(f"{self._package}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))


class SpreadingCommand(click.Command):
    """A command some of whose options take all arguments up to the next option, as shells write out ``runs/base-*``.

    Args:
        spreading: these options' names, ``--against``; each is ``multiple``.
    """

    def __init__(self, *args: Any, spreading: Collection[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._spreading = spreading

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:  # noqa: D102
        spread, option = list[str](), ""
        for word in args:
            if word in self._spreading:
                option = word
            elif word.startswith("-"):
                option = ""
                spread.append(word)
            else:
                spread += [option, word] if option else [word]
        return super().parse_args(ctx, spread)


class TextPath(click.Path):
    """A path that is text: pyarrow opens no other."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: D102
        path = super().convert(value, param, ctx)
        try:
            str(path).encode()
        except UnicodeEncodeError:
            self.fail(_not_text(str(path)), param, ctx)
        return path


@dataclass
class Run:
    """One call of a command, as ``ctx.obj``: are errors shown whole, is anything done already, is it to end?"""

    debug: bool = False
    done: bool = False
    interrupted: bool = False

    def interrupt(self, *_: object) -> NoReturn:
        """What a signal does."""
        self.interrupted = True
        raise KeyboardInterrupt


def something_is_done() -> None:
    """Note that this command has made or changed something: ending with 2 would deny it from now on."""
    context = click.get_current_context(silent=True)
    if context is not None and isinstance(context.obj, Run):
        context.obj.done = True


def echo(text: str, *, err: bool = False) -> None:
    """Print one line; line breaks and control characters of file names are replaced."""
    click.echo(one_line(text), err=err)


def echo_path(path: Path) -> None:
    """Print a path alone, byte for byte where a program reads it."""
    if sys.stdout.isatty():
        echo(str(path))
    else:
        click.echo(os.fsencode(path) if hasattr(sys.stdout, "buffer") else str(path))


def run(group: click.Group, arguments: list[str] | None, *, less_memory: str, resumes: str = "") -> NoReturn:
    """Run a group of commands and exit with its code.

    0 done; 1 some items failed; 2 wrong usage or environment, nothing was done; 130 interrupted; 141 whoever read the
    output has gone.

    Args:
        group: the commands.
        arguments: of the command line; None for this process's.
        less_memory: what takes less memory, for the message where it ran out.
        resumes: how to go on after an interruption, for its message.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    state = Run("--debug" in arguments)
    if state.debug:  # wherever it stands, so that it can be added at the end of the line that failed
        arguments = ["--debug", *(a for a in arguments if a != "--debug")]
    signal.signal(signal.SIGTERM, state.interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as in the background
        signal.signal(signal.SIGINT, state.interrupt)
    bound_libraries()
    # What other packages would do to our settings; to look for them takes longer than to read the settings.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    sys.exit(_code(group, arguments, state, less_memory=less_memory, resumes=resumes))


def _code(group: click.Group, arguments: list[str], state: Run, *, less_memory: str, resumes: str) -> int:
    name = group.name or ""
    try:
        guard_output()
        if not _HARMLESS.intersection(arguments) and (fault := _folder_fault()):
            echo(f"{name}: {fault}", err=True)
            return NOTHING_DONE
        code = group.main(args=arguments, prog_name=name, standalone_mode=False, obj=state)
        sys.stdout.flush()
        return int(code or 0)
    except OutputError as error:
        if error.reader_gone:
            if state.done:
                echo(f"{name}: whoever read the output has gone; what is complete stays", err=True)
            return READER_GONE
        stays = "; what is complete stays" if state.done else ""
        echo(f"{name}: standard output cannot be written to ({error}){stays}; send it elsewhere: > FILE", err=True)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else name
        echo(f"{command}: {error.format_message().rstrip('.')}; see: {command} --help", err=True)
    except click.Abort:
        return _interrupted(name, resumes)
    except MemoryError as error:
        if state.debug:
            raise
        echo(f"{name}: memory ran out ({error or 'nothing more was to be had'}); {less_memory}", err=True)
    except Exception as error:
        # Modules in C that are interrupted as they are imported make other errors of it.
        if state.interrupted:
            return _interrupted(name, resumes)
        if state.debug:
            raise
        click.echo(f"{name}: {_told(error)}", err=True)
    return SOME_FAILED if state.done else NOTHING_DONE


def _interrupted(name: str, resumes: str) -> int:
    echo(f"{name}: interrupted; what is complete stays{resumes}", err=True)
    return INTERRUPTED


def _told(error: Exception) -> str:
    if isinstance(error, RmsetError):
        lines = str(error).split("\n") if error.is_list else [str(error)]
        return "\n".join(map(one_line, lines))
    if isinstance(error, UnicodeEncodeError) and isinstance(error.object, str) and not _is_text(error.object):
        return _not_text(error.object)
    if isinstance(error, OSError) and error.errno is not None:
        where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "the system"
        return one_line(f"{where}: {error.strerror or error}; see where with --debug")
    return one_line(f"a fault of the program: {type(error).__name__}: {error}; see it with --debug")


def _folder_fault() -> str:
    try:
        Path.cwd()
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ESTALE)
        what = "is gone, somebody removed it" if gone else f"cannot be used ({error.strerror})"
        return f"the folder in which this runs {what}; change to another: cd ~"
    return ""


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_text(path: str) -> str:
    if sys.getfilesystemencoding() != "utf-8":
        return f"{one_line(path)!r} is no text in this locale; set PYTHONUTF8=1, or LC_ALL=C.UTF-8"
    return f"{one_line(path)!r} is not UTF-8, and Parquet's library opens no such path; give it another name"
