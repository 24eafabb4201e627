from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from corrections import wall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.corrections import correct, rewrite
from rmset_builder.corrections.correct import Corrected, drop, merge, split, swap, together, undo
from rmset_builder.corrections.ledger import active, read_ledger
from rmset_builder.corrections.orders import dropping, merging, undoing
from rmset_builder.shards import writer
from rmset_builder.shards.face_embeddings import read_face_embeddings
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.videos_table import read_videos
from rmset_builder.verify.collection import verify


@pytest.fixture(params=[32_768, 64], ids=["one shard", "several shards"])
def shards(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(writer, "ROWS_PER_SHARD", request.param)
    monkeypatch.setattr(writer, "ROWS_PER_GROUP", 16)
    wall.extract(tmp_path / "shards")
    return tmp_path / "shards"


def assert_sound(shards: Path) -> None:
    """What holds of every extraction holds of every correction."""
    assert verify(shards, shards / "none", quick=True, threads=1).faults == []
    table = wall.faces(shards)
    frame, identity, track = (table[name].to_numpy() for name in ("frame", "identity", "track"))
    box = np.stack(table["bbox"].to_numpy())
    for one, left, image in zip(frame.tolist(), box[:, 0].tolist(), table["image"].to_pylist(), strict=True):
        assert image["bytes"] == wall.picture(one, left), "a face has its own picture"
    first = {}
    for place, who in sorted(zip(zip(frame.tolist(), box[:, 0].tolist(), strict=True), identity.tolist(), strict=True)):
        first.setdefault(who, place)
    assert list(first) == sorted(first), "people are numbered as they appear"
    owners = dict(zip(track.tolist(), identity.tolist(), strict=True))
    assert owners == {t: i for t, i in zip(track.tolist(), identity.tolist(), strict=True) if owners[t] == i}
    assert len(set(zip(track.tolist(), identity.tolist(), strict=True))) == len(owners), "a track is one person's"
    record = read_videos(shards)["wall"]
    assert (record.faces, record.identities, record.tracks) == (len(table), len(first), len(owners))
    embedded = read_face_embeddings(shards, "wall")
    assert embedded is not None
    side = pq.read_table(shards / "identities" / "wall.parquet")
    for who, mean in zip(side["identity"].to_pylist(), side["embedding"].to_pylist(), strict=True):
        own = [t for t in owners if owners[t] == who]
        rows = [embedded.embedding[embedded.track == t].astype(np.float64).sum(0) for t in own if t in embedded.track]
        exact = sum((row / np.linalg.norm(row) for row in rows), np.zeros(8))
        np.testing.assert_allclose(mean, exact / max(np.linalg.norm(exact), 1e-9), atol=1e-5)


def test_a_merge(shards: Path) -> None:
    before = wall.people(shards)
    done = merge(shards, "wall", [4, 1])
    assert wall.people(shards) == {place: 1 if who == 4 else who for place, who in before.items()}
    assert (done.words, done.identities, done.renumbered) == ("identities 1 and 4 are one person", 4, {4: 1})
    assert_sound(shards)


def test_a_split(shards: Path) -> None:
    before = wall.people(shards)
    (track,) = {t for f, i, t in zip(*columns(shards), strict=True) if i == 3 and f > 30}
    done = split(shards, "wall", 3, [track])
    # Who is seen from frame 31 on comes after person 4, who is first seen in frame 5.
    expected = {place: 5 if who == 3 and place[0] > 30 else who for place, who in before.items()}
    assert wall.people(shards) == expected
    assert done.identities == 6
    assert_sound(shards)


def test_a_swap_cuts_the_tracks_that_run_through_it(shards: Path) -> None:
    before = wall.people(shards)
    swap(shards, "wall", (0, 2), first=33)
    other = {0: 2, 2: 0}
    assert wall.people(shards) == {p: other.get(who, who) if p[0] >= 33 else who for p, who in before.items()}
    assert read_videos(shards)["wall"].tracks == len(wall.WALL) + 2
    assert_sound(shards)
    swap(shards, "wall", (0, 2), first=33, last=40)
    assert wall.people(shards) == {p: other.get(who, who) if p[0] > 40 else who for p, who in before.items()}
    assert_sound(shards)


def test_two_parts_of_a_track_that_are_one_person_again_are_two_tracks(shards: Path) -> None:
    merge(shards, "wall", [0, 1])
    swap(shards, "wall", (0, 1), first=6)
    swap(shards, "wall", (0, 1), first=7)
    assert_sound(shards)


def test_a_drop_keeps_the_faces_aside(shards: Path) -> None:
    before, table = wall.people(shards), wall.faces(shards)
    drop(shards, "wall", 1)
    after = {place: who - (who > 1) for place, who in before.items() if who != 1}
    assert wall.people(shards) == after
    aside = pq.read_table(shards / "dropped" / "wall.parquet")
    assert aside.equals(table.filter(np.array(table["identity"]) == 1).replace_schema_metadata(aside.schema.metadata))
    assert '"corrected": 60' in read_videos(shards)["wall"].dropped_json
    assert_sound(shards)


def columns(shards: Path) -> list[list[int]]:
    table = wall.faces(shards)
    return [table[name].to_pylist() for name in ("frame", "identity", "track")]


def test_all_undone_is_byte_for_byte_what_was_extracted(shards: Path) -> None:
    before = wall.contents(shards)
    merge(shards, "wall", [0, 1])
    swap(shards, "wall", (1, 2), first=20, last=30)
    drop(shards, "wall", 3)
    assert wall.contents(shards).keys() >= {"dropped/wall.parquet"}
    for _ in range(3):
        undo(shards)
    assert wall.contents(shards) == before
    assert len(read_ledger(shards)) == 6, "nothing is ever taken out of the ledger"


def test_independent_corrections_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for number, order in enumerate(itertools.permutations(range(3))):
        shards = tmp_path / str(number)
        wall.extract(shards)
        actions = [
            lambda at: merge(at, "wall", [0, 1], as_of=0),
            lambda at: drop(at, "wall", 2, as_of=0),
            lambda at: swap(at, "wall", (3, 4), first=15, as_of=0),
        ]
        for one in order:
            actions[one](shards)
        rows = wall.faces(shards).replace_schema_metadata(None)
        found.append((rows.to_pylist(), (shards / "identities" / "wall.parquet").read_bytes()))
    assert all(one == found[0] for one in found)


def test_undo_in_any_order_that_makes_sense(shards: Path) -> None:
    before = wall.people(shards)
    merge(shards, "wall", [0, 1])  # 1
    drop(shards, "wall", 2, as_of=0)  # 2
    merge(shards, "wall", [0, 3], as_of=0)  # 3 is about what 1 made
    with pytest.raises(RmsetError, match=r"correction 3 .* is about what 1 .* made; undo 3 first"):
        undo(shards, correction=1)
    undo(shards, correction=2)
    only = {0: 0, 1: 0, 3: 0, 2: 1, 4: 2}
    assert wall.people(shards) == {place: only[who] for place, who in before.items()}
    undo(shards, correction=3)
    undo(shards, correction=1)
    assert wall.people(shards) == before
    with pytest.raises(RmsetError, match="there is no correction 1 that counts"):
        undo(shards, correction=1)
    assert_sound(shards)


def test_old_numbers_are_understood_by_when_they_were_seen(shards: Path) -> None:
    before = wall.people(shards)
    merge(shards, "wall", [0, 1])
    merge(shards, "wall", [2, 4], as_of=0)
    assert wall.people(shards) == {place: {0: 0, 1: 0, 2: 1, 3: 2, 4: 1}[who] for place, who in before.items()}
    (track,) = {t for f, i, t in zip(*columns(shards), strict=True) if i == 2 and f > 30}
    split(shards, "wall", 2, [track])
    with pytest.raises(RmsetError, match="identity 3 of wall has become several since correction 0"):
        drop(shards, "wall", 3, as_of=0)
    drop(shards, "wall", 0)
    with pytest.raises(RmsetError, match="identity 1 of wall was left out since correction 0"):
        merge(shards, "wall", [1, 3], as_of=0)
    with pytest.raises(RmsetError, match="there is no correction 9 yet: the last is 4"):
        drop(shards, "wall", 0, as_of=9)


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (lambda s: merge(s, "wall", [2, 2]), "two identities or more make one"),
        (lambda s: merge(s, "wall", range(1001)), "at most 1,000 identities at once; merge them in several steps"),
        (lambda s: merge(s, "wall", [0, 5]), "no identity 5 in wall: it has 0 to 4"),
        (lambda s: merge(s, "wal", [0, 1]), "no shards of a video 'wal' in .*; did you mean wall"),
        (lambda s: split(s, "wall", 0, [0]), "these are all tracks of identity 0: nobody would be left"),
        (lambda s: split(s, "wall", 0, [1]), "identity 0 of wall has no track 1; its tracks: 0"),
        (lambda s: swap(s, "wall", (0, 1), first=60), "neither of them is seen from frame 60"),
        (lambda s: swap(s, "wall", (0, 1), first=0), "they would only exchange their numbers"),
        (lambda s: swap(s, "wall", (1, 1), first=5), "are one person"),
        (undo, "there is no correction in"),
    ],
)
def test_what_makes_no_sense_changes_nothing(shards: Path, action: object, told: str) -> None:
    before = wall.contents(shards)
    with pytest.raises(RmsetError, match=told):
        action(shards)  # type: ignore[operator]
    assert wall.contents(shards) == before
    assert read_ledger(shards) == []


