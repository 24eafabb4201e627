"""How well the review list does on mashups with exact truth: as they were extracted, and with people merged and split.

python benchmarks/review.py FOLDER [--tries 600] [--every VIDEO ...]

Whatever is missing is made in FOLDER/videos and FOLDER/shards. The borders of similarities were chosen on the mashups
that ship and the seeds 601 to 606, the rules of the film on the seeds 7101 to 7106 too; 7107 to 7109 were composed when
all was done. For each video:

listed      findings by kind, and how many of them the truth contradicts
film        people of the film (identities, most of whose faces lie in the film's tile), and how many are listed
merges      every pair of identities made one: how many are in the first five as two people
splits      every sensible part of an identity made another: how many are in the first five as one person
both        a merge and a split of somebody else at once: how many such lists have both in the first five
blurred     identities whose longest track, of faces of at least 64 pixels, is taken to be as sharp as one of its faces
            is when blurred by a Gaussian of 2 or 3 pixels in the aligned picture: how many are listed as blurred
similarity  the cosine similarities that the borders have to part, of those side by side and of the others: the highest
            of the means of two people, the lowest of one person's parts

Sensible parts of up to seven tracks are all, of more: those up to each track, each track alone, and 40 drawn; of twelve
faces at least, and leaving as many.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import keep, shared
from ferplus_shards import HAMILTON, MASHUPS, WALKING

from rmset_builder.identity.means import mean_embeddings
from rmset_builder.reports.doubts import doubts_of
from rmset_builder.reports.findings import BLURRED, FILM, ONE_PERSON, TWICE, TWO_PEOPLE, UPSIDE_DOWN, Finding, Mending
from rmset_builder.reports.review.likeness import BRIEFLY, looks_of, people_of
from rmset_builder.reports.review.poor import poor_tracks
from rmset_builder.reports.review.tracks import Faces, tracks_of
from rmset_builder.shards.face_embeddings import read_face_embeddings
from rmset_builder.shards.layout import ShardFile, find_shards
from rmset_builder.shards.reader import read_columns, read_images

COUPLE = "intel_gifs/head-pose-face-detection-female-and-male.gif"
SHIPPED = ("wall9", "film11", "crowd19", "edit12")
# Name (its number is the seed) and how it is composed: 300 frames each.
LATER = {
    "seed7101": ["--reactors", "10", "--size", "1280x720", "--film", HAMILTON, "--swaps", "1", "--dropouts", "1",
                 "--features", "1", "--mirror"],
    "seed7102": ["--reactors", "14", "--size", "960x540", "--pip", "2", "--swaps", "1", "--fade", "12"],
    "seed7103": ["--reactors", "8", "--size", "854x480", "--film", WALKING, "--swaps", "2", "--solos", "1",
                 "--flicker", ".15", "--far-clips", "2"],
    "seed7104": ["--reactors", "16", "--size", "1280x720", "--film", COUPLE, "--swaps", "1", "--features", "2",
                 "--crf", "30", "--portrait", "3", "--blur-sides"],
    "seed7105": ["--reactors", "10", "--size", "1280x720", "--film", HAMILTON, "--swaps", "1", "--replace", "3",
                 "--exchange", "2"],
    "seed7106": ["--reactors", "12", "--size", "1280x720", "--film", HAMILTON, "--swaps", "1", "--replace", "4",
                 "--melt", "10", "--slide", "12", "--dropouts", "2", "--emoji", "3"],
}  # fmt: skip
AFTERWARDS = {
    "seed7107": ["--reactors", "9", "--size", "1280x720", "--film", HAMILTON, "--dropouts", "2", "--features", "1",
                 "--solos", "1", "--replace", "2", "--mirror"],
    "seed7108": ["--reactors", "15", "--size", "1920x1080", "--film", COUPLE, "--swaps", "2", "--slide", "10",
                 "--pip", "2", "--exchange", "3", "--flicker", ".2"],
    "seed7109": ["--reactors", "11", "--size", "960x540", "--film", HAMILTON, "--swaps", "1", "--fade", "8",
                 "--far-clips", "2", "--crf", "30", "--captions", "3", "--judder", "4"],
}  # fmt: skip
LARGE = 64
FEWEST_FACES, ALL_PARTS_UP_TO, DRAWN = 12, 7, 40
SECOND = 25
# What an identity is shown as when its parts were put together or taken apart.
AS_ONE, AS_TWO = {TWO_PEOPLE}, {ONE_PERSON, TWICE}


class Mashup:
    """The shards of a mashup and who is who in them."""

    def __init__(self, shards: Path, truth: Path, video: str) -> None:
        names = ("frame", "identity", "track", "bbox", "landmarks", "sharpness")
        self.shards = [shard for shard in find_shards(shards) if shard.video == video]
        parts = [read_columns(shard.path, *names) for shard in self.shards]
        self.faces = Faces(**dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True)))
        self.tracks = tracks_of(self.faces)
        self.embedded = read_face_embeddings(shards, video)
        self.looks = looks_of(self.tracks, self.embedded.track, self.embedded.embedding)
        self.mending = Mending(shards, video)
        self.people = np.unique(self.tracks.identity).tolist()
        self.shown, self.twice = self._shown(truth)

    def _shown(self, truth: Path) -> tuple[dict[int, str], set[str]]:
        """Who each identity is, by most of its faces, and who is in two tiles at once for a second."""
        tiles = defaultdict(list)
        with truth.open(newline="") as table:
            for row in csv.DictReader(table):
                tiles[int(row["frame"])].append((row["identity"], *(float(row[k]) for k in ("x0", "y0", "x1", "y1"))))
        votes: dict[int, Counter[str]] = defaultdict(Counter)
        centres = (self.faces.bbox[:, :2] + self.faces.bbox[:, 2:]) / 2
        for frame, identity, (x, y) in zip(self.faces.frame, self.faces.identity, centres, strict=True):
            here = (who for who, x0, y0, x1, y1 in tiles[int(frame)] if x0 <= x < x1 and y0 <= y < y1)
            votes[int(identity)][next(here, "nobody")] += 1
        frames = Counter(
            who for placed in tiles.values() for who, count in Counter(tile[0] for tile in placed).items() if count > 1
        )
        twice = {who for who, count in frames.items() if count >= SECOND}
        return {identity: count.most_common(1)[0][0] for identity, count in votes.items()}, twice

    def doubts(self, merged: tuple[int, int] | None = None, part: np.ndarray | None = None) -> list[Finding]:
        """The list, after some tracks became another person's (the highest number) and two identities became one."""
        whose = self.tracks.identity.copy()
        if part is not None:
            whose[part] = self.people[-1] + 1
        if merged:
            whose[whose == merged[1]] = merged[0]
        return doubts_of(
            replace(self.tracks, identity=whose), self._people(whose), self.looks, second=SECOND, mending=self.mending
        )

    def _people(self, whose: np.ndarray) -> Any:
        of_face = whose[np.searchsorted(self.tracks.number, self.embedded.track)].astype(np.int32)
        means = mean_embeddings(self.embedded, of_face, int(whose.max()) + 1)
        return people_of(replace(self.tracks, identity=whose), means)

    def parts(self, draw: random.Random) -> Iterator[tuple[int, np.ndarray]]:
        """Each identity with its sensible parts."""
        for identity in self.people:
            own = self.tracks.of(identity)
            n = len(own)
            if n <= ALL_PARTS_UP_TO:
                masks = set(range(1, 2 ** max(n - 1, 0)))
            else:
                masks = {2**k - 1 for k in range(1, n)} | {2**k for k in range(n)}
                masks |= {draw.randrange(1, 2**n - 1) for _ in range(DRAWN)}
            for mask in sorted(masks):
                part = own[[mask >> k & 1 == 1 for k in range(n)]]
                faces = int(self.tracks.faces[part].sum())
                if FEWEST_FACES <= faces <= int(self.tracks.faces[own].sum()) - FEWEST_FACES:
                    yield identity, part

    def contradicted(self, finding: Finding) -> bool:
        """Whether the truth says otherwise; it says nothing of sizes, of sharpness, or of who is who in the film."""
        who = {self.shown[identity] for identity in finding.identities}
        if finding.kind == FILM:
            return who != {"film"}
        if finding.kind == TWICE and len(finding.identities) == 1:
            return not who <= self.twice | {"film"}
        if finding.kind in AS_TWO:
            return len(who) > 1
        return finding.kind in {TWO_PEOPLE, UPSIDE_DOWN}

    def blurred(self, sigma: float) -> list[bool]:
        """Of each identity's longest track, if its faces are large: is it listed once it is blurred?"""
        longest = [own[np.argmax(self.tracks.faces[own])] for own in map(self.tracks.of, self.people)]
        large = [track for track in longest if self.tracks.size[track] >= LARGE]
        rows = {int(np.flatnonzero(self.faces.track == self.tracks.number[track])[0]): track for track in large}
        found = []
        for row, picture in pictures(self.shards, rows):
            face = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
            sharpness = self.tracks.sharpness.copy()
            sharpness[rows[row]] = cv2.Laplacian(cv2.GaussianBlur(face, (0, 0), sigma), cv2.CV_16S).var()
            listed = poor_tracks(replace(self.tracks, sharpness=sharpness), self.mending)
            number = self.tracks.number[rows[row]]
            found.append(any(one.kind == BLURRED and number in one.tracks for one in listed))
        return found

    def similarities(self, parts: list[tuple[int, np.ndarray]]) -> dict[str, Any]:
        """The highest of two people's means and the lowest of one person's parts, by whether they are side by side."""
        found: dict[str, list[float]] = defaultdict(list)
        people = self._people(self.tracks.identity)
        for a, b in itertools.combinations(range(len(self.people)), 2):
            when = "side by side" if people.share_beside[a, b] > BRIEFLY else "apart"
            found[f"two people, {when}"].append(float(people.alike[a, b]))
        for identity, part in parts:
            whose = self.tracks.identity.copy()
            whose[part] = new = self.people[-1] + 1
            split = self._people(whose)
            a, b = (int(np.flatnonzero(split.identity == who)[0]) for who in (identity, new))
            when = "side by side" if split.share_beside[a, b] > BRIEFLY else "apart"
            found[f"one person, {when}"].append(float(split.alike[a, b]))
        return {
            what: round((max if what.startswith("two") else min)(values), 3) for what, values in sorted(found.items())
        }


