from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import sha256_of
from rmset_builder.fetching.catalog import CATALOG_NAME, Provenance
from rmset_builder.pipeline.inputs import Sources, find_sources
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.video.info import VIDEO_SUFFIXES


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def found(sources: Sources) -> list[tuple[str, Path]]:
    return [(task.video, task.path) for task in sources.tasks]


def reasons(sources: Sources) -> list[tuple[Path, str]]:
    return [(path, fault.reason) for path, fault in sources.faults]


def test_a_folder_stands_for_its_videos_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a.MKV", "c.webm", "notes.txt", ".hidden.mp4", "d.mp4.part", "mp4")
    (tmp_path / "deeper").mkdir()
    touch(tmp_path / "deeper", "e.mp4")
    sources = find_sources([tmp_path])
    assert found(sources) == [("a", tmp_path / "a.MKV"), ("b", tmp_path / "b.mp4"), ("c", tmp_path / "c.webm")]
    assert sources.faults == []


def test_every_known_suffix_is_a_video(tmp_path: Path) -> None:
    touch(tmp_path, *(f"v{number}{suffix}" for number, suffix in enumerate(sorted(VIDEO_SUFFIXES))))
    assert len(find_sources([tmp_path]).tasks) == len(VIDEO_SUFFIXES)


def test_files_come_in_the_order_given_whatever_their_suffix(tmp_path: Path) -> None:
    files = touch(tmp_path, "z.mp4", "a.unknown", "m.mp4")
    assert found(find_sources(files)) == [("z", files[0]), ("a", files[1]), ("m", files[2])]


def test_a_file_that_is_not_there_is_still_a_task(tmp_path: Path) -> None:
    """What is wrong with it is told when its turn comes, like any other fault of a video."""
    assert found(find_sources([tmp_path / "gone.mp4"])) == [("gone", tmp_path / "gone.mp4")]


def test_a_file_named_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    monkeypatch.chdir(tmp_path)
    sources = find_sources([Path("b.mp4"), tmp_path, Path("a.mp4"), tmp_path / "b.mp4", Path("./a.mp4")])
    assert [video for video, _ in found(sources)] == ["b", "a"]
    assert sources.faults == []


def test_files_of_one_name_are_videos_of_their_own(tmp_path: Path) -> None:
    files = [path for folder in ("one", "two") for path in touch(tmp_path / folder, "a.mp4", "a.mkv")]
    for number, file in enumerate(files):
        file.write_text(str(number))
    sources = find_sources(files)
    assert sources.faults == sources.notes == []
    assert [task.path for task in sources.tasks] == files
    assert len({task.video for task in sources.tasks}) == 4


def test_a_copy_is_left_out_and_told_of(tmp_path: Path) -> None:
    (one,), (two,) = touch(tmp_path / "one", "a.mp4"), touch(tmp_path / "two", "a.mp4")
    sources = find_sources([two, one])
    assert found(sources) == [("a", one)]
    assert sources.notes == [f"{two} is a copy of {one} and was left out"]
    done = VideoRecord(id="a", source=str(two), source_sha256=sha256_of(two))
    assert found(find_sources([one, two], records={"a": done})) == [("a", two)], "the file that was extracted"


def test_folders_below_are_told_of_or_taken(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (below,) = touch(tmp_path / "below", "b.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "below")
    sources = find_sources([tmp_path])
    assert [video for video, _ in found(sources)] == ["a"]
    told = f"{tmp_path / 'below'}, {tmp_path / 'link'} hold videos and were left out; take them with --recursive"
    assert sources.notes == [told]
    sources = find_sources([tmp_path], recursive=True)
    assert found(sources) == [("a", tmp_path / "a.mp4"), ("b", below)]
    assert sources.notes == [f"{tmp_path / 'link'} holds videos and was left out: links to folders are not followed"]


@pytest.mark.parametrize(
    "address",
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ", "http://a/b.mp4", "rtsp://a/b", "ytsearch://" + "x" * 300],
)
def test_an_address_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RmsetError) as caught:
        find_sources([*touch(tmp_path, "a.mp4"), Path(address)])
    assert caught.value.message == f"{address} is an address, and only files are extracted"
    assert "`rmset fetch`" in caught.value.remedy
    (tmp_path / "odd:").mkdir()
    assert find_sources(touch(tmp_path / "odd:", "a.mp4")).faults == []


def test_a_folder_without_videos_is_a_fault_and_the_rest_goes_on(tmp_path: Path) -> None:
    touch(tmp_path / "empty", "notes.txt")
    (video,) = touch(tmp_path, "a.mp4")
    sources = find_sources([tmp_path / "empty", video])
    assert found(sources) == [("a", video)]
    assert reasons(sources) == [(tmp_path / "empty", "no-videos")]


def test_a_folder_that_may_not_be_listed_is_a_fault(tmp_path: Path, bound_by_rights: Callable[[], None]) -> None:
    touch(tmp_path / "locked", "a.mp4")
    (tmp_path / "locked").chmod(0o000)
    program = (
        "import sys; from pathlib import Path; from rmset_builder.pipeline.inputs import find_sources\n"
        "print([(str(path), fault.reason) for path, fault in find_sources([Path(sys.argv[1])]).faults])"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "locked"],
            preexec_fn=bound_by_rights,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert done.stdout == f"{[(str(tmp_path / 'locked'), 'no-rights')]}\n", done.stderr


def test_without_a_path_it_is_the_folder_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RmsetError, match="no video given and no folder videos/ here; give videos or folders"):
        find_sources([])
    touch(tmp_path / "videos", "a.mp4")
    assert found(find_sources([])) == [("a", Path("videos/a.mp4"))]


def catalog(folder: Path, **titles: str) -> None:
    rows = [json.dumps({"id": video, "title": title, "group": "Anger"}) for video, title in titles.items()]
    (folder / CATALOG_NAME).write_text("\n".join(rows) + "\n")


def test_the_catalog_beside_a_file_tells_its_origin(tmp_path: Path) -> None:
    one, two = touch(tmp_path / "one", "a.mp4", "b.mp4")
    (three,) = touch(tmp_path / "two", "c.mp4")
    catalog(tmp_path / "one", a="A", c="not this one")
    catalog(tmp_path / "two", c="C")
    tasks = find_sources([one, two, three]).tasks
    assert [task.provenance for task in tasks] == [
        Provenance(title="A", group="Anger"),
        Provenance(),
        Provenance(title="C", group="Anger"),
    ]


def test_a_catalogs_row_is_of_the_file_that_it_names(tmp_path: Path) -> None:
    own, stranger = touch(tmp_path, "a.mp4", "a.mkv")
    own.write_text("own")
    (by_stem,) = touch(tmp_path, "été 1.mp4")
    rows = [
        {"id": "a", "title": "A", "state": "fetched", "file": "a.mp4"},
        {"id": "été 1", "title": "by hand"},
        {"id": "t", "title": "another"},
    ]
    (tmp_path / CATALOG_NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))
    tasks = find_sources([own, stranger, by_stem]).tasks
    assert [task.provenance.title for task in tasks] == ["A", "", "by hand"]
    assert tasks[0].video == "a"


@pytest.mark.parametrize("group", ["Fear", ""])
def test_a_group_given_takes_the_place_of_the_catalogs(tmp_path: Path, group: str) -> None:
    files = touch(tmp_path, "a.mp4", "b.mp4")
    catalog(tmp_path, a="A")
    tasks = find_sources(files, group=group).tasks
    assert [task.provenance for task in tasks] == [Provenance(title="A", group=group), Provenance(group=group)]
