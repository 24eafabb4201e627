"""The shards of benchmarks/ferplus.py: mashups composed of the test data's clips, with the four that ship, extracted.

    python benchmarks/ferplus_shards.py FOLDER

Whatever is missing is made, in FOLDER/videos and FOLDER/shards; a second run finds everything there. What such mashups
lack: their people do not watch the same film, so that faces of one moment show the same feeling by chance alone. Only
in ``same`` do they: two people play each of eight expressions (MEAD) at the same time, which is what the test data has.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

from common import shared

from rmset_builder.video.ffmpeg import find_ffmpeg

SIDE = 48  # FERPlus's own

HAMILTON = "face_recognition/short_hamilton_clip.mp4"
WALKING = "intel_gifs/face-demographics-walking-and-pause.gif"
# Name (its number is the seed, which chooses the people and what they do) and how it is composed.
MASHUPS = {
    "seed601": ["--reactors", "9", "--seconds", "24", "--size", "640x360", "--dropouts", "1"],
    "seed602": ["--reactors", "10", "--seconds", "24", "--size", "854x480", "--mirror", "--film", WALKING],
    "seed603": ["--reactors", "12", "--seconds", "24", "--size", "854x480", "--swaps", "1"],
    "seed604": ["--reactors", "14", "--seconds", "20", "--size", "960x540", "--mirror", "--dropouts", "2"],
    "seed605": ["--reactors", "16", "--seconds", "20", "--size", "1280x720", "--swaps", "1", "--film", HAMILTON],
    "seed606": ["--reactors", "19", "--seconds", "20", "--size", "1280x720", "--mirror", "--crf", "28"],
}
SAME = "same"
SAME_SECONDS = 4
# Each shown by both people of these clips.
PLAYED = "dreamtalk_mead/"


def prepare(folder: Path) -> Path:
    """The folder of the shards below ``folder``, whatever is missing of them made first.

    Raises:
        SystemExit: the test data is not there.
        subprocess.CalledProcessError: a mashup could not be composed, or a video not be extracted.
    """
    videos, shards = folder / "videos", folder / "shards"
    videos.mkdir(parents=True, exist_ok=True)
    for name in (*MASHUPS, SAME):
        if not (videos / f"{name}.mp4").exists():
            with tempfile.TemporaryDirectory(prefix=".composing-", dir=folder) as scratch:
                made = same(Path(scratch)) if name == SAME else mashup(Path(scratch), name)
                made.replace(videos / f"{name}.mp4")
    every = [videos, shared() / "data" / "mashups"]
    command = [sys.executable, "-m", "rmset_builder", "extract", *every, "--out", shards, "--image-size", str(SIDE)]
    subprocess.run(command, check=True)
    return shards


def mashup(folder: Path, name: str) -> Path:
    """A mashup of clips chosen by its seed."""
    return compose(folder, name, clips() / "clips.csv", ["--seed", name.removeprefix("seed"), *MASHUPS[name]])


def same(folder: Path) -> Path:
    """A mashup whose people show the same expression at the same time, one expression after another."""
    with (clips() / "clips.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["clip"].startswith(PLAYED)]
    parts = []
    for expression in sorted({row["expression"] for row in rows}):
        chosen = folder / f"{expression}.csv"
        with chosen.open("w", newline="") as table:
            writer = csv.DictWriter(table, list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if row["expression"] == expression)
        how = ["--reactors", "2", "--seconds", str(SAME_SECONDS), "--size", "640x360"]
        parts.append(compose(folder, expression, chosen, how))
    listing, whole = folder / "parts.txt", folder / f"{SAME}.mp4"
    listing.write_text("".join(f"file {part.name}\n" for part in parts))
    join = [find_ffmpeg().path, "-v", "error", "-f", "concat", "-i", listing, "-c", "copy", whole]
    subprocess.run(join, check=True)
    return whole


def compose(folder: Path, name: str, table: Path, how: list[str]) -> Path:
    """One call of the test data's tool."""
    video = folder / f"{name}.mp4"
    tool = [sys.executable, shared() / "tools" / "make_mashup.py", "--clips", table, "--root", clips(), "--out", video]
    subprocess.run([*tool, *how], check=True, stdout=subprocess.DEVNULL)
    return video


def clips() -> Path:
    """The folder of the clips."""
    return shared() / "data" / "clips"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(prepare(parser.parse_args().folder))
