"""What was taken down stays out: of fetches, of extractions under any name, and after everything else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from collection import Collection

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.pipeline.planner import Plan
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.tombstones import TOMBSTONES_NAME, Tombstone, add_tombstone, read_tombstones
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.takedown.filter import keep_out_pruned
from rmset_builder.takedown.prune import prune_identity, prune_video


def refused(path: Path, out: Path) -> str:
    todo = keep_out_pruned(Plan(work=[Task(path.stem, path, Provenance())]), out)
    assert len(todo.work) + len(todo.faults) == 1
    return str(todo.faults[0].fault) if todo.faults else ""


def test_a_video_is_known_by_name_by_bytes_and_by_the_ledger(tmp_path: Path) -> None:
    place = Collection(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("one", "two"):
        shutil.copy(place.videos / f"{name}.mp4", elsewhere / f"{name}-again.mp4")
        shutil.copy(place.videos / f"{name}.mp4", elsewhere / f"{name}.mp4")
    assert refused(place.videos / "one.mp4", place.shards) == ""
    prune_video(place.shards, place.videos, "one", "asked by mail")
    prune_identity(place.shards, place.videos, "two", 0, "asked again", keep_file=False)
    for path in sorted(elsewhere.iterdir()):
        words = "was taken down" if "one" in path.name else "had people taken out of it"
        assert words in refused(path, place.shards), path
    shutil.copy(elsewhere / "two.mp4", place.videos)
    assert "had people taken out" in refused(place.videos / "two.mp4", tmp_path / "other shards")
    (elsewhere / "three.mp4").write_bytes(b"another")
    assert refused(elsewhere / "three.mp4", place.shards) == ""


def test_what_was_taken_down_does_not_come_back_beside_another(tmp_path: Path) -> None:
    """A file that steps aside for others of its name is refused all the same, unless it is known to be another."""
    place = Collection(tmp_path)
    again = place.videos / "one.mkv"
    prune_video(place.shards, place.videos, "one", "asked")
    again.write_bytes(b"the same film, encoded anew")

    def refused_as(video: str) -> str:
        todo = keep_out_pruned(Plan(work=[Task(video, again, Provenance())]), place.shards)
        return str(todo.faults[0].fault) if todo.faults else ""

    assert "was taken down" in refused_as("one--0123456789abcdef")
    update_videos(place.shards, VideoRecord(id="one--0123456789abcdef", source=str(again)))
    assert refused_as("one--0123456789abcdef") == ""


def test_tombstones_are_read_or_nothing_is_done(tmp_path: Path) -> None:
    assert read_tombstones(tmp_path) == []
    first = Tombstone(video="a", why="x", when="now")
    add_tombstone(tmp_path, first)
    path = tmp_path / TOMBSTONES_NAME
    with path.open("a") as handle:
        handle.write('{"video": "b", "wh')  # torn before anything was removed
    assert read_tombstones(tmp_path) == [first]
    second = Tombstone(video="b", identity=3, why="y")
    add_tombstone(tmp_path, second)
    assert read_tombstones(tmp_path) == [first, second]
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(RmsetError, match=r"pruned\.jsonl:1 is no tombstone"):
        read_tombstones(tmp_path)


def test_from_the_site_to_shards_and_out_again(
    small_video: Path, rmset: Callable[..., Any], rmset_process: Callable[..., Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The whole path on a real video: fetch, extract, take a person down, try to bring them back, take all down."""
    fetching = Path(__file__).parents[1] / "fetching"
    monkeypatch.syspath_prepend(str(fetching))
    from mashup_site import Clip, Site  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(fetching / "plugins")}
    with Site() as site:
        site.add("mashup x", Clip("_wall_", small_video.read_bytes(), title="Nine people and a film"))
        Path("keywords.yaml").write_text(
            f'source: "{site.search_url}"\nbase_query: mashup\nfilters: {{min_duration_s: 1, min_height: 100}}\n'
            "groups: [{name: Anger, keywords: [x]}]\n"
        )

        def fetch(*arguments: str) -> Any:
            return rmset_process("fetch", *arguments, "--allow-plugins", env=environment)

        assert fetch("keywords.yaml", "--lock").returncode == 0
        assert rmset("extract", "--threads", 1).returncode == 0
        assert rmset("verify").returncode == 0
        import pyarrow.parquet as pq  # noqa: PLC0415

        (row,) = pq.read_table("shards/videos.parquet").to_pylist()
        assert (row["id"], row["group"], row["keyword"]) == ("_wall_", "Anger", "x")
        assert (row["title"], row["url"]) == ("Nine people and a film", f"{site.url}/watch/_wall_")
        assert row["licence"].startswith("Creative Commons")
        people = row["identities"]

        assert rmset("prune", "--video", "_wall_", "--identity", 0, "--why", "asked").returncode == 0
        assert rmset("verify").returncode == 0
        (row,) = pq.read_table("shards/videos.parquet").to_pylist()
        assert row["identities"] == people - 1
        for arguments in (
            ("keywords.yaml",),
            ("keywords.yaml", "--retry-all", "--search-again"),
            ("keywords.lock.yaml",),
        ):
            assert "1 taken down" in fetch(*arguments).stderr
        shutil.copy(small_video, "videos/_wall_.mp4")
        shutil.copy(small_video, "other.mp4")
        for again in (("videos", "--force"), ("videos", "--image-size", 112), ("other.mp4",)):
            done = rmset("extract", *again)
            assert (done.returncode, "had people taken out of it" in done.stderr) == (1, True), done.stderr
        assert rmset("verify").returncode == 0

        assert rmset("prune", "--video", "_wall_", "--why", "all of it").returncode == 0
        done = rmset("extract", "other.mp4")
        assert (done.returncode, "was taken down" in done.stderr) == (1, True)
        assert rmset("verify").returncode == 0
        assert not list(Path("shards").glob("*-?????.parquet")) and not list(Path("videos").glob("*.mp4"))
        assert "Nine people" not in Path("videos/catalog.jsonl").read_text()
        assert [json.loads(line)["identity"] for line in Path("shards/pruned.jsonl").read_text().splitlines()] == [
            0,
            None,
        ]
