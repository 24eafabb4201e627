"""The command ``rmset``: commands are imported when called, errors become one line and an exit code."""

from __future__ import annotations

from typing import NoReturn

import click

from rmset_builder import __version__
from rmset_builder.core.command_line import LazyGroup, run
from rmset_builder.core.machine import leave_blas_one_thread
from rmset_builder.core.versions import version_option

_COMMANDS = {
    "fetch": "Keywords to videos: search, judge, download, note everything.",
    "extract": "Videos to shards of aligned, identified faces.",
    "stats": "Table 2 of the paper, from the shards' metadata.",
    "export": "Shards to webdataset, Lance, or a folder of pictures.",
    "card": "What a publisher of shards must tell: card, Croissant, sources.",
    "report": "A site to look at shards with: who is seen when, and what to mend.",
    "contact": "A picture with a row of faces per identity.",
    "show": "A video with its people drawn in, in colour and by number.",
    "review": "The pages of a report in the browser, with corrections as clicks.",
    "merge": "Several identities of a video are one person.",
    "split": "An identity is two people.",
    "swap": "Two identities are exchanged from a frame on.",
    "drop": "An identity is left out.",
    "undo": "A correction is taken back.",
    "corrections": "What was corrected, and what of it counts.",
    "verify": "Are videos, shards and their tables whole, and do they agree?",
    "prune": "Take down a video, or one person of it, for good.",
    "doctor": "Is this machine fit for the job, and what would mend it?",
    "config": "Which values options have where nothing is given, and from which file.",
    "completion": "A script by which a shell completes commands and options.",
}


# What a shard or a fault may depend on.
_MATTER = ("onnxruntime", "onnxruntime-gpu", "numpy", "opencv-python-headless", "pyarrow", "imageio-ffmpeg", "yt-dlp")


@click.group(
    cls=LazyGroup,
    package="rmset_builder.commands",
    summaries=_COMMANDS,
    in_buckets=("extract", "stats", "report", "contact", "verify"),
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@version_option("rmset", __version__, _MATTER)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def rmset(debug: bool) -> None:
    """Rebuild RMset: reaction-mashup videos in, Parquet shards of aligned and identified faces out.

    Exit codes: 0 done; 1 some items failed and are listed with their reasons, all others are complete;
    2 wrong usage or environment, nothing was done.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run ``rmset`` and exit with its code."""
    remedy = "fewer --jobs or --threads take less, and `rmset doctor` says how much there is"
    resumes = ", the same command goes on from there"
    leave_blas_one_thread()
    run(rmset, arguments, less_memory=remedy, resumes=resumes)
