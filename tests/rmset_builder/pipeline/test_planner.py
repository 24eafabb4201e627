from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.pipeline.planner import Plan, plan
from rmset_builder.pipeline.results import Outcome
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.videos_table import FAILED, TABLE_NAME, VideoRecord, read_videos, update_videos

SETTINGS, MODELS = "s" * 64, "m" * 64


class Workplace:
    """A folder of videos and one of shards; `extracted` leaves there what `rmset extract` would."""

    def __init__(self, folder: Path) -> None:
        self.videos, self.out = folder / "videos", folder / "shards"
        self.videos.mkdir()
        self.out.mkdir()

    def task(self, name: str = "v.mp4", data: bytes = b"pictures", **provenance: str) -> Task:
        path = self.videos / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return Task(path.stem, path, Provenance(**provenance))

    def extracted(self, task: Task, *, shards: int = 2, **changes: object) -> VideoRecord:
        stat = task.path.stat()
        known: dict[str, object] = {
            "id": task.video,
            "source": str(task.path.absolute()),
            "source_bytes": stat.st_size,
            "source_mtime_ns": stat.st_mtime_ns,
            "source_sha256": hashlib.sha256(task.path.read_bytes()).hexdigest(),
            "settings_sha256": SETTINGS,
            "models_sha256": MODELS,
            "shards": shards,
            "faces": 7,
            **vars(task.provenance),
            **changes,
        }
        record = VideoRecord(**known)  # type: ignore[arg-type]
        for part in range(shards):
            shard_path(self.out, task.video, part).touch()
        update_videos(self.out, record)
        return record

    def plan(self, *tasks: Task, force: bool = False, settings: str = SETTINGS, models: str = MODELS) -> Plan:
        return plan(list(tasks), self.out, settings_sha256=settings, models_sha256=models, force=force)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def is_work(found: Plan, task: Task) -> bool:
    work = [replace(one, known=None) for one in found.work]
    return (work, found.kept, found.faults) == ([task], [], [])


def is_kept(found: Plan, task: Task) -> bool:
    return (found.work, [r.video for r in found.kept], found.faults) == ([], [task.video], [])


def test_nothing_to_do(place: Workplace) -> None:
    assert place.plan() == Plan()


def test_a_new_video_is_work(place: Workplace) -> None:
    assert is_work(place.plan(place.task()), place.task())


def test_a_video_that_is_done_is_left_alone(place: Workplace) -> None:
    task = place.task()
    record = place.extracted(task)
    before = (place.out / TABLE_NAME).stat().st_mtime_ns
    found = place.plan(task)
    assert is_kept(found, task)
    assert found.kept[0].outcome is Outcome.KEPT
    assert found.kept[0].record == record
    assert (place.out / TABLE_NAME).stat().st_mtime_ns == before, "nothing is written"


def test_a_video_that_failed_is_tried_again(place: Workplace) -> None:
    task = place.task()
    record = place.extracted(task, shards=0, state=FAILED, reason="not-a-video")
    found = place.plan(task)
    assert is_work(found, task)
    assert [one.known for one in found.work] == [record], "what the table says of it goes along"


def test_force_means_work_even_over_another_file(place: Workplace) -> None:
    task, other = place.task(), place.task("other/v.mp4", b"other pictures")
    place.extracted(other)
    assert is_work(place.plan(task, force=True), task)
    assert is_work(place.plan(other, force=True), other)


@pytest.mark.parametrize("changed", ["settings", "models"])
def test_other_settings_or_models_mean_work(place: Workplace, changed: str) -> None:
    task = place.task()
    place.extracted(task)
    assert is_work(place.plan(task, **{changed: "x" * 64}), task)


@pytest.mark.parametrize("part", [0, 1])
def test_a_missing_shard_means_work(place: Workplace, part: int) -> None:
    task = place.task()
    place.extracted(task)
    shard_path(place.out, task.video, part).unlink()
    assert is_work(place.plan(task), task)


