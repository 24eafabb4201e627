from __future__ import annotations

import collections
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampler_reference import Row, draw
from small_shards import Seen, wall

from rmfer.data.rng import choose
from rmfer.errors import RmferError
from rmfer.shards import AnchorSampler, Index, SamplerSettings, open_index
from rmfer.shards.eligibility import ALONE, FEW, SHORT

Make = Callable[..., list[Path]]


def rows_of(index: Index) -> list[Row]:
    rows = enumerate(zip(index.frame.tolist(), index.identity.tolist(), strict=True))
    return [Row(n, index.videos[index.video_of(n)], frame, identity) for n, (frame, identity) in rows]


def in_memory(videos: dict[str, list[Seen]]) -> Index:
    """An index without files: what the sampler needs and no more."""
    frame, identity, person_row, person_frame = [], [], [], []
    video_start, video_person, person_start = [0], [0], [0]
    for name in sorted(videos):
        seen = sorted(videos[name])
        own = np.asarray(seen, np.int32).reshape(-1, 3)
        order = np.argsort(own[:, 1], kind="stable")
        counts = np.unique(own[:, 1], return_counts=True)[1]
        person_start += (video_start[-1] + np.cumsum(counts)).tolist()
        frame.append(own[:, 0])
        identity.append(own[:, 1])
        person_row.append(order.astype(np.int32))
        person_frame.append(own[order, 0])
        video_start.append(video_start[-1] + len(seen))
        video_person.append(video_person[-1] + len(counts))
    count = video_start[-1]
    return Index(
        folder=Path("nowhere"),
        shards=(),
        videos=tuple(sorted(videos)),
        faults=(),
        shard_start=np.array([0, count]),
        video_start=np.array(video_start),
        video_person=np.array(video_person),
        person_start=np.array(person_start),
        frame=np.concatenate(frame),
        identity=np.concatenate(identity),
        offset=np.zeros(count, np.int64),
        size=np.zeros(count, np.int32),
        person_row=np.concatenate(person_row),
        person_frame=np.concatenate(person_frame),
    )


@st.composite
def data_sets(draw_: Any) -> dict[str, list[Seen]]:
    """A few short videos with gaps, people who come and go, and now and then someone twice in a frame."""
    videos = {}
    for name in "abc"[: draw_(st.integers(1, 3))]:
        chance = random.Random(draw_(st.integers(0, 10**6)))
        frames, people, share = (
            draw_(st.integers(1, 45)),
            draw_(st.integers(1, 5)),
            draw_(st.sampled_from([0.3, 0.8, 1])),
        )
        seen = [(f, p, 0) for f in range(frames) for p in range(people) if chance.random() < share]
        seen += [(f, p, 1) for f, p, _ in seen if chance.random() < 0.1]
        # Identities have no gaps.
        names = {p: n for n, p in enumerate(sorted({p for _, p, _ in seen}))}
        videos[name] = [(f, names[p], t) for f, p, t in seen]
    return videos


