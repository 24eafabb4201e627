"""Report and review of a set of RMset's shape, 216 videos with 3,478 identities, and of real mashups, in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from browser import Visit, Visited
from html_read import elements, read_page, rows_of
from review.pages import Desktop
from review.serving import serving
from walls import write_wall

Rmset = Callable[..., CompletedProcess[str]]
VIDEOS, IDENTITIES = 216, 3_478
MASHUPS = ("crowd19", "edit12", "film11", "wall9")


@pytest.fixture(scope="module")
def whole(rmset: Rmset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of the paper's shape, of two frames each, and a report on them."""
    folder = tmp_path_factory.mktemp("whole")
    for number in range(VIDEOS):
        people = IDENTITIES // VIDEOS + (number < IDENTITIES % VIDEOS)
        write_wall(folder / "shards", f"v{number}", {identity: range(2) for identity in range(people)}, 2)
    done = rmset("report", folder / "shards", "--out", folder / "report", "--faces", 2, "--size", 32)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def mashups(mashup_shards: Path, rmset: Rmset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on the real mashups."""
    out = tmp_path_factory.mktemp("mashups") / "report"
    assert rmset("report", mashup_shards, "--out", out).returncode == 0
    return out


def sound(visited: Visited) -> None:
    assert visited.too_wide() == 0, visited.page.url
    visited.look_at_all()
    assert visited.faults == [], visited.page.url
    assert visited.barriers() == [], visited.page.url


def test_all_videos_and_people_are_counted_and_have_a_page(whole: Path) -> None:
    page = read_page(whole / "report" / "index.html")
    (total,) = (row for row in rows_of(page, "counts") if row[0] == "Total")
    assert total[1:3] == [str(VIDEOS), f"{IDENTITIES:,}"]
    assert len(elements(page, "li", "video")) == VIDEOS
    people = [elements(read_page(path), "section", "person") for path in (whole / "report").glob("pages/*/index.html")]
    assert (len(people), sum(map(len, people))) == (VIDEOS, IDENTITIES)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1600, "light")])
def test_pages_of_the_whole_set_stand(whole: Path, visit: Visit, width: int, scheme: str) -> None:
    for page in ("index.html", "review.html", "pages/v0/index.html"):
        sound(visit(whole / "report" / page, width=width, scheme=scheme))


@pytest.mark.browser
def test_the_whole_set_is_reviewed(whole: Path, visit: Visit) -> None:
    with serving(whole / "shards") as served:
        desk = Desktop(visit, served, "/index.html", width=400)
        assert desk.page.locator(".video").count() == VIDEOS
        sound(desk.visited)
        sound(Desktop(visit, served, "/pages/v215/index.html", width=400).visited)


@pytest.mark.browser
@pytest.mark.shared(*(f"mashups/{video}.mp4" for video in MASHUPS))
def test_every_page_of_the_real_mashups_stands(mashups: Path, visit: Visit) -> None:
    pages = sorted(mashups.rglob("*.html"))
    assert len(pages) == 2 + len(MASHUPS)
    for path in pages:
        sound(visit(path, width=1600, scheme="dark"))


@pytest.mark.browser
@pytest.mark.shared(*(f"mashups/{video}.mp4" for video in MASHUPS))
def test_the_real_mashups_are_reviewed(mashup_shards: Path, visit: Visit) -> None:
    with serving(mashup_shards) as served:
        for video in MASHUPS:
            sound(Desktop(visit, served, f"/pages/{video}/index.html").visited)
