"""``rmset drop``: an identity is left out."""

from __future__ import annotations

from pathlib import Path

import click

from rmset_builder.commands.correcting import correcting, told
from rmset_builder.corrections.correct import drop


@click.command("drop")
@click.argument("video")
@click.argument("identity", type=click.IntRange(min=0))
@correcting
def command(*, video: str, identity: int, shards: Path, as_of: int | None, why: str, as_json: bool) -> None:
    """Leave an IDENTITY of a VIDEO (its id) out of the shards: `rmset drop wall9 5`.

    For people of the film and things that look like faces. The faces are kept in SHARDS/dropped/, so that `rmset undo`
    brings them back. Whoever asked to be removed is not dropped but pruned: `rmset prune --identity` keeps nothing.
    """
    told(drop(shards, video, identity, as_of=as_of, why=why), shards, as_json=as_json)
