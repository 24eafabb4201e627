"""``rmset split``: an identity is two people."""

from __future__ import annotations

from pathlib import Path

import click

from rmset_builder.commands.correcting import correcting, told
from rmset_builder.corrections.correct import split


@click.command("split")
@click.argument("video")
@click.argument("identity", type=click.IntRange(min=0))
@click.option(
    "--track",
    "tracks",
    multiple=True,
    required=True,
    type=click.IntRange(min=0),
    help="Of the other person; may be given again.",
)
@correcting
def command(
    *, video: str, identity: int, tracks: tuple[int, ...], shards: Path, as_of: int | None, why: str, as_json: bool
) -> None:
    """Make some tracks of an IDENTITY of a VIDEO (its id) a person of their own: `rmset split wall9 3 --track 12`.

    `rmset report` shows each track's faces and number. Shards, tables and embeddings follow at once, and whenever the
    video is extracted again; `rmset undo` takes it back.
    """
    told(split(shards, video, identity, tracks, as_of=as_of, why=why), shards, as_json=as_json)
