"""Corrections by mouse and by keys in a real browser: the same shards as by command."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from browser import Visit
from corrections import wall
from review.faces import jpeg
from review.pages import Desktop
from review.serving import Served, serving

from rmset_builder.corrections.correct import drop, merge, split
from rmset_builder.shards.lock import alone

pytestmark = pytest.mark.browser

Rmset = Callable[..., CompletedProcess[str]]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A review of a wall with pictures."""
    wall.extract(tmp_path / "shards", pictures=jpeg)
    with serving(tmp_path / "shards") as one:
        yield one


class Twin:
    """A copy of a review's shards that is corrected by command, to compare with."""

    def __init__(self, served: Served, rmset: Rmset) -> None:
        self._served, self._rmset = served, rmset
        self._copy = served.shards.with_name("twin")
        shutil.copytree(served.shards, self._copy)

    def does(self, *command: object) -> None:
        before = wall.contents(self._copy)
        done = self._rmset(*command, "--shards", self._copy)
        assert done.returncode == 0, done.stderr
        assert wall.contents(self._served.shards) == wall.contents(self._copy) != before


def test_corrections_by_mouse(served: Served, rmset: Rmset, visit: Visit) -> None:
    twin, desk = Twin(served, rmset), Desktop(visit, served)
    desk.person(1).click()
    desk.person(4).click()
    assert desk.picked() == "Picked: Identities 1 and 4"
    desk.action("merge").click()
    assert (
        desk.said("identities 1 and 4 are one person")
        == "identities 1 and 4 are one person; 4 identities now; 4 is 1 now"
    )
    twin.does("merge", "wall", 1, 4)

    desk.face(3, 5).click()
    assert desk.picked() == "Picked: track 5 of identity 3"
    desk.action("split").click()
    desk.said("of identity 3 track 5 is another person")
    twin.does("split", "wall", 3, "--track", 5)

    desk.face(0, 0).click()
    desk.person(0).click()
    desk.person(2).click()
    desk.page.locator("#from-frame").fill("33")
    desk.action("swap").click()
    desk.said("identities 0 and 2 are exchanged from frame 33")
    twin.does("swap", "wall", 0, 2, "--from-frame", 33)

    desk.person(1).click()
    desk.action("drop").click()
    desk.said("identity 1 is left out")
    twin.does("drop", "wall", 1)

    desk.action("undo").click()
    desk.said("undone: identity 1 is left out")
    twin.does("undo", "wall")

    # Any of them, from the list.
    desk.action("list").click()
    desk.page.get_by_role("button", name="Undo 2. of identity 3 track 5").click()
    desk.said("undone: of identity 3 track 5")
    twin.does("undo", "wall", "--number", 2)
    desk.sound()


def test_corrections_by_keys(served: Served, rmset: Rmset, visit: Visit) -> None:
    twin, desk = Twin(served, rmset), Desktop(visit, served)
    order = served.client.get("/api/videos/wall").json()["order"]
    desk.keys("w", "Space", "ArrowRight", "ArrowRight", "Space", "m")
    one, other = sorted([order[0], order[2]])
    desk.said(f"identities {one} and {other} are one person")
    twin.does("merge", "wall", one, other)
    desk.keys("z")
    desk.said("undone")
    twin.does("undo", "wall")

    # Findings come first, then identities: the fourth is 3, whose last face is of track 5.
    findings = desk.page.locator(".doubt").count()
    desk.keys(*["j"] * (findings + 4), "End", "Enter", "s")
    desk.said("of identity 3 track 5 is another person")
    twin.does("split", "wall", 3, "--track", 5)
    assert desk.page.evaluate("document.activeElement.closest('.person, .wall') !== null"), "the focus is not lost"
    desk.keys("z")
    desk.said("undone")
    twin.does("undo", "wall")

    desk.keys("w", "Home", "Shift+ArrowRight", "x")
    desk.said("From which frame on?")
    desk.page.keyboard.type("33")
    desk.keys("Tab", "x")
    one, other = sorted(order[:2])
    desk.said(f"identities {one} and {other} are exchanged from frame 33")
    twin.does("swap", "wall", one, other, "--from-frame", 33)
    desk.keys("z")
    desk.said("undone")
    twin.does("undo", "wall")

    desk.keys("w", "End", "Space", "d")
    desk.said(f"identity {order[-1]} is left out")
    twin.does("drop", "wall", order[-1])
    desk.sound()