def test_a_file_touched_but_not_changed_is_left_alone(place: Workplace) -> None:
    task = place.task()
    place.extracted(task)
    os.utime(task.path, ns=(1, 1))
    assert is_kept(place.plan(task), task)


@pytest.mark.parametrize("data", [b"PICTURES", b"more pictures", b""])
def test_a_changed_file_means_work(place: Workplace, data: bytes) -> None:
    task = place.task()
    place.extracted(task)
    os.utime(place.task(data=data).path, ns=(1, 1))
    assert is_work(place.plan(task), task)


def test_a_file_that_was_moved_is_left_alone(place: Workplace) -> None:
    old = place.task("old/v.mp4")
    place.extracted(old)
    old.path.unlink()
    new = place.task("new/v.mp4")
    os.utime(new.path, ns=(1, 1))
    assert is_kept(place.plan(new), new)


def test_a_copy_of_the_same_bytes_is_left_alone(place: Workplace) -> None:
    place.extracted(place.task("old/v.mp4"))
    copy = place.task("new/v.mp4")
    os.utime(copy.path, ns=(1, 1))
    assert is_kept(place.plan(copy), copy)


@pytest.mark.parametrize("data", [b"PICTURES", b"another video"])
def test_another_file_of_the_same_name_is_refused(place: Workplace, data: bytes) -> None:
    old = place.task("old/v.mp4")
    place.extracted(old)
    new = place.task("new/v.mp4", data)
    os.utime(new.path, ns=(1, 1))
    found = place.plan(new)
    assert (found.work, found.kept) == ([], [])
    (result,) = found.faults
    assert (result.video, result.outcome, result.record) == ("v", Outcome.FAILED, None)
    assert result.fault is not None
    assert result.fault.reason == "id-taken"
    assert str(old.path) in str(result.fault)
    assert str(new.path) in str(result.fault)
    assert read_videos(place.out)["v"].source == str(old.path)


def test_another_file_takes_the_place_of_one_that_is_gone(place: Workplace) -> None:
    old = place.task("old/v.mp4")
    place.extracted(old)
    old.path.unlink()
    new = place.task("new/v.mp4", b"another video")
    assert is_work(place.plan(new), new)


def test_a_file_that_has_vanished_is_work_which_will_tell(place: Workplace) -> None:
    task = place.task()
    place.extracted(task)
    task.path.unlink()
    assert is_work(place.plan(task), task)


def test_what_has_become_known_since_is_taken_over_without_work(place: Workplace) -> None:
    record = place.extracted(place.task(title="old", url="u"))
    task = place.task(title="new", group="Anger")
    os.utime(task.path, ns=(record.source_mtime_ns, record.source_mtime_ns))
    found = place.plan(task)
    assert is_kept(found, task)
    stored = read_videos(place.out)["v"]
    assert found.kept[0].record == stored
    assert (stored.title, stored.group, stored.url) == ("new", "Anger", "u"), "what is no longer told stays"
    assert (stored.faces, stored.shards, stored.source_sha256) == (record.faces, record.shards, record.source_sha256)


def test_many_videos_keep_their_order(place: Workplace) -> None:
    tasks = [place.task(f"v{number}.mp4") for number in range(6)]
    for number in (1, 4):
        place.extracted(tasks[number])
    place.extracted(tasks[2], settings_sha256="x" * 64)
    found = place.plan(*reversed(tasks))
    assert [task.video for task in found.work] == ["v5", "v3", "v2", "v0"]
    assert [result.video for result in found.kept] == ["v4", "v1"]


def test_a_broken_table_stops_everything(place: Workplace) -> None:
    task = place.task()
    (place.out / TABLE_NAME).write_bytes(b"not parquet")
    with pytest.raises(RmsetError, match="cannot be read"):
        place.plan(task)


def test_no_folder_of_shards_yet(place: Workplace) -> None:
    task = place.task()
    place.out.rmdir()
    assert is_work(place.plan(task), task)
    assert not place.out.exists(), "a plan makes nothing"
