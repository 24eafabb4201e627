"""``rmfer index``: the index of a folder of shards, built where needed, and what is in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from rmfer.shards import open_index
from rmset_builder.core.command_line import TextPath, echo
from rmset_builder.shards.mirror import mirrored
from rmset_builder.storage.command_line import cache_option


@click.command("index", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(), default=Path("shards"))
@click.option("--index", "kept_in", type=click.Path(path_type=Path), help="Where indexes lie.  [default: in SHARDS]")
@click.option("--skip-bad", is_flag=True, help="Leave out shards that are damaged, missing, or of another version.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cache_option
@click.pass_context
def command(ctx: click.Context, *, shards: Path, kept_in: Path | None, skip_bad: bool, as_json: bool) -> None:
    """Build the index of the folder SHARDS (default: shards/) where it is not up to date, and describe it.

    Exit code 1: with --skip-bad, some shards were left out, as told on stderr.
    """

    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty() or done == total:
            click.echo(f"indexed {done:,} of {total:,} shards", err=True)

    with mirrored(shards) as mirror:
        index = open_index(mirror.folder, cache=kept_in, skip_bad=skip_bad, progress=tell)
    for fault in index.faults:
        echo(f"left out: {mirror.told(str(fault))}", err=True)
    found = {
        "videos": len(index.videos),
        "identities": int(index.video_person[-1]),
        "faces": len(index),
        "shards": len(index.shards),
        "left_out": len(index.faults),
    }
    if as_json:
        click.echo(json.dumps(found))
    else:
        echo(
            f"{mirror.name}: {found['faces']:,} faces of {found['identities']:,} identities in "
            f"{_count(found['videos'], 'video')}, {_count(found['shards'], 'shard')}"
            + (f"; {found['left_out']:,} left out" if index.faults else "")
        )
    ctx.exit(1 if index.faults else 0)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
