"""`rmset fetch` as users run it: a process, the real yt-dlp, a site that answers badly."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from mashup_site import CC, Clip, Site

from rmset_builder.fetching.catalog import Video, read_catalog, read_rows

Run = Callable[..., subprocess.CompletedProcess[str]]
Film = Callable[..., bytes]

HOSTILE = "../../x; rm -rf"
HOSTILE_ID = "x_rm_-rf--d4a2cc4777a57086"
SLASHED_ID = "a_b--c14cddc033f64b9d"


def states(folder: Path) -> dict[str, tuple[str, str]]:
    return {video.id: (video.state, video.reason) for video in read_rows(folder).values()}


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


def test_plug_ins_stay_out_unless_they_are_allowed(
    site: Site, film: Film, manifest: Run, rmset_process: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    site.add("mashup x", Clip("a", film(1)))
    path = manifest(Anger=["x"])
    done = rmset_process("fetch", path, "--sleep-requests", "0", "--backoff", "0", cwd=tmp_path, env=environment)
    assert not (tmp_path / "videos" / "a.mp4").exists()
    assert "a" not in read_rows(tmp_path / "videos"), done.stderr
    refused = rmset_process(
        "fetch", path, "--allow-plugins", cwd=tmp_path, env={**environment, "YTDLP_NO_PLUGINS": "1"}
    )
    assert (refused.returncode, "unset YTDLP_NO_PLUGINS" in refused.stderr) == (2, True)


def test_cookies_and_proxy_are_opt_in_and_recorded(
    site: Site, film: Film, manifest: Run, fetch: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    site.add("mashup x", Clip("a", film(1)), Clip("b", film(2)))
    path = manifest(Anger=["x"])
    environment["http_proxy"] = "http://127.0.0.1:9"
    done = fetch(path, "--limit", 1)
    assert done.returncode == 0, done.stderr  # the environment's proxy, which is dead, is not used
    assert 'use it with --proxy "$http_proxy"' in done.stderr
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tsecret\n")
    before = cookies.read_bytes()
    done = fetch(path, "--cookies", cookies, "--proxy", "http://me:secret@127.0.0.1:9")
    rows = read_rows(tmp_path / "videos")
    assert rows["b"].state == "failed", done.stderr
    assert (rows["a"].cookies, rows["a"].proxy) == (False, "")
    assert (rows["b"].state, rows["b"].cookies, rows["b"].proxy) == ("failed", True, "http://127.0.0.1:9")
    assert cookies.read_bytes() == before
    assert "secret" not in (tmp_path / "videos" / "catalog.jsonl").read_text()
    for text in ("nonsense", ""):
        cookies.write_text(text)
        assert fetch(path, "--cookies", cookies).returncode == 2


def test_without_a_connection_the_queue_does_not_try_a_thousand_times(
    site: Site, film: Film, manifest: Run, fetch: Run
) -> None:
    path = manifest(Anger=["a", "b", "c", "d", "e"])
    path.write_text(path.read_text().replace(site.url, "http://127.0.0.1:9"))
    done = fetch(path)
    assert done.returncode == 1
    assert done.stderr.count("failed: search") == 3
    assert "stopped: no connection 3 times in a row" in done.stderr and "check the connection" in done.stderr


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


def test_what_cannot_be_used_is_one_line(rmset: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, words in (
        (("nowhere.yaml",), "no manifest at nowhere.yaml"),
        (("x.lock.yaml",), "no manifest at x.lock.yaml"),
        (("--limit-rate", "fast"), "no speed in bytes per second"),
    ):
        done = rmset("fetch", *arguments)
        assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
    (tmp_path / "empty.lock.yaml").write_text("")
    assert "is empty" in rmset("fetch", "empty.lock.yaml").stderr
    (tmp_path / "bad.lock.yaml").write_text(
        "videos:\n  - {id: ../x, url: 'http://a/b', sha256: abc}\n  - {id: a, url: gopher://x}\n"
    )
    done = rmset("fetch", "bad.lock.yaml")
    assert done.returncode == 2
    assert (
        "bad.lock.yaml:2: videos[0].id" in done.stderr
        and "bad.lock.yaml:3: videos[1].sha256: is missing" in done.stderr
    )
    assert not (tmp_path / "videos").exists()
