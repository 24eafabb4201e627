"""``rmset verify``: are videos, shards and tables whole, and do they agree?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource

from rmset_builder.core.command_line import TextPath, echo
from rmset_builder.core.machine import usable_cores
from rmset_builder.shards.mirror import mirrored
from rmset_builder.storage.address import refuse_address
from rmset_builder.storage.command_line import cache_option
from rmset_builder.verify.collection import faults_of, verify
from rmset_builder.verify.scope import require_content


@click.command("verify", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(file_okay=False), default="shards")
@click.option(
    "--videos", type=click.Path(path_type=Path, file_okay=False), default="videos", help="Folder of the videos."
)
@click.option("--quick", is_flag=True, help="Decode no image.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=usable_cores,
    show_default=f"{usable_cores()}, the cores that may be used",
    help="CPU threads.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cache_option
@click.pass_context
def command(ctx: click.Context, /, *, shards: Path, videos: Path, quick: bool, threads: int, as_json: bool) -> None:
    """Check the folder SHARDS (default: shards/), the videos and their catalog.

    Files against their hashes; every shard's columns, order, identities and images; the table of videos against the
    shards; and that nothing is left of what was taken down.

    Exit codes: 0 all is well; 1 there are faults, a line each on stdout; 2 there is nothing to check, or not in the
    folder that was named.
    """
    given = ctx.get_parameter_source
    refuse_address(videos, remedy="copy the videos here to check their files")
    with mirrored(shards) as mirror:
        require_content(
            mirror.folder,
            videos,
            shards_given=given("shards") is not ParameterSource.DEFAULT,
            videos_given=given("videos") is not ParameterSource.DEFAULT,
        )
        found = verify(mirror.folder, videos, quick=quick, threads=threads)
    found.notes = [mirror.told(note) for note in found.notes]
    faults = [mirror.told(fault) for fault in faults_of(found)]
    if as_json:
        click.echo(json.dumps({**asdict(found), "faults": faults}, indent=2))
    else:
        for fault in faults:
            echo(fault)
        for note in found.notes:
            echo(f"note: {note}", err=True)
        images = "no image decoded" if quick else f"{found.images:,} images decoded"
        checked = f"{found.videos:,} videos, {found.shards:,} shards, {found.faces:,} faces, {images}"
        click.echo(f"{found.files:,} files hashed, {checked}, {found.tombstones:,} tombstones", err=True)
        click.echo(f"{len(faults):,} faults" if faults else "all is well", err=True)
    ctx.exit(1 if faults else 0)
