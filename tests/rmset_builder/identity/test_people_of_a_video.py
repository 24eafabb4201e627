"""From faces to people: who is found again, and who is left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from people_in_vectors import RULES

from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import Image, align_face
from rmset_builder.faces.found_faces import FoundFaces
from rmset_builder.faces.jpeg import encode_jpeg
from rmset_builder.faces.spool import Spool
from rmset_builder.faces.upside_down import INPUT_SIZE
from rmset_builder.identity.assignment import People, find_people
from rmset_builder.identity.embedder import Embedder
from rmset_builder.identity.purity import PurityRules
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.tracking.tracker import TrackRows

SIDE = 260

Seat = tuple[int, int]


@dataclass(frozen=True)
class Cast:
    """A video in which the people of insightface's photo sit where they are told, and who is who in it."""

    aligned: list[Image]
    folder: Path

    def find(self, *tracks: tuple[int, Seat, range, float], least_frames: int = 1) -> People:
        """``tracks`` are a person, their column and row, the frames they are there, and the detector's score."""
        embedder = Embedder(load_pack().recogniser, batch=4, device=Device())
        detector = Scrfd(load_pack().detector, size=INPUT_SIZE, batch=1, device=Device(), threshold=0.2)
        parts, pictures = [], []
        for number, (person, (column, row), frames, score) in enumerate(tracks):
            values = np.zeros((len(frames), 15), np.float32)
            values[:, :4] = np.array([column, row, column + 1, row + 1]) * 200
            values[:, 14] = score
            count = len(frames)
            parts.append(
                TrackRows(np.array(frames, np.int32), np.full(count, number, np.int32), values, np.zeros(count, bool))
            )
            pictures += [self.picture(person, frame) for frame in frames]
        rows = TrackRows.joined(parts)
        order = np.lexsort((rows.track, rows.frame))
        with Spool(self.folder / "faces") as spool, ThreadPoolExecutor(2) as pool:
            spool.append([pictures[k] for k in order])
            sharp, nothing = np.full(len(rows), 100, np.float32), np.empty(0, np.int32)
            found = FoundFaces(rows.select(order), sharp, len(rows), nothing, nothing.reshape(0, 2), nothing)
            return find_people(
                found,
                spool,
                embedder,
                detector,
                pool,
                det_threshold=0.5,
                purity=PurityRules(),
                faces_per_track=3,
                rules=RULES,
                least_frames=least_frames,
            )

    def picture(self, person: int, frame: int) -> bytes:
        """The person's aligned face, a little other in every frame."""
        shifted = np.roll(self.aligned[person], frame % 3 - 1, axis=1)
        brighter = np.asarray(np.clip(shifted.astype(np.int16) + frame % 5, 0, 255), np.uint8)
        return encode_jpeg(cv2.cvtColor(brighter, cv2.COLOR_RGB2BGRA), 90)


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    photo = np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)
    detector = Scrfd(load_pack().detector, size=InputSize(640, 448), batch=1, device=Device(), threshold=0.5)
    faces = detector.detect([photo])[0]
    return Cast([align_face(photo, landmarks, side=SIDE) for landmarks in faces.landmarks], tmp_path)


def test_people_are_told_apart_and_found_again_after_a_cut(cast: Cast) -> None:
    first, second = range(0, 15), range(15, 30)
    before = [(person, (person, 0), first, 0.9) for person in range(4)]
    after = [(person, ((person + 2) % 4, 1), second, 0.9) for person in (3, 1, 0, 2)]
    people = cast.find(*before, *after)
    assert len(people.embedding) == 4
    assert len(people.rows) == 8 * 15
    assert not people.dropped
    # The first frame's people are numbered from left to right, and keep their numbers.
    by_track = {int(t): int(i) for t, i in zip(people.track, people.identity, strict=True)}
    assert [by_track[track] for track in range(4)] == [0, 1, 2, 3]
    assert sorted(by_track.values()) == [0, 0, 1, 1, 2, 2, 3, 3]
    np.testing.assert_allclose(np.linalg.norm(people.embedding, axis=1), 1, atol=1e-5)
    alike_at_most = people.embedding @ people.embedding.T - np.eye(4)
    assert alike_at_most.max() < 0.4


def test_rows_are_in_shard_order_and_numbers_without_gaps(cast: Cast) -> None:
    people = cast.find(
        (2, (1, 0), range(5, 20), 0.9),
        (0, (0, 0), range(0, 15), 0.9),
        (1, (2, 0), range(3, 25), 0.3),
        (2, (1, 0), range(21, 36), 0.9),
    )
    assert people.identity.tolist()[:6] == [0, 0, 0, 0, 0, 0]
    assert set(people.identity.tolist()) == {0, 1}
    assert set(people.track.tolist()) == {0, 1, 2}
    frames = np.sort(np.concatenate([np.arange(0, 15), np.arange(5, 20), np.arange(21, 36)]))
    places = list(zip(frames.tolist(), people.identity.tolist(), people.track.tolist(), strict=True))
    assert places == sorted(places)


def test_one_person_shown_twice_at_once_is_one_person(cast: Cast) -> None:
    both = range(0, 15)
    twins = cast.find((0, (0, 0), both, 0.9), (0, (3, 0), both, 0.9), (1, (5, 0), both, 0.9))
    assert len(twins.embedding) == 2
    assert twins.identity.tolist() == [0, 0, 1] * 15
    assert twins.track.tolist() == [0, 1, 2] * 15


def test_a_track_that_the_detector_never_believes_is_nobody(cast: Cast) -> None:
    people = cast.find((0, (0, 0), range(15), 0.9), (1, (3, 0), range(12), 0.49))
    assert people.dropped == {"unsure": 12}
    assert len(people.embedding) == 1
    nobody = cast.find((1, (3, 0), range(12), 0.49))
    assert (len(nobody.rows), len(nobody.embedding), nobody.dropped) == (0, 0, {"unsure": 12})


def test_those_who_are_there_too_short_are_left_out_with_the_reason(cast: Cast) -> None:
    people = cast.find((0, (0, 0), range(30), 0.9), (1, (3, 0), range(5, 10), 0.9), least_frames=6)
    assert people.dropped == {"short-lived": 5}
    assert people.dropped_identities == {"short-lived": 1}
    assert people.rows.tolist() == [*range(6), 7, 9, 11, 13, *range(15, 35)]


def test_those_the_detector_is_hardly_sure_of_are_left_out_with_the_reason(cast: Cast) -> None:
    people = cast.find((0, (0, 0), range(30), 0.9), (1, (3, 0), range(20), 0.55))
    assert people.dropped == {"never-clear": 20}
    assert people.dropped_identities == {"never-clear": 1}


def test_a_video_without_faces_has_nobody(cast: Cast) -> None:
    people = cast.find()
    assert (len(people.rows), len(people.identity), len(people.embedding)) == (0, 0, 0)