@st.composite
def actions(draw: st.DrawFn) -> tuple[str, int, int, int]:
    kind = draw(st.sampled_from(["merge", "split", "swap", "drop", "undo"]))
    return kind, draw(st.integers(0, 9)), draw(st.integers(0, 9)), draw(st.integers(1, 58))


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(actions(), min_size=3, max_size=7))
def test_whatever_is_corrected_stays_sound_and_can_be_undone(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, int]]
) -> None:
    shards = tmp_path_factory.mktemp("any") / "shards"
    wall.extract(shards)
    before = wall.contents(shards)
    labels = {place: frozenset([who]) for place, who in wall.people(shards).items()}
    history: list[dict[tuple[int, float], frozenset[object]]] = []
    for number, (kind, a, b, frame) in enumerate(steps):
        now = wall.people(shards)
        count = max(now.values(), default=-1) + 1
        if not count:
            break
        one, other = a % count, b % count
        expected = dict(labels)
        try:
            if kind == "merge":
                merge(shards, "wall", [one, other])
                both = frozenset.union(*(labels[p] for p, who in now.items() if who in (one, other)))
                expected = {p: both if now[p] in (one, other) else label for p, label in labels.items()}
            elif kind == "split":
                tracks = sorted({t for _, i, t in zip(*columns(shards), strict=True) if i == one})
                part = {p for p, t in places(shards).items() if t == tracks[0]}
                split(shards, "wall", one, tracks[:1])
                expected = {p: frozenset([("new", number)]) if p in part else label for p, label in labels.items()}
            elif kind == "swap":
                swap(shards, "wall", (one, other), first=frame)
                of = {who: next(labels[p] for p in now if now[p] == who) for who in (one, other)}
                turned = {one: of[other], other: of[one]}
                expected = {p: turned[now[p]] if now[p] in turned and p[0] >= frame else v for p, v in labels.items()}
            elif kind == "drop":
                drop(shards, "wall", one)
                expected = {p: label for p, label in labels.items() if now[p] != one}
            elif history:
                undo(shards)
                expected = history.pop()
                labels = expected
                assert partition(wall.people(shards)) == partition(labels)
                continue
        except RmsetError:
            assert wall.people(shards) == now
            continue
        if kind != "undo":
            history.append(labels)
        labels = expected
        assert partition(wall.people(shards)) == partition(labels)
    if labels:
        assert_sound(shards)
    while active(read_ledger(shards), "wall"):
        undo(shards)
    assert wall.contents(shards) == before


