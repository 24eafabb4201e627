"""An evaluation written out: lines for people, JSON, CSV, and the confusion matrix as a picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from rmfer.errors import RmferError
from rmfer.evaluation import Interval, class_recalls
from rmfer.evaluation.evaluate import Evaluation, Probabilities
from rmfer.evaluation.figures import write_confusion
from rmfer.evaluation.intervals import LEVEL
from rmfer.labelled.split import Split
from rmset_builder.core.files import whole_file
from rmset_builder.shards.checked_parquet import write_checked


def write_evaluation(evaluation: Evaluation, folder: Path, stem: str) -> tuple[Path, Path]:
    """Write STEM.json, all the figures, and STEM.png, the confusion matrix.

    Raises:
        RmferError: ``folder`` cannot be written to.
    """
    info, intervals = evaluation.info, evaluation.intervals
    title = (
        f"{evaluation.benchmark}, {evaluation.place}: overall {100 * evaluation.overall:.1f} %, "
        f"average {100 * evaluation.average:.1f} %"
    )
    lines = [
        f"{100 * LEVEL:.0f} % intervals: overall {_told(intervals.overall, 1)}, average {_told(intervals.average, 1)}",
        f"{info.backbone}, {info.which} epoch ({info.epoch + 1}) · {evaluation.images:,} images",
        *evaluation.notes,
    ]
    json_path, png_path = folder / f"{stem}.json", folder / f"{stem}.png"
    try:
        write_confusion(png_path, evaluation.confusion, evaluation.names, title=title, lines=lines)
        with whole_file(json_path) as temporary:
            temporary.write_text(json.dumps(evaluation.as_json(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise _not_writable(folder, error) from error
    return json_path, png_path


def write_lines(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        RmferError: it cannot be written.
    """
    try:
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _not_writable(path.parent, error) from error


def write_probabilities(path: Path, split: Split, probabilities: Probabilities, names: Sequence[str]) -> None:
    """Write a CSV with a line an image: its name, its label, what was found, and the probability of each expression.

    Raises:
        RmferError: the file cannot be written.
    """
    try:
        with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(["image", "label", "found", *names])
            for number, own in enumerate(probabilities):
                label, found = names[split.labels[number]], names[own.argmax()]
                lines.writerow([split.name_of(number), label, found, *(f"{share:.6f}" for share in own)])
    except OSError as error:
        raise _not_writable(path.parent, error) from error


def write_table(path: Path, split: Split, probabilities: Probabilities, names: Sequence[str]) -> None:
    """Write a Parquet file with a row an image, by which runs can be compared image by image.

    Columns: ``image``, its name within the benchmark; ``label`` int64; for each rule of the split whether it chooses
    the image; for each expression its probability, float32.

    Raises:
        RmferError: the file cannot be written.
    """
    columns = {
        "image": [split.images.key_of(number) for number in split.items.tolist()],
        "label": split.labels,
        **split.rules,
        **dict(zip(names, probabilities.T, strict=True)),
    }
    try:
        with whole_file(path) as temporary:
            write_checked(pa.table(columns), temporary)
    except OSError as error:
        raise _not_writable(path.parent, error) from error


def report(evaluation: Evaluation) -> str:
    """The figures as a user reads them, in per cent, some lines."""
    info, intervals = evaluation.info, evaluation.intervals
    recalls, counts = class_recalls(evaluation.confusion), evaluation.confusion.sum(axis=1)
    wide = max(len(name) for name in evaluation.names)
    lines = [
        f"{evaluation.benchmark}, {evaluation.place}: {evaluation.images:,} images; {info.backbone}, "
        f"{info.which} epoch ({info.epoch + 1})",
        f"overall accuracy  {100 * evaluation.overall:6.2f} %  ({_told(intervals.overall)})",
        f"average accuracy  {100 * evaluation.average:6.2f} %  ({_told(intervals.average)})",
        "",
        f"{'label':<{wide}}  images   recall",
    ]
    for name, count, recall, interval in zip(
        evaluation.names, counts, recalls, evaluation.recall_intervals, strict=True
    ):
        share = f"{100 * recall:6.2f} %  ({_told(interval)})" if interval else "     -"
        lines.append(f"{name:<{wide}}  {count:6,}  {share}")
    lines += [
        "",
        f"in brackets: {100 * LEVEL:.0f} % intervals, of accuracies by bootstrap over images, of recalls Wilson's",
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in evaluation.notes)])


def _told(interval: Interval, digits: int = 2) -> str:
    return f"{100 * interval.low:.{digits}f} \N{EN DASH} {100 * interval.high:.{digits}f}"


def _not_writable(folder: Path, error: OSError) -> RmferError:
    return RmferError(f"{folder} cannot be written to ({error.strerror or error})", remedy="give another --out")
