"""``rmset show``: a video with its people drawn in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from rmset_builder.core.command_line import TextPath, echo, echo_path, something_is_done
from rmset_builder.core.errors import RmsetError
from rmset_builder.core.progress import Reporter, usual_columns
from rmset_builder.drawing.extracted import Extracted, find_extracted
from rmset_builder.drawing.people import Style
from rmset_builder.drawing.show import Progress, check_out, write_frame, write_video


@click.command("show", context_settings={"show_default": True})
@click.argument("video", type=click.Path(path_type=Path, readable=False))
@click.option("--shards", type=TextPath(), default=Path("shards"), help="Folder of the shards.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.",
    show_default="ID-shown.mp4, or ID-frameN.png",
)
@click.option("--frame", type=click.IntRange(min=0), metavar="N", help="Write this frame alone, as PNG.")
@click.option(
    "--identity",
    "identities",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="Mark this person; may be given again.",
    show_default="all",
)
@click.option("--labels/--no-labels", default=True, help="Write people's numbers beside their boxes.")
@click.option("--blur-faces", is_flag=True, help="Blur every face that the shards know, marked or not.")
@click.option("--start", type=click.FloatRange(min=0), metavar="SECONDS", help="Leave out what is before.")
@click.option("--end", type=click.FloatRange(min=0), metavar="SECONDS", help="Leave out what is after.")
@click.option("--force", is_flag=True, help="Write over a file that is there.", show_default="off")
def command(
    *,
    video: Path,
    shards: Path,
    out: Path | None,
    frame: int | None,
    identities: tuple[int, ...],
    labels: bool,
    blur_faces: bool,
    start: float | None,
    end: float | None,
    force: bool,
) -> None:
    """Draw boxes, landmarks and people's numbers over VIDEO, a file that was extracted or its id.

    Each person has a colour, the same in every frame. Sound and times are kept; small pictures are drawn larger.
    """
    if frame is not None and (start is not None or end is not None):
        raise click.UsageError("--frame is one frame: it goes with neither --start nor --end")
    suffix = ".mp4" if frame is None else ".png"
    if out is not None and out.suffix.lower() != suffix:
        kind = "an MP4" if frame is None else "a PNG"
        raise click.UsageError(f"--out {out}: what is written is {kind} file, name it {out.with_suffix(suffix)}")
    found = find_extracted(video, shards)
    if out is None:
        out = Path(f"{found.video}-shown.mp4" if frame is None else f"{found.video}-frame{frame}.png")
    check_out(out, found, force=force)
    style = Style(frozenset(identities), labels, blur_faces)
    try:
        if frame is not None:
            write_frame(found, frame, out, style)
        else:
            with _shown(found.video) as progress:
                write_video(found, out, style, start_s=start, end_s=end, progress=progress)
    except OSError as error:
        raise RmsetError(
            f"--out {out} cannot be written to ({error.strerror or error})", remedy="give another file"
        ) from error
    something_is_done()
    if blur_faces:
        echo(f"note: {_not_blurred(found)}", err=True)
    echo_path(out)


def _not_blurred(found: Extracted) -> str:
    """Which faces may still be seen."""
    dropped = json.loads(found.record.dropped_json).get("faces", {}) if found.record else {}
    counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()) if count)
    left_out = f"those that extraction left out ({counts})" if counts else "such as the detector did not find"
    return f"faces that are not in the shards are not blurred, {left_out}; look at it before you publish it"


@contextmanager
def _shown(name: str) -> Iterator[Progress]:
    """Yield a function that shows how far a video is: a bar on a terminal, elsewhere a line now and then."""
    with Reporter(Console(stderr=True), *usual_columns()) as reporter:
        bar = reporter.add(name, total=None)

        def tell(what: str, done: int, total: int) -> None:
            reporter.update(bar, description=f"{name}: {what}", completed=done, total=total or None)
            reporter.line(f"{name}: {what}, {done:,} of {total:,} frames")

        yield tell
