"""`rmset fetch` as users run it: a process, the real yt-dlp, a site that answers badly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fetch_runs import Film, Run, states
from mashup_site import CC, Clip, Site

from rmset_builder.fetching.catalog import read_catalog, read_rows

HOSTILE = "../../x; rm -rf"

HOSTILE_ID = "x_rm_-rf--d4a2cc4777a57086"

SLASHED_ID = "a_b--c14cddc033f64b9d"


def tree(folder: Path, *but: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not any(path.is_relative_to(b) for b in but))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def thirty(site: Site, film: Film, picture: Callable[..., bytes]) -> dict[str, tuple[str, str]]:
    """Put thirty videos on the site; what must have become of them after one run."""
    good = [Clip(f"good{n}", film(n), thumbnail=picture(n), duration=60 + 9 * n) for n in range(8)]
    padded = film(20) + b"\0\0\x20\x08free" + bytes(8192)
    clips = [
        *good[:4],
        Clip("forbidden", film(9), fault=403),
        Clip("notfound", film(9), fault=404),
        Clip("removed", film(9), fault=410),
        Clip("broken", film(9), fault=503),
        Clip("flaky", film(10), fault=503, times=2),
        Clip("loop", film(9), fault="loop"),
        Clip("html", film(9), fault="html"),
        Clip("cut-once", film(11), fault="cut:7001", times=1),
        Clip("cut-always", film(9), fault="cut:100"),
        Clip("claims-more", film(9), fault="long:500"),
        Clip("claims-less", film(9), fault="short:2000"),
        Clip("drip", film(9), fault="drip:0.4"),
        Clip("page-gone", film(9), page_fault=404),
        Clip("page-loop", film(9), page_fault="loop"),
        Clip("page-broken", film(12), page_fault=500, times=1),
        Clip("private", film(9), page_fault="Private video. Sign in if you've been granted access"),
        Clip(HOSTILE, film(13), title="../../x; rm -rf $(touch owned) \x1b[31m\n"),
        Clip("a/b", film(14)),
        Clip("twice", film(15)),
        Clip("twice", film(16), query="?n=2"),
        Clip("padded", padded, fault=f"cut:{len(film(20)) + 99}", times=1),
        Clip("again", film(17), thumbnail=picture(1, 40), duration=69),
        *good[4:],
    ]
    assert len(clips) == 30
    site.add("mashup x", *clips)
    fetched = {f"good{n}" for n in range(8)} | {"flaky", "cut-once", "page-broken", "twice", "padded", "again"}
    failed = {"forbidden": "forbidden", "broken": "server-error", "loop": "redirect-loop", "html": "not-a-video"}
    failed |= {"cut-always": "cut-short", "claims-more": "cut-short", "claims-less": "cut-short", "drip": "too-slow"}
    failed |= {"page-loop": "redirect-loop"}
    gone = {"notfound": "not-found", "removed": "removed", "page-gone": "not-found", "private": "private"}
    return {
        **dict.fromkeys(fetched | {HOSTILE_ID, SLASHED_ID}, ("fetched", "")),
        **{one: ("failed", reason) for one, reason in failed.items()},
        **{one: ("gone", reason) for one, reason in gone.items()},
        "twice--f6d6b5fbd6b3e9fd": ("filtered", "id-taken"),
    }


def test_thirty_videos_and_every_fault(
    site: Site, film: Film, picture: Callable[..., bytes], manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    expected = thirty(site, film, picture)
    path = manifest(Anger=["x"])
    before = tree(tmp_path)
    done = fetch(path)
    found = states(tmp_path / "videos")
    twin = next(one for one in found if one.startswith("twice--"))
    expected[twin] = expected.pop("twice--f6d6b5fbd6b3e9fd")
    assert found == expected, done.stderr
    assert done.returncode == 1

    # What arrived is what the site has, under names that come from ids alone, and nothing lies anywhere else.
    rows = read_rows(tmp_path / "videos")
    contents = {clip.content for clip in site.clips.values()}
    fetched = [row for row in rows.values() if row.state == "fetched"]
    for row in fetched:
        content = (tmp_path / "videos" / row.file).read_bytes()
        assert content in contents
        assert (row.file, row.sha256) == (f"{row.id}.mp4", hashlib.sha256(content).hexdigest())
        assert (row.licence, row.channel, row.upload_date) == (CC, "The channel", "2023-04-01")
        assert row.group == "Anger" and row.keyword == "x" and row.rank > 0 and row.format and row.yt_dlp and row.when
    assert rows["again"].near_duplicate_of == "good1"
    assert [row.id for row in fetched if row.near_duplicate_of] == ["again"]
    assert tree(tmp_path, tmp_path / "videos") == before
    for row in rows.values():
        if row.state == "failed":
            assert row.message and row.times == 1, row
            assert f"failed: {row.id}: {row.reason}: " in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert (read_catalog(tmp_path / "videos")[HOSTILE_ID].title) == "../../x; rm -rf $(touch owned)"

    # A second run asks only for what may succeed; what does, arrives.
    for name in ("forbidden", "html", "claims-less"):
        site.mend(f"/watch/{name}")
    site.requests.clear()
    again = fetch(path)
    asked = {one for one in found if site.asked_for(one)}
    assert asked == {one for one, (state, _) in expected.items() if state == "failed"}
    assert not any(request.startswith("/results") for request in site.requests)
    after = states(tmp_path / "videos")
    assert {one for one in after if after[one] != found[one]} == {"forbidden", "html", "claims-less"}
    assert all(after[one] == ("fetched", "") for one in ("forbidden", "html", "claims-less"))
    assert again.returncode == 1


def test_too_many_requests_stop_the_queue(site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path) -> None:
    site.add(
        "mashup x", Clip("a", film(1)), Clip("b", film(2), fault=429, times=1, retry_after="90"), Clip("c", film(3))
    )
    path = manifest(Anger=["x"])
    done = fetch(path)
    assert done.returncode == 1
    assert states(tmp_path / "videos") == {"a": ("fetched", ""), "b": ("failed", "rate-limited"), "c": ("found", "")}
    assert site.asked_for("c") == 0
    assert "1 fetched, 1 failed, 1 not reached" in done.stderr
    assert "stopped politely, rate-limited" in done.stderr
    assert "give the same command again after" in done.stderr and "as the site asks" in done.stderr
    assert fetch(path).returncode == 0
    assert {state for state, _ in states(tmp_path / "videos").values()} == {"fetched"}


@pytest.mark.parametrize(
    "word", ["Sign in to confirm you\u2019re not a bot", "This content isn't available, try again later"]
)
def test_a_wall_stops_the_queue_and_says_how_to_go_on(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path, word: str
) -> None:
    site.add("mashup x", Clip("a", film(1), page_fault=word), Clip("b", film(2)))
    done = fetch(manifest(Anger=["x"]))
    assert done.returncode == 1
    assert site.asked_for("b") == 0
    assert "up to an hour is usual" in done.stderr
    assert ("--cookies FILE" in done.stderr) == word.startswith("Sign in")


def test_a_search_that_is_refused_stops_everything(site: Site, film: Film, manifest: Run, fetch: Run) -> None:
    site.add("mashup x", Clip("a", film(1)))
    site.search_status = 429
    done = fetch(manifest(Anger=["x", "y"]))
    assert done.returncode == 1
    assert len(site.requests) == 1
    assert "failed: search 'x' of 'Anger': rate-limited" in done.stderr
    site.search_status = 500
    done = fetch(manifest(Anger=["x", "y"]))
    assert (done.returncode, done.stderr.count("server-error")) == (1, 2)


def test_a_dry_run_shows_all_and_downloads_nothing(
    site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path
) -> None:
    both = Clip("both", film(2))
    site.add(
        "mashup x",
        Clip("ok", film(1), title="A fine one"), both, Clip("stated", film(3), licence="Standard"),
        Clip("silent", film(3), licence=None), Clip("short", duration=0.5), Clip("long", duration=7200),
        Clip("low", height=90), Clip("live", live_status="is_live"), Clip("adult", age_limit=18),
        Clip("gone", page_fault=410),
    )  # fmt: skip
    site.add("mashup y", both, Clip("other", film(4)), Clip("spare", film(5)))
    path = manifest(Anger=["x"], Sadness=["y"], per_keyword=2)
    path.write_text(path.read_text().replace("per_keyword: 2", "per_keyword: 9"))
    done = fetch(path, "--dry-run")
    assert not any(request.startswith("/files") for request in site.requests)
    assert not list((tmp_path / "videos").glob("*.mp4"))
    verdicts = {"ok": "would be fetched", "stated": "filtered: licence: its licence is 'Standard'"}
    verdicts |= {"silent": "filtered: licence: the site states no licence", "short": "filtered: too-short: 0.5 s"}
    verdicts |= {"long": "filtered: too-long: 7,200 s", "low": "filtered: too-low: 90 lines", "live": "filtered: live"}
    verdicts |= {"adult": "filtered: age-restricted", "gone": "gone: removed", "other": "would be fetched"}
    lines = {line.split(" A ")[0].split()[-1]: line for line in done.stdout.splitlines()[1:] if " A " in line}
    assert all(verdict in lines[one] for one, verdict in verdicts.items()), done.stdout
    assert done.stdout.count("both") == 1 and lines["both"].split()[0] == "2"  # the first group that found it has it
    assert "1 more belong to earlier searches" in done.stderr
    site.requests.clear()
    again = fetch(path, "--dry-run").stdout
    assert "given up earlier: removed" in again
    assert again.count("would be fetched") == done.stdout.count("would be fetched")
    assert not site.requests  # what was seen is known

    rows = [json.loads(line) for line in fetch(path, "--dry-run", "--json").stdout.splitlines()]
    assert {row["id"]: row["fate"] for row in rows}["ok"] == "would be fetched"
    assert not site.requests

    limited = fetch(path, "--limit", 1)
    assert [v.id for v in read_rows(tmp_path / "videos").values() if v.state == "fetched"] == ["ok"]
    assert "not needed" in limited.stderr
    assert fetch(path).returncode == 0
    kept = read_rows(tmp_path / "videos")
    assert {v.id: v.group for v in kept.values() if v.state == "fetched"} == {
        "ok": "Anger", "both": "Anger", "other": "Sadness", "spare": "Sadness",
    }  # fmt: skip


def test_enough_is_enough_and_searches_can_be_made_again(site: Site, film: Film, manifest: Run, fetch: Run) -> None:
    site.add("mashup x", *(Clip(f"v{n}", film(n)) for n in range(3)))
    path = manifest(Anger=["x"], per_keyword=2)
    assert "2 fetched, 1 not needed" in fetch(path).stderr
    assert site.asked_for("v2") == 0
    site.add("mashup x", Clip("new", film(4)))
    path = manifest(Anger=["x"], per_keyword=4)
    assert "3 of 4" in fetch(path).stderr
    assert "new: " in fetch(path, "--search-again").stdout
    # What an earlier search found still counts.
    site.searches["mashup x"] = ["/watch/newest"]
    site.add("mashup x", Clip("newest", film(5)))
    site.searches["mashup x"].pop()
    assert "4 already here, 1 not needed" in fetch(path, "--search-again").stderr


def test_h264_up_to_1080_lines_is_preferred(site: Site, film: Film, manifest: Run, fetch: Run, tmp_path: Path) -> None:
    formats = (
        {"format_id": "av1", "vcodec": "av01.0.08M.08", "height": 1080, "width": 1920},
        {"format_id": "small", "vcodec": "avc1.64001f", "height": 480, "width": 854},
        {"format_id": "right", "vcodec": "avc1.640028", "height": 1080, "width": 1920},
        {"format_id": "vast", "vcodec": "avc1.640033", "height": 2160, "width": 3840},
        {"format_id": "vp9", "vcodec": "vp9", "height": 1080, "width": 1920},
    )
    others = tuple(form for form in formats if not form["vcodec"].startswith("avc1"))
    site.add("mashup x", Clip("a", film(1), formats=formats), Clip("b", film(2), formats=others))
    evil = {"format_id": "../../e", "vcodec": "avc1", "height": 720, "ext": "mp4/../../../evil"}
    site.add("mashup x", Clip("c", film(3), formats=(evil,)))
    fetch(manifest(Anger=["x"]))
    rows = read_rows(tmp_path / "videos")
    assert rows["c"].state == "failed" and not list(tmp_path.rglob("*evil*"))
    assert "format right" in rows["a"].format
    assert "format vp9" in rows["b"].format  # AV1 comes last of all


def test_addresses_and_folders_are_sources_too(site: Site, film: Film, fetch: Run, tmp_path: Path) -> None:
    site.add("", Clip("page", film(1)), Clip("plain", film(2)))
    urls = tmp_path / "urls.yaml"
    urls.write_text(
        "source: url\nlicence: any\nfilters: {min_duration_s: 1, min_height: 100}\ngroups:\n  - name: Anger\n"
        f"    urls: ['{site.url}/watch/page', '{site.url}/files/plain.mp4']\n"
    )
    done = fetch(urls)
    assert done.returncode == 0, done.stderr
    rows = list(read_rows(tmp_path / "videos").values())
    assert [row.group for row in rows if row.state == "fetched"] == ["Anger", "Anger"]
    assert rows[0].id == "page" and rows[1].id.startswith("plain--")
    assert (tmp_path / "videos" / rows[1].file).read_bytes() == film(2)

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "try not; to cry.mp4").write_bytes(film(3))
    (mine / "short.mp4").write_bytes(film(4, 0.5))
    (mine / "broken.mp4").write_bytes(film(5)[:5000])
    folders = tmp_path / "folders.yaml"
    folders.write_text(
        "source: folder\nfilters: {min_duration_s: 1, min_height: 100}\ngroups: [{name: Sadness, folders: [mine]}]\n"
    )
    site.requests.clear()
    done = fetch(folders, "--out", "local")
    assert done.returncode == 1
    found = {row.title: row for row in read_rows(tmp_path / "local").values()}
    assert {title: (row.state, row.reason) for title, row in found.items()} == {
        "try not; to cry": ("fetched", ""), "short": ("filtered", "too-short"), "broken": ("failed", "cut-short"),
    }  # fmt: skip
    taken = found["try not; to cry"]
    assert (tmp_path / "local" / taken.file).read_bytes() == film(3) == (mine / "try not; to cry.mp4").read_bytes()
    assert len(list(mine.iterdir())) == 3
    assert not site.requests
    assert "1 already here" in fetch(folders, "--out", "local").stderr
