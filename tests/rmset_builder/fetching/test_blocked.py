"""What is blocked where one asks from is not gone: the real yt-dlp, and a site that lets in some and not others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mashup_site import Clip, Site

from rmset_builder.fetching.catalog import Video, parse_row, read_rows
from rmset_builder.fetching.collect import worth_another_try
from rmset_builder.fetching.describe import place_of
from rmset_builder.fetching.ledger import Ledger
from rmset_builder.fetching.ytdlp import Access

Run = Callable[..., Any]
Film = Callable[..., bytes]

BLOCKED = "Video unavailable. This video contains content from UMG, who has blocked it in your country"


def states(folder: Path) -> dict[str, tuple[str, str]]:
    return {video.id: (video.state, video.reason) for video in read_rows(folder).values()}


def test_it_is_tried_again_from_another_place_and_not_from_the_same(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    site.add(
        "mashup x",
        Clip("a", film(1)),
        Clip("words", film(2), page_fault=BLOCKED, open_to="se"),
        Clip("bare", film(3), page_fault="This video is not available", open_to="se"),
        Clip("typed", film(4), page_fault="Only for some", page_type="geo", open_to="no"),
        Clip("law", film(5), page_fault=451, open_to="no"),
        Clip("gone", film(6), page_fault="Video unavailable. This video has been removed by the uploader"),
    )
    path = manifest(Anger=["x"])
    done = fetch(path)
    blocked = ("blocked", "blocked-here")
    assert states(tmp_path / "videos") == {
        "a": ("fetched", ""), "words": blocked, "bare": blocked, "typed": blocked, "law": ("blocked", "blocked-by-law"),
        "gone": ("gone", "removed"),
    }, done.stderr  # fmt: skip
    assert done.returncode == 1
    assert f"blocked here: words: blocked-here: [mashupsite] words: {BLOCKED}" in done.stderr
    assert "videos: 1 fetched, 1 gone, 4 blocked here" in done.stderr
    assert "from here (direct): 4, which may be there for others; another --proxy, or --place WORD" in done.stderr

    site.requests.clear()
    again = fetch(path)
    assert (again.returncode, site.requests) == (0, [])
    assert "videos: 1 already here, 4 blocked here before, 1 given up earlier" in again.stderr

    def through(user: str, *more: object) -> Any:
        return fetch(path, "--proxy", site.url.replace("//", f"//{user}:hunter2secret@"), *more)

    # Another user of the same proxy is another place, as providers choose the country by it.
    assert "2 fetched, 1 already here, 2 blocked here, 1 given up" in through("se").stderr
    asked = len(site.requests)
    assert "3 already here, 2 blocked here before" in through("se").stderr
    assert fetch(path).returncode == 0 and len(site.requests) == asked  # nor once more from where it all began
    assert "2 blocked here, 1 given up" in through("se", "--place", "moved").stderr
    done = through("no")
    assert "2 fetched" in done.stderr, done.stderr
    rows = read_rows(tmp_path / "videos")
    assert {row.state for row in rows.values()} == {"fetched", "gone"}
    places = rows["law"].blocked_from.split()
    assert len(places) == 3 and places[0] == "direct" and places[2] == f"moved:{places[1]}"
    assert places[1].startswith(f"{site.url}#")
    catalog = (tmp_path / "videos" / "catalog.jsonl").read_text()
    assert "hunter2secret" not in catalog and "se:" not in catalog


def test_a_lock_file_tells_what_is_blocked_apart_from_what_is_gone(
    site: Site, film: Film, manifest: Run, fetch: Run
) -> None:
    site.add("mashup x", *(Clip(f"v{n}", film(n)) for n in range(4)))
    path = manifest(Anger=["x"])
    fetch(path, "--lock")
    lock = path.with_name("keywords.lock.yaml")
    site.clips["/watch/v1"] = Clip("v1", film(1), page_fault=404)
    site.clips["/watch/v2"] = Clip("v2", film(7))
    site.clips["/watch/v3"] = Clip("v3", film(3), page_fault=BLOCKED, open_to="se")
    for _ in range(2):
        lost = fetch(lock, "--out", "lost")
        assert lost.returncode == 1
        assert "attrition: 1 of 4" in lost.stderr
        assert "1 gone: v1\n  1 changed: v2\n  1 blocked here: v3\n" in lost.stderr
    elsewhere = fetch(lock, "--out", "lost", "--proxy", site.url.replace("//", "//se:x@"))
    assert "attrition: 2 of 4" in elsewhere.stderr and "blocked" not in elsewhere.stderr


def test_a_ledger_of_before_is_read_as_what_it_means_now(tmp_path: Path) -> None:
    def row(**fields: str) -> Video:
        read = parse_row(json.dumps({"id": "v", **fields}))
        assert read is not None
        return read

    failed = row(state="failed", reason="blocked-here", message="-", proxy="http://h:8")
    assert (failed.state, failed.reason, failed.blocked_from) == ("blocked", "blocked-here", "http://h:8")
    assert row(state="failed", reason="blocked-by-law").blocked_from == "direct"
    misread = row(state="gone", reason="removed", message=f"[youtube] v: {BLOCKED} on copyright grounds")
    assert (misread.state, misread.reason, misread.blocked_from) == ("blocked", "blocked-here", "direct")
    for message in ("[youtube] v: Video unavailable", "", "[youtube] v: This video is private"):
        gone = row(state="gone", reason="removed", message=message)
        assert (gone.state, gone.reason, gone.blocked_from) == ("gone", "removed", "")
    assert row(state="gone", reason="not-found", message="This video is not available").state == "gone"
    with Ledger(tmp_path) as ledger:
        ledger.record(misread)
    assert read_rows(tmp_path)["v"] == misread.with_(when=read_rows(tmp_path)["v"].when)


def test_places() -> None:
    assert place_of(Access()) == "direct"
    assert place_of(Access(place="se")) == "se:direct"
    assert place_of(Access(proxy="socks5://h:1080")) == "socks5://h:1080"
    one, two, three = (
        place_of(Access(proxy=f"http://{who}@h:8")) for who in ("me:a", "me-country-se:a", "me:a_country-se")
    )
    assert len({one, two, three}) == 3
    assert all(len(place) == len("http://h:8#abc") and place.startswith("http://h:8#") for place in (one, two, three))
    blocked = Video(id="v", state="blocked", reason="blocked-here", blocked_from=f"direct {one}", times=9)
    assert not worth_another_try(blocked) and not worth_another_try(blocked, one)
    assert worth_another_try(blocked, two) and worth_another_try(blocked, "se:direct")


@pytest.mark.parametrize(
    "proxy",
    ["http://me:hunter2@h:port", "http://me:hunter2@h:99999", "http://", "me:hunter2@:8", "sock://me:hunter2@h:8"],
)
def test_a_proxy_that_is_no_address(rmset: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text("source: folder\ngroups: [{name: Anger, folders: [.]}]\n")
    done = rmset("fetch", "m.yaml", "--proxy", proxy)
    assert (done.returncode, "hunter2" in done.stderr, "it is no address such as http" in done.stderr) == (
        2,
        False,
        True,
    )
    assert rmset("fetch", "m.yaml", "--place", "a b").returncode == 2
    assert rmset("fetch", "m.yaml", "--proxy", "h:8080", "--place", "se").returncode == 0


def test_words_in_addresses_are_not_the_sites_words(site: Site, fetch: Run, tmp_path: Path) -> None:
    names = [
        "blog-in/page.html",
        "design-in",
        "purchase",
        "private-video/429",
        "not-a-bot/captcha",
        "removed/members-only",
    ]
    site.pages |= {f"/{name}": b"<html><title>Please sign in</title></html>" for name in names}
    urls = ", ".join(f"'{site.url}/{name}'" for name in names)
    (tmp_path / "urls.yaml").write_text(f"source: url\nlicence: any\ngroups:\n  - {{name: Anger, urls: [{urls}]}}\n")
    done = fetch("urls.yaml")
    assert done.returncode == 1
    assert set(states(tmp_path / "videos").values()) == {("failed", "unsupported")}, done.stderr
    assert "videos: 6 failed\n" in done.stderr and "stopped" not in done.stderr


def test_one_video_that_wants_an_account_does_not_stop_the_queue_and_three_in_a_row_do(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    wants = {"page_fault": "This video is only available for registered users", "page_type": "login"}
    site.add("mashup x", Clip("w", film(9), **wants), Clip("a", film(1)), *(Clip(f"w{n}", **wants) for n in range(5)))
    done = fetch(manifest(Anger=["x"]))
    assert done.returncode == 1
    found = states(tmp_path / "videos")
    assert found["a"] == ("fetched", "")
    assert [found[f"w{n}"][1] for n in range(5)] == ["needs-account"] * 3 + [""] * 2
    assert "stopped politely, sign-in: 3 videos in a row want an account" in done.stderr
