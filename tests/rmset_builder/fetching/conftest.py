"""The test site, its clips, and ways to run ``rmset fetch`` against it in a process of its own, as users do."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mashup_site import Site
from PIL import Image

PLUGINS = Path(__file__).parent / "plugins"
# No pauses: the site is ours.
QUICK = ("--allow-plugins", "--sleep", 0, "--sleep-requests", 0, "--backoff", 0.05, "--retries", 2, "--patience", 1)
QUICK = tuple(map(str, QUICK))

MANIFEST = """\
schema: 1
source: "{source}"
base_query: mashup
licence: {licence}
per_keyword: {per_keyword}
filters: {{min_duration_s: 1, max_duration_s: 600, min_height: 100}}
groups:
{groups}"""


@pytest.fixture
def site() -> Iterator[Site]:
    """The site, empty."""
    with Site() as running:
        yield running


@pytest.fixture(scope="session")
def film(make_clip: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """``film(n)`` is an mp4 of two seconds unlike that of any other n, its header first so that it can be cut."""
    folder = tmp_path_factory.mktemp("films")

    def make(number: int, seconds: float = 2) -> bytes:
        path = folder / f"{number}-{seconds}.mp4"
        if not path.exists():
            source = f"testsrc=size=320x240:rate=10:duration={seconds},hue=h={number * 7}"
            make_clip(
                path, "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "ultrafast", "-crf", 12, "-threads", 1,
                "-metadata", f"comment={number}", "-movflags", "+faststart",
            )  # fmt: skip
        return path.read_bytes()

    return make


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """``picture(n, quality)`` is a thumbnail unlike that of any other n."""

    def make(number: int, quality: int = 90) -> bytes:
        small = Image.frombytes("L", (9, 8), bytes((number * 37 + i * i * 53 + i * number) % 256 for i in range(72)))
        out = io.BytesIO()
        small.resize((320, 180), Image.Resampling.BICUBIC).convert("RGB").save(out, "JPEG", quality=quality)
        return out.getvalue()

    return make


@pytest.fixture
def manifest(tmp_path: Path, site: Site) -> Callable[..., Path]:
    """``manifest(Group=[keyword, ...])`` writes a manifest of searches on the site."""

    def write(*, licence: str = "creative-commons", per_keyword: int = 30, **groups: list[str]) -> Path:
        lines = "".join(f"  - {{name: {name}, keywords: {keywords}}}\n" for name, keywords in groups.items())
        path = tmp_path / "manifests" / "keywords.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(MANIFEST.format(source=site.search_url, licence=licence, per_keyword=per_keyword, groups=lines))
        return path

    return write


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment in which yt-dlp finds the site's plug-in."""
    own = {name: value for name, value in os.environ.items() if name != "YTDLP_NO_PLUGINS"}
    return {**own, "PYTHONPATH": os.pathsep.join(filter(None, [str(PLUGINS), own.get("PYTHONPATH")]))}


@pytest.fixture
def fetch(rmset_process: Callable[..., Any], environment: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    """``fetch(*arguments)`` runs ``rmset fetch`` in a process, in an empty folder, with the site's plug-in."""

    def run(*arguments: object) -> Any:
        return rmset_process("fetch", *map(str, arguments), *QUICK, cwd=tmp_path, env=environment)

    return run
