"""``make docs``: every link of the site leads somewhere, nothing comes from elsewhere, every public name is told."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the extra `docs` is not installed: make docs")
pytest.importorskip("myst_parser")
pytest.importorskip("pydata_sphinx_theme")

ROOT = Path(__file__).parents[1]
SPHINX = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", "-b", "html"]
# What a browser fetches by itself; links that a reader may follow are none of these.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("video", "src")}
# Links of a page to what it is a part of, which browsers do not fetch.
RELATIONS = {"search", "next", "prev", "index", "author", "copyright", "canonical"}


class Page(HTMLParser):
    """What a page links to, fetches, and can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.styles = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        self.styles += values.get("style", "")
        for name, value in values.items():
            if (tag, name) in FETCHED and values.get("rel") not in RELATIONS:
                self.fetched.append(value)
            elif name == "href":
                self.links.append(value)


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [*SPHINX, "-d", str(out / ".doctrees"), str(source), str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=240)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", out)
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.glob("*.html"))}


def test_every_link_leads_to_a_page_and_a_heading(site: Path, pages: dict[Path, Page]) -> None:
    checked = 0
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            if re.match(r"(https?|mailto|data):", link) or not link:
                continue
            target, _, anchor = link.partition("#")
            found = (path.parent / urllib.parse.unquote(target.partition("?")[0])).resolve() if target else path
            assert found.is_file(), f"{path.name}: {link}"
            if anchor and found.suffix == ".html":
                assert urllib.parse.unquote(anchor) in pages[site / found.relative_to(site)].ids, f"{path.name}: {link}"
            checked += 1
    assert checked > 500


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert page.fetched, path
        assert not [address for address in page.fetched if re.match(r"(https?:)?//", address)], path
        assert "url(" not in page.styles
    sheets = sorted(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        told = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", sheet.read_text("utf-8"))
        assert not [one for one in told if re.match(r"(https?:)?//", "".join(one))], sheet


def test_every_page_is_in_the_contents(site: Path, pages: dict[Path, Page]) -> None:
    linked = {link.partition("#")[0] for link in pages[site / "index.html"].links}
    assert {path.stem + ".html" for path in (ROOT / "docs").glob("*.md") if path.stem != "index"} <= linked


@pytest.mark.parametrize(
    ("module", "page"),
    [("rmset_builder.api", "reference"), ("rmfer.shards", "reference-rmfer"), ("rmfer.labelled", "reference-rmfer")],
)
def test_every_public_name_is_told(pages: dict[Path, Page], site: Path, module: str, page: str) -> None:
    told = {name.rpartition(".")[2] for name in pages[site / f"{page}.html"].ids}
    public = {name for name in importlib.import_module(module).__all__ if not name.isupper()}
    assert public - told == set()


def test_every_loss_is_told(pages: dict[Path, Page], site: Path) -> None:
    losses = {path.stem for path in (ROOT / "rmfer" / "losses").glob("*.py")} - {"__init__", "precision", "teacher"}
    told = pages[site / "reference-rmfer.html"].ids
    assert {name for name in losses if f"module-rmfer.losses.{name}" not in told} == set()


def test_keyword_only_arguments_and_settings_are_shown(site: Path) -> None:
    reference = re.sub(r"<[^>]+>", "", (site / "reference.html").read_text("utf-8"))
    assert re.search(r"PictureFaces\(\s*models: str = DEFAULT_PACK,\s*\*,\s*gpu: int \| None = None", reference)
    assert re.search(r"jpeg_quality.*JPEG quality of an aligned face; 95 unless given", reference)


def test_every_command_is_told_with_its_options(site: Path) -> None:
    told = re.sub(r"<[^>]+>", "", (site / "commands.html").read_text("utf-8"))
    assert all(
        f"Usage: {command} [OPTIONS]" in told for command in ("rmset extract", "rmfer train", "rmfer analyze prior")
    )
    assert "--jpeg-quality" in told


def test_links_to_nowhere_fail(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    settings = (ROOT / "docs" / "conf.py").read_text("utf-8")
    (source / "conf.py").write_text(settings.replace("Path(__file__).parents[1]", f"Path({str(ROOT)!r})"), "utf-8")
    for folder in ("_static", "_templates"):
        (source / folder).symlink_to(ROOT / "docs" / folder)
    (source / "index.md").write_text("# A\n\n```{toctree}\na\nb\n```\n")
    (source / "a.md").write_text("# A\n\n[a](nowhere.md)\n\n[b](b.md#nowhere)\n\n![c](nowhere.png)\n")
    (source / "b.md").write_text("# B\n")
    (source / "c.md").write_text("# C, which no table of contents has\n")
    done = build(source, tmp_path / "out")
    assert done.returncode == 1
    for place in ("a.md:3", "a.md:5", "a.md:7"):
        assert re.search(rf"{place}: WARNING: .*nowhere", done.stderr), done.stderr
    assert re.search(r"c\.md: WARNING: document isn't included in any toctree", done.stderr), done.stderr
