"""Does memory grow with a video's length, and is time linear in it? A 2-minute and a 10-minute mashup of one kind.

Both are composed from beginning to end: 12 people, a film with faces, one re-layout, two who leave. Measured in one
run: peak memory of the whole process tree, frames/s, and apart from it the seconds of a command's start; and the
seconds of processor time, which tell more of linear time where a machine does other things too.

    python benchmarks/long_video.py [--size 1280x720] [--folder FOLDER]     # FOLDER keeps what was composed
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import keep, shared
from mashups import scores
from watched_command import run_watched

FILM = "face_recognition/short_hamilton_clip.mp4"


def compose(folder: Path, minutes: int, size: str) -> Path:
    """A mashup of so many minutes, unless the folder has it."""
    clips, video = shared() / "data" / "clips", folder / f"minutes{minutes}.mp4"
    if not video.exists():
        command = [sys.executable, str(shared() / "tools" / "make_mashup.py"), "--clips", str(clips / "clips.csv")]
        command += ["--root", str(clips), "--out", str(video), "--seed", "77", "--reactors", "12", "--film", FILM]
        command += ["--seconds", str(minutes * 60), "--size", size, "--swaps", "1", "--dropouts", "2"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return video


def measure(video: Path, out: Path) -> dict[str, Any]:
    """One extraction."""
    command = [sys.executable, "-m", "rmset_builder", "extract", str(video), "--out", str(out), "--json"]
    watched = run_watched(command)
    result = json.loads(watched.output.splitlines()[-1])
    score = scores(out, video)
    return {
        "video": video.stem,
        **{name: result[name] for name in ("frames", "faces", "tracks")},
        **{name: score[name] for name in ("recall", "pair_f1", "identities", "people", "film_mixed")},
        "seconds": result["seconds_spent"],
        "seconds_of_start": round(watched.seconds - result["seconds_spent"], 1),
        "frames_per_s": round(result["frames"] / result["seconds_spent"], 1),
        "processor_seconds": round(watched.processor_s, 1),
        "peak_mb": round(watched.peak_mb),
    }


def main() -> None:
    """Compose, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--folder", type=Path, help="where composed mashups are kept and looked for; default: nowhere")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rmset-long-") as scratch:
        folder = options.folder or Path(scratch)
        videos = [compose(folder, minutes, options.size) for minutes in (2, 10)]
        results = [measure(video, Path(scratch) / "shards") for video in videos]
    short, long = results

    def ratio_a_frame(seconds: str) -> float:
        return round(float(long[seconds] / long["frames"] / (short[seconds] / short["frames"])), 3)

    keep(
        "long_video",
        {
            "size": options.size,
            "videos": results,
            "peak_ratio": round(long["peak_mb"] / short["peak_mb"], 3),
            "seconds_a_frame_ratio": ratio_a_frame("seconds"),
            "processor_seconds_a_frame_ratio": ratio_a_frame("processor_seconds"),
        },
    )


if __name__ == "__main__":
    main()
