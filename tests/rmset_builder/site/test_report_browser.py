"""Reports as a real browser shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from browser import Visit
from test_report_pages import HOSTILE, WALL
from walls import write_wall

pytestmark = pytest.mark.browser
Rmset = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def small(rmset: Rmset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on small shards: hostile titles, several groups, a video of many people, one without any."""
    folder = tmp_path_factory.mktemp("small")
    write_wall(folder / "shards", "wall", WALL, 210)
    write_wall(folder / "shards", "many", {identity: range(30) for identity in range(14)}, 30, group="A group's " * 20)
    write_wall(folder / "shards", "street", {}, 30, reason="no-faces", group="")
    for video, title in HOSTILE.items():
        write_wall(folder / "shards", video, {0: range(5)}, 10, title=title, group=title, keyword=title)
    done = rmset("report", folder / "shards", "--out", folder / "report", "--jobs", 1)
    assert done.returncode == 0, done.stderr
    return folder / "report"


@pytest.fixture(scope="module")
def real(rmset: Rmset, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a real mashup."""
    folder = tmp_path_factory.mktemp("real")
    done = rmset("extract", shared / "mashups" / "wall9.mp4", "--out", folder / "shards", "--image-size", 96)
    assert done.returncode == 0, done.stderr
    done = rmset("report", folder / "shards", "--out", folder / "report", "--jobs", 1)
    assert done.returncode == 0, done.stderr
    return folder / "report"


def sound(visit: Visit, path: Path, width: int, scheme: str) -> None:
    visited = visit(path, width=width, scheme=scheme)
    assert visited.too_wide() == 0, path
    visited.look_at_all()
    assert visited.faults == [], path
    assert visited.barriers() == [], path


def test_every_page_stands(small: Path, visit: Visit) -> None:
    pages = sorted(small.rglob("*.html"))
    assert len(pages) == 2 + 3 + len(HOSTILE)
    for path in pages:
        sound(visit, path, 400, "dark")


@pytest.mark.parametrize(
    ("width", "scheme", "pages"),
    [
        (400, "light", ["review.html", "pages/many/index.html"]),
        (1600, "light", ["index.html", "pages/wall/index.html"]),
        (1600, "dark", ["index.html", "review.html"]),
    ],
)
def test_each_kind_of_page_stands_wide_and_narrow(
    small: Path, visit: Visit, width: int, scheme: str, pages: list[str]
) -> None:
    for page in pages:
        sound(visit, small / page, width, scheme)


@pytest.mark.shared("mashups/wall9.mp4")
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1600, "light")])
def test_every_page_of_a_real_mashup_stands(real: Path, visit: Visit, width: int, scheme: str) -> None:
    pages = sorted(real.rglob("*.html"))
    assert len(pages) == 3
    for path in pages:
        sound(visit, path, width, scheme)


def test_one_file_stands(small: Path, rmset: Rmset, visit: Visit, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert rmset("report", small.parent / "shards", "--out", out, "--single-file", "--jobs", 1).returncode == 0
    sound(visit, out / "index.html", 400, "dark")


def test_hostile_titles_are_shown_as_they_are(small: Path, visit: Visit) -> None:
    visited = visit(small / "index.html")
    shown = visited.page.locator("a.name").all_text_contents()
    assert {HOSTILE["markup"], HOSTILE["quotes"], HOSTILE["long"], HOSTILE["right-to-left"]} <= set(shown)
    for video in HOSTILE:
        visited = visit(small / "pages" / video / "index.html")
        assert visited.page.locator("script").count() == 1
        assert visited.faults == []
    title = visit(small / "pages" / "right-to-left" / "index.html").page.locator("h1")
    assert title.evaluate("element => getComputedStyle(element).direction") == "rtl"


def test_a_face_is_its_place_of_the_sprite(small: Path, visit: Visit) -> None:
    visited = visit(small / "pages" / "many" / "index.html", width=400)
    last = visited.page.locator("#identity-13 img.face").last
    last.scroll_into_view_if_needed()
    assert last.evaluate("element => getComputedStyle(element).objectPosition") == f"{-11 * 96}px {-13 * 96}px"
    assert last.bounding_box() == pytest.approx({**last.bounding_box(), "width": 96, "height": 96})


def test_words_narrow_the_list_of_videos(small: Path, visit: Visit) -> None:
    visited = visit(small / "index.html", width=400)
    field = visited.page.get_by_label("Only videos with")
    field.fill("TITLE wall")
    assert visited.page.locator(".video:visible .name").all_text_contents() == ["Title of wall"]
    assert visited.page.locator("#shown").text_content() == f"1 of {3 + len(HOSTILE)}"
    field.fill("")
    assert visited.page.locator(".video:visible").count() == 3 + len(HOSTILE)


def test_a_command_is_copied_at_a_click(small: Path, visit: Visit) -> None:
    visited = visit(small / "review.html", permissions=["clipboard-read", "clipboard-write"])
    first = visited.page.locator(".command").first
    first.get_by_role("button", name="Copy").click()
    first.get_by_role("button", name="Copied").wait_for()
    command = first.locator("code").text_content()
    assert command
    assert visited.page.evaluate("navigator.clipboard.readText()") == command


def test_pages_are_reached_by_keyboard(small: Path, visit: Visit) -> None:
    visited = visit(small / "index.html")
    visited.page.keyboard.press("Tab")
    assert visited.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    visited.page.locator("a.name", has_text="Title of wall").focus()
    visited.page.keyboard.press("Enter")
    visited.page.wait_for_url("**/pages/wall/index.html")
    visited.page.get_by_role("link", name="Overview").focus()
    visited.page.keyboard.press("Enter")
    visited.page.wait_for_url("**/report/index.html")


def test_pages_do_without_script(small: Path, visit: Visit) -> None:
    visited = visit(small / "index.html", java_script_enabled=False)
    assert visited.page.locator(".video:visible").count() == 3 + len(HOSTILE)
    assert not visited.page.locator("#filter").is_visible()
