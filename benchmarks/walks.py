"""People who walk through the picture, with exact truth: who is found, in how many tracks, and what it costs.

python benchmarks/walks.py [--seeds 1 2 3 4 5] [--beside NAME=CHECKOUT ...]

Pictures of 1920 x 1080 in which people of the test clips walk on lanes of their own, each at their own speed, before a
still coloured background; who leaves on one side comes back on the other. Whoever is partly hidden is not in the truth.
With --beside each walk is extracted by the programs of other checkouts, too.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from before_after import extract
from common import HERE, decoded_frames, keep, shared
from mashups import scores

from rmset_builder.drawing.video_writer import VideoWriter
from rmset_builder.shards.videos_table import read_videos
from rmset_builder.video.decode import Frame
from rmset_builder.video.info import VideoInfo

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT, FRAMES, FPS = 1920, 1080, 250, 25
# People, and the greatest speed in hundredths of their picture's side a frame.
KINDS = [(10, 6.0), (16, 10.0), (22, 10.0), (12, 3.0), (16, 16.0)]
LEAST_SIDE, MOST_SIDE = 90, 220
# Hidden by more than this share of the side, both across and down, nobody is in the truth.
HIDDEN = 0.15


@dataclass(frozen=True)
class Walker:
    """Somebody who walks: pictures, squares of ``side`` pixels, and where they stand in a frame."""

    name: str
    pictures: list[Picture]
    side: int
    lane: int
    start: float
    speed: float
    bob: float
    phase: float

    def place(self, frame: int) -> tuple[int, int]:
        """Left and top; partly outside the picture at the ends of the way."""
        left = int((self.start + self.speed * frame) % (WIDTH + self.side)) - self.side
        top = self.lane + self.bob * self.side * np.sin(frame / 2 + self.phase)
        return left, int(np.clip(top, 0, HEIGHT - self.side))


def main() -> None:
    """Compose, extract, score, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--beside", nargs="*", metavar="NAME=CHECKOUT", default=[])
    options = parser.parse_args()
    others = (text.split("=", 1) for text in options.beside)
    sides = {"this": HERE.parent, **{name: Path(checkout).resolve() for name, checkout in others}}
    results = []
    with tempfile.TemporaryDirectory(prefix="rmset-walks-") as scratch:
        for number, seed in enumerate(options.seeds):
            people, speed = KINDS[number % len(KINDS)]
            video = Path(scratch, f"walk{seed}.mp4")
            compose(video, seed=seed, people=people, speed=speed)
            row: dict[str, Any] = {"video": video.stem, "people": people, "fastest_side_share": speed / 100}
            for name, checkout in sides.items():
                shards = Path(scratch, f"{name}-{seed}")
                seconds = extract(checkout, video, shards)
                found = scores(shards, video)
                record = read_videos(shards)[video.stem]
                row[name] = {key: found[key] for key in ("recall", "pair_precision", "pair_f1", "identities")}
                row[name] |= {"tracks": record.tracks, "faces": record.faces}
                row[name]["processor_s"] = round(seconds.processor, 1)
            results.append(row)
    keep("walks", results)


def compose(video: Path, *, seed: int, people: int, speed: float) -> None:
    """Write a walk and, beside it, its truth in the form of the mashups'."""
    rng = random.Random(seed)
    clips = shared() / "data" / "clips"
    with (clips / "clips.csv").open() as table:
        rows = list(csv.DictReader(table))
    coarse = np.random.default_rng(seed).integers(0, 256, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    background = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
    of: dict[str, list[Path]] = {}
    for row in rows:
        if row["identity"] not in ("none", "multi"):
            of.setdefault(row["identity"], []).append(clips / row["clip"])
    walkers = [walker(name, rng.choice(of[name]), speed, rng) for name in rng.sample(sorted(of), people)]
    walkers.sort(key=lambda one: one.side)
    with video.with_suffix(".truth.csv").open("w", newline="") as file, VideoWriter(video, fps=FPS) as writer:
        truth = csv.writer(file)
        truth.writerow(["frame", "tile", "identity", "x0", "y0", "x1", "y1"])
        for frame in range(FRAMES):
            picture, seen = draw(background, walkers, frame)
            writer.write(picture[..., ::-1], frame / FPS)
            truth.writerows([frame, tile, walkers[tile].name, *box] for tile, box in seen.items())


def walker(name: str, clip: Path, speed: float, rng: random.Random) -> Walker:
    """Somebody of a clip, of some size, lane and speed."""
    side = rng.randint(LEAST_SIDE, MOST_SIDE)
    frames = decoded_frames(VideoInfo.from_path(clip))
    return Walker(
        name,
        [np.asarray(cv2.resize(middle(frame), (side, side), interpolation=cv2.INTER_AREA)) for frame in frames],
        side,
        lane=rng.randint(0, HEIGHT - side),
        start=rng.uniform(0, WIDTH),
        speed=rng.choice([-1, 1]) * rng.uniform(0.25, 1) * speed * side / 100,
        bob=rng.uniform(0.01, 0.06),
        phase=rng.uniform(0, 6),
    )


def draw(
    background: Picture, walkers: list[Walker], frame: int
) -> tuple[Picture, dict[int, tuple[int, int, int, int]]]:
    """A frame, and the boxes of those who are all there to be seen, by their place in the list."""
    picture = background.copy()
    seen: dict[int, tuple[int, int, int, int]] = {}
    for number, one in enumerate(walkers):
        left, top = one.place(frame)
        right, bottom = left + one.side, top + one.side
        a, b = max(left, 0), min(right, WIDTH)
        if b <= a:
            continue
        picture[top:bottom, a:b] = one.pictures[frame % len(one.pictures)][:, a - left : b - left]
        for other, (x0, y0, x1, y1) in list(seen.items()):
            least = HIDDEN * (x1 - x0)
            if min(x1, right) - max(x0, left) > least and min(y1, bottom) - max(y0, top) > least:
                del seen[other]
        if a == left and b == right:
            seen[number] = (left, top, right, bottom)
    return picture, seen


def middle(frame: Frame) -> Picture:
    """The square in the middle of a wide frame, or at the top of a high one, BGR."""
    height, width = frame.shape[:2]
    side = min(height, width)
    left = (width - side) // 2
    return frame[:side, left : left + side, :3]


if __name__ == "__main__":
    main()
