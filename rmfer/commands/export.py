"""``rmfer export``: a trained model as an ONNX file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from rmset_builder.core.command_line import echo, something_is_done


@click.command("export", context_settings={"show_default": True})
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--onnx", "out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write."
)
@click.option("--which", type=click.Choice(["best", "last"]), default="best", help="The epoch, where MODEL is a run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, model: Path, out: Path, which: str, as_json: bool) -> None:
    """Write MODEL, a run's folder or a .safetensors file, as ONNX, and check it against torch.

    Input `images`: (batch, 3, size, size) float32, RGB in [0, 1] minus mean, divided by std. Output `logits`: (batch,
    classes). Classes, mean, std and size are in the file's metadata. A file whose logits differ from torch's by more
    than 1e-4 is not written.
    """
    # torch takes seconds to import, and --help does without.
    from rmfer.export.onnx import BATCHES, export_onnx  # noqa: PLC0415
    from rmfer.model.saved import load_model  # noqa: PLC0415

    net, info = load_model(model, which=which)
    exported = export_onnx(net, info, out)
    something_is_done()
    if as_json:
        told = {"file": str(out), "bytes": out.stat().st_size, "largest_difference": exported.difference}
        click.echo(json.dumps(told | {"metadata": exported.metadata}))
        return
    batches = " and ".join(map(str, BATCHES))
    echo(
        f"{out}: {info.backbone}, {info.which} epoch ({info.epoch + 1}), {out.stat().st_size / 1e6:,.1f} MB; "
        f"logits differ from torch's by {exported.difference:.1e} at most (batches of {batches})"
    )
