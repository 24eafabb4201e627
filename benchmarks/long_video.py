"""Does memory grow with a video's length, and is time linear in it? A 2-minute and a 10-minute mashup of the same kind.

A mashup is composed (12 people, a film with faces, one re-layout, two who leave) and repeated to both lengths.
Measured: peak memory of the whole process tree, seconds, frames/s.

    python benchmarks/long_video.py [--seconds 60] [--size 1280x720]
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
from extract import run_watched

from rmset_builder.ffmpeg_program import find_ffmpeg

FILM = "face_recognition/short_hamilton_clip.mp4"


def compose(folder: Path, seconds: int, size: str) -> Path:
    """A mashup of ``seconds``."""
    clips, video = shared() / "data" / "clips", folder / "once.mp4"
    command = [sys.executable, str(shared() / "tools" / "make_mashup.py"), "--clips", str(clips / "clips.csv")]
    command += ["--root", str(clips), "--out", str(video), "--seed", "77", "--reactors", "12", "--film", FILM]
    command += ["--seconds", str(seconds), "--size", size, "--swaps", "1", "--dropouts", "2"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return video


def repeat(video: Path, times: int, name: str) -> Path:
    """The video, so many times over."""
    longer = video.with_name(name)
    command = [find_ffmpeg().path, "-v", "error", "-stream_loop", str(times - 1), "-i", str(video), "-c", "copy"]
    subprocess.run([*command, str(longer)], check=True)
    return longer


def measure(video: Path, out: Path) -> dict[str, Any]:
    """One extraction."""
    command = [sys.executable, "-m", "rmset_builder", "extract", str(video), "--out", str(out), "--json"]
    output, seconds, peak = run_watched(command)
    result = json.loads(output.splitlines()[-1])
    return {
        "video": video.stem,
        **{name: result[name] for name in ("frames", "faces", "identities", "tracks")},
        "seconds": round(seconds, 1),
        "frames_per_s": round(result["frames"] / seconds, 1),
        "peak_mb": round(peak),
    }


def main() -> None:
    """Compose, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="length of what is composed and repeated")
    parser.add_argument("--size", default="1280x720")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rmset-long-") as scratch:
        folder = Path(scratch)
        once = compose(folder, options.seconds, options.size)
        results = [
            measure(repeat(once, minutes * 60 // options.seconds, f"minutes{minutes}.mp4"), folder / "shards")
            for minutes in (2, 10)
        ]
    short, long = results
    keep(
        "long_video",
        {
            "size": options.size,
            "videos": results,
            "peak_ratio": round(long["peak_mb"] / short["peak_mb"], 3),
            "seconds_a_frame_ratio": round(
                (long["seconds"] / long["frames"]) / (short["seconds"] / short["frames"]), 3
            ),
        },
    )


if __name__ == "__main__":
    main()