def pictures(shards: list[ShardFile], rows: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """The pictures of rows that are counted through all shards of a video."""
    first = 0
    for shard in shards:
        count = len(read_columns(shard.path, "frame")[0])
        for row, picture in read_images(shard.path, [row - first for row in rows if first <= row < first + count]):
            yield row + first, picture
        first += count


def main() -> None:
    """Compose, extract, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tries", type=int, default=600, help="merges with splits that are drawn of each video's")
    parser.add_argument("--every", nargs="*", default=[], help="videos of which all are tried")
    options = parser.parse_args()
    truths = prepare(options.folder)
    results = []
    for video, truth in truths.items():
        tries = sys.maxsize if video in options.every else options.tries
        row = measured(Mashup(options.folder / "shards", truth, video), tries)
        results.append({"video": video, "composed": when(video), **row})
        print(results[-1], file=sys.stderr, flush=True)
    keep("review", results)


def prepare(folder: Path) -> dict[str, Path]:
    """The truth of each video, whose shards lie in the folder; whatever is missing is made."""
    data, videos, shards = shared() / "data", folder / "videos", folder / "shards"
    videos.mkdir(parents=True, exist_ok=True)
    truths = {name: data / "mashups" / f"{name}.truth.csv" for name in SHIPPED}
    clips = ["--clips", data / "clips" / "clips.csv", "--root", data / "clips"]
    for name, how in {**MASHUPS, **LATER, **AFTERWARDS}.items():
        truths[name] = videos / f"{name}.truth.csv"
        if not truths[name].exists():
            tool = [sys.executable, shared() / "tools" / "make_mashup.py", *clips, "--out", videos / f"{name}.mp4"]
            known = ["--face-boxes", data / "clips" / "faces.csv", "--seconds", "12"] if name not in MASHUPS else []
            subprocess.run([*tool, "--seed", name.removeprefix("seed"), *known, *how], check=True)
    every = [videos, data / "mashups"]
    subprocess.run([sys.executable, "-m", "rmset_builder", "extract", *every, "--out", shards], check=True)
    return truths


def when(video: str) -> str:
    """Which of the rules had been chosen when a video was looked at."""
    return "afterwards" if video in AFTERWARDS else "before the film's" if video in LATER else "before"


def measured(mashup: Mashup, tries: int) -> dict[str, Any]:
    """All that is told of a video."""
    draw = random.Random(0)
    listed = mashup.doubts()
    film = {identity for identity, who in mashup.shown.items() if who == "film"}
    parts = list(mashup.parts(draw))
    pairs = list(itertools.combinations(mashup.people, 2))
    both = [(pair, one) for pair in pairs for one in parts if one[0] not in pair]
    tried = both if len(both) <= tries else draw.sample(both, tries)
    new = mashup.people[-1] + 1

    def in_first_five(found: list[Finding], kinds: set[str], *identities: int) -> bool:
        return any(finding.kind in kinds and finding.identities == identities for finding in found[:5])

    def has_both(pair: tuple[int, int], identity: int, part: np.ndarray) -> bool:
        found = mashup.doubts(pair, part)
        return in_first_five(found, AS_ONE, pair[0]) and in_first_five(found, AS_TWO, identity, new)

    return {
        "listed": dict(sorted(Counter(finding.kind for finding in listed).items())),
        "contradicted": dict(Counter(finding.kind for finding in listed if mashup.contradicted(finding))),
        "film": {"people": len(film), "listed": len({f.identities[0] for f in listed if f.kind == FILM} & film)},
        "merges": rate([in_first_five(mashup.doubts(pair), AS_ONE, pair[0]) for pair in pairs]),
        "splits": rate([in_first_five(mashup.doubts(part=part), AS_TWO, who, new) for who, part in parts]),
        "both": rate([has_both(pair, *one) for pair, one in tried]) | {"possible": len(both)},
        "blurred": {f"by {sigma} pixels": rate(mashup.blurred(sigma)) for sigma in (2, 3)},
        "similarity": mashup.similarities(parts),
    }


def rate(found: list[bool]) -> dict[str, int]:
    """How many there were, and how many of them were found."""
    return {"tried": len(found), "found": sum(found)}


if __name__ == "__main__":
    main()
