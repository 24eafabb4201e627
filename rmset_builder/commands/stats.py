"""``rmset stats``: Table 2 of the paper, for the shards at hand."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from rmset_builder.core.command_line import TextPath, echo
from rmset_builder.reports.formats import FORMATS, show
from rmset_builder.reports.paper import NOTE
from rmset_builder.reports.stats import collect, tabulate
from rmset_builder.shards.mirror import mirrored
from rmset_builder.storage.command_line import cache_option


@click.command("stats")
@click.argument("shards", type=TextPath(), default="shards")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table", help="How to write the table.")
@click.option("--paper", is_flag=True, help="Beside each count, the paper's own and the ratio.", show_default="off")
@cache_option
@click.pass_context
def command(ctx: click.Context, shards: Path, form: str, paper: bool) -> None:
    """Table 2 of the paper for the folder SHARDS (default: shards/), from metadata alone.

    Of each expression group: its videos, its faces (different people), the frames of its videos, and its images
    (pictures of faces). Videos that failed are left out.

    Exit code 1: the table of videos and the shards contradict each other, as told on stderr.
    """
    with mirrored(shards) as mirror:
        collection = collect(mirror.folder)
    for note in collection.notes:
        echo(f"note: {mirror.told(note)}", err=True)
    for warning in collection.warnings:
        echo(f"warning: {mirror.told(warning)}", err=True)
    table = tabulate(collection.records, paper=paper)
    console = Console()
    if form == "table" and console.is_terminal:
        show(table, console, paper=paper)
    else:
        click.echo(FORMATS[form](table, paper=paper))
    if form == "csv" and paper:
        click.echo(f"note: {NOTE}", err=True)
    if collection.warnings:
        ctx.exit(1)
