"""``rmfer predict``: expressions of the faces in pictures and videos."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from rmset_builder.core.command_line import echo, something_is_done

_OUT = Path("predictions")


@click.command("predict", context_settings={"show_default": True})
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE|VIDEO|DIR...")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=_OUT, help="Folder to write to.")
@click.option("--which", type=click.Choice(["best", "last"]), default="best", help="The epoch, where MODEL is a run.")
@click.option("--models", default="offline", help="Finds faces: offline, one of insightface's packs, or a folder.")
@click.option("--aligned", is_flag=True, help="Pictures are aligned faces already: look for none.")
@click.option(
    "--grey/--colour", default=None, help="Make faces grey first.  [default: as the pictures it was trained on]"
)
@click.option("--every", type=click.IntRange(1), default=1, help="Of videos, recognise every so many-th frame.")
@click.option("--pictures/--no-pictures", default=True, help="Draw what is found, or write JSON alone.")
@click.option("--device", help="cpu, cuda or cuda:N.  [default: cuda where there is one]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture or video on stdout.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    model: Path,
    inputs: tuple[Path, ...],
    out: Path,
    which: str,
    models: str,
    aligned: bool,
    grey: bool | None,
    every: int,
    pictures: bool,
    device: str | None,
    as_json: bool,
) -> None:
    """Find faces in pictures and videos, and tell their expressions by MODEL, a run's folder or a .safetensors file.

    Faces are found and aligned as `rmset extract` does it. Of a picture, NAME.json and NAME.jpg with the faces marked
    are written; of a video, NAME.json, NAME.jsonl with a line a frame, and NAME.mp4. Exit code 1: some could not be
    read, as told on stderr; all others are complete.
    """
    # torch takes seconds to import, and --help does without.
    from rmfer.devices import named_device  # noqa: PLC0415
    from rmfer.model.saved import load_model  # noqa: PLC0415
    from rmfer.predict.door import video_suffixes  # noqa: PLC0415
    from rmfer.predict.predictor import SUFFIXES, Predictor  # noqa: PLC0415
    from rmfer.predict.recogniser import Recogniser  # noqa: PLC0415
    from rmfer.predict.sources import InputError, check_out, find_sources  # noqa: PLC0415

    place = named_device(device)
    recogniser = Recogniser(*load_model(model, which=which, device=place), place, grey=grey)
    found = find_sources(inputs, video_suffixes=frozenset() if aligned else video_suffixes())
    check_out(found.items, out, SUFFIXES)
    failed = 0

    def tell(fault: InputError) -> None:
        nonlocal failed
        failed += 1
        echo(f"failed: {fault}", err=True)

    for fault in found.faults:
        tell(fault)
    console = Console(stderr=True)
    with Predictor(recogniser, None if aligned else models, place, out=out, every=every, draw=pictures) as predictor:
        for source in found.items:
            try:
                predicted = predictor.predict(source, console)
            except InputError as fault:
                tell(fault)
            else:
                something_is_done()
                echo(json.dumps(predicted.as_json) if as_json else predicted.line)
    total = len(found.items) + len(found.faults)
    if total > 1 or failed:
        echo(f"{out}: {total - failed:,} done" + (f", {failed:,} failed" if failed else ""), err=True)
    ctx.exit(1 if failed else 0)
