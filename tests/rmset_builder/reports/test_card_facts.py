"""What a card tells is counted right, from whatever is there, and names nobody without need."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from collection import FRAMES, PEOPLE, ROWS, SETTINGS, Collection

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.catalog import FAILED, FETCHED, PRUNED, Video
from rmset_builder.reports import stats
from rmset_builder.reports.card_facts import Source, facts_of, read_facts
from rmset_builder.reports.paper import Counts
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.tombstones import TOMBSTONES_NAME, Tombstone, add_tombstone
from rmset_builder.shards.videos_table import TABLE_NAME, VideoRecord, update_videos
from rmset_builder.takedown.prune import prune_identity, prune_video

CC_BY = "Creative Commons Attribution license (reuse allowed)"


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path)


def record(video: str, **columns: object) -> VideoRecord:
    return replace(VideoRecord(id=video, identities=2, frames=10, faces=20), **columns)


def test_a_collection_is_counted(collection: Collection) -> None:
    facts = read_facts(collection.shards, collection.videos)
    assert facts.table.rows == {"Anger": Counts(2, 2 * PEOPLE, 2 * FRAMES, 2 * ROWS)}
    assert facts.groups == ["Anger"]
    assert facts.shards == 2
    assert facts.bytes == sum(shard.path.stat().st_size for shard in find_shards(collection.shards))
    assert facts.models == ("unnamed, sha256 m",)
    assert facts.settings == {name: (json.dumps(value),) for name, value in SETTINGS.model_dump().items()}
    assert facts.licences == [("", 2)]
    assert facts.embedding == 4
    assert facts.collected[0] == facts.collected[1] != ""


def test_shards_alone_are_enough(collection: Collection, tmp_path: Path) -> None:
    (collection.shards / TABLE_NAME).unlink()
    facts = read_facts(collection.shards, tmp_path / "nowhere")
    assert facts.table.total == Counts(2, 2 * PEOPLE, 2 * FRAMES, 2 * ROWS)
    assert [source.video for source in facts.sources] == ["one", "two"]
    assert facts.collected == ("", "")
    assert (facts.models, facts.versions) == (("unnamed, sha256 m",), {})


def test_without_a_table_the_catalog_knows_a_renamed_file_by_its_hash(collection: Collection) -> None:
    (collection.shards / TABLE_NAME).unlink()
    found = stats.collect(collection.shards)
    sha256 = found.footers[0].metadata.source_sha256 or ""
    rows = {"new-name": Video(id="new-name", sha256=sha256, url="https://site.example/new"), "one": Video(id="one")}
    addresses = {source.video: source.address for source in facts_of(found, rows, []).sources}
    assert addresses == {"one": "https://site.example/new", "two": ""}


def test_what_contradicts_itself_gets_no_card(collection: Collection) -> None:
    find_shards(collection.shards)[0].path.unlink()
    with pytest.raises(RmsetError, match="no card is written of shards that are not sound: one: "):
        read_facts(collection.shards, collection.videos)


def test_licences_days_and_hours() -> None:
    records = (
        record("a", licence=CC_BY, duration_s=1800.0),
        record("b", duration_s=5400.0),
        record("c", licence=CC_BY),
        record("d"),
        record("e", state="failed", licence="never counted"),
    )
    rows = {
        "a": Video(id="a", state=FETCHED, when="2026-03-02T10:00:00Z"),
        "b": Video(id="b", state=FETCHED, when="2025-12-31T23:59:59Z", licence="Standard"),
        "c": Video(id="c", state=PRUNED, when="2026-11-11T00:00:00Z", pruned_identities=1),
        "e": Video(id="e", state=FAILED, when="2020-01-01T00:00:00Z"),
    }
    facts = facts_of(stats.Collection(records), rows, [])
    assert facts.licences == [(CC_BY, 2), ("", 1), ("Standard", 1)]
    assert facts.collected == ("2025-12-31", "2026-03-02")
    assert facts.seconds == 7200
    assert facts.table.total == Counts(4, 8, 40, 80)
    assert facts.not_done == 1


def test_people_are_named_where_a_licence_wants_it_and_nowhere_else() -> None:
    told = {"title": "A title", "url": "https://site.example/watch"}
    records = (record("free", licence=CC_BY, **told), record("bound", licence="Standard licence", **told))
    rows = {video: Video(id=video, channel="A channel", upload_date="2024-05-06") for video in ("free", "bound")}
    free, bound = facts_of(stats.Collection(records), rows, []).sources
    assert free == Source(
        video="free", title="A title", author="A channel", address=told["url"], licence=CC_BY, uploaded="2024-05-06"
    )
    assert bound == replace(free, video="bound", title="", author="", licence="Standard licence")


@pytest.mark.parametrize("url", ["file:///home/somebody/video.mp4", "javascript:alert(1)", "/home/x.mp4", "https:x"])
def test_an_address_is_a_page_on_the_web(url: str) -> None:
    (source,) = facts_of(stats.Collection((record("a", url=url),)), {}, []).sources
    assert source.address == ""


def test_removals_are_counted_and_nothing_more(collection: Collection) -> None:
    for identity in (2, 0):
        why = f"asked by Jane Doe of {identity}"
        prune_identity(collection.shards, collection.videos, "one", identity, why, keep_file=False)
    prune_video(collection.shards, collection.videos, "two", "asked by John Doe")
    add_tombstone(collection.shards, Tombstone(video="two", why="asked again"))
    facts = read_facts(collection.shards, collection.videos)
    assert (facts.videos_removed, facts.people_removed) == (1, 2)
    assert facts.table.total[:2] == (1, PEOPLE - 2)
    assert facts.dropped == {"pruned": ROWS - facts.table.total.images}
    assert "Doe" not in repr(facts)
    (collection.shards / TOMBSTONES_NAME).unlink()
    assert read_facts(collection.shards, collection.videos).people_removed == 2


@pytest.mark.parametrize("identity", [None, 1])
def test_a_removal_that_was_interrupted_comes_first(collection: Collection, identity: int | None) -> None:
    add_tombstone(collection.shards, Tombstone(video="two", identity=identity, why="asked"))
    with pytest.raises(RmsetError, match=r"two in .* still holds what was to be taken out; finish that first"):
        read_facts(collection.shards, collection.videos)


def test_versions_models_and_what_was_left_out_add_up() -> None:
    records = (
        record("a", rmset_version="1.0", versions_json='{"numpy": "2.1"}', models="m", models_sha256="11",
               dropped_json='{"faces": {"unsure": 3, "short-lived": 1}, "identities": {"unsure": 9}}'),
        record("b", rmset_version="1.1", versions_json='{"numpy": "2.1"}', models="n", models_sha256="22",
               dropped_json='{"faces": {"unsure": 4}}'),
    )  # fmt: skip
    facts = facts_of(stats.Collection(records), {}, [])
    assert facts.versions == {"rmset-builder": ("1.0", "1.1"), "numpy": ("2.1",)}
    assert facts.models == ("m, sha256 11", "n, sha256 22")
    assert facts.dropped == {"unsure": 7, "short-lived": 1}


def test_videos_without_the_end_of_their_extraction_do_not_count(collection: Collection) -> None:
    update_videos(collection.shards, VideoRecord(id="broken", state="failed", reason="torn"))
    facts = read_facts(collection.shards, collection.videos)
    assert facts.not_done == 1
    assert [source.video for source in facts.sources] == ["one", "two"]