def test_a_frame_is_drawn_around_faces(served: Served, visit: Visit) -> None:
    desk = Desktop(visit, served)
    first, second = desk.page.locator(".wall [role=option]").nth(1), desk.page.locator(".wall [role=option]").nth(3)
    start, end = first.bounding_box(), second.bounding_box()
    assert start and end
    mouse = desk.page.mouse
    mouse.move(start["x"] + 10, start["y"] + 20)
    mouse.down()
    mouse.move(end["x"] + 20, end["y"] + 40, steps=4)
    assert desk.page.locator(".drawn").count() == 1
    mouse.up()
    order = served.client.get("/api/videos/wall").json()["order"]
    a, b, c = sorted(order[1:4])
    assert desk.picked() == f"Picked: Identities {a}, {b} and {c}"
    desk.person(b).click()
    assert desk.picked() == f"Picked: Identities {a} and {c}"
    desk.keys("Escape")
    assert desk.picked().startswith("Nothing is picked")
    # With Shift all from the last one on.
    desk.page.locator(".wall [role=option]").nth(0).click()
    desk.page.locator(".wall [role=option]").nth(4).click(modifiers=["Shift"])
    assert desk.picked() == "Picked: Identities 0, 1, 2, 3 and 4"
    desk.sound()


def test_all_tracks_are_shown_on_demand(served: Served, visit: Visit) -> None:
    desk = Desktop(visit, served)
    person = desk.page.locator(".person[data-identity='4']")
    person.get_by_role("button", name="All 2 tracks of identity 4").click()
    desk.page.wait_for_selector(".person[data-identity='4'] .alone")
    shown = person.locator("[role=option]").evaluate_all("all => all.map(one => Number(one.dataset.track))")
    assert shown == [4] * 4 + [6] * 4
    desk.face(4, 6).click()
    assert person.locator("[role=option][aria-selected=true]").count() == 4, "all faces of a track are picked"
    desk.action("split").click()
    assert "is another person; 6 identities now" in desk.said("of identity 4 track 6")


def test_a_finding_is_mended_or_found_right(served: Served, visit: Visit) -> None:
    split(served.shards, "wall", 3, [5])
    desk = Desktop(visit, served)
    finding = desk.page.locator(".doubt", has_text="One person under two numbers?")
    assert finding.count() == 1
    finding.get_by_role("button", name="That is right").click()
    assert desk.said("found right") == "found right as it is"
    assert finding.is_visible()
    desk.action("hide").click()
    assert not finding.is_visible()
    # It is still known when the page is opened again, and whatever numbers there are.
    drop(served.shards, "wall", 0)
    desk.page.reload()
    desk.page.wait_for_selector("body[data-ready]")
    assert not finding.is_visible()
    desk.keys("h")
    finding.get_by_role("button", name="Look at it again").click()
    finding.get_by_role("button", name="Merge identities 2 and 4", exact=True).click()
    desk.said("identities 2 and 4 are one person")
    assert finding.count() == 0
    desk.sound()


def test_identities_are_found_right(served: Served, visit: Visit) -> None:
    desk = Desktop(visit, served)
    desk.person(2).click()
    desk.keys("r", "h")
    assert not desk.person(2).is_visible()
    assert not desk.page.locator(".person[data-identity='2']").is_visible()
    desk.person(1).click()
    desk.action("drop").click()
    desk.said("identity 1 is left out")
    # The same person has another number, and is still right.
    assert [desk.person(n).is_visible() for n in range(4)] == [True, False, True, True]


