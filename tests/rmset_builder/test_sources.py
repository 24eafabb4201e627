from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rmset_builder.catalog import CATALOG_NAME, Provenance
from rmset_builder.errors import RmsetError
from rmset_builder.sources import Sources, find_sources
from rmset_builder.video import VIDEO_SUFFIXES


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


def test_two_files_of_one_id_are_told_and_the_first_is_taken(tmp_path: Path) -> None:
    (first,) = touch(tmp_path / "one", "a.mp4")
    second, third = touch(tmp_path / "two", "a.mp4", "a.mkv")
    (other,) = touch(tmp_path / "two", "a b.mp4")
    sources = find_sources([first, second, third, other])
    assert found(sources) == [("a", first), ("a_b", other)]
    assert reasons(sources) == [(second, "id-taken"), (third, "id-taken")]
    assert str(first) in str(sources.faults[0][1])
    assert str(second) in str(sources.faults[0][1])
    assert "rename" in sources.faults[0][1].remedy


def test_names_that_become_alike_when_made_safe_clash(tmp_path: Path) -> None:
    files = touch(tmp_path, "a b.mp4", "a-b.mp4", "a;b.mp4")
    assert reasons(find_sources(files)) == [(files[2], "id-taken")]


def test_ids_of_sites_stay_as_they_are(tmp_path: Path) -> None:
    """YouTube's may begin and end with any of their signs, and the catalog knows them by that."""
    names = ["-_a--b_-", "__a__", "_"]
    assert [video for video, _ in found(find_sources(touch(tmp_path, *(f"{name}.mp4" for name in names))))] == [
        "-_a--b_-", "__a__", "video",
    ]  # fmt: skip


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
        "import sys; from pathlib import Path; from rmset_builder.sources import find_sources\n"
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


@pytest.mark.parametrize("group", ["Fear", ""])
def test_a_group_given_takes_the_place_of_the_catalogs(tmp_path: Path, group: str) -> None:
    files = touch(tmp_path, "a.mp4", "b.mp4")
    catalog(tmp_path, a="A")
    tasks = find_sources(files, group=group).tasks
    assert [task.provenance for task in tasks] == [Provenance(title="A", group=group), Provenance(group=group)]
