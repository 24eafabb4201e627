"""``rmset merge``: several identities of a video are one person."""

from __future__ import annotations

from pathlib import Path

import click

from rmset_builder.commands.correcting import correcting, told
from rmset_builder.corrections.correct import merge


@click.command("merge")
@click.argument("video")
@click.argument("identities", nargs=-1, required=True, type=click.IntRange(min=0))
@correcting
def command(
    *, video: str, identities: tuple[int, ...], shards: Path, as_of: int | None, why: str, as_json: bool
) -> None:
    """Make several IDENTITIES of a VIDEO (its id) one: `rmset merge wall9 3 7`.

    Shards, tables and embeddings follow at once, and whenever the video is extracted again. Identities stay numbered
    in the order of their first appearance, so others may have other numbers then; --as-of is for whoever still looks
    at the old ones. `rmset undo` takes it back.
    """
    told(merge(shards, video, identities, as_of=as_of, why=why), shards, as_json=as_json)
