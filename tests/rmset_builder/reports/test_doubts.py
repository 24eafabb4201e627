"""The review list as it is read off shards, made up and real."""

from __future__ import annotations

import csv
import doctest
import shlex
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.identity.means import EmbeddedFaces, mean_embeddings
from rmset_builder.reports.doubts import doubts_of, find_doubts
from rmset_builder.reports.findings import Finding, Mending
from rmset_builder.reports.review import scale
from rmset_builder.reports.review.likeness import looks_of, people_of
from rmset_builder.reports.review.tracks import Faces, Tracks, tracks_of
from rmset_builder.shards.face_embeddings import read_face_embeddings, write_face_embeddings, write_identities
from rmset_builder.shards.layout import embeddings_path, find_shards, identities_path
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.reader import read_columns
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.writer import write_shards

JPEG = bytes.fromhex("ffd8ffd9")
PLACES = np.array([[100, 100], [400, 100], [700, 100]])


def write_wall(folder: Path, video: str, looks: npt.NDArray[np.float32]) -> None:
    """Three people for 50 frames, the first with a second track from frame 30 on; ``looks`` (4, d): of the tracks."""
    frame = np.repeat(np.arange(50), 3)
    identity = np.tile(np.arange(3), 50)
    track = np.where((identity == 0) & (frame >= 30), 3, identity)
    corner = PLACES[identity] - 50
    eyes_and_mouth = np.array([[30, 30], [70, 30], [50, 50], [30, 70], [70, 70]])
    landmarks = (corner[:, None] + eyes_and_mouth).reshape(-1, 10)

    def block(start: int, stop: int) -> FaceRows:
        part = slice(start, stop)
        return FaceRows(
            frame=frame[part].astype(np.int32),
            identity=identity[part].astype(np.int32),
            track=track[part].astype(np.int32),
            time_s=frame[part] / 25,
            bbox=np.concatenate([corner, corner + 100], axis=1)[part].astype(np.float32),
            landmarks=landmarks[part].astype(np.float32),
            det_score=np.ones(stop - start, np.float32),
            sharpness=np.full(stop - start, 40, np.float32),
            images=[JPEG] * (stop - start),
        )

    write_shards(folder, video, len(frame), block, ShardMetadata(video=video, frames=50, identities=3))
    # A face of each track is embedded: of the last one when it begins.
    faces = EmbeddedFaces(np.array([0, 0, 0, 30], np.int32), np.arange(4, dtype=np.int32), looks)
    write_face_embeddings(folder, video, faces)
    write_identities(folder, video, mean_embeddings(faces, np.array([0, 1, 2, 0], np.int32), 3), np.full(3, 50))


def test_a_video_is_read_with_its_embeddings(tmp_path: Path) -> None:
    shards = tmp_path / "my shards"
    write_wall(shards, "wall", np.eye(4, 8, dtype=np.float32))
    write_wall(shards, "-x", np.eye(4, 8, dtype=np.float32)[[0, 1, 2, 0]])

    (found,) = find_doubts(shards, "wall")

    assert (found.video, found.kind, found.identities, found.score) == ("wall", "two-people", (0,), 1.0)
    assert found.tracks == (3,)
    assert shlex.split(found.command) == [
        "rmset",
        "split",
        "wall",
        "0",
        "--track",
        "3",
        "--as-of",
        "0",
        "--shards",
        str(shards),
    ]
    assert find_doubts(shards, "-x") == []
    assert find_doubts(shards, "unknown") == []


@pytest.mark.parametrize("video", ["wall", "-x"])
def test_the_commands_mend_what_they_stand_beside(
    tmp_path: Path, rmset: Callable[..., subprocess.CompletedProcess[str]], video: str
) -> None:
    shards = tmp_path / "my shards"
    write_wall(shards, video, np.eye(4, 8, dtype=np.float32))
    (two_people,) = find_doubts(shards, video)
    done = rmset(*shlex.split(two_people.command)[1:])
    assert done.returncode == 0, done.stderr
    assert find_doubts(shards, video) == []

    # The same tracks look alike now, and are two identities.
    looks = np.eye(4, 8, dtype=np.float32)[[0, 1, 2, 0]]
    embedded = read_face_embeddings(shards, video)
    assert embedded is not None
    write_face_embeddings(shards, video, EmbeddedFaces(embedded.frame, embedded.track, looks[embedded.track]))
    write_identities(shards, video, np.eye(4, 8, dtype=np.float32)[[0, 1, 2, 0]], np.full(4, 30))
    (one_person,) = find_doubts(shards, video)
    assert (one_person.kind, one_person.identities) == ("one-person", (0, 3))
    done = rmset(*shlex.split(one_person.command)[1:])
    assert done.returncode == 0, done.stderr
    assert find_doubts(shards, video) == []


def test_older_shards_have_no_embeddings_of_faces(tmp_path: Path) -> None:
    write_wall(tmp_path, "wall", np.eye(4, 8, dtype=np.float32))
    embeddings_path(tmp_path, "wall").unlink()
    assert find_doubts(tmp_path, "wall") == []
    identities_path(tmp_path, "wall").unlink()
    assert find_doubts(tmp_path, "wall") == []


def test_where_everybody_was_taken_out_nothing_is_left_to_look_at(
    tmp_path: Path, rmset: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    write_wall(tmp_path, "wall", np.eye(4, 8, dtype=np.float32))
    for left in (2, 1, 0):
        assert rmset("drop", "wall", left, "--shards", tmp_path).returncode == 0
    assert find_doubts(tmp_path, "wall") == []


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    write_wall(tmp_path, "wall", np.eye(4, 8, dtype=np.float32))
    path = identities_path(tmp_path, "wall")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RmsetError, match="embeddings of video wall"):
        find_doubts(tmp_path, "wall")
    with pytest.raises(RmsetError, match="no folder of shards"):
        find_doubts(tmp_path / "absent", "wall")


