"""The report's pages as they are served: of what the folder is now."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from corrections import wall
from review.faces import jpeg
from review.serving import Served, serving

from rmset_builder.corrections.correct import drop, merge
from rmset_builder.shards.videos_table import update_videos
from rmset_builder.site.look import Look
from rmset_builder.site.rendering import style_and_script


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Served]:
    """A review of two videos."""
    for video in ("wall", "other"):
        wall.extract(tmp_path / "shards", video, pictures=jpeg)
    with serving(tmp_path / "shards") as one:
        yield one


def page(served: Served, path: str) -> str:
    answer = served.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def identities(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'<section class="person" [^>]*data-identity="(\d+)"', text)]


def test_a_page_is_of_what_the_folder_is_now(two: Served) -> None:
    first = page(two, "/pages/wall/index.html")
    assert identities(first) == [0, 1, 2, 3, 4]
    told = two.client.get("/api/videos/wall").json()
    assert f'<main id="main" data-video="wall" data-version="{told["version"]}" data-as-of="0">' in first
    assert page(two, "/pages/wall/index.html") == first

    two.post(kind="drop", video="wall", identity=1, as_of=0)
    second = page(two, "/pages/wall/index.html")
    assert identities(second) == [0, 1, 2, 3]
    assert 'data-as-of="1"' in second
    # Of whoever corrects by command too.
    drop(two.shards, "wall", 0)
    assert identities(page(two, "/pages/wall/index.html")) == [0, 1, 2]
    two.post(kind="undo")
    two.post(kind="undo")
    assert identities(page(two, "/pages/wall/index.html")) == [0, 1, 2, 3, 4]


def test_faces_tell_their_tracks_and_frames(two: Served) -> None:
    text = page(two, "/pages/wall/index.html")
    section = text.partition('data-identity="3"')[2].partition("</section>")[0]
    told = [(int(t), int(f)) for t, f in re.findall(r'data-track="(\d+)" data-frame="(\d+)"', section)]
    table = wall.faces(two.shards)
    seen = set(zip(table["track"].to_pylist(), table["frame"].to_pylist(), table["identity"].to_pylist(), strict=True))
    assert len(told) == 12
    assert {(*one, 3) for one in told} <= seen
    picture = re.search(r'src="(\w+\.jpg)"', section)
    assert picture
    answer = two.client.get(f"/pages/wall/{picture[1]}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content.startswith(b"\xff\xd8")


def test_a_finding_tells_what_would_mend_it_and_keeps_its_key(two: Served) -> None:
    # Track 5 is of identity 3: under another number it is found to be the same person.
    two.post(kind="split", video="wall", identity=3, tracks=[5], as_of=0)
    findings = doubts(page(two, "/pages/wall/index.html"))
    (key,) = [key for key, asked in findings.items() if asked["kind"] == "merge"]
    assert findings[key] == {"kind": "merge", "video": "wall", "as_of": 1, "identities": [3, 5]}
    page(two, "/pages/other/index.html")
    assert doubts(page(two, "/review.html"))[key] == findings[key]
    # Others' numbers move, and the finding is still about the same faces.
    two.post(kind="drop", video="wall", identity=0, as_of=1)
    findings = doubts(page(two, "/pages/wall/index.html"))
    assert findings[key] == {"kind": "merge", "video": "wall", "as_of": 2, "identities": [2, 4]}
    assert two.post(**findings[key]).json()["words"] == "identities 2 and 4 are one person"
    assert key not in doubts(page(two, "/pages/wall/index.html"))


def doubts(text: str) -> dict[str, dict[str, object]]:
    found = re.findall(r'data-key="([^"]*)" data-correction="([^"]*)"', text)
    return {key: json.loads(html.unescape(asked)) for key, asked in found if asked}


def test_pages_hold_no_script_and_no_style(two: Served) -> None:
    for path in ("/", "/index.html", "/review.html", "/pages/wall/index.html"):
        text = page(two, path)
        assert re.findall(r"<script[^>]*>", text) == [
            '<script src="/site/script.js" defer>',
            '<script src="/review/review.js" type="module">',
        ]
        assert "<style" not in text and " style=" not in text and "http-equiv" not in text
        for address in re.findall(r'(?:href|src)="(/(?:site|review)/[^"]+)"', text):
            assert two.client.get(address).status_code == 200, address
    for name, content in style_and_script(Look(served=True)).items():
        assert two.client.get(f"/site/{name}").text == content
    assert two.client.get("/site/nix.js").status_code == 404


def test_the_overview_has_all_videos_and_says_what_is_not_looked_through(two: Served) -> None:
    first = page(two, "/")
    assert re.findall(r'class="name" href="([^"]+)"', first) == ["pages/other/index.html", "pages/wall/index.html"]
    assert "2 of 2 videos are still being looked through" in first


def test_pages_that_nobody_opens_are_made_too(tmp_path: Path) -> None:
    for video in ("wall", "other"):
        wall.extract(tmp_path / "shards", video, pictures=jpeg)
    with serving(tmp_path / "shards", all_pages=True) as served:
        deadline = time.monotonic() + 60
        while "looked through" in page(served, "/") and time.monotonic() < deadline:
            time.sleep(0.05)
        merge(served.shards, "wall", [0, 1])
        assert "looked through" not in page(served, "/")


def test_the_short_address_of_a_video_leads_to_its_page(two: Served) -> None:
    answer = two.client.get("/video/wall")
    assert (answer.status_code, answer.headers["location"]) == (307, "/pages/wall/index.html")
    assert two.client.get("/pages/nix/index.html").status_code == 404


@pytest.mark.parametrize("name", ["summary.json", "x.jpg", "..%2f..%2fx.jpg", "faces0.jpg%00", "index.html.bak"])
def test_of_a_page_only_its_pictures_are_served(two: Served, name: str) -> None:
    page(two, "/pages/wall/index.html")
    assert two.raw(f"/pages/wall/{name}")[0] == 404


def test_nothing_is_left_of_the_pages(two: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with serving(two.shards) as served:
        page(served, "/pages/wall/index.html")
        (folder,) = scratch.iterdir()
        assert folder.stat().st_mode & 0o077 == 0, "faces are for nobody else"
    assert list(scratch.iterdir()) == []


def test_titles_from_anywhere_are_text(tmp_path: Path) -> None:
    shards, title = tmp_path / "shards", "<script>alert(1)</script>"
    update_videos(shards, replace(wall.extract(shards), title=title))
    with serving(shards) as one:
        for path in ("/index.html", "/pages/wall/index.html"):
            text = page(one, path)
            assert title not in text
            assert html.escape(title) in text