def places(shards: Path) -> dict[tuple[int, float], int]:
    table = wall.faces(shards)
    lefts = np.stack(table["bbox"].to_numpy())[:, 0].tolist()
    return dict(zip(zip(table["frame"].to_pylist(), lefts, strict=True), table["track"].to_pylist(), strict=True))


def partition(labels: dict[tuple[int, float], object]) -> set[frozenset[tuple[int, float]]]:
    groups: dict[object, set[tuple[int, float]]] = {}
    for place, label in labels.items():
        groups.setdefault(label, set()).add(place)
    return {frozenset(group) for group in groups.values()}


def test_parts_stay_in_step(shards: Path) -> None:
    parts = len(find_shards(shards))
    drop(shards, "wall", 0)
    drop(shards, "wall", 0)
    told = [read_metadata(one.path)[1] for one in find_shards(shards)]
    assert [one.part for one in told] == list(range(len(told)))
    assert {one.parts for one in told} == {len(told)}
    assert {one.corrections for one in told} == {"1 2"}
    assert len(told) < parts or parts == 1


def test_shards_of_older_versions_have_no_embeddings_of_faces(tmp_path: Path) -> None:
    wall.extract(tmp_path)
    means = np.stack(pq.read_table(tmp_path / "identities" / "wall.parquet")["embedding"].to_numpy())
    (tmp_path / "embeddings" / "wall.parquet").unlink()
    merge(tmp_path, "wall", [0, 4])
    now = np.stack(pq.read_table(tmp_path / "identities" / "wall.parquet")["embedding"].to_numpy())
    both = means[0] + 2 * means[4]  # the latter has two tracks
    np.testing.assert_allclose(now, [both / np.linalg.norm(both), *means[1:4]], atol=1e-6)
    undo(tmp_path)
    now = np.stack(pq.read_table(tmp_path / "identities" / "wall.parquet")["embedding"].to_numpy())
    np.testing.assert_allclose(now, means, atol=1e-6)
    (tmp_path / "embeddings" / "wall.parquet").unlink()
    (tmp_path / "identities" / "wall.parquet").unlink()
    with pytest.raises(VideoError, match=r"identities/wall.parquet is damaged .*, nothing was changed"):
        merge(tmp_path, "wall", [0, 4])


def test_several_at_once_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one, at_once = tmp_path / "one", tmp_path / "all"
    for folder in (one_by_one, at_once):
        wall.extract(folder)
    merge(one_by_one, "wall", [0, 1])
    drop(one_by_one, "wall", 2, as_of=0)
    undo(one_by_one, correction=1)
    written = []
    monkeypatch.setattr(correct, "rewrite", lambda *given: written.append(given) or rewrite.rewrite(*given))
    orders = [merging([0, 1]), dropping(2, as_of=0), dropping(7), undoing(1)]
    merged, dropped, wrong, undone = together(at_once, "wall", orders)
    assert len(written) == 1
    assert wall.contents(at_once) == wall.contents(one_by_one)
    assert [entry.number for entry in read_ledger(at_once)] == [1, 2, 3]
    assert isinstance(wrong, RmsetError)
    assert str(wrong).startswith("no identity 7 in wall: it has 0 to 2")
    for done, number in ((merged, 1), (dropped, 2), (undone, 1)):
        assert isinstance(done, Corrected)
        assert done.number == number
    assert isinstance(undone, Corrected)
    assert undone.words == "undone: identities 0 and 1 are one person"
