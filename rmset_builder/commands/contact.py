"""``rmset contact``: a picture with a row of faces per identity."""

from __future__ import annotations

from pathlib import Path

import click

from rmset_builder.core.command_line import TextPath, echo_path, something_is_done
from rmset_builder.reports.contact_sheet import DEFAULT_COLUMNS, DEFAULT_LIMIT, DEFAULT_SIZE, write_contact_sheet
from rmset_builder.shards.mirror import mirrored
from rmset_builder.storage.command_line import cache_option

_PNG = Path("contact.png")


@click.command()
@click.argument("shards", type=TextPath(), default=Path("shards"))
@click.option(
    "--video", "videos", multiple=True, metavar="ID", help="Show this video; may be given again.", show_default="all"
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=_PNG, help="The picture to write.")
@click.option("--columns", type=click.IntRange(1, 100), default=DEFAULT_COLUMNS, help="Faces shown of an identity.")
@click.option("--size", type=click.IntRange(16, 512), default=DEFAULT_SIZE, help="The side of a face, pixels.")
@click.option("--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, help="Videos on the sheet.")
@cache_option
def command(*, shards: Path, videos: tuple[str, ...], out: Path, columns: int, size: int, limit: int) -> None:
    """Draw the folder SHARDS (default: shards/) as a picture with a row of faces per identity.

    The faces of a row are spread evenly over the person's time on screen.
    """
    with mirrored(shards) as mirror:
        sheet = write_contact_sheet(mirror.folder, out, videos=videos, columns=columns, size=size, limit=limit)
    something_is_done()
    if sheet.left_out:
        number, total = len(sheet.left_out), len(sheet.left_out) + limit
        click.echo(
            f"{number:,} of {total:,} videos are not on the sheet, from {sheet.left_out[0]} on; "
            f"show all with --limit {total} or one with --video ID",
            err=True,
        )
    echo_path(sheet.path)