def test_the_review_list_is_worked_off(served: Served, visit: Visit) -> None:
    split(served.shards, "wall", 3, [5])
    served.client.get("/pages/wall/index.html")
    desk = Desktop(visit, served, "/review.html")
    finding = desk.page.locator(".doubt", has_text="One person under two numbers?")
    finding.get_by_role("button", name="Merge identities 3 and 5", exact=True).click()
    desk.said("identities 3 and 5 are one person; 5 identities now")
    done = desk.page.locator(".doubt", has_text="wall: identities 3 and 5 are one person")
    assert done.count() == 1
    assert len(set(wall.people(served.shards).values())) == 5
    done.get_by_role("button", name="Undo").click()
    desk.said("undone: identities 3 and 5")
    assert len(set(wall.people(served.shards).values())) == 6
    desk.sound()


def test_what_cannot_be_done_is_told_on_the_page(served: Served, visit: Visit) -> None:
    desk = Desktop(visit, served)
    desk.keys("m")
    assert desk.said("Pick two") == "Pick two identities or more that are one person."
    desk.person(1).click()
    with alone(served.shards, "wall"):
        desk.action("drop").click()
        assert desk.said("wall is") == "wall is at work in another process; wait for it or stop it"
    assert desk.picked() == "Picked: Identity 1", "so that it can be done later"
    assert desk.visited.faults == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]


def test_the_page_shows_that_it_is_at_work_and_stays_usable(served: Served, visit: Visit) -> None:
    desk = Desktop(visit, served)
    desk.page.route("**/api/corrections", lambda route: (desk.page.wait_for_timeout(300), route.continue_()))
    desk.person(1).click()
    desk.action("drop").click()
    assert desk.page.locator(".bar[aria-busy=true]").count() == 1
    assert desk.page.locator(".said").inner_text() == "drop of 1 …"
    desk.person(3).click()
    assert desk.picked() == "Picked: Identities 1 and 3"
    desk.said("identity 1 is left out")
    assert desk.picked() == "Picked: Identity 2", "who was picked meanwhile has another number now"


def test_corrections_by_others_are_seen_when_somebody_comes_back(served: Served, visit: Visit) -> None:
    desk = Desktop(visit, served)
    merge(served.shards, "wall", [0, 1])
    desk.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    desk.said("It was corrected elsewhere")
    assert desk.page.locator(".wall [role=option]").count() == desk.page.locator(".person").count() == 4


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1600, "light")])
def test_every_page_stands(served: Served, visit: Visit, width: int, scheme: str) -> None:
    split(served.shards, "wall", 3, [5])
    for path in ("/", "/review.html", "/pages/wall/index.html"):
        desk = Desktop(visit, served, path, width=width, scheme=scheme)
        desk.visited.look_at_all()
        desk.sound()
    desk.person(1).click()
    desk.person(2).click()
    desk.face(3, 3).click()
    desk.sound()
    desk.keys("?")
    assert desk.page.get_by_role("dialog").get_by_text("merge the identities that are picked").is_visible()
    desk.sound()
    desk.keys("Escape", "l")
    desk.page.get_by_role("dialog").get_by_text("of identity 3 track 5").wait_for()
    desk.sound()


def test_real_faces_are_corrected(demo_shards: Path, rmset: Rmset, visit: Visit, tmp_path: Path) -> None:
    shutil.copytree(demo_shards, tmp_path / "shards")
    with serving(tmp_path / "shards") as served:
        twin, desk = Twin(served, rmset), Desktop(visit, served, "/pages/demo/index.html")
        faces = desk.page.locator(".wall img")
        faces.last.scroll_into_view_if_needed()
        sizes = faces.evaluate_all("all => Promise.all(all.map(one => one.decode().then(() => one.naturalWidth)))")
        assert sizes == [260] * len(set(wall.people(demo_shards, "demo").values()))
        desk.person(0).click()
        desk.person(1).click()
        desk.action("merge").click()
        desk.said("identities 0 and 1 are one person")
        twin.does("merge", "demo", 0, 1)
        desk.visited.look_at_all()
        desk.sound()
        desk.keys("z")
        desk.said("undone")
        assert wall.people(served.shards, "demo") == wall.people(demo_shards, "demo")
