"""``rmset swap``: two identities are exchanged from a frame on."""

from __future__ import annotations

from pathlib import Path

import click

from rmset_builder.commands.correcting import correcting, told
from rmset_builder.corrections.correct import swap


@click.command("swap")
@click.argument("video")
@click.argument("one", type=click.IntRange(min=0))
@click.argument("other", type=click.IntRange(min=0))
@click.option(
    "--from-frame", "first", required=True, type=click.IntRange(min=0), help="The first frame of the exchange."
)
@click.option("--to-frame", "last", type=click.IntRange(min=0), show_default="the video's last", help="Its last frame.")
@correcting
def command(
    *,
    video: str,
    one: int,
    other: int,
    first: int,
    last: int | None,
    shards: Path,
    as_of: int | None,
    why: str,
    as_json: bool,
) -> None:
    """Exchange two identities of a VIDEO (its id) from a frame on: `rmset swap wall9 3 7 --from-frame 812`.

    For people whom the program took for each other at some moment. A track that runs through that moment is cut there.
    Shards, tables and embeddings follow at once, and whenever the video is extracted again; `rmset undo` takes it back.
    """
    if last is not None and last < first:
        raise click.UsageError(f"--to-frame {last} is before --from-frame {first}")
    told(swap(shards, video, (one, other), first=first, last=last, as_of=as_of, why=why), shards, as_json=as_json)
