"""``rmset corrections``: what was corrected, and what of it counts."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rmset_builder.core.command_line import TextPath, echo
from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.corrections.correct import catch_up
from rmset_builder.corrections.ledger import active, read_ledger
from rmset_builder.corrections.record import Correction


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
    entries = read_ledger(shards)
    counts = {one.number for each in {entry.video for entry in entries} for one in active(entries, each)}
    for entry in entries:
        if not isinstance(entry, Correction) or video not in (None, entry.video):
            continue
        state = "" if entry.number in counts else " (undone)"
        if as_json:
            told = {name: getattr(entry, name) for name in ("number", "video", "kind", "words", "why", "when")}
            echo(json.dumps({**told, "counts": entry.number in counts}))
        else:
            why = f": {one_line(entry.why)}" if entry.why else ""
            echo(f"{entry.number} {entry.when} {entry.video}: {one_line(entry.words)}{state}{why}")