def test_commands_are_what_a_shell_takes_apart_again() -> None:
    mending = Mending(Path("a b/it's"), "-dash")
    assert shlex.split(mending.merge(3, 7)) == ["rmset", "merge", "--shards", "a b/it's", "--", "-dash", "3", "7"]
    assert Mending(Path("shards"), "wall").split(3, [12, 15]) == (
        "rmset split wall 3 --track 12 --track 15 --shards shards"
    )
    assert Mending(Path("shards"), "wall").drop(5) == "rmset drop wall 5 --shards shards"


def test_the_examples_of_the_scale_are_true() -> None:
    assert doctest.testmod(scale, extraglobs={"np": np}).failed == 0
    assert doctest.testmod(scale).attempted >= 4


class Mashup:
    """A real mashup's shards, of which identities may be merged and split before the list is made."""

    def __init__(self, shards: Path, video: str) -> None:
        (shard,) = (shard for shard in find_shards(shards) if shard.video == video)
        names = ("frame", "identity", "track", "bbox", "landmarks", "sharpness")
        self.faces = Faces(**dict(zip(names, read_columns(shard.path, *names), strict=True)))
        self.tracks = tracks_of(self.faces)
        embedded = read_face_embeddings(shards, video)
        assert embedded is not None
        self.embedded = embedded
        self.mending = Mending(shards, video)

    def doubts(self, identity: npt.NDArray[np.integer]) -> list[Finding]:
        """The list for other identities (tracks,) of the same tracks."""
        tracks: Tracks = replace(self.tracks, identity=identity)
        whose = identity[np.searchsorted(tracks.number, self.embedded.track)].astype(np.int32)
        means = mean_embeddings(self.embedded, whose, int(identity.max()) + 1)
        people = people_of(tracks, means)
        looks = looks_of(tracks, self.embedded.track, self.embedded.embedding)
        return doubts_of(tracks, people, looks, second=25, mending=self.mending)

    def names(self, truth: Path) -> dict[int, str]:
        """Who each identity is in truth: ``film``, or the person shown in most of its faces' tiles."""
        tiles = defaultdict(list)
        with truth.open(newline="") as table:
            for row in csv.DictReader(table):
                tiles[int(row["frame"])].append((row["identity"], [float(row[k]) for k in ("x0", "y0", "x1", "y1")]))
        votes: dict[int, Counter[str]] = defaultdict(Counter)
        centres = (self.faces.bbox[:, :2] + self.faces.bbox[:, 2:]) / 2
        for frame, identity, (x, y) in zip(self.faces.frame, self.faces.identity, centres, strict=True):
            for who, (x0, y0, x1, y1) in tiles[int(frame)]:
                if x0 <= x < x1 and y0 <= y < y1:
                    votes[int(identity)][who] += 1
                    break
        return {identity: count.most_common(1)[0][0] for identity, count in votes.items()}


def in_first_five(found: list[Finding], kinds: set[str], *identities: int) -> bool:
    return any(finding.kind in kinds and finding.identities == identities for finding in found[:5])


@pytest.mark.slow
@pytest.mark.shared(*(f"mashups/{name}.{kind}" for name in ("edit12", "film11") for kind in ("mp4", "truth.csv")))
def test_what_was_merged_and_split_is_found_in_real_mashups(mashup_shards: Path) -> None:
    mashup = Mashup(mashup_shards, "edit12")
    whose = mashup.tracks.identity
    people = np.unique(whose).tolist()
    rng = np.random.default_rng(5)
    for one, other in combinations(people, 2):
        # Somebody else's tracks, cut in two at a moment at which either part has half a second.
        while True:
            split = int(rng.choice([who for who in people if who not in (one, other)]))
            own = np.flatnonzero(whose == split)
            part = own[rng.integers(1, len(own)) :] if len(own) > 1 else own
            if 12 <= mashup.tracks.faces[part].sum() <= mashup.tracks.faces[own].sum() - 12:
                break
        changed = whose.copy()
        changed[changed == other] = one
        changed[part] = new = max(people) + 1

        found = mashup.doubts(changed)

        assert in_first_five(found, {"two-people"}, one), (one, other, found[:5])
        assert in_first_five(found, {"one-person", "twice"}, split, new), (split, part, found[:5])


@pytest.mark.slow
@pytest.mark.shared(*(f"mashups/{name}.{kind}" for name in ("edit12", "film11") for kind in ("mp4", "truth.csv")))
@pytest.mark.parametrize(("video", "twice"), [("edit12", 2), ("film11", 0)])
def test_untouched_real_mashups_have_the_film_s_people_on_the_list_and_nobody_else(
    shared: Path, mashup_shards: Path, video: str, twice: int
) -> None:
    names = Mashup(mashup_shards, video).names(shared / "mashups" / f"{video}.truth.csv")

    found = find_doubts(mashup_shards, video)

    kinds: dict[str, set[int]] = defaultdict(set)
    for finding in found:
        kinds[finding.kind] |= set(finding.identities)
    assert kinds["film"] == {identity for identity, who in names.items() if who == "film"}
    assert not kinds["one-person"] | kinds["two-people"] | kinds["upside-down"]
    assert len(kinds["twice"]) == twice
    assert [finding.score for finding in found] == sorted((finding.score for finding in found), reverse=True)
