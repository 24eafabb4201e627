"""What the commands that correct shards have in common."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import click

from rmset_builder.core.command_line import TextPath, echo, something_is_done
from rmset_builder.corrections.correct import Corrected

Function = TypeVar("Function", bound=Callable[..., None])


def correcting(function: Function) -> Function:
    """The options of every correction."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON."),
        click.option("--why", default="", help="A remark to keep with it; no names of people."),
        click.option(
            "--as-of",
            type=click.IntRange(min=0),
            metavar="N",
            show_default="the last",
            help="Numbers are those that were seen after this correction; 0: as the video was extracted.",
        ),
        click.option(
            "--shards", type=TextPath(file_okay=False), default=Path("shards"), show_default=True, help="The folder."
        ),
    ):
        function = option(function)
    return function


def told(done: Corrected, shards: Path, *, as_json: bool) -> None:
    """Say what a correction did: the fact on stdout, what to know about it on stderr."""
    something_is_done()
    if as_json:
        echo(json.dumps(asdict(done)))
    else:
        many = "identity" if done.identities == 1 else "identities"
        echo(f"{done.video}: {done.words}; {done.identities:,} {many} now")
        if done.renumbered:
            pairs = ", ".join(f"{old} -> {new}" for old, new in done.renumbered.items())
            echo(f"other numbers now: {pairs}", err=True)
        if not done.words.startswith("undone"):
            folder = "" if shards == Path("shards") else f" --shards {shlex.quote(str(shards))}"
            echo(f"take it back: rmset undo --number {done.number}{folder}", err=True)
    for remark in done.remarks:
        echo(f"note: {remark}", err=True)
