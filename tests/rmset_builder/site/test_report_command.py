from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from html_read import elements, read_page
from report_runs import WALL, Rmset, page, report, three_videos
from walls import write_wall
from watched_parquet import watch_reads

from rmset_builder.shards.videos_table import read_videos, update_videos
from rmset_builder.site.build import build_report
from rmset_builder.site.look import Look


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return three_videos(tmp_path / "shards")


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_what_is_up_to_date_is_not_made_again(shards: Path, rmset: Rmset) -> None:
    out = report(rmset, shards)
    before = state(out / "pages")
    report(rmset, shards)
    assert state(out / "pages") == before
    # Another title is another record, a picture that changed another shard, other options another page.
    update_videos(shards, dataclasses.replace(read_videos(shards)["street"], title="Now with a title"))
    report(rmset, shards)
    after = state(out / "pages")
    assert {name for name in after if after[name] != before[name]} == {"street/index.html", "street/summary.json"}
    write_wall(shards, "wall", {0: range(3)}, 210)
    report(rmset, shards)
    assert state(out / "pages")["wall/index.html"] != after["wall/index.html"]
    assert state(out / "pages")["street/index.html"] == after["street/index.html"]
    report(rmset, shards, "--size", 50)
    assert state(out / "pages")["street/index.html"][0] != after["street/index.html"][0]


def test_a_page_that_lacks_a_file_is_made_again(shards: Path, rmset: Rmset) -> None:
    out = report(rmset, shards)
    whole = {name: content for name, (_, content) in state(out / "pages").items()}
    (out / "pages" / "wall" / "faces0.jpg").unlink()
    (out / "pages" / "street" / "summary.json").write_text('{"stamp": "x"')
    report(rmset, shards)
    assert {name: content for name, (_, content) in state(out / "pages").items()} == whole


def test_pages_of_videos_that_are_gone_are_removed(shards: Path, rmset: Rmset) -> None:
    write_wall(shards, "other", {0: range(5)}, 10)
    out = report(rmset, shards)
    (out / "pages" / "other" / "notes.txt").write_text("mine")
    report(rmset, shards, "--video", "wall")
    left = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert [name for name in left if not name.startswith("pages/wall/")] == [
        ".lock", "index.html", "pages/other/notes.txt", "report.json", "review.html",
    ]  # fmt: skip
    assert [one.attributes["href"] for one in elements(read_page(out / "index.html"), "a", "name")] == [
        "pages/wall/index.html"
    ]


def test_a_damaged_video_is_told_and_the_others_go_on(shards: Path, rmset: Rmset) -> None:
    write_wall(shards, "other", {0: range(300), 1: range(300)}, 300)
    path = shards / "wall-00000.parquet"
    content = bytearray(path.read_bytes())
    picture = content.find(b"\xff\xd8")
    content[picture + 400 : picture + 440] = bytes(40)
    path.write_bytes(content)
    out = shards.parent / "report"
    done = rmset("report", shards, "--out", out, "--faces", 100)
    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("wall: "))
    assert "wall-00000.parquet cannot be read" in line
    wall = page(out, "wall")
    (fault,) = elements(wall, "p", "fault")
    assert "cannot be read" in fault.text
    assert not elements(wall, "img")
    assert sorted(path.name for path in (out / "pages" / "wall").iterdir()) == ["index.html", "summary.json"]
    assert elements(page(out, "other"), "img", "face")
    assert elements(read_page(out / "index.html"), "li", "video")[-1].text.count("cannot be read") == 1
    # It is tried again, and mended.
    write_wall(shards, "wall", WALL, 210)
    assert rmset("report", shards, "--out", out, "--faces", 100).returncode == 0
    assert elements(page(out, "wall"), "img", "face")


def test_what_to_look_at_may_be_unknown(shards: Path, rmset: Rmset) -> None:
    means = shards / "identities" / "wall.parquet"
    means.write_bytes(means.read_bytes()[:200])
    out = shards.parent / "report"
    done = rmset("report", shards, "--out", out)
    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("wall: "))
    assert line.startswith("wall: what to look at could not be found: ")
    wall = page(out, "wall")
    assert elements(wall, "p", "fault")[0].text == line.removeprefix("wall: ")
    assert len(elements(wall, "section", "person")) == len(WALL)
    # Strangers are not told of this machine.
    assert rmset("report", shards, "--out", out, "--no-faces").returncode == 1
    assert elements(page(out, "wall"), "p", "fault")[0].text == "What to look at could not be found."
    assert not [path for path in out.rglob("*.html") if str(shards.parent) in path.read_text("utf-8")]


