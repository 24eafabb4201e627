from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from collection import FRAMES, JPEGS, PEOPLE, ROWS, Collection

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.fetching.catalog import read_rows
from rmset_builder.fetching.ledger import Ledger
from rmset_builder.reports.stats import collect
from rmset_builder.shards import writer
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.tombstones import read_tombstones
from rmset_builder.shards.videos_table import VideoRecord, read_videos, update_videos
from rmset_builder.takedown import people, prune
from rmset_builder.takedown.prune import prune_identity, prune_video
from rmset_builder.verify.collection import verify

Run = Callable[..., Any]


@pytest.fixture(params=[32_768, 256], ids=["one shard", "several shards"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    monkeypatch.setattr(writer, "ROWS_PER_SHARD", request.param)
    return Collection(tmp_path)


def sound(place: Collection, *, quick: bool = True) -> list[str]:
    return verify(place.shards, place.videos, quick=quick, threads=2).faults


def test_one_person_goes_and_the_others_move_up(place: Collection) -> None:
    before, other = place.table("one"), place.table("two")
    parts = [shard.path for shard in find_shards(place.shards) if shard.video == "one"]
    removed = prune_identity(place.shards, place.videos, "one", 1, "asked", keep_file=False)
    assert (removed.identity, removed.faces) == (1, FRAMES // 2)
    after = place.table("one")
    keep = before.filter(np.array(before["identity"]) != 1)
    moved = np.array(keep["identity"]) - (np.array(keep["identity"]) > 1)
    assert np.array(after["identity"]).tolist() == moved.tolist()
    for name in ("frame", "track", "time_s", "bbox", "landmarks", "det_score", "sharpness", "image"):
        assert after[name].to_pylist() == keep[name].to_pylist()
    assert place.table("two").equals(other)
    assert [shard.path for shard in find_shards(place.shards) if shard.video == "one"] == parts
    metadata = [read_metadata(path)[1] for path in parts]
    assert {m.identities for m in metadata} == {PEOPLE - 1}
    assert [m.part for m in metadata] == list(range(len(parts)))
    record = place.record("one")
    assert (record.identities, record.faces, record.tracks) == (PEOPLE - 1, ROWS - FRAMES // 2, PEOPLE - 1)
    assert json.loads(record.dropped_json) == {"faces": {"pruned": FRAMES // 2}, "identities": {"pruned": 1}}
    side = pq.read_table(place.shards / "identities" / "one.parquet")
    assert side["identity"].to_pylist() == [0, 1, 2]
    assert [row[0] for row in side["embedding"].to_pylist()] == [0.0, 2.0, 3.0]
    assert all(JPEGS[1] not in path.read_bytes() for path in parts)
    assert not (place.videos / "one.mp4").exists()
    assert read_rows(place.videos)["one"].state == "pruned"
    assert sound(place, quick=False) == []
    assert not collect(place.shards).warnings


def test_one_after_the_other_until_nobody_is_left(place: Collection) -> None:
    for turn in range(PEOPLE):
        prune_identity(place.shards, place.videos, "one", 0, f"person {turn}", keep_file=True)
        assert sound(place) == []
        assert place.record("one").identities == PEOPLE - 1 - turn
    assert len(place.table("one")) == 0
    assert (place.videos / "one.mp4").exists()
    with pytest.raises(RmsetError, match=r"no identity 0 in one: it has none"):
        prune_identity(place.shards, place.videos, "one", 0, "more", keep_file=True)


def test_the_same_command_twice_does_not_take_the_next_person(place: Collection) -> None:
    prune_identity(place.shards, place.videos, "one", 1, "asked", keep_file=False)
    with pytest.raises(RmsetError, match="for the very same reason"):
        prune_identity(place.shards, place.videos, "one", 1, "asked", keep_file=False)
    assert place.record("one").identities == PEOPLE - 1


def test_nobody_is_taken_out_where_it_is_not_clear_who_was(place: Collection) -> None:
    prune_identity(place.shards, place.videos, "one", 1, "asked", keep_file=True)
    (*_, last) = (shard.path for shard in find_shards(place.shards) if shard.video == "one")
    side = place.shards / "identities" / "one.parquet"
    for path in (last, side):
        content = path.read_bytes()
        table = pq.read_table(path)
        told = {**table.schema.metadata, b"rmset.pruned": b"l"}
        pq.write_table(table.replace_schema_metadata(told), path)
        before = {shard.path: shard.path.read_bytes() for shard in find_shards(place.shards)}
        with pytest.raises(VideoError, match=r"rmset\.pruned is 'l', which is no number\), and nothing was taken out"):
            prune_identity(place.shards, place.videos, "one", 0, "asked too", keep_file=True)
        assert {shard.path: shard.path.read_bytes() for shard in find_shards(place.shards)} == before
        assert len(read_tombstones(place.shards)) == 1
        path.write_bytes(content)


def test_a_removal_interrupted_anywhere_is_finished_by_the_next(
    place: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at each of its steps in turn, and then given again, it ends as if it had never been stopped."""
    steps = [
        (prune, "_note_in_ledger"),
        (prune, "_delete"),
        (people, "update_videos"),
        (people, "_shorten_identities"),
        (people, "write_shard"),
    ]
    for turn, (module, step) in enumerate(steps):
        real, calls = getattr(module, step), 0

        def stop(*arguments: Any, real: Any = real, step: str = step) -> Any:
            nonlocal calls
            calls += 1
            if step != "write_shard" or calls == 2 or len(find_shards(place.shards)) == 2:
                raise KeyboardInterrupt
            return real(*arguments)

        video = "one" if turn < 3 else "two"
        with monkeypatch.context() as patch:
            patch.setattr(module, step, stop)
            with pytest.raises(KeyboardInterrupt):
                prune_identity(place.shards, place.videos, video, 0, step, keep_file=False)
        found = sound(place)
        assert any("still in its shards" in fault for fault in found), found
        before = place.record(video).identities
        removed = prune_identity(place.shards, place.videos, video, 0, step, keep_file=False)
        assert removed.resumed
        assert place.record(video).identities in (before, before - 1)
        assert sound(place) == []
        assert not (place.videos / f"{video}.mp4").exists()
    assert place.record("one").identities == PEOPLE - 3
    assert place.record("two").identities == PEOPLE - 2
    assert np.unique(place.table("one")["image"].combine_chunks().field("bytes").to_pylist()).tolist() == [JPEGS[3]]


def test_a_whole_video_goes_with_all_that_is_known_of_it(place: Collection) -> None:
    other = place.table("two")
    removed = prune_video(place.shards, place.videos, "one", "asked")
    assert removed.faces == ROWS
    assert not [path for path in place.shards.rglob("*one*") if path.suffix == ".parquet"]
    assert not (place.videos / "one.mp4").exists()
    assert list(read_videos(place.shards)) == ["two"]
    text = (place.videos / "catalog.jsonl").read_text()
    assert "Title of one" not in text and "Title of two" in text
    row = read_rows(place.videos)["one"]
    assert (row.state, row.message, row.url) == ("pruned", "asked", "https://site.example/one")
    assert place.table("two").equals(other)
    assert sound(place) == []
    assert [(s.video, s.identity, s.why) for s in read_tombstones(place.shards)] == [("one", None, "asked")]
    again = prune_video(place.shards, place.videos, "one", "asked")
    assert (again.faces, again.files, len(read_tombstones(place.shards))) == (0, [], 1)


def test_leftovers_of_a_removed_video_are_faults_until_they_are_gone(place: Collection) -> None:
    saved = [(shard.path, shard.path.read_bytes()) for shard in find_shards(place.shards) if shard.video == "one"]
    prune_video(place.shards, place.videos, "one", "asked")
    for path, content in saved:
        path.write_bytes(content)
    (place.videos / "one.mp4").write_bytes(b"back")
    found = sound(place)
    assert any("was taken down, and is still in" in fault for fault in found)
    assert any("one.mp4: was taken down" in fault for fault in found)
    prune_video(place.shards, place.videos, "one", "again")
    assert sound(place) == []


def test_an_interrupted_removal_comes_before_another(
    place: Collection, monkeypatch: pytest.MonkeyPatch, rmset: Run
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(people, "write_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            prune_identity(place.shards, place.videos, "one", 0, "first", keep_file=True)
    command = ("prune", place.shards, "--videos", place.videos, "--video", "one", "--identity", 2, "--why", "second")
    done = rmset(*command)
    assert (done.returncode, done.stdout.splitlines()[0].startswith("identity 0 of one: 200 faces")) == (1, True)
    assert "identity 2 was not touched" in done.stderr
    assert place.record("one").identities == PEOPLE - 1
    assert rmset(*command).returncode == 0
    assert place.record("one").identities == PEOPLE - 2


def test_a_torn_shard_can_be_taken_down_too(place: Collection) -> None:
    for shard in find_shards(place.shards):
        if shard.video == "one":
            shard.path.write_bytes(b"torn")
    with pytest.raises(VideoError, match=r"is damaged .*nothing was taken out; .*; or take the whole video down"):
        prune_identity(place.shards, place.videos, "one", 0, "asked", keep_file=False)
    prune_video(place.shards, place.videos, "one", "asked")
    assert sound(place) == []
    with pytest.raises(RmsetError, match=r"one has no shards in .*; take the whole video down"):
        prune_identity(place.shards, place.videos, "one", 0, "asked", keep_file=False)


def test_a_video_that_was_fetched_and_never_extracted(tmp_path: Path) -> None:
    place = Collection(tmp_path)
    shutil.rmtree(place.shards)
    with pytest.raises(RmsetError, match="no video 'three'"):
        prune_video(place.shards, place.videos, "three", "asked")
    assert not place.shards.exists()
    prune_video(place.shards, place.videos, "one", "asked")
    assert [path.name for path in place.videos.glob("*.mp4")] == ["two.mp4"]
    assert [stone.video for stone in read_tombstones(place.shards)] == ["one"]


def test_what_a_killed_extraction_left_goes_too(place: Collection) -> None:
    spool = place.shards / ".work" / "one" / "faces.jpgs"
    spool.parent.mkdir(parents=True)
    spool.write_bytes(JPEGS[1])
    torn = place.shards / ".one-00000.parquet.77.tmp"
    torn.write_bytes(JPEGS[1])
    prune_identity(place.shards, place.videos, "one", 1, "asked", keep_file=False)
    assert not spool.exists() and not torn.exists()


def test_uploads_that_look_the_same_are_told(place: Collection, rmset: Run) -> None:
    with Ledger(place.videos) as ledger:
        ledger.record(ledger["two"].with_(near_duplicate_of="one"))
    done = rmset("prune", place.shards, "--videos", place.videos, "--video", "one", "--why", "asked")
    assert "look like uploads of the same video: two" in done.stderr


def test_what_does_not_exist_is_told_with_what_does(place: Collection) -> None:
    with pytest.raises(RmsetError, match=r"no video 'on' in .* did you mean one\?"):
        prune_video(place.shards, place.videos, "on", "asked")
    with pytest.raises(RmsetError, match="no identity 9 in one: its identities are 0 to 3"):
        prune_identity(place.shards, place.videos, "one", 9, "asked", keep_file=False)
    assert read_tombstones(place.shards) == []
    assert sound(place) == []


def test_not_while_a_fetch_is_at_work(place: Collection) -> None:
    with Ledger(place.videos), pytest.raises(RmsetError, match="another process is at work"):
        prune_video(place.shards, place.videos, "one", "asked")
    assert sound(place) == []


def test_the_command_says_what_it_did_and_proves_it(place: Collection, rmset: Run) -> None:
    here = ("--videos", place.videos)
    done = rmset("prune", place.shards, *here, "--video", "one", "--identity", 2, "--why", "asked by mail")
    assert (done.returncode, done.stderr.count("verified")) == (0, 1)
    assert done.stdout.startswith("identity 2 of one: 67 faces removed: asked by mail\n")
    assert rmset("verify", place.shards, *here).stderr.endswith("all is well\n")
    for arguments, words in (
        (("--video", "../x", "--why", "y"), "is no id"),
        (("--video", "one", "--why", " "), "--why must be"),
        (("--video", "one"), "Missing option '--why'"),
        (("--video", "one", "--why", "y", "--keep-file"), "goes with --identity"),
        (("--video", "three", "--why", "y"), "no video 'three'"),
    ):
        done = rmset("prune", place.shards, *here, *arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_a_video_whose_name_is_like_that_of_the_removed_one_stays(place: Collection) -> None:
    """What an older rule made one id of: "onë" gave "on", and "one.mkv" was taken for "one.mp4"."""
    accented, other = place.videos / "onë.mp4", place.videos / "one.mkv"
    accented.write_bytes(b"a film")
    other.write_bytes(b"another film")
    update_videos(place.shards, VideoRecord(id="one--2", source=str(other), source_bytes=12))
    removed = prune_video(place.shards, place.videos, "one", "asked")
    assert accented.exists()
    assert other.exists()
    assert place.videos / "one.mp4" in removed.files


def test_the_file_of_an_id_from_an_older_rule_goes_as_well(place: Collection) -> None:
    file = (place.videos / "one.mp4").rename(place.videos / "日本.mp4")
    update_videos(place.shards, replace(place.record("one"), source=str(file)))
    assert file in prune_video(place.shards, place.videos, "one", "asked").files
    assert not file.exists()


def test_files_of_its_name_that_are_not_known_to_be_others_go_as_well(place: Collection) -> None:
    for number in range(2):
        (place.videos / f"one.{'mkv' if number else 'webm'}").write_bytes(bytes([number]))
    prune_video(place.shards, place.videos, "one", "asked")
    assert sorted(path.name for path in place.videos.glob("one.*")) == []