@settings(max_examples=150, deadline=None)
@given(
    videos=data_sets(),
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 1000),
    stride=st.integers(1, 4),
    positives=st.integers(1, 12),
    negatives=st.integers(1, 12),
    distance=st.integers(1, 8),
    avoided=st.sets(st.integers(0, 200), max_size=30),
)
def test_sets_are_those_of_the_reference(
    videos: dict[str, list[Seen]],
    seed: int,
    epoch: int,
    stride: int,
    positives: int,
    negatives: int,
    distance: int,
    avoided: set[int],
) -> None:
    index = in_memory(videos)
    rows = rows_of(index)
    told: dict[str, Any] = {"positives": positives, "negatives": negatives}
    chosen = SamplerSettings(seed=seed, frame_stride=stride, min_distance=distance, **told)
    expected = draw(rows, seed, epoch, 0, stride=stride, distance=distance, **told)
    if expected is None:
        with pytest.raises(RmferError, match="no video of nowhere can give an anchor set"):
            AnchorSampler(index, chosen)
        return
    sampler = AnchorSampler(index, chosen)
    for number in range(4):
        expected = draw(rows, seed, epoch, number, stride=stride, distance=distance, **told)
        found = sampler.draw(epoch=epoch, number=number)
        assert expected is not None
        assert (found.rows.tolist(), found.radius) == expected
        anchor = rows[found.rows[0]]
        assert (found.video, found.identity, found.frame) == (anchor.video, anchor.identity, anchor.frame)
    avoid = frozenset(avoided)
    try:
        expected = draw(rows, seed, epoch, 1, stride=stride, distance=distance, avoid=avoid, **told)
    except AssertionError:
        with pytest.raises(RmferError, match="too many pictures cannot be read"):
            sampler.draw(epoch=epoch, number=1, avoid=sorted(avoid))
    else:
        found = sampler.draw(epoch=epoch, number=1, avoid=sorted(avoid))
        assert (found.rows.tolist(), found.radius) == expected


@pytest.fixture
def folder(tmp_path: Path, make_shards: Make) -> Path:
    """Two videos: ten people for 100 frames in three shards, three for 200 with one of them seen every other frame."""
    make_shards(tmp_path, "a", wall(100, 10), per_shard=400, size=16)
    seen = [(f, p, p) for f, p, _ in wall(200, 3) if p or f % 2 == 0]
    make_shards(tmp_path, "b", seen, size=16)
    return tmp_path


def test_real_shards_as_the_paper_draws(folder: Path) -> None:
    index = open_index(folder)
    sampler = AnchorSampler(index, SamplerSettings(seed=7, anchors_per_step=2, frame_stride=1))
    rows = rows_of(index)
    for drawn in [*sampler.step(0, 0), *sampler.step(0, 1)]:
        assert drawn.rows.shape == (101,)
        assert drawn.rows.dtype == np.int64
        anchor, *compared = (rows[row] for row in drawn.rows)
        positives, negatives = compared[:50], compared[50:]
        assert len({row.number for row in positives}) == 50
        assert all(row.video == anchor.video and row.identity != anchor.identity for row in positives)
        assert all(-drawn.radius <= row.frame - anchor.frame < drawn.radius for row in positives)
        assert all(row.identity == anchor.identity and abs(row.frame - anchor.frame) >= 30 for row in negatives)
        assert drawn.radius >= {"a": 3, "b": 9}[drawn.video]
    assert (drawn.rows.tolist(), drawn.radius) == draw(rows, 7, 0, 3)


@pytest.mark.parametrize("world", [1, 2, 3, 5])
@pytest.mark.parametrize("anchors", [1, 4])
def test_ranks_together_draw_what_one_alone_would(folder: Path, world: int, anchors: int) -> None:
    index = open_index(folder)
    chosen = SamplerSettings(seed=3, anchors_per_step=anchors, frame_stride=1)
    alone = AnchorSampler(index, chosen)
    wanted = [alone.draw(epoch=2, number=n).rows.tolist() for n in range(world * anchors * 3)]
    found: dict[int, list[int]] = {}
    for rank in range(world):
        sampler = AnchorSampler(index, chosen, rank=rank, world_size=world)
        for step in (2, 0, 1):  # in any order
            for drawn in sampler.step(2, step):
                assert drawn.number not in found, "no set belongs to two ranks"
                found[drawn.number] = drawn.rows.tolist()
    assert [found[n] for n in range(len(wanted))] == wanted


def test_seed_epoch_and_number_each_matter(folder: Path) -> None:
    index = open_index(folder)

    def rows(seed: int, epoch: int, number: int) -> tuple[int, ...]:
        sampler = AnchorSampler(index, SamplerSettings(seed=seed, frame_stride=1))
        return tuple(sampler.draw(epoch=epoch, number=number).rows.tolist())

    told = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (2**63, 0, 0)]
    assert len({rows(*which) for which in told}) == len(told)
    assert [rows(*which) for which in told] == [rows(*which) for which in told]