def test_shards_that_are_missing_are_told(shards: Path, rmset: Rmset) -> None:
    (shards / "wall-00000.parquet").unlink()
    done = rmset("report", shards, "--out", shards.parent / "report")
    assert done.returncode == 1
    assert "wall: the shards of wall are missing; see: rmset verify" in done.stderr


def test_two_reports_do_not_write_to_one_folder(shards: Path, rmset: Rmset) -> None:
    out = report(rmset, shards)
    with FileLock(out / ".lock"):
        done = rmset("report", shards, "--out", out)
    assert done.returncode == 2
    assert "another `rmset report` writes to it; wait until it ends" in done.stderr


def test_only_row_groups_of_chosen_pictures_are_read(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wall(shards, "long", {0: range(256 * 6)}, 256 * 6)
    read, tables = watch_reads(monkeypatch)
    build_report(shards, shards.parent / "report", look=Look(columns=2), videos=["long"])
    assert read == [(1, ["image.bytes"]), (4, ["image.bytes"])]
    assert tables
    assert not [columns for columns in tables if columns is not None and any("image" in name for name in columns)]


def test_other_folders_are_left_alone(shards: Path, rmset: Rmset, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "index.html").write_text("mine")
    done = rmset("report", shards, "--out", full)
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds other files and no report; give a folder of its own" in done.stderr
    assert state(full)["index.html"][1] == b"mine"
    # A link within a report leads nowhere either.
    out = report(rmset, shards)
    shutil.rmtree(out / "pages" / "wall")
    (out / "pages" / "wall").symlink_to(full)
    report(rmset, shards)
    assert sorted(state(full)) == ["index.html"]
    assert not (out / "pages" / "wall").is_symlink()
    shutil.rmtree(out / "pages")
    (out / "pages").symlink_to(full)
    done = rmset("report", shards, "--out", out)
    assert done.returncode == 2
    assert sorted(state(full)) == ["index.html"]


def test_refusals_leave_nothing_behind(shards: Path, rmset: Rmset, tmp_path: Path) -> None:
    out = tmp_path / "new"
    for arguments, message in [
        ((tmp_path / "nowhere",), "does not exist|no folder of shards"),
        ((shards, "--video", "nope"), "--video nope: .* has no such video; it has: broken, street, wall"),
        ((shards, "--blur-faces", "--no-faces"), "there is nothing to blur"),
        ((shards, "--size", "8"), "8 is not in the range"),
    ]:
        done = rmset("report", *arguments, "--out", out)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert re.search(message, done.stderr), done.stderr
        assert not out.exists()


def test_json_tells_what_was_written(shards: Path, rmset: Rmset) -> None:
    out = shards.parent / "report"
    done = rmset("report", shards, "--out", out, "--json")
    found = json.loads(done.stdout)
    assert found["index"] == str(out / "index.html")
    assert [(one["id"], one["state"], one["made"], one["faces"]) for one in found["videos"]] == [
        ("broken", "failed", True, 0), ("street", "done", True, 0), ("wall", "done", True, 361),
    ]  # fmt: skip
    assert all((out / one["page"]).is_file() for one in found["videos"])
    listed = sum(path.stat().st_size for path in out.rglob("*") if path.is_file() and path.name != "report.json")
    assert listed == found["bytes"]
    again = json.loads(rmset("report", shards, "--out", out, "--json").stdout)
    assert [one["made"] for one in again["videos"]] == [False] * 3
    assert json.loads((out / "report.json").read_text()) == {"made_by": "rmset report", **again}


def test_jobs_make_the_same_pages(shards: Path, rmset: Rmset, tmp_path: Path) -> None:
    for number in range(6):
        write_wall(shards, f"other{number}", {0: range(5 + number), 1: range(3)}, 20)
    alone, together = report(rmset, shards), tmp_path / "together"
    assert rmset("report", shards, "--out", together, "--jobs", 2).returncode == 0
    first, second = ({n: c for n, (_, c) in state(o).items() if n != "report.json"} for o in (alone, together))
    assert first == second
