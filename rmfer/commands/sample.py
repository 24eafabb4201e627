"""``rmfer sample``: anchor sets as training draws them, for the eye."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
import numpy.typing as npt

from rmfer.errors import RmferError, ShardError
from rmfer.shards import AnchorSampler, AnchorSet, ImageReader, Index, SamplerSettings, open_index
from rmset_builder.core.command_line import TextPath, echo, echo_path, something_is_done
from rmset_builder.core.files import whole_file
from rmset_builder.shards.mirror import mirrored
from rmset_builder.storage.command_line import cache_option

_SIDE, _COLUMNS, _GAP = 96, 25, 4
_DEFAULT = SamplerSettings()
_GAMMA = 0.1


@click.command("sample", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(), default=Path("shards"))
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=_DEFAULT.seed, help="Of the draws.")
@click.option("--epoch", type=click.IntRange(0), default=0, help="The epoch.")
@click.option("--number", type=click.IntRange(0), default=0, help="The first set's number in the epoch.")
@click.option("--sets", type=click.IntRange(1), default=1, help="How many sets.")
@click.option("--frame-stride", type=click.IntRange(1), default=_DEFAULT.frame_stride, help="Every how many-th frame.")
@click.option("--index", "kept_in", type=click.Path(path_type=Path), help="Where indexes lie.  [default: in SHARDS]")
@click.option("--skip-bad", is_flag=True, help="Go on without shards and pictures that cannot be read, and count them.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="A trained model, a run's folder or a .safetensors file: tell which positives it finds likest (P_imp).",
)
@click.option(
    "--gamma", type=click.FloatRange(0, 1, min_open=True), default=_GAMMA, help="Share of them, with --model."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A PNG to draw the first set on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a set.")
@cache_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    shards: Path,
    seed: int,
    epoch: int,
    number: int,
    sets: int,
    frame_stride: int,
    kept_in: Path | None,
    skip_bad: bool,
    model: Path | None,
    gamma: float,
    out: Path | None,
    as_json: bool,
) -> None:
    """Draw anchor sets from the folder SHARDS (default: shards/), the very ones that training with this seed draws.

    Every picture of a set is read and checked. Exit code 1: with --skip-bad, something was left out, told on stderr.
    """
    with mirrored(shards) as mirror:
        index = open_index(mirror.folder, cache=kept_in, skip_bad=skip_bad)
        ctx.exit(
            _show(
                index,
                seed=seed,
                epoch=epoch,
                number=number,
                sets=sets,
                frame_stride=frame_stride,
                skip_bad=skip_bad,
                model=model,
                gamma=gamma,
                out=out,
                as_json=as_json,
            )
        )


def _show(
    index: Index,
    *,
    seed: int,
    epoch: int,
    number: int,
    sets: int,
    frame_stride: int,
    skip_bad: bool,
    model: Path | None,
    gamma: float,
    out: Path | None,
    as_json: bool,
) -> int:
    """Draw and print; returns the exit code."""
    sampler = AnchorSampler(index, SamplerSettings(seed=seed, frame_stride=frame_stride))
    reader, bad = ImageReader(index), {fault.path.name: fault for fault in index.faults}
    likest = _likest(model, index, gamma) if model is not None else None
    for at in range(sets):
        drawn, pictures = _draw(sampler, reader, epoch=epoch, number=number + at, bad=bad, skip_bad=skip_bad)
        _print(index, drawn, as_json, likest(drawn) if likest is not None else None)
        if out is not None and at == 0:
            _write_png(out, pictures)
            something_is_done()
            if as_json:
                echo(str(out), err=True)
            else:
                echo_path(out)
    for fault in bad.values():
        echo(f"left out: {fault}", err=True)
    if bad:
        click.echo(f"{len(bad):,} left out", err=True)
    return 1 if bad else 0


def _draw(
    sampler: AnchorSampler, reader: ImageReader, *, epoch: int, number: int, bad: dict[str, ShardError], skip_bad: bool
) -> tuple[AnchorSet, list[memoryview]]:
    avoid = set[int]()
    while True:
        drawn = sampler.draw(epoch=epoch, number=number, avoid=sorted(avoid))
        found = list(reader.read_many(drawn.rows))
        pictures = [picture for picture in found if not isinstance(picture, ShardError)]
        if len(pictures) == len(found):
            return drawn, pictures
        for row, fault in zip(drawn.rows.tolist(), found, strict=True):
            if isinstance(fault, ShardError):
                if not skip_bad:
                    raise fault
                bad[str(fault)] = fault
                avoid.add(row)


def _likest(model: Path, index: Index, gamma: float) -> Callable[[AnchorSet], npt.NDArray[np.int64]]:
    """What tells P_imp of a set."""
    # torch takes seconds to import, and drawing does without.
    from rmfer.model.saved import load_model  # noqa: PLC0415
    from rmfer.predict.likest import FaceEmbedder, likest_positives  # noqa: PLC0415

    net, info = load_model(model)
    if "projection" in info.untrained:
        raise RmferError(
            f"{model} was trained without IAL and ACL, so it does not tell which faces are alike",
            remedy="give a model that was trained with either",
        )
    embed = FaceEmbedder(net, info, index)

    def chosen(drawn: AnchorSet) -> npt.NDArray[np.int64]:
        half = 1 + _DEFAULT.positives
        return likest_positives(embed(drawn.rows[:half]), drawn, positives=_DEFAULT.positives, gamma=gamma)

    return chosen


def _print(index: Index, drawn: AnchorSet, as_json: bool, likest: npt.NDArray[np.int64] | None) -> None:
    settings_rows = drawn.rows.tolist()
    frames = index.frame[drawn.rows].tolist()
    identities = index.identity[drawn.rows].tolist()
    if as_json:
        told = {"number": drawn.number, "video": drawn.video, "identity": drawn.identity, "frame": drawn.frame}
        told |= {"radius": drawn.radius, "rows": settings_rows, "frames": frames, "identities": identities}
        if likest is not None:
            told |= {"p_imp": likest.tolist(), "p_imp_identities": index.identity[likest].tolist()}
        click.echo(json.dumps(told))
        return
    half = 1 + _DEFAULT.positives
    click.echo(f"set {drawn.number}: {drawn.video}, identity {drawn.identity} at frame {drawn.frame}")
    people = len(set(identities[1:half]))
    click.echo(
        f"  {half - 1} positives: {people} other people at frames {min(frames[1:half])} to {max(frames[1:half])} "
        f"(r = {drawn.radius})"
    )
    if likest is not None:
        of, at = len(np.unique(index.identity[likest])), index.frame[likest]
        click.echo(f"  P_imp, the {len(likest)} likest: {of} people at frames {at.min()} to {at.max()}")
    different = len(set(settings_rows[half:]))
    click.echo(
        f"  {len(frames) - half} negatives: {different} different pictures at frames "
        f"{min(frames[half:])} to {max(frames[half:])}"
    )


def _write_png(out: Path, pictures: list[memoryview]) -> None:
    """The anchor, then two rows of positives, a gap, and two rows of negatives."""
    faces = [
        cv2.resize(
            cv2.imdecode(np.frombuffer(p, np.uint8), cv2.IMREAD_COLOR), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA
        )
        for p in pictures
    ]
    blank = np.full_like(faces[0], 255)
    half = 1 + _DEFAULT.positives
    blocks: list[npt.NDArray[np.uint8]] = []
    for part in (faces[:1], faces[1:half], faces[half:]):
        lines = [part[at : at + _COLUMNS] for at in range(0, len(part), _COLUMNS)]
        blocks += [np.hstack([*line, *[blank] * (_COLUMNS - len(line))]) for line in lines]
        blocks.append(np.full((_GAP, _SIDE * _COLUMNS, 3), 255, np.uint8))
    encoded = cv2.imencode(".png", np.vstack(blocks[:-1]))[1]
    try:
        with whole_file(out) as temporary:
            temporary.write_bytes(encoded.tobytes())
    except OSError as error:
        raise RmferError(f"--out {out} cannot be written to ({error.strerror})", remedy="give another file") from error
