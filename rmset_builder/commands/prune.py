"""``rmset prune``: take down a video, or one person of it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from rmset_builder.core.command_line import TextPath, echo, something_is_done
from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.takedown.prune import Removed, prune_identity, prune_video
from rmset_builder.verify.collection import faults_of, verify

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LONGEST_REASON = 500


@click.command("prune", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(file_okay=False), default="shards")
@click.option("--video", required=True, metavar="ID", help="The video; an id that begins with - as --video=-ID.")
@click.option("--identity", type=click.IntRange(min=0), metavar="N", help="Only this person of the video.")
@click.option("--why", required=True, help="The reason, for the tombstone; no names of people.")
@click.option(
    "--videos", type=click.Path(path_type=Path, file_okay=False), default="videos", help="Folder of the videos."
)
@click.option(
    "--keep-file", is_flag=True, help="With --identity: leave the video's file, which still shows the person."
)
@click.pass_context
def command(
    ctx: click.Context, /, *, shards: Path, video: str, identity: int | None, why: str, videos: Path, keep_file: bool
) -> None:
    """Take a video, or one person of it, out of the folder SHARDS (default: shards/), the videos and their catalog.

    There is no way back: faces, file and metadata are deleted. A tombstone stays (SHARDS/pruned.jsonl and the
    catalog), by which no later fetch or extract brings them back. Of a person nothing is kept, not even an embedding;
    therefore the video is never extracted again. What is left is then checked as by `rmset verify --quick`.

    Exit code 1: a person is not taken out of shards that are damaged, as told on stderr; or the check found faults.
    """
    why = " ".join(why.split())
    if not why or len(why) > _LONGEST_REASON or not why.isprintable():
        raise click.UsageError(f"--why must be 1 to {_LONGEST_REASON} printable characters")
    if not _ID.fullmatch(video):
        raise click.UsageError(f"--video {video!r} is no id (letters, digits, _ and -)")
    if identity is None and keep_file:
        raise click.UsageError("--keep-file goes with --identity")
    try:
        if identity is None:
            removed = prune_video(shards, videos, video, why)
        else:
            removed = prune_identity(shards, videos, video, identity, why, keep_file=keep_file)
    except VideoError as error:
        click.echo(f"failed: {error}", err=True)
        ctx.exit(1)
    except OSError as error:
        message = f"{error.filename or shards} cannot be changed ({error.strerror or error})"
        raise RmsetError(message, remedy="mend that and give the same command again, it goes on from there") from error
    something_is_done()
    _tell(removed, why)
    proof = verify(shards, videos, quick=True, threads=1, only=video)
    for fault in faults_of(proof):
        echo(f"fault: {fault}", err=True)
    echo("verified: it is gone from shards, tables and files" if not proof.faults else "verify found faults", err=True)
    other = removed.resumed and removed.identity != identity
    if other:
        echo(f"note: identity {identity} was not touched; numbers have moved, look at them again", err=True)
    ctx.exit(1 if proof.faults or other else 0)


def _tell(removed: Removed, why: str) -> None:
    who = removed.video if removed.identity is None else f"identity {removed.identity} of {removed.video}"
    resumed = " (an interrupted removal, now finished)" if removed.resumed else ""
    echo(f"{who}: {removed.faces:,} faces removed{resumed}: {why}")
    for path in removed.files:
        echo(f"deleted {path}")
    if removed.elsewhere is not None:
        echo(f"note: the file it was made of lies elsewhere and was left alone: {removed.elsewhere}", err=True)
    if removed.alike:
        echo(f"note: these look like uploads of the same video: {', '.join(removed.alike)}", err=True)
    if removed.identity is not None:
        echo("note: identities after it have moved up by one", err=True)
    echo("note: contact sheets, exports, backups and trained models are yours to look after", err=True)
