"""``rmset report``: shards as a static site, to look at and to trust or mend."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from rmset_builder.core.command_line import TextPath, echo, echo_path, something_is_done
from rmset_builder.core.machine import usable_cores
from rmset_builder.core.progress import Reporter, usual_columns
from rmset_builder.shards.mirror import mirrored
from rmset_builder.site.build import Built, build_report
from rmset_builder.site.look import DEFAULT_FACES, DEFAULT_SIZE, Faces, Look
from rmset_builder.storage.address import refuse_address
from rmset_builder.storage.command_line import cache_option


@click.command("report", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(file_okay=False), default="shards")
@click.option("-o", "--out", type=TextPath(file_okay=False), default="report", help="The folder to write to.")
@click.option(
    "--video",
    "videos",
    multiple=True,
    metavar="ID",
    help="Report on this video alone; may be given again.",
    show_default="all",
)
@click.option("--faces", "columns", type=click.IntRange(1, 100), default=DEFAULT_FACES, help="Faces of an identity.")
@click.option("--size", type=click.IntRange(32, 260), default=DEFAULT_SIZE, help="The side of a face, pixels.")
@click.option("--single-file", "single", is_flag=True, help="One file with all pictures in it, for mailing.")
@click.option("--blur-faces", is_flag=True, help="For publishing: blur every face before it is written.")
@click.option("--no-faces", is_flag=True, help="For publishing: write no picture of a face.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=usable_cores,
    show_default=f"{usable_cores()}, the cores that may be used",
    help="Pages made at a time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@cache_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    shards: Path,
    out: Path,
    videos: tuple[str, ...],
    columns: int,
    size: int,
    single: bool,
    blur_faces: bool,
    no_faces: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Write a report on the folder SHARDS (default: shards/): a site that opens from disk, without server or network.

    An overview with Table 2 and distributions; a page for each video with who is seen when, their faces, and where they
    were; and a list of what somebody should look at, each with the command that would mend it. Pages that are up to
    date are not made again; pages of videos that the report is not on are removed.

    Exit code 1: a video could not be read, as told on stderr and on its page, or its shards contradict the table.
    """
    if blur_faces and no_faces:
        raise click.UsageError("--blur-faces and --no-faces: there is nothing to blur")
    faces = Faces.ABSENT if no_faces else Faces.BLURRED if blur_faces else Faces.SHOWN
    refuse_address(out, remedy="write it to a folder here, and copy that")
    with _shown() as progress, mirrored(shards) as mirror:
        look = Look(columns, size, faces, single)
        built = build_report(mirror.folder, out, look=look, videos=videos, jobs=jobs, progress=progress)
    built = replace(built, warnings=tuple(map(mirror.told, built.warnings)), notes=tuple(map(mirror.told, built.notes)))
    something_is_done()
    if as_json:
        click.echo(json.dumps(built.told(), indent=2, ensure_ascii=False))
    else:
        echo_path(built.index)
    _tell(built)
    if built.warnings or any(video.fault for video in built.videos):
        ctx.exit(1)


def _tell(built: Built) -> None:
    for note in built.notes:
        echo(f"note: {note}", err=True)
    for warning in built.warnings:
        echo(f"warning: {warning}", err=True)
    for video in built.videos:
        if video.fault:
            echo(f"{video.id}: {video.fault}", err=True)
    made, findings = sum(video.made for video in built.videos), sum(video.findings for video in built.videos)
    echo(
        f"{made:,} of {len(built.videos):,} videos' pages made, the others were up to date; {findings:,} to look at; "
        f"{built.bytes / 1e6:,.1f} MB",
        err=True,
    )


@contextmanager
def _shown() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows how many pages are done: a bar on a terminal, elsewhere a line now and then."""
    with Reporter(Console(stderr=True), *usual_columns()) as reporter:
        bar = reporter.add("pages", total=None)

        def tell(video: str, done: int, total: int) -> None:
            something_is_done()
            reporter.update(bar, completed=done, total=total)
            reporter.line(f"{video}: {done:,} of {total:,} pages")

        yield tell