def test_who_cannot_be_an_anchor() -> None:
    videos = {
        "alone": [(f, 0, 0) for f in range(100)],
        "few": wall(20, 2),
        "forty": wall(40, 6),
        "once": [*wall(100, 5), (50, 5, 5)],
        "short": wall(30, 6),
    }
    sampler = AnchorSampler(in_memory(videos), SamplerSettings(frame_stride=1))
    assert dict(sampler.eligible.left_out) == {"alone": ALONE, "few": FEW, "short": SHORT}
    drawn = [sampler.draw(epoch=0, number=n) for n in range(400)]
    assert {d.video for d in drawn} == {"forty", "once"}
    assert {d.identity for d in drawn if d.video == "once"} == set(range(5)), "whoever is seen once is no anchor"
    # In 40 frames only the first and the last ten have something 30 frames away.
    assert {d.frame for d in drawn if d.video == "forty"} == {*range(10), *range(30, 40)}
    seen = rows_of(sampler.index)
    assert any(seen[row].identity == 5 for d in drawn if d.video == "once" for row in d.rows[1:51]), "but a positive"
    repeated = next(d for d in drawn if d.video == "forty")
    assert len(set(repeated.rows[51:].tolist())) <= 10, "fewer than 50 negatives come again"


def test_someone_shown_twice() -> None:
    seen = [*wall(80, 4), *((f, 0, 9) for f in range(80))]
    index = in_memory({"v": seen})
    sampler = AnchorSampler(index, SamplerSettings(frame_stride=1))
    rows = rows_of(index)
    anchors = collections.Counter()
    for number in range(600):
        drawn = sampler.draw(epoch=0, number=number)
        anchor, *others = (rows[row] for row in drawn.rows)
        anchors[anchor.identity] += 1
        same = [row for row in others if row.identity == anchor.identity]
        assert all(abs(row.frame - anchor.frame) >= 30 for row in same)
        assert len(same) == 50
    # The identity's chance does not grow with its rows.
    assert all(100 < anchors[person] < 200 for person in range(4))


def test_draws_are_even() -> None:
    sampler = AnchorSampler(
        in_memory({"a": wall(100, 4), "b": wall(300, 8)}), SamplerSettings(positives=6, negatives=6, frame_stride=1)
    )
    drawn = [sampler.draw(epoch=0, number=n) for n in range(4000)]
    videos = collections.Counter(d.video for d in drawn)
    assert abs(videos["a"] - 2000) < 160, "five deviations"
    frames = np.bincount([d.frame for d in drawn if d.video == "a"], minlength=100)
    expected = videos["a"] / 100
    chi2 = ((frames - expected) ** 2 / expected).sum()
    assert chi2 < 99 + 5 * (2 * 99) ** 0.5
    picks = collections.Counter(pick for n in range(3000) for pick in choose(_uniform(n), 7))
    assert all(abs(picks[value] - 3000 * 3 / 7) < 150 for value in range(7))


def _uniform(number: int) -> list[float]:
    return [float(u) for u in np.random.default_rng(number).random(3)]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**64}, "seed"),
        ({"frame_stride": 0}, "frame_stride 0"),
        ({"positives": 0}, "positives 0"),
        ({"anchors_per_step": -1}, "anchors_per_step -1"),
    ],
)
def test_settings_out_of_range(values: dict[str, int], fault: str) -> None:
    with pytest.raises(RmferError, match=fault):
        SamplerSettings(**values)


def test_ranks_out_of_range() -> None:
    index = in_memory({"a": wall(100, 4)})
    for rank, world in [(1, 1), (-1, 2), (0, 0)]:
        with pytest.raises(RmferError, match="is not one of"):
            AnchorSampler(index, rank=rank, world_size=world)
