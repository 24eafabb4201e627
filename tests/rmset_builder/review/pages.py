"""A review's page in a real browser, with what people do on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from browser import Visit, Visited
from review.serving import Served

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


class Desktop:
    """A page that is open, as the one who was let in.

    Args:
        visit: opens it.
        served: the review.
        path: of the page.
        options: of the window.
    """

    def __init__(self, visit: Visit, served: Served, path: str = "/pages/wall/index.html", **options: object) -> None:
        self.visited: Visited = visit(served.door.address, **options)
        self.page: Page = self.visited.page
        self.page.set_default_timeout(30_000)
        self.page.wait_for_selector("body[data-ready]")
        self.page.goto(f"{served.origin}{path}")
        self.page.wait_for_selector("body[data-ready]")
        # What the first page would still have asked for.
        self.visited.faults[:] = [fault for fault in self.visited.faults if not fault.endswith("net::ERR_ABORTED")]

    def person(self, identity: int) -> Locator:
        """An identity in the wall of faces."""
        return self.page.locator(f".wall [data-identity='{identity}']")

    def face(self, identity: int, track: int) -> Locator:
        """The first face of a track that its identity shows."""
        return self.page.locator(f".person[data-identity='{identity}'] [role=option][data-track='{track}']").first

    def action(self, name: str) -> Locator:
        """A button of the bar."""
        return self.page.locator(f".bar [data-action={name}]")

    def keys(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def said(self, words: str) -> str:
        """Wait until the page says what begins with these words and is at work no more; tells all of it."""
        self.page.wait_for_function(
            "words => !document.querySelector('.bar[aria-busy]')"
            " && document.querySelector('.said').textContent.startsWith(words)",
            arg=words,
        )
        return self.page.locator(".said").inner_text()

    def picked(self) -> str:
        """What the bar says is picked."""
        return self.page.locator(".picked").inner_text()

    def sound(self) -> None:
        """Nothing went wrong on the page, it fits its window, and axe-core finds nothing that keeps people out."""
        assert (self.visited.faults, self.visited.too_wide(), self.visited.barriers()) == ([], 0, [])
