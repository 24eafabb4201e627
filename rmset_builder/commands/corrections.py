"""``rmset corrections``: what was corrected, and what of it counts."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rmset_builder.core.command_line import TextPath, echo
from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.corrections.correct import catch_up
from rmset_builder.corrections.ledger import listed, read_ledger


@click.command("corrections")
@click.argument("shards", type=TextPath(file_okay=False), default="shards")
@click.option("--video", metavar="ID", show_default="all", help="Only those of this video.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def command(*, shards: Path, video: str | None, as_json: bool) -> None:
    """List the corrections of the folder SHARDS (default: shards/), and finish one that was interrupted."""
    if not shards.is_dir():
        raise RmsetError(f"no folder of shards at {shards}", remedy="make one with: rmset extract VIDEO")
    for finished in catch_up(shards):
        echo(f"{finished}: corrected now, after an interruption", err=True)
    for one in listed(read_ledger(shards), video):
        if as_json:
            echo(json.dumps(one))
        else:
            state = "" if one["counts"] else " (undone)"
            why = f": {one_line(one['why'])}" if one["why"] else ""
            echo(f"{one['number']} {one['when']} {one['video']}: {one_line(one['words'])}{state}{why}")
