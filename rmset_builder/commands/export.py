"""``rmset export``: shards in the formats of other training tools."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rmset_builder.core.command_line import TextPath, echo, something_is_done
from rmset_builder.exporting.run import WRITERS, export


@click.command("export", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(), default=Path("shards"))
@click.option("--to", "form", type=click.Choice(list(WRITERS)), default="webdataset", help="The format.")
@click.option("--out", type=TextPath(), help="The folder to make.", show_default="SHARDS-FORMAT")
def command(*, shards: Path, form: str, out: Path | None) -> None:
    """Write the folder SHARDS (default: shards/) in another format.

    webdataset: a tar for each shard, a jpg and a json for each face. lance: one data set, faces.lance. imagefolder: a
    folder of JPEG files for each person, and metadata.jsonl in it. shards: shards again, in today's layout.

    The folder appears when all of it is there; a run that was stopped goes on where it was.
    """
    out = shards.with_name(f"{shards.name or 'shards'}-{form}") if out is None else out
    shown = sys.stderr.isatty()

    def tell(name: str, done: int, total: int) -> None:
        if shown or done == total or done % 100 == 0:
            click.echo(f"{name}: {done:,} of {total:,} shards", err=True)

    exported = export(shards, form, out, progress=tell)
    something_is_done()
    again = f" ({exported.kept:,} from a run before)" if exported.kept else ""
    echo(f"{out}: {exported.rows:,} faces of {exported.shards:,} shards{again}")
