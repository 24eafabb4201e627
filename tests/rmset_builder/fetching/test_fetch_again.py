"""Runs after runs: what lies there is gone on with, kept, and asked for no more."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import yaml
from fetch_runs import Film, Run, states
from mashup_site import CC, Clip, Site

from rmset_builder.fetching.catalog import Video, read_rows


def test_a_partial_file_is_gone_on_with(site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path) -> None:
    content = film(1)
    site.add("mashup x", Clip("a", content, fault="cut:9000", times=3))
    path = manifest(Anger=["x"])
    assert fetch(path, "--retries", 0).returncode == 1
    (partial,) = (tmp_path / "videos" / ".partial").glob("a.*.part")
    assert partial.read_bytes() == content[: partial.stat().st_size] != b""
    site.sent.clear()
    site.mend("/watch/a")
    assert fetch(path).returncode == 0
    assert site.sent["a"] < len(content)
    assert (tmp_path / "videos" / "a.mp4").read_bytes() == content
    assert not list((tmp_path / "videos" / ".partial").iterdir())


def test_a_partial_file_that_lacks_nothing_but_its_name(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    """As a kill between the last byte and the renaming leaves it; and one that is as long and something else."""
    content = film(1)
    site.add("mashup x", Clip("a", content), Clip("b", content))
    path = manifest(Anger=["x"])
    partial = tmp_path / "videos" / ".partial"
    partial.mkdir(parents=True)
    (partial / f"a.hd-{len(content)}.mp4.part").write_bytes(content)
    (partial / f"b.hd-{len(content)}.mp4.part").write_bytes(bytes(len(content)))
    done = fetch(path)
    assert states(tmp_path / "videos") == {"a": ("fetched", ""), "b": ("failed", "not-a-video")}, done.stderr
    assert not site.sent
    assert fetch(path).returncode == 0
    assert {(tmp_path / "videos" / f"{one}.mp4").read_bytes() for one in "ab"} == {content}


def test_another_file_under_the_same_address_is_not_gone_on_with(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    site.add("mashup x", Clip("a", film(1), fault="cut:9000"))
    path = manifest(Anger=["x"])
    fetch(path)
    site.clips["/watch/a"] = Clip("a", film(2, 3))
    assert fetch(path).returncode == 0
    assert (tmp_path / "videos" / "a.mp4").read_bytes() == film(2, 3)


def test_a_lock_brings_back_the_same_and_tells_what_is_lost(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    site.add("mashup x", *(Clip(f"v{n}", film(n)) for n in range(4)))
    path = manifest(Anger=["x"])
    assert "keywords.lock.yaml: 4 videos" in fetch(path, "--lock").stderr
    lock = path.with_name("keywords.lock.yaml")
    first = lock.read_text()
    fetch(path, "--lock")
    assert lock.read_text() == first
    written = yaml.safe_load(first)
    assert [video["id"] for video in written["videos"]] == ["v0", "v1", "v2", "v3"]
    assert written["videos"][2]["sha256"] == hashlib.sha256(film(2)).hexdigest()

    site.searches.clear()
    again = fetch(lock, "--out", "again")
    assert (again.returncode, "4 of 4 videos are here as they were locked" in again.stderr) == (0, True), again.stderr
    assert {v.id: (v.group, v.sha256) for v in read_rows(tmp_path / "again").values()} == {
        video["id"]: ("Anger", video["sha256"]) for video in written["videos"]
    }
    site.clips["/watch/v1"] = Clip("v1", film(1), page_fault=404)
    site.clips["/watch/v2"] = Clip("v2", film(7))
    lost = fetch(lock, "--out", "lost")
    assert lost.returncode == 1
    assert "attrition: 2 of 4" in lost.stderr
    assert "1 gone: v1" in lost.stderr and "1 changed: v2" in lost.stderr
    site.requests.clear()
    assert fetch(lock, "--out", "lost").stderr.count("1 gone: v1") == 1
    assert not site.requests


def test_files_that_are_there_are_never_written_over(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    site.add("mashup x", Clip("mine", film(1)), Clip("a", film(2)))
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "mine.mkv").write_bytes(b"precious")
    done = fetch(manifest(Anger=["x"]))
    assert done.returncode == 1
    assert "mine.mkv is there and was never fetched; move it away" in done.stderr
    (tmp_path / "videos" / "a.mp4").write_bytes(b"edited")
    done = fetch(tmp_path / "manifests" / "keywords.yaml")
    assert "a.mp4 is no longer what was fetched" in done.stderr
    assert (tmp_path / "videos" / "a.mp4").read_bytes() == b"edited"
    (tmp_path / "videos" / "a.mp4").unlink()
    fetch(tmp_path / "manifests" / "keywords.yaml")
    assert (tmp_path / "videos" / "a.mp4").read_bytes() == film(2)


def test_two_runs_do_not_share_a_folder(
    site: Site, film: Film, manifest: Run, fetch: Run, start_rmset: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    site.add("mashup x", Clip("a", film(1), rate=9000))
    path = manifest(Anger=["x"])
    with start_rmset("fetch", path, "--allow-plugins", cwd=tmp_path, env=environment) as first:
        while not site.sent:
            assert first.poll() is None
            os.sched_yield()
        second = fetch(path)
        assert (second.returncode, "another process is at work on videos" in second.stderr) == (2, True)
        first.kill()


def test_known_videos_cost_no_request(site: Site, manifest: Run, fetch: Run, tmp_path: Path) -> None:
    """A thousand of them, of every state that is final; `benchmarks/fetch_rerun.py` has the time."""
    path = manifest(Anger=["x"], per_keyword=1000)
    url = site.search_url.format(query="mashup+x", licence="creative-commons")
    (tmp_path / "videos").mkdir()
    rows = []
    for number in range(1000):
        row = Video(
            id=f"v{number}", url=f"{site.url}/watch/v{number}", licence=CC, group="Anger", keyword="x", checked=True
        )
        match number % 4:
            case 0:
                row = row.with_(state="gone", reason="removed")
            case 1:
                row = row.with_(licence="Standard", state="filtered", reason="licence", message="-")
            case 2:
                row = row.with_(state="failed", reason="blocked-here", times=1)
            case _:
                (tmp_path / "videos" / f"v{number}.mp4").write_bytes(b"x")
                row = row.with_(state="fetched", file=f"v{number}.mp4", bytes=1)
        rows.append(row)
    text = "".join(json.dumps(vars(row)) + "\n" for row in rows)
    (tmp_path / "videos" / "catalog.jsonl").write_text(text)
    search = {"group": "Anger", "keyword": "x", "url": url, "count": 5000, "results": [row.id for row in rows]}
    (tmp_path / "videos" / "searches.jsonl").write_text(json.dumps(search) + "\n")
    fetch(path)
    assert not site.requests
    done = fetch(path)
    assert (done.returncode, site.requests) == (0, [])
    assert "250 already here, 250 filtered (250 licence), 250 blocked here before, 250 given up" in done.stderr
