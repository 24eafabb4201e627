"""How long does `rmset fetch` take when it has nothing to do, a thousand videos being known, and whom does it ask?

Beside it, `rmset --version`: what any command costs before it does anything. Run: python benchmarks/fetch_rerun.py
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from common import keep

from rmset_builder.fetching.catalog import FAILED, FETCHED, FILTERED, GONE, Video
from rmset_builder.fetching.ytdlp import version

VIDEOS, KEYWORDS, RUNS = 1000, 25, 7
REFUSED = "its licence is 'Standard', Creative Commons is asked for"
LICENCE = "Creative Commons Attribution license (reuse allowed)"


def collection(folder: Path, site: str) -> Path:
    """A manifest of 25 keywords and the ledger of its videos: each seen, judged, and downloaded or given up."""
    words = [f"word{number}" for number in range(KEYWORDS)]
    manifest = folder / "keywords.yaml"
    manifest.write_text(
        f'source: "{site}/results?q={{query}}"\nper_keyword: 40\ngroups:\n  - name: Anger\n    keywords: {words}\n'
    )
    videos = folder / "videos"
    videos.mkdir()
    rows: list[Video] = []
    for number in range(VIDEOS):
        row = Video(
            id=f"video-{number:06d}", url=f"{site}/watch?v={number}", title="A reaction mashup video " * 3,
            licence=LICENCE, group="Anger", keyword=words[number % KEYWORDS], checked=True, duration_s=480.0,
            height=1080,
        )  # fmt: skip
        rows.append(row)
        fate = number % 10
        if fate < 7:
            (videos / f"{row.id}.mp4").write_bytes(b"x")
            rows.append(row.with_(state=FETCHED, file=f"{row.id}.mp4", bytes=1, sha256="0" * 64))
        elif fate < 8:
            rows.append(row.with_(licence="Standard", state=FILTERED, reason="licence", message=REFUSED))
        elif fate < 9:
            rows.append(row.with_(state=GONE, reason="removed"))
        else:
            rows.append(row.with_(state=FAILED, reason="blocked-here", times=1))
    (videos / "catalog.jsonl").write_text("".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in rows))
    searches = [
        {"group": "Anger", "keyword": word, "url": f"{site}/results?q=reaction+mashup+video+{word}", "count": 200}
        | {"results": [row.id for row in rows if row.keyword == word and row.state == "found"]}
        for word in words
    ]
    (videos / "searches.jsonl").write_text("".join(json.dumps(search) + "\n" for search in searches))
    return manifest


def timed(*arguments: object, cwd: Path) -> tuple[float, str]:
    """Seconds that a command takes from its start to its end, and its last word."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "rmset_builder", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - began, done.stderr.splitlines()[-1] if done.stderr else ""


def main() -> None:
    """Measure, print and keep."""
    asked: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = collection(folder, f"http://127.0.0.1:{server.server_address[1]}")
        bare, rerun, said = [], [], ""
        for _ in range(RUNS):
            bare.append(timed("--version", cwd=folder)[0])
            seconds, said = timed("fetch", manifest, cwd=folder)
            rerun.append(seconds)
    server.shutdown()
    median, base = statistics.median(rerun), statistics.median(bare)
    keep(
        "fetch_rerun",
        {
            "videos known": VIDEOS,
            "searches known": KEYWORDS,
            "runs": RUNS,
            "rerun, seconds": {"median": round(median, 3), "least": round(min(rerun), 3), "most": round(max(rerun), 3)},
            "rmset --version, seconds, median": round(base, 3),
            "ratio of the two": round(median / base, 2),
            "requests": len(asked),
            "said": said,
            "yt-dlp": version(),
        },
    )


if __name__ == "__main__":
    main()
