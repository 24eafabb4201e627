"""The command ``rmfer``: commands are imported when called, errors become one line and an exit code."""

from __future__ import annotations

from typing import NoReturn

import click

from rmfer import __version__
from rmset_builder.core.command_line import LazyGroup, run
from rmset_builder.core.versions import version_option

_COMMANDS = {
    "train": "Train the recogniser on a labelled benchmark and the faces of shards.",
    "sweep": "Many trainings: settings' values and seeds crossed, side by side, resumable, summed up and drawn.",
    "evaluate": "Accuracies of a trained model on a benchmark, with intervals and confusion matrix.",
    "compare": "Runs against other runs on the same images: differences with intervals, McNemar's test.",
    "predict": "Expressions of the faces in pictures and videos.",
    "analyze": "What trained networks have learnt: cosines, attention, MDS; how true the prior is on shards.",
    "table": "The tables of the paper's supplement, beside what is found here; trains what they need.",
    "figure": "The figures 1 to 4 of the paper's supplement, of one's own runs.",
    "export": "A trained model as an ONNX file.",
    "convert": "Make weights out of a pickled network without running it.",
    "benchmark": "Recognise a benchmark: count its classes, find pictures that it has twice.",
    "index": "Build or describe the index of a folder of shards.",
    "sample": "Draw anchor sets: print who they are, or show them as a picture.",
    "config": "Which values options have where nothing is given, and from which file.",
    "completion": "A script by which a shell completes commands and options.",
}


# What a figure or a fault may depend on.
_MATTER = ("torch", "torchvision", "timm", "numpy", "pyarrow", "simplejpeg", "onnxruntime")


@click.group(
    cls=LazyGroup,
    package="rmfer.commands",
    summaries=_COMMANDS,
    in_buckets=("train", "index", "sample"),
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@version_option("rmfer", __version__, _MATTER)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def rmfer(debug: bool) -> None:
    """Train the RMFER expression recogniser on shards; `rmset` makes them.

    Exit codes: 0 done; 1 some items failed and are listed with their reasons, all others are complete;
    2 wrong usage or environment, nothing was done.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run ``rmfer`` and exit with its code."""
    remedy = "smaller batches and pictures take less, and `rmset doctor` says how much there is"
    run(rmfer, arguments, less_memory=remedy)
