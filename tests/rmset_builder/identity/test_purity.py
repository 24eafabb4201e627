"""Tracks of real faces that melt into others: where they are split, and which faces are nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from rmset_builder.demo.compose import find_photo
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.faces.align import align_face
from rmset_builder.faces.jpeg import encode_jpeg
from rmset_builder.faces.spool import Spool
from rmset_builder.identity.embedder import Embedder
from rmset_builder.identity.embeddings import FaceEmbeddings
from rmset_builder.identity.purity import PurityRules, TrackPurifier, changing, probes
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.video.shots import SLOW_REACH

Frames = npt.NDArray[np.int32]
Share = tuple[int, int, float]

NONE = np.empty(0, np.int32)


@pytest.fixture(scope="module")
def aligned() -> list[npt.NDArray[np.uint8]]:
    photo = np.asarray(cv2.cvtColor(cv2.imread(str(find_photo())), cv2.COLOR_BGR2RGB), np.uint8)
    detector = Scrfd(load_pack().detector, size=InputSize(640, 448), batch=1, device=Device(), threshold=0.5)
    return [align_face(photo, landmarks, side=260) for landmarks in detector.detect([photo])[0].landmarks]


@dataclass
class Studio:
    """Makes one track of a video's only face."""

    aligned: list[npt.NDArray[np.uint8]]
    spool: Spool
    pool: ThreadPoolExecutor

    def split(self, shares: list[Share], *, doubts: Frames = NONE, transitions: Frames = NONE) -> list[list[int]]:
        """The frames of the tracks that a track becomes, of whose faces each is (one, other, the other's share)."""
        pictures = []
        for number, (one, other, share) in enumerate(shares):
            mixed = cv2.addWeighted(self.aligned[one], 1 - share, self.aligned[other], share, number % 3)
            pictures.append(encode_jpeg(cv2.cvtColor(np.asarray(mixed, np.uint8), cv2.COLOR_RGB2BGRA), 90))
        self.spool.append(pictures)
        count = len(pictures)
        embedder = Embedder(load_pack().recogniser, batch=1, device=Device())
        evidence = FaceEmbeddings(self.spool, embedder, self.pool)
        frame, worth = np.arange(count, dtype=np.int32), np.ones(count)
        purifier = TrackPurifier(frame, worth, evidence, PurityRules(), most=2)
        tracks = purifier.split([np.arange(count)], [doubts], transitions)
        assert all(np.isin(track.chosen, track.faces).all() and len(track.chosen) for track in tracks)
        return [track.faces.tolist() for track in tracks]


@pytest.fixture
def studio(aligned: list[npt.NDArray[np.uint8]], tmp_path: Path) -> Iterator[Studio]:
    with Spool(tmp_path / "faces") as spool, ThreadPoolExecutor(1) as pool:
        yield Studio(aligned, spool, pool)


def melt(one: int, other: int, *, before: int, during: int, after: int) -> list[Share]:
    steps = [(step + 1) / (during + 1) for step in range(during)]
    return [(one, other, share) for share in [0.0] * before + steps + [1.0] * after]


def test_a_track_of_one_person_stays_whole_whatever_is_in_doubt(studio: Studio) -> None:
    everything = np.arange(20, 60, dtype=np.int32)
    assert studio.split([(0, 0, 0.0)] * 60, doubts=everything, transitions=everything) == [list(range(60))]


def test_a_hard_change_is_found_to_the_frame(studio: Studio) -> None:
    doubts = np.arange(45, 60, dtype=np.int32)
    found = studio.split(melt(0, 1, before=40, during=0, after=50), doubts=doubts)
    assert found == [list(range(40)), list(range(40, 90))]


@pytest.mark.parametrize("during", [4, 12, 25])
def test_faces_half_one_half_another_are_nobodys(studio: Studio, during: int) -> None:
    doubts = np.arange(40 + during // 2, 40 + during + SLOW_REACH, dtype=np.int32)
    first, second = studio.split(melt(2, 3, before=40, during=during, after=50), doubts=doubts)
    assert first == list(range(first[-1] + 1))
    assert second == list(range(second[0], 90 + during))
    assert first[-1] >= 39, "no whole face of the first is lost"
    assert second[0] <= 40 + during, "nor of the second"
    middle = 40 + (during - 1) / 2
    assert first[-1] < middle < second[0], "what is half and half belongs to nobody"


def test_three_people_in_one_track_are_three_tracks(studio: Studio) -> None:
    shares = melt(0, 1, before=40, during=0, after=40) + melt(1, 2, before=0, during=0, after=40)
    doubts = np.r_[45:60, 85:100].astype(np.int32)
    assert studio.split(shares, doubts=doubts) == [list(range(40)), list(range(40, 80)), list(range(80, 120))]


def test_a_change_without_a_doubt_is_found_by_comparing_both_halves(studio: Studio) -> None:
    found = studio.split(melt(0, 1, before=40, during=0, after=45))
    assert found == [list(range(40)), list(range(40, 85))]


def test_a_stranger_at_an_end_goes_only_where_the_picture_changes(studio: Studio) -> None:
    shares = melt(0, 1, before=60, during=0, after=4)
    assert studio.split(shares) == [list(range(64))]
    left = studio.split(shares, transitions=np.array([63], np.int32))
    assert left[0] == list(range(60))


def test_frames_of_change_reach_back() -> None:
    frames = np.arange(100, dtype=np.int32)
    found = np.flatnonzero(changing(frames, np.array([50, 52], np.int32)))
    assert found.tolist() == list(range(50 - SLOW_REACH + 1, 53))
    assert not changing(frames, NONE).any()


def test_probes_lie_between_the_doubts_and_within_long_ones() -> None:
    frames = np.arange(200, dtype=np.int32)
    short = probes(frames, np.array([100], np.int32), NONE)
    assert [(int(part[0]), int(part[-1])) for part in short] == [(0, 100 - SLOW_REACH), (101, 199)]
    long = probes(frames, np.arange(60, 160, dtype=np.int32), NONE)
    assert len(long) > 3, "one face now and then within a long doubt"
    assert all(len(part) == 1 for part in long[1:-1])
    at_end = np.array([199], np.int32)
    assert len(probes(frames, at_end, NONE)) == 1
    assert [part.tolist() for part in probes(frames, at_end, at_end)[1:]] == [[199]]
