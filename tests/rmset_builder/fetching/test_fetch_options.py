"""What is let in and let out: plug-ins, cookies, proxies, no connection, wrong arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from fetch_runs import Film, Run
from mashup_site import Clip, Site

from rmset_builder.fetching.catalog import read_rows


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
