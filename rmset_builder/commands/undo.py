"""``rmset undo``: a correction is taken back."""

from __future__ import annotations

from pathlib import Path

import click

from rmset_builder.commands.correcting import told
from rmset_builder.core.command_line import TextPath
from rmset_builder.corrections.correct import undo


@click.command("undo")
@click.argument("video", required=False)
@click.option("--number", type=click.IntRange(min=1), show_default="the last that counts", help="The correction's.")
@click.option("--shards", type=TextPath(file_okay=False), default=Path("shards"), show_default=True, help="The folder.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(*, video: str | None, number: int | None, shards: Path, as_json: bool) -> None:
    """Take a correction back: the last one, that of a VIDEO, or the one of a number.

    In any order, but not one that a later correction is about: that one is to be undone first. When all of a video's
    are undone, its shards are byte for byte what they were.
    """
    told(undo(shards, video=video, correction=number), shards, as_json=as_json)
