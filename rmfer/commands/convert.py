"""``rmfer convert``: a pickled network to weights that can be loaded without running anything."""

from __future__ import annotations

from pathlib import Path

import click

from rmfer.errors import RmferError
from rmfer.model.hsemotion import renamed
from rmfer.model.pickled import read_pickled
from rmfer.model.weights import write_weights
from rmset_builder.core.command_line import echo, something_is_done


@click.command("convert", context_settings={"show_default": True})
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write.  [default: FILE's name, ending in .safetensors]"
)
@click.option(
    "--labels",
    metavar="NAME,NAME,...",
    help="Expressions in the order of FILE's classifier.  [default: the alphabet's, as hsemotion has them]",
)
def command(*, file: Path, out: Path | None, labels: str | None) -> None:
    """Make weights for `rmfer train --set weights=...` out of FILE, a network pickled by torch (hsemotion's are).

    FILE's pickle is not run: only tensors are taken from it. The classifier is taken if it tells 7 or 8 expressions
    apart, its rows brought to the order of `rmfer`.
    """
    out = out or file.with_suffix(".safetensors")
    if out.suffix != ".safetensors":
        raise RmferError(f"--out {out} does not end in .safetensors", remedy="name it so")
    if out.exists():
        raise RmferError(f"{out} is there already", remedy="remove it, or choose another --out")
    order = [name.strip().lower() for name in labels.split(",")] if labels else None
    found = renamed(read_pickled(file), labels=order)
    if not any(name.startswith("backbone.") for name in found.weights):
        raise RmferError(f"{file} holds no weights of a backbone", remedy="give a network or its state_dict")
    write_weights(out, found.weights, {"source": file.name})
    count = sum(name.startswith("backbone.") for name in found.weights)
    something_is_done()
    echo(f"{out}: backbone ({count:,} tensors)" + (", head_main" if found.labels else ""))
    if found.labels:
        click.echo(f"  its {len(found.labels)} classes, brought to the order of rmfer, were {', '.join(found.labels)}")
    if found.left_out:
        click.echo(f"  left out, as it does not tell 7 or 8 expressions apart: {', '.join(found.left_out)}")
